"""The lines of DESIGN.md's performance table. Each function measures all sides in one go, in turn, and gives rows."""
import pathlib, random, sqlite3, tempfile, time

import check_lines, load_session, measure, table, wal_frames
from contenders import Litewright, Plain
from measure import middle

MIB = measure.MIB
PATIENCE = 40.0  # seconds: who has taken that long in all is not repeated


class Bench:
    """What every line needs: the database, a folder for copies, who takes part, how often."""

    def __init__(self, source, scratch, program, litestreams, repeats, seconds):
        self.source, self.scratch, self.repeats, self.seconds = source, scratch, repeats, seconds
        self.ours = Litewright(program) if program else None
        self.litestreams = litestreams
        self._sessions = None

    def contenders(self):
        return [Plain()] + ([self.ours] if self.ours else []) + self.litestreams

    def sessions(self):
        """Full load under each contender, in turn; the last round's databases and archives stay in place."""
        if self._sessions is None:
            self._sessions = {c.name: [] for c in self.contenders()}
            for round_number in range(self.repeats):
                for contender in self.contenders():
                    print("  load, round %d: %s" % (round_number + 1, contender.name), flush=True)
                    session = load_session.run_session(contender, self.source, self.scratch, self.seconds)
                    self._sessions[contender.name].append(session)
        return self._sessions

    def figure(self, name):
        """{contender: median of one figure of the sessions}."""
        return {who: middle([getattr(s, name) for s in runs]) for who, runs in self.sessions().items()}

    def in_turn(self, actions):
        """{name: median seconds}: each round runs every action once, unless it has used up its patience."""
        took = {name: [] for name in actions}
        for _ in range(self.repeats):
            for name, action in actions.items():
                if sum(took[name]) < PATIENCE:
                    print("  " + name, flush=True)
                    took[name].append(action())
        return {name: middle(times) for name, times in took.items()}


def split(figures):
    """(ours, peers) of a {contender: figure}."""
    peers = {who: value for who, value in figures.items() if who != "litewright" and value is not None}
    return figures.get("litewright"), peers


def at_most(value, limit):
    return None if value is None else value <= limit


def writer(bench):
    ours, peers = split(bench.figure("rate"))
    rows = [table.Row("writer under protection: commits", ours, table.rate, peers, "unprotected", ">= 1.3 x unprotected",
                      None if ours is None else ours >= 1.3 * peers["unprotected"])]
    for name, key, show, target, limit in (
            ("- commit, median", "p50", table.seconds, "", None),
            ("- commit, 99th percentile", "p99", table.seconds, "<= 1 ms", 1e-3),
            ("- longest stall", "longest", table.seconds, "<= 50 ms", 0.05),
            ("- largest WAL", "wal", table.mib, "<= 128 MiB", 128 * MIB),
            ("- follower's memory, peak", "rss", table.mib, "<= 64 MiB", 64 * MIB),
            ("- follower's CPU seconds a second", "cpu", table.plain, "<= 0.5", 0.5)):
        ours, peers = split(bench.figure(key))
        against = next((p for p in peers if p.startswith("Litestream")), None) if key in ("rss", "cpu") else "unprotected"
        rows.append(table.Row(name, ours, show, peers, against, target, at_most(ours, limit) if limit else None))
    ours, peers = split(bench.figure("cpu_all"))
    rows.append(table.Row("- its CPU seconds, snapshot to drained", ours, table.plain, peers, next(iter(peers), None)))
    return rows


def bytes_a_commit(bench):
    figures = {who: middle([s.archived / s.commits for s in runs if s.archived is not None])
               for who, runs in bench.sessions().items()}
    ours, peers = split(figures)
    frames = wal_frames.weigh(bench.source, bench.seconds, bench.scratch)
    peers = {"the frames": frames["frame_bytes"], "zstd -1 of them": frames["zstd_bytes"], **peers}
    return [table.Row("bytes archived a commit", ours, table.size, peers, "zstd -1 of them", "<= 4.5 KB", at_most(ours, 4500))]


