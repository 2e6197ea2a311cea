"""Retention under faults: `prune`, and the archiver's own merging and thinning, killed at random moments, cut off from power,
their calls failing in turn. Whatever a named point promised is restorable afterwards, `verify` finds nothing, and the next
prune does the rest. The control prunes with every fsync left undone: it must lose promised points, or the cuts prove nothing."""
import collections
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import application_database as application  # noqa: E402
import history  # noqa: E402
import power_cut_test as power  # noqa: E402
import syscalls_test as calls  # noqa: E402
from program import Failed, Test, check  # noqa: E402

SHORT_KILLS, LONG_KILLS = 8, 200
SHORT_CUTS, LONG_CUTS = 3, 200
CUTS_A_DISK = 50
CONTROL_CUTS = 8
SHARE_AT_WORK = .5           # of the kills of prune
COMMITS_A_ROUND = 12
KEEP = ("--keep-last", "3")
EVERY = {"LITEWRIGHT_RETENTION_EVERY": "20ms"}

WRITING, REMOVING, ELSE, ENDED = "writing an object", "removing what it replaces", "between steps", "after it ended"


def writer(context, database):
    process = context.start([*context.script("step_writer.py"), database], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(process.stdout.readline() == "ready\n", "the writer did not begin")
    return process


def step(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def ranges(folder):
    """(base, last) of each segment."""
    names = [name[:-4].split("-") for name in os.listdir(folder) if name.endswith(".lws")]
    return [(int(name[0]), int(name[1])) for name in names]


def phase(folder):
    if any(name.endswith(".tmp") for name in os.listdir(folder)):
        return WRITING
    spans = sorted(ranges(folder), key=lambda span: (span[0], -span[1]))
    inside = any(a[0] <= b[0] and b[1] <= a[1] and b[0] > 0 for a, b in zip(spans, spans[1:]))
    return REMOVING if inside else ELSE


class Kept:
    """A database, its archive, and the points that were named: each must be restorable for ever."""

    def __init__(self, context, database):
        self.context, self.database, self.points, self.named = context, database, {}, 0
        self.segments = database + "-archive/segments"
        self.phases = collections.Counter()

    def fill(self, protect, process):
        """Commits that are segments of their own, one of them named."""
        for number in range(COMMITS_A_ROUND):
            counter = step(process)
            if number == COMMITS_A_ROUND // 2:
                self.named += 1
                self.context.command("backup", self.database, "--name", f"point-{self.named}")
                self.points[f"point-{self.named}"] = counter
            else:
                self.context.sync(self.database)
        check(protect.running, f"protect ended by itself: {protect.errors[-300:]!r}")

    def check_point(self, name):
        out = self.context.restore(self.database, self.context.path("point.db"), "--point", name)
        got = application.value(out, "SELECT n FROM litewright_test_counter")
        os.unlink(out)
        check(got == self.points[name], f"{name} was counter {self.points[name]}, restored it has {got}")

    def all_is_well(self, names):
        for name in names:
            self.check_point(name)
        self.context.verify_is_clean(self.database)


def kills(context):
    wanted = int(os.environ.get("LITEWRIGHT_KILLS", LONG_KILLS if context.long else SHORT_KILLS))
    database = context.path("app.db")
    history.create(database)
    kept, random = Kept(context, database), context.random
    of_prune = 0
    for number in range(wanted):
        protect = context.protect(database, *KEEP, environment=context.environment | (EVERY if number % 2 else {}))
        process = writer(context, database)
        kept.fill(protect, process)
        time.sleep(random.random() * .1)
        if number % 2:  # the archiver, merging and thinning as it goes
            protect.freeze()
            kept.phases["protect " + phase(kept.segments)] += 1
            protect.kill_all()
        else:
            protect.stop()
            pruning = context.start([context.litewright, "prune", database, *KEEP], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(random.random() * .06)
            pruning.send_signal(signal.SIGSTOP)
            ended = pruning.poll() is not None
            kept.phases["prune " + (ENDED if ended else phase(kept.segments))] += 1
            of_prune += 1
            pruning.kill()
            pruning.wait()
        process.stdin.close()
        process.wait()
        kept.all_is_well([f"point-{kept.named}", f"point-{random.randint(1, kept.named)}"])
    result = context.command("prune", database, *KEEP, "--json").json
    check(result["troubles"] == [], f"the last prune: {result}")
    check(phase(kept.segments) == ELSE, "a leftover is there after the last prune")
    kept.all_is_well(kept.points)
    said = ", ".join(f"{count} {name}" for name, count in sorted(kept.phases.items()))
    at_work = of_prune - kept.phases["prune " + ENDED]
    # A handful of kills may all miss it: prune takes milliseconds here.
    check(of_prune < 40 or at_work >= SHARE_AT_WORK * of_prune, f"prune was met at work in {at_work} of {of_prune}: {said}")
    return f"{wanted} kills ({said}), {len(kept.points)} named points kept, {result['points_after']} points in the end"


class Machine(power.Machine):
    """As power_cut_test has it, but what is promised are named points, and what the cut meets is prune or the archiver's own
    thinning."""

    def __init__(self, context, disk, no_sync=False):
        self.context, self.disk, self.no_sync = context, disk, no_sync
        self.database = context.path(f"{disk.folder.name}.db")
        self.archive, self.state = str(disk.folder / "archive"), str(disk.folder / "state")
        self.promises, self.cuts, self.kills = {}, 0, 0
        history.create(self.database)

    def protect(self):
        self.protected = self.context.protect(self.database, "--archive", self.archive, *KEEP, environment=self.preloaded | EVERY)

    def start(self):
        self.process = writer(self.context, self.database)
        self.protect()

    def one_cut(self):
        random = self.context.random
        self.start()
        for number in range(COMMITS_A_ROUND):
            counter = step(self.process)
            if number in (3, COMMITS_A_ROUND - 1):
                txid = self.litewright("backup", self.database, "--name", f"p{len(self.promises) + 1}", "--json").json["txid"]
                self.promises[txid] = counter
            else:
                self.litewright("sync", self.database)
        pruning = None
        if random.random() < .5:
            self.protected.stop(status=None)
            pruning = self.context.start([self.context.litewright, "prune", self.database, "--archive", self.archive, *KEEP],
                                         env=self.preloaded, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * .15)
        self.disk.cut()
        self.cuts += 1
        self.protected.kill_all()
        self.process.kill()
        self.process.wait()
        if pruning:
            self.kills += pruning.poll() is None  # met at work
            pruning.kill()
            pruning.wait()
        self.disk.remount()

    def end(self):
        self.start()
        step(self.process)
        self.litewright("sync", self.database)
        self.protected.stop()
        result = self.litewright("prune", self.database, *KEEP, "--json").json
        check(result["troubles"] == [], f"the last prune: {result}")
        self.archive_is_clean()
        for txid in self.promises:
            self.promise_is_kept(txid)
        return result["points_after"]


def cuts(context):
    left = int(os.environ.get("LITEWRIGHT_CUTS", LONG_CUTS if context.long else SHORT_CUTS))
    done, at_work, promises, disks = 0, 0, 0, 0

    def one_disk(_, disk):
        machine = Machine(context, disk)
        for _ in range(min(left, CUTS_A_DISK)):
            machine.one_cut()
            machine.newest_promise_is_kept()
            machine.promise_is_kept(context.random.choice(list(machine.promises)))
            machine.archive_is_clean()
        machine.end()
        return machine

    while left > 0:
        disks += 1
        machine = power.with_disk(one_disk)(context, f"disk{disks}")
        left -= machine.cuts
        done, at_work, promises = done + machine.cuts, at_work + machine.kills, promises + len(machine.promises)
    return f"{done} cuts, {at_work} of them in prune at work, the others beside the archiver's own; {promises} named points kept"


def control(context):
    def one_disk(_, disk):
        machine = Machine(context, disk, no_sync=True)
        for _ in range(CONTROL_CUTS):
            try:
                machine.one_cut()
                for txid in machine.promises:
                    machine.promise_is_kept(txid)
                machine.archive_is_clean()
            except Failed as lost:
                return f"cut {machine.cuts}: {str(lost)[:120]}"
        raise Failed(f"nothing was lost in {CONTROL_CUTS} cuts without fsync: the cuts prove nothing")

    return power.with_disk(one_disk)(context)


class Prune:
    """Of an archive of many small segments, without an archiver."""
    name = "prune"
    words = KEEP

    def prepare(self, disk):
        history.create(disk.database)
        protect = disk.context.protect(disk.database, environment=disk.environment)
        process = writer(disk.context, disk.database)
        for number in range(20):
            step(process)
            disk.run(*(("backup", disk.database, "--name", "named") if number == 6 else ("sync", disk.database)))
        process.stdin.close()
        process.wait()
        protect.stop()
        self.wanted = {point: disk.restored(*point) for point in ((), ("--point", "named"))}

    def work(self, disk, fault):
        answer = disk.run("prune", disk.database, *self.words, status=None, env=disk.failing(fault))
        met = disk.calls()
        if answer.status != 0:
            calls.is_clear(answer)
        self.all_is_there(disk)
        again = disk.run("prune", disk.database, *self.words, "--json").json
        check(again["troubles"] == [], f"the prune after it: {again}")
        if answer.status == 0 and not disk.hit():
            check(again["points_after"] == again["points_before"], f"prune ended with 0 and left work: {again}")
        self.all_is_there(disk)
        return answer.status, met

    def all_is_there(self, disk):
        check(disk.archive_is_clean(), "there is no archive")
        for point, content in self.wanted.items():
            check(disk.restored(*point) == content, f"{point or 'the newest'} is not what it was")


class Compact(Prune):
    name = "compaction"
    words = ("--keep-within", "365d")


TESTS = [
    Test("prune and protect killed at random moments lose no named point", kills, 40, 15000),
    Test("the archive's disk loses power while it is pruned, and named points are restorable", cuts, 30, 15000),
    Test("control: without fsync a power cut in prune loses a named point", control, 30),
    Test("prune survives every failing call", calls.every_call_fails(Prune()), 25, 3600),
    Test("compaction survives every failing call", calls.every_call_fails(Compact()), 25, 3600),
]
