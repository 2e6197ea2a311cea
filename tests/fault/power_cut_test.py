"""Power cuts: real ones, of the disk that holds the database, the archive, or both (FACTS 26). Whatever `sync` reported is
restorable afterwards, `verify` finds nothing, and protect goes on. The control runs the same with every fsync of ours left
undone: it must lose promised commits, or the cuts prove nothing."""
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import time

import application_database as application
from program import Failed, Skip, Test, check

FS_IOC_SHUTDOWN, WITHOUT_LOG_FLUSH = 0x8004587D, 2
DISK_MIB = 384
SHORT_CUTS, LONG_CUTS = 3, 200
CUTS_A_DISK = 100              # then a new one: it would fill up
CONTROL_CUTS = 6
KILLED_BEFORE = .3             # of the cuts follow a kill and a restart: what a listing finds need not be durable yet
UNMOUNT_SECONDS, COPY_SECONDS = 20, 60


class Disk:
    """An ext4 file system on a loop device, whose power can be cut."""

    def __init__(self, context, name):
        self.context, self.image, self.folder = context, context.path(name + ".img"), pathlib.Path(context.path(name))
        self.folder.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(DISK_MIB << 20)
        self.must("mkfs.ext4", "-q", "-F", self.image)
        self.mounted = False
        self.mount()

    def must(self, *command):
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}: {answer.stderr.strip()}")

    def mount(self):
        self.must("mount", "-o", "loop", self.image, self.folder)
        self.mounted = True

    def cut(self):
        """From here on nothing reaches the disk, and what has not reached it is lost."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, struct.pack("I", WITHOUT_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def remount(self):
        self.unmount()
        self.mount()

    def unmount(self):
        if not self.mounted:
            return
        end = time.monotonic() + UNMOUNT_SECONDS
        while subprocess.run(["umount", self.folder], capture_output=True).returncode != 0:
            check(time.monotonic() < end, f"{self.folder} can't be unmounted")
            time.sleep(.01)
        self.mounted = False
        # Another test's mount namespace may have a copy of it: mounted again it would be the same dead file system.
        end = time.monotonic() + COPY_SECONDS
        while subprocess.run(["losetup", "-j", self.image], capture_output=True, text=True).stdout:
            check(time.monotonic() < end, f"{self.image} is still mounted somewhere")
            time.sleep(.02)


def with_disk(run):
    """Runs it with a new disk; skips where this machine has none to give."""
    def with_one(context, name="disk"):
        if os.geteuid() != 0:
            raise Skip("power cuts need root: they mount a file system")
        if not os.path.exists("/dev/loop-control") or not shutil.which("mkfs.ext4"):
            raise Skip("power cuts need loop devices and mkfs.ext4")
        probe = context.path("probe.img")
        with open(probe, "wb") as image:
            image.truncate(16 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", probe], check=True)
        os.makedirs(context.path("probe"), exist_ok=True)
        if subprocess.run(["mount", "-o", "loop", probe, context.path("probe")], capture_output=True).returncode != 0:
            raise Skip("power cuts need loop devices: mount -o loop is refused here")
        subprocess.run(["umount", context.path("probe")], check=True)
        disk = Disk(context, name)
        try:
            return run(context, disk)
        finally:
            context.end_processes()
            disk.unmount()

    return with_one


class Machine:
    """An application and `protect`, with what lies on the disk whose power is cut; and the promises of `sync`."""

    def __init__(self, context, disk, on_disk, no_sync=False):
        self.context, self.disk, self.no_sync = context, disk, no_sync
        elsewhere = pathlib.Path(context.path(f"safe-{disk.folder.name}"))
        elsewhere.mkdir()
        database_on, archive_on = ((disk.folder if what in on_disk else elsewhere) for what in ("database", "archive"))
        self.database, self.archive = str(database_on / "app.db"), str(archive_on / "archive")
        self.state = str(archive_on / "state")
        self.ack = context.path(f"ack-{disk.folder.name}")
        self.promises, self.cuts, self.kills = {}, 0, 0
        check(context.run([context.tool("commit_load"), self.database, 0.05, "--synchronous", "full"]).status == 0, "commit_load failed")
        os.sync()

    @property
    def environment(self):
        return self.context.environment | {"LITEWRIGHT_STATE": self.state}

    @property
    def preloaded(self):
        if self.no_sync:
            return self.environment | {"LD_PRELOAD": self.context.tool("syscall_faults.so"), "LITEWRIGHT_FAULT_NO_SYNC": "1",
                                       "LITEWRIGHT_FAULT_UNDER": str(self.disk.folder)}
        # A disk as slow as many are: the moments between rename and fsync last long enough to be hit.
        return self.environment | {"LD_PRELOAD": self.context.tool("fsync_delay.so"), "LITEWRIGHT_FSYNC_DELAY_MS": "4"}

    def litewright(self, *words, status=0):
        return self.context.command(*words, "--archive", self.archive, status=status, env=self.environment)

    def start(self):
        # As many applications are set up: NORMAL may lose commits at a power cut, which is then a fork (FACTS 14).
        how = self.context.random.choice(("normal", "full"))
        self.writer = self.context.start(
            [self.context.tool("commit_load"), self.database, 600, "--ack", self.ack, "--synchronous", how, "--pause-us", 300],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.protect()

    def protect(self):
        self.protected = self.context.protect(self.database, "--archive", self.archive, "--wal-limit", "1MiB", environment=self.preloaded)

    def acknowledged(self):
        return max((counter for _, _, counter in application.acknowledged(self.ack)[-1:]), default=0)

    def sync(self):
        counter = self.acknowledged()
        answer = self.litewright("sync", self.database, "--timeout", "20s", "--json", status=None)
        if answer.status == 0:
            txid = answer.json["txid"]
            self.promises[txid] = max(counter, self.promises.get(txid, 0))
        return answer

    def one_cut(self):
        random = self.context.random
        self.start()
        if random.random() < KILLED_BEFORE:
            time.sleep(random.random() * .1)
            self.protected.kill_all()
            self.kills += 1
            self.protect()
        for _ in range(random.randint(1, 3)):
            time.sleep(random.random() * .08)
            answer = self.sync()
            check(answer.status == 0, f"sync ended with {answer.status}: {answer.stderr}")
        time.sleep(random.random() * .05 if random.random() < .5 else 0)
        self.disk.cut()
        self.cuts += 1
        self.protected.kill_all()
        self.writer.kill()
        self.writer.wait()
        # What the application was told of may be lost with NORMAL: the counts begin anew.
        pathlib.Path(self.ack).unlink(missing_ok=True)
        self.disk.remount()

    def newest_promise_is_kept(self):
        self.promise_is_kept(max(self.promises))

    def promise_is_kept(self, txid):
        out = self.context.path("promise.db")
        answer = self.litewright("restore", self.database, "--tx", txid, "-o", out, status=None)
        check(answer.status == 0, f"cut {self.cuts}: sync said tx {txid}; restore ends with {answer.status}: {answer.stderr.strip()}")
        got = application.value(out, "SELECT n FROM litewright_test_counter")
        os.unlink(out)
        check(got >= self.promises[txid], f"cut {self.cuts}: sync said tx {txid} when {self.promises[txid]} was acknowledged; restored it has {got}")

    def archive_is_clean(self):
        answer = self.litewright("verify", self.database, "--json", status=None)
        check(answer.status == 0, f"cut {self.cuts}: verify ends with {answer.status}: {answer.stdout.strip()[-600:]} {answer.stderr.strip()}")

    def end(self):
        """Goes on once more; the newest is the database then, and every promise is kept."""
        self.start()
        self.writer.terminate()
        self.writer.wait(30)
        check(self.sync().status == 0, "the last sync failed")
        out = self.context.path("newest.db")
        self.litewright("restore", self.database, "-o", out)
        check(application.content(out) == application.content(self.database), "the newest restore is not the live database")
        os.unlink(out)
        self.protected.stop()
        application.is_sound(self.database)
        self.archive_is_clean()
        for txid in self.promises:
            self.promise_is_kept(txid)
        commits = self.litewright("log", self.database, "--all", "--json").json["commits"]
        return len(commits), len({commit["epoch"] for commit in commits})


def cuts(on_disk):
    def one_disk(context, disk, wanted):
        machine = Machine(context, disk, on_disk)
        for _ in range(wanted):
            machine.one_cut()
            machine.newest_promise_is_kept()
            if machine.cuts % 10 == 0:
                machine.archive_is_clean()
        commits, epochs = machine.end()
        return machine, commits, epochs

    def run(context):
        left = int(os.environ.get("LITEWRIGHT_CUTS", LONG_CUTS if context.long else SHORT_CUTS))
        done, kills, promises, commits, epochs, disks = 0, 0, 0, 0, 0, 0
        while left > 0:
            wanted = min(left, CUTS_A_DISK)
            disks += 1
            machine, some_commits, some_epochs = with_disk(lambda c, d, n=wanted: one_disk(c, d, n))(context, f"disk{disks}")
            left -= wanted
            done, kills, promises = done + machine.cuts, kills + machine.kills, promises + len(machine.promises)
            commits, epochs = commits + some_commits, epochs + some_epochs - 1
        return f"{done} cuts, {kills} of them after a kill, {promises} promises kept, {commits} commits, {epochs} forks"

    return run


def control(context):
    """Without fsync the archive's disk loses what sync reported."""
    def one_disk(context, disk):
        machine = Machine(context, disk, {"archive"}, no_sync=True)
        for _ in range(CONTROL_CUTS):
            try:
                machine.one_cut()
                machine.newest_promise_is_kept()
                machine.archive_is_clean()
            except Failed as lost:
                return f"cut {machine.cuts}: {str(lost)[:120]}"
        raise Failed(f"nothing was lost in {CONTROL_CUTS} cuts without fsync: the cuts prove nothing")

    return with_disk(one_disk)(context)


TESTS = [
    Test("the archive's disk loses power, and what sync reported is restorable", cuts({"archive"}), 25, 15000),
    Test("the database's disk loses power, and what sync reported is restorable", cuts({"database"}), 25, 15000),
    Test("one disk for both loses power, and what sync reported is restorable", cuts({"archive", "database"}), 25, 15000),
    Test("control: without fsync a power cut loses what sync reported", control, 15),
]
