"""One run of write_load.py under one contender on a fresh copy of the database, and everything it shows: the
writer's speed, the WAL, the follower's memory and CPU, what was archived, and how soon."""
import dataclasses, pathlib, re, subprocess, sys, time

import measure

HERE = pathlib.Path(__file__).resolve().parent
QUIET = 3.0  # seconds without a new object after which a follower counts as done
DRAIN_LIMIT = 120.0
OURS = re.compile(r"segments/0*(\d+)-0*(\d+)\.lws$")
RESULT = re.compile(r"commits/s (\d+)\s+p50 (\d+) us\s+p99 (\d+) us\s+max ([\d.]+) ms\s+last order (\d+)")


@dataclasses.dataclass
class Session:
    contender: str
    database: pathlib.Path
    archive: pathlib.Path
    rate: float = 0  # commits a second
    p50: float = 0  # seconds
    p99: float = 0
    longest: float = 0
    last_order: int = 0
    commits: int = 0
    wal: int = 0  # bytes, the largest during the load
    rss: int | None = None  # bytes, the follower's peak up to the end of the load
    cpu: float | None = None  # CPU seconds a second during the load
    cpu_all: float | None = None  # CPU seconds from its start until all was archived
    archived: int | None = None  # bytes the archive grew by
    drained: float | None = None  # seconds from the last acknowledged commit to the object that holds it
    lags: list = dataclasses.field(default_factory=list)  # seconds a commit, Litewright alone


def acknowledged(database):
    """time.time_ns() of each acknowledged commit, in order."""
    with open(str(database) + ".acked") as file:
        return [int(line.split()[1]) for line in file]


def lags_of(seen, first_txid, acked):
    """Seconds from each acknowledgement to the object that holds the commit. txids are dense and the load is the
    only writer, so commit i of the load has txid first_txid + i."""
    covered = sorted((int(m.group(2)), when) for when, path in seen if (m := OURS.search(path)))
    lags, next_object, best = [], 0, None
    earliest = []  # the earliest time at which a segment reaching at least this txid was there
    for last, when in reversed(covered):
        best = when if best is None else min(best, when)
        earliest.append((last, best))
    earliest.reverse()
    for i, when in enumerate(acked):
        while next_object < len(earliest) and earliest[next_object][0] < first_txid + i:
            next_object += 1
        if next_object == len(earliest):
            raise RuntimeError("commit %d of the load was never archived" % (i + 1))
        lags.append((earliest[next_object][1] - when) / 1e9)
    return lags


def newest_txid(seen):
    return max((int(m.group(2)) for _, path in seen if (m := OURS.search(path))), default=0)


def run_session(contender, source, scratch, seconds, pause_ms=0):
    """Leaves database and archive in place for what wants to restore from them."""
    tag = contender.name.replace(" ", "-")
    database = measure.fresh_copy(source, scratch / (tag + ".db"))
    result = Session(contender.name, database, scratch / (tag + ".archive"))
    contender.start(database, result.archive)
    pid = contender.process.pid if contender.process else None
    try:
        with measure.Arrivals(result.archive) as arrivals, measure.LargestFile(str(database) + "-wal") as wal:
            if pid:
                arrivals.wait_quiet(2, DRAIN_LIMIT)
            before, first = measure.size_of(result.archive), newest_txid(arrivals.seen) + 1
            cpu = measure.cpu_seconds(pid) if pid else None
            began = time.monotonic()
            command = [sys.executable, HERE / "write_load.py", database, str(seconds), "--pause-ms", str(pause_ms)]
            numbers = RESULT.search(measure.run(*command)).groups()
            if pid:
                result.cpu = (measure.cpu_seconds(pid) - cpu) / (time.monotonic() - began)
                result.rss = measure.peak_rss(pid)
                # Ours may be archived before the writer has even noted that its COMMIT returned.
                after = 0 if contender.name == "litewright" else acknowledged(database)[-1]
                arrivals.wait_quiet(QUIET, DRAIN_LIMIT, after)
                result.cpu_all, newest = measure.cpu_seconds(pid), arrivals.newest()
    finally:
        contender.stop()
    acked = acknowledged(database)
    result.rate, result.last_order, result.commits = float(numbers[0]), int(numbers[4]), len(acked)
    result.p50, result.p99, result.longest = float(numbers[1]) / 1e6, float(numbers[2]) / 1e6, float(numbers[3]) / 1e3
    result.wal = wal.bytes
    if pid:
        result.archived = measure.size_of(result.archive) - before
        result.drained = (newest - acked[-1]) / 1e9
        if contender.name == "litewright":
            result.lags = lags_of(arrivals.seen, first, acked)
            result.drained = result.lags[-1]
            # Few bytes count only if every commit is still a restore point (the snapshot is one more).
            if contender.commits(database, result.archive) < len(acked):
                raise RuntimeError("the archive holds fewer commits than were acknowledged")
    return result