def archived_after(bench):
    """At full load, and at one commit in 20 ms; for everyone the time from the load's last acknowledged commit to
    the last object it brought, and for ours that of every commit."""
    full_ours, full_peers = split(bench.figure("drained"))
    slow = {c.name: [] for c in bench.contenders()[1:]}
    aside = bench.scratch / "slow"  # the full load's archives stay for restore_newest
    aside.mkdir()
    for round_number in range(bench.repeats):
        for contender in bench.contenders()[1:]:
            print("  one commit in 20 ms, round %d: %s" % (round_number + 1, contender.name), flush=True)
            # Lengths that end at no fixed phase of anybody's interval.
            length = bench.seconds / 2 + random.Random(round_number).random()
            slow[contender.name].append(
                load_session.run_session(contender, bench.source, aside, length, pause_ms=20))
    last_ours, last_peers = split({who: middle([s.drained for s in runs]) for who, runs in slow.items()})
    rows = [table.Row("last commit archived after, 50 commits/s", last_ours, table.seconds, last_peers,
                      next(iter(last_peers), None))]
    lags = [lag for s in slow.get("litewright", []) for lag in s.lags]
    full_lags = [lag for s in bench.sessions().get("litewright", []) for lag in s.lags]
    half, worst = (middle(lags), max(lags)) if lags else (None, None)
    rows += [table.Row("- every commit of it: median", half, table.seconds, {}, None, "<= 50 ms", at_most(half, 0.05)),
             table.Row("- every commit of it: longest", worst, table.seconds),
             table.Row("last commit archived after, full load", full_ours, table.seconds, full_peers,
                       next(iter(full_peers), None))]
    half, worst = (middle(full_lags), max(full_lags)) if full_lags else (None, None)
    return rows + [table.Row("- every commit of it: median", half, table.seconds),
                   table.Row("- every commit of it: longest", worst, table.seconds, {}, None, "<= 1 s", at_most(worst, 1.0))]


def copy_check_gzip(database, target):
    """The runbooks' backup: cp, PRAGMA integrity_check, gzip."""
    measure.run("cp", database, target)
    if measure.run("sqlite3", target, "PRAGMA integrity_check").strip() != "ok":
        raise RuntimeError("the copy is not sound")
    pathlib.Path(str(target) + ".gz").unlink(missing_ok=True)
    measure.run("gzip", target)
    return measure.size_of(str(target) + ".gz")


def first_backup(bench):
    database, sizes = measure.fresh_copy(bench.source, bench.scratch / "first.db"), {}

    def timed_into(name, action):
        def once():
            with tempfile.TemporaryDirectory(dir=bench.scratch) as folder:
                target = pathlib.Path(folder) / "copy"
                took = measure.timed(lambda: action(target))
                sizes[name] = measure.size_of(folder)
                return took
        return name, once

    def first_snapshot(litestream):
        def once():
            took = measure.timed(lambda: litestream.start(database, bench.scratch / "first.archive"))
            sizes[litestream.name] = measure.size_of(bench.scratch / "first.archive")
            litestream.stop()
            return took
        return litestream.name + ", unverified", once

    actions = [timed_into("cp + integrity_check + gzip", lambda target: copy_check_gzip(database, target)),
               timed_into("sqlite3 .backup, plain", lambda target: measure.run("sqlite3", database, ".backup '%s'" % target)),
               timed_into("VACUUM INTO, plain", lambda target: measure.run("sqlite3", database, "VACUUM INTO '%s'" % target))]
    actions += [first_snapshot(litestream) for litestream in bench.litestreams]
    if bench.ours:
        actions.insert(0, timed_into("litewright", lambda target: bench.ours.backup(database, target)))
    ours, peers = split(bench.in_turn(dict(actions)))
    gzip = "cp + integrity_check + gzip"
    rows = [table.Row("first backup, compressed and verified", ours, table.seconds, peers, gzip, "<= 5 s", at_most(ours, 5.0))]
    ours, peers = split(sizes)
    return rows + [table.Row("- its size", ours, table.size, peers, gzip, "<= 310 MB", at_most(ours, 310e6))]


def backup_check_gzip(database, target):
    """A consistent copy as the runbooks' scripts make one of a live database: .backup, integrity_check, gzip."""
    measure.run("sqlite3", database, ".backup '%s'" % target)
    if measure.run("sqlite3", target, "PRAGMA integrity_check").strip() != "ok":
        raise RuntimeError("the copy is not sound")
    measure.run("gzip", target)


def plain_copy(bench):
    """One file of one moment, compressed and verified; ours in each form, .db.zst and .db.gz by all cores."""
    database, sizes = measure.fresh_copy(bench.source, bench.scratch / "plain.db"), {}

    def timed_into(name, action):
        def once():
            with tempfile.TemporaryDirectory(dir=bench.scratch) as folder:
                took = measure.timed(lambda: action(pathlib.Path(folder)))
                sizes[name] = measure.size_of(folder)
                return took
        return name, once

    gzip = ".backup + integrity_check + gzip"
    actions = [timed_into(gzip, lambda folder: backup_check_gzip(database, folder / "copy.db")),
               timed_into(".dump | gzip, unverified", lambda folder: measure.run(
                   "sh", "-c", "sqlite3 '%s' .dump | gzip > '%s/copy.sql.gz'" % (database, folder)))]
    if bench.ours:
        for form in ("db.zst", "db.gz", "db", "sql.gz"):
            name = "litewright" if form == "db.zst" else "ours, ." + form
            actions.append(timed_into(name, lambda folder, form=form: measure.run(
                bench.ours.program, "backup", database, "--to", folder / ("copy." + form))))
    ours, peers = split(bench.in_turn(dict(actions)))
    rows = [table.Row("plain copy .db.zst, verified", ours, table.seconds, peers, gzip)]
    ours, peers = split(sizes)
    return rows + [table.Row("- its size", ours, table.size, peers, gzip)]


