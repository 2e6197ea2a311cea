"""Loss: a writer at full rate, `protect` killed in each phase of its work and started again. What `sync` acknowledged is restorable,
each gap is listed with its bounds, nothing is taken for a fork, and in the end the archive's newest is the database.

Which phase a kill met is seen from outside, at no cost to the program: all its processes are stopped, then its locks
(FACTS 3) and its temporary objects tell where it stands. Where that is the phase whose turn it is they are killed; else they
go on, and are stopped again a moment later."""
import collections
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import application_database as application
import history
from program import Test, check, send, wait_until_gone

WAL_LIMIT = "1MiB"  # many gates
BALLAST_MIB = 16    # makes a scan last long enough to be met
SHORT_KILLS, LONG_KILLS = 8, 200
KILLS_AN_ARCHIVE = 200          # then a new database and archive: an endless run needs no endless disk
EACH_PHASE, SHARE_IN_OPERATION = 10, .8  # of LONG_KILLS
PHASE_SECONDS = 20              # a phase that does not come within it is not waited for
LONGEST_LOOK_AWAY = .004        # seconds between two stops
WITH_WRITER = .25               # of the kills take the writer along
TABLE_COMMITS = 4               # of commit_load, before the counter counts
CLOCK_SLACK = datetime.timedelta(milliseconds=50)

STARTING, SCANNING, GATE, CHECKPOINT, STORING, FOLLOWING = \
    "starting", "scanning", "in the gate", "checkpointing", "storing", "between operations"
IN_OPERATION = (STARTING, SCANNING, GATE, CHECKPOINT, STORING)
LONG_PHASES = (STARTING, SCANNING, FOLLOWING)  # tens of milliseconds: met at any moment of them


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def at(text):
    """A time as --json prints it, with nine digits of fraction."""
    return datetime.datetime.fromisoformat(text[:26] + "+00:00")


class Round:
    """One stay of `protect`, from its start to its kill."""

    def __init__(self, context, path):
        self.context, self.path = context, path
        self.began = now()
        self.protected = context.protect(path, "--wal-limit", WAL_LIMIT, follow=False)

    def is_past(self, wanted):
        """It comes once, and is over."""
        return wanted in (STARTING, SCANNING) and any(event.get("event") == "following" for event in self.protected.events)

    def phase(self):
        """Where the archiver stands now; certain only while it is stopped."""
        ours = set(self.protected.children())
        if ours & application.lock_holders(self.path, application.WRITE, application.WRITE):
            return GATE
        if ours & application.lock_holders(self.path, application.CKPT, application.CKPT):
            return CHECKPOINT
        if not ours & application.lock_holders(self.path, application.WRITE, application.READ4):
            return STARTING
        if not any(event.get("event") == "following" for event in self.protected.events):
            return SCANNING
        segments = pathlib.Path(self.path + "-archive/segments")
        if any(name.endswith(".tmp") for name in os.listdir(segments)):
            return STORING
        return FOLLOWING

    def kill(self, wanted, others):
        """In that phase, or where it does not come any more in another: gives it. `others` die at the same moment."""
        end = time.monotonic() + PHASE_SECONDS
        while True:
            # Stopped too often it would hardly get on: what takes milliseconds is first seen to begin.
            while time.monotonic() < end and self.phase() != wanted and not self.is_past(wanted):
                check(self.protected.running, f"protect ended by itself: {self.protected.errors[-300:]!r}")
            time.sleep(self.context.random.random() * LONGEST_LOOK_AWAY if wanted in LONG_PHASES else 0)
            send([process.pid for process in others], signal.SIGSTOP)
            pids = [self.protected.pid, *self.protected.freeze(), *(process.pid for process in others)]
            time.sleep(.001)
            phase = self.phase()
            if phase == wanted or self.is_past(wanted) or time.monotonic() >= end:
                break
            send(reversed(pids), signal.SIGCONT)
        send(pids, signal.SIGKILL)
        self.killed = now()
        for process in (self.protected.process, *others):
            process.wait()
        wait_until_gone(pids)
        return phase