def change_one_page_in_1000(database, seed):
    """One transaction that touches about 0.1 % of the pages."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=30)
    pages, = connection.execute("PRAGMA page_count").fetchone()
    orders, = connection.execute("SELECT max(id) FROM orders").fetchone()
    chosen = random.Random(seed).sample(range(1, orders + 1), max(1, pages // 1000))
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("UPDATE orders SET quantity = quantity % 9 + 1 WHERE id = ?", ((i,) for i in chosen))
    connection.execute("COMMIT")
    connection.close()


def next_backup(bench):
    database, archive = measure.fresh_copy(bench.source, bench.scratch / "next.db"), bench.scratch / "next.archive"
    seeds = iter(range(1, 1000))

    def again(action):
        def once():
            change_one_page_in_1000(database, next(seeds))
            return measure.timed(action)
        return once

    def gzip_again():
        with tempfile.TemporaryDirectory(dir=bench.scratch) as folder:
            copy_check_gzip(database, pathlib.Path(folder) / "copy")

    def dot_backup_again():
        with tempfile.TemporaryDirectory(dir=bench.scratch) as folder:
            measure.run("sqlite3", database, ".backup '%s/copy'" % folder)

    peers = bench.in_turn({"cp + integrity_check + gzip": again(gzip_again), "sqlite3 .backup, plain": again(dot_backup_again)})
    compared = followed = None
    if bench.ours:
        bench.ours.start(database, archive)
        try:
            followed = bench.in_turn({"followed": again(lambda: bench.ours.backup(database, archive))})["followed"]
        finally:
            bench.ours.stop()
        compared = bench.in_turn({"compared": again(lambda: bench.ours.backup(database, archive))})["compared"]
    gzip = "cp + integrity_check + gzip"
    return [table.Row("next backup after 0.1 % changed, followed", followed, table.seconds, peers, gzip, "<= 0.2 s",
                      at_most(followed, 0.2)),
            table.Row("- by comparison, nobody followed", compared, table.seconds, peers, gzip, "<= 1 s", at_most(compared, 1.0))]


def check_restored(session, restored, same_bytes):
    """A restore counts only if the last acknowledged order is in it; ours must be the database byte by byte."""
    if same_bytes:
        measure.run("cmp", session.database, restored)
    last = measure.run("sqlite3", "-readonly", restored, "SELECT max(id) FROM orders").strip()
    if last != str(session.last_order):
        raise RuntimeError("%s restored up to order %s, not %d" % (session.contender, last, session.last_order))


def restore_newest(bench):
    sessions = {who: runs[-1] for who, runs in bench.sessions().items()}
    for session in sessions.values():
        measure.run("sqlite3", session.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    target = bench.scratch / "restored.db"

    def timed_restore(action, session, same_bytes):
        def once():
            for suffix in ("", "-wal", "-shm"):
                pathlib.Path(str(target) + suffix).unlink(missing_ok=True)
            measure.warm(session.database)
            took = measure.timed(action)
            check_restored(session, target, same_bytes)
            return took
        return once

    of_cp = sessions.get("litewright", sessions["unprotected"])

    def cp_and_sync():
        measure.run("cp", of_cp.database, target)
        measure.run("sync", target)

    actions = {"cp": timed_restore(lambda: measure.run("cp", of_cp.database, target), of_cp, True),
               "cp + sync": timed_restore(cp_and_sync, of_cp, True)}
    for contender in bench.contenders()[1:]:
        session = sessions[contender.name]
        actions[contender.name] = timed_restore(
            lambda c=contender, s=session: c.restore(s.archive, s.database, target), session, contender is bench.ours)
    ours, peers = split(bench.in_turn(actions))
    return [table.Row("restore newest", ours, table.seconds, peers, "cp", "<= 1.5 x cp, proven",
                      None if ours is None else ours <= 1.5 * peers["cp"])]


LINES = {"writer": writer, "bytes": bytes_a_commit, "archived": archived_after, "first": first_backup, "plain": plain_copy, "next": next_backup,
         "restore": restore_newest, **check_lines.LINES}