class Writer:
    """A commit_load at full rate; another takes its place when it was killed."""

    def __init__(self, context, path):
        self.context, self.path, self.ack = context, path, context.path("ack.1")
        self.start()

    def start(self):
        # A pause of a few microseconds: on two cores the archiver must get its turn.
        self.process = self.context.start([self.context.tool("commit_load"), self.path, 36000, "--ack", self.ack, "--pause-us", 20],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def acknowledged(self):
        """The newest counter that the application was told of."""
        if not os.path.exists(self.ack):
            return 0
        with open(self.ack, "rb") as file:
            file.seek(max(0, os.path.getsize(self.ack) - 200))
            lines = file.read().split(b"\n")[:-1]
        return int(lines[-1].split()[2]) if lines else 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        check(self.process.returncode == 0, f"the writer failed: {errors}")


class Loop:
    """A database, its writer, and all that was promised to it."""

    def __init__(self, context, number):
        self.context = context
        self.path = context.path(f"app{number}.db")
        connection = history.connect(self.path, journal_mode="WAL")
        connection.execute("CREATE TABLE ballast(id INTEGER PRIMARY KEY, body BLOB)")
        connection.execute("BEGIN")
        for _ in range(BALLAST_MIB * 16):
            connection.execute("INSERT INTO ballast(body) VALUES(randomblob(65000))")
        connection.execute("COMMIT")
        connection.close()
        self.phases, self.rounds, self.promises, self.syncs_cut_short = collections.Counter(), [], {}, 0
        self.writer = Writer(context, self.path)

    def one_round(self, wanted):
        random = self.context.random
        stay = Round(self.context, self.path)
        if wanted not in (STARTING, SCANNING):
            stay.protected.wait_event("following")
            for _ in range(random.randint(0, 2)):
                self.sync()
            time.sleep(random.random() * .15)
        syncing = self.start_sync() if random.random() < .3 else None
        take_writer = random.random() < WITH_WRITER
        self.phases[stay.kill(wanted, [self.writer.process] if take_writer else [])] += 1
        self.rounds.append(stay)
        if syncing:
            self.finish_sync(syncing)
        if take_writer:
            self.writer.start()

    def sync(self):
        self.finish_sync(self.start_sync())

    def start_sync(self):
        counter = self.writer.acknowledged()
        process = self.context.start([self.context.litewright, "sync", self.path, "--timeout", "20s", "--json"],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return counter, process

    def finish_sync(self, started):
        counter, process = started
        out, errors = process.communicate(timeout=40)
        if process.returncode == 0:
            txid = json.loads(out)["txid"]
            self.promises[txid] = max(counter, self.promises.get(txid, 0))
            return
        self.syncs_cut_short += 1  # the archiver was killed meanwhile, or not there yet
        check(process.returncode in (69, 75), f"sync ended with {process.returncode}: {errors!r}")

    def end(self):
        """Follows once more to the writer's end; then everything is held against the archive."""
        last = self.context.protect(self.path, "--wal-limit", WAL_LIMIT)
        time.sleep(.3)
        self.writer.stop()
        self.context.sync(self.path)
        application.newest_equals(self.context, self.path)
        last.stop()
        application.is_sound(self.path)
        application.has_all_acknowledged(self.path, [self.writer.ack])
        self.context.verify_is_clean(self.path)
        commits = self.context.log(self.path)
        txids = [commit["txid"] for commit in commits]
        check(txids == list(range(1, len(txids) + 1)), "txids are not dense from 1 on")
        check({commit["epoch"] for commit in commits} == {1}, "an epoch began and nothing forked")
        check([c["time"] for c in commits] == sorted(c["time"] for c in commits), "times run backwards")
        gaps = [commit for commit in commits if commit["reconciled"]]
        self.bounds_are_right(commits, gaps)
        self.counters_follow(commits, gaps)
        self.promises_are_kept()
        return len(commits), len(gaps)

    def bounds_are_right(self, commits, gaps):
        """A gap lasts from the last commit known before a kill to the comparison after the start that followed it."""
        time_of = {commit["txid"]: at(commit["time"]) for commit in commits}
        check(len(gaps) <= len(self.rounds), f"{len(gaps)} gaps, and protect was killed {len(self.rounds)} times")
        begins = [stay.began for stay in self.rounds]
        for gap in gaps:
            since, until = at(gap["gap_since"]), at(gap["time"])
            check(since <= until, f"the gap at tx {gap['txid']} ends before it begins")
            # It may be known for longer than the last commit that all was archived.
            check(since >= time_of[gap["txid"] - 1], f"the gap at tx {gap['txid']} is given from {since} on; the commit before was seen "
                                                     f"{time_of[gap['txid'] - 1]}")
            killed = [stay.killed for stay in self.rounds if since - CLOCK_SLACK <= stay.killed <= until]
            check(killed, f"nothing was killed within the gap {since} to {until}")
            check(any(killed[0] <= begin <= until for begin in begins[1:]) or until >= killed[-1],
                  f"protect did not start within the gap {since} to {until}")

    def counters_follow(self, commits, gaps):
        """Between gaps each commit raises the counter by one, as the application did; over a gap by any number."""
        edges = sorted({1, len(commits)} | {txid for gap in gaps for txid in (gap["txid"] - 1, gap["txid"])})
        counters = {txid: self.counter_at(txid) for txid in edges if txid > 0}
        for one, two in zip(edges, edges[1:]):
            step = counters[two] - counters[one]
            if commits[two - 1]["reconciled"] and two == one + 1:
                check(step >= 0, f"the counter went back over the gap at tx {two}: {counters[one]}, then {counters[two]}")
            else:
                # The writer's very first commits make its tables.
                check(0 <= two - one - step <= (TABLE_COMMITS if one == 1 else 0),
                      f"tx {one} to {two}, and the counter went from {counters[one]} to {counters[two]}")

    def counter_at(self, txid):
        out = self.context.restore(self.path, self.context.path("edge.db"), "--tx", txid)
        try:
            tables = application.value(out, "SELECT count(*) FROM sqlite_schema WHERE name='litewright_test_counter'")
            return (application.value(out, "SELECT max(n) FROM litewright_test_counter") or 0) if tables else 0
        finally:
            os.unlink(out)

    def promises_are_kept(self):
        for txid, counter in self.promises.items():
            got = self.counter_at(txid)
            check(got >= counter, f"sync said tx {txid} when {counter} was acknowledged; restored it has {got}")


def killed_in_each_phase(context):
    kills = int(os.environ.get("LITEWRIGHT_KILLS", LONG_KILLS if context.long else SHORT_KILLS))
    phases, commits, gaps, promises, cut = collections.Counter(), 0, 0, 0, 0
    wanted = []
    while len(wanted) < kills:  # every phase in turn, in any order
        turn = [*IN_OPERATION, *IN_OPERATION, FOLLOWING]
        context.random.shuffle(turn)
        wanted += turn
    del wanted[kills:]
    for number in range(0, kills, KILLS_AN_ARCHIVE):
        loop = Loop(context, number)
        for phase in wanted[number:number + KILLS_AN_ARCHIVE]:
            loop.one_round(phase)
        some_commits, some_gaps = loop.end()
        commits, gaps = commits + some_commits, gaps + some_gaps
        phases, promises, cut = phases + loop.phases, promises + len(loop.promises), cut + loop.syncs_cut_short
        remove(loop.path)
    met = sum(phases[phase] for phase in IN_OPERATION)
    said = ", ".join(f"{phases[phase]} {phase}" for phase in (*IN_OPERATION, FOLLOWING))
    check(met >= SHARE_IN_OPERATION * kills * (1 if kills >= LONG_KILLS else .75), f"only {met} of {kills} kills in mid-operation: {said}")
    if kills >= LONG_KILLS:
        check(all(phases[phase] >= EACH_PHASE for phase in IN_OPERATION), f"too few of a phase: {said}")
    return f"{kills} kills ({said}), {commits} commits, {gaps} gaps, {promises} promises kept, {cut} syncs cut short"


def remove(path):
    for leftover in pathlib.Path(path).parent.glob(pathlib.Path(path).name + "*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


TESTS = [
    Test("protect killed in each phase of its work loses nothing that sync acknowledged", killed_in_each_phase, 30, 14000),
]
