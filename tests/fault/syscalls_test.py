"""Syscalls: each open, write, sync, rename and unlink of an operation fails in turn, once and from then on. The answer is a
clear error or a retry; never a false "archived"; the application's database and what was archived before are untouched, a
half-written file is never adopted, and the same command succeeds as soon as the disk is well again."""
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import time

import application_database as application
import history
from program import Failed, Test, check

KINDS = ("open", "write", "sync", "rename", "unlink")
ERRORS = ("EIO", "ENOSPC", "EINTR", "EMFILE", "EACCES")
# Exit statuses that an error of the system may end with (DESIGN.md); 65 where a file can't be told from a damaged one.
CLEAR = {65, 66, 69, 73, 74, 75, 77}
COMMAND_SECONDS = 15       # a command that takes longer hangs
SYNC_SECONDS = 2           # of a disk that fails for ever
SHORT_FAULTS = 12          # of each operation
MOST_REPORTED = 12


class Disk:
    """One operation's folder, made anew for each fault: app.db, its archive, the state, what is restored."""

    def __init__(self, context, template):
        self.context, self.template = context, template
        self.folder = pathlib.Path(context.path("run"))
        self.note, self.count = context.path("note"), context.path("count")
        self.database = str(self.folder / "app.db")

    def renew(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.template, self.folder)
        (self.folder / "tmp").mkdir(exist_ok=True)
        for path in (self.note, self.count):
            pathlib.Path(path).unlink(missing_ok=True)

    def path(self, name):
        return str(self.folder / name)

    @property
    def environment(self):
        return self.context.environment | {"LITEWRIGHT_STATE": self.path("state"), "TMPDIR": self.path("tmp")}

    def failing(self, fault):
        return self.environment | {
            "LD_PRELOAD": self.context.tool("syscall_faults.so"), "LITEWRIGHT_FAULT_CALLS": fault.kind,
            "LITEWRIGHT_FAULT_UNDER": str(self.folder), "LITEWRIGHT_FAULT_AT": str(fault.at),
            "LITEWRIGHT_FAULT_ERRNO": str(getattr(errno, fault.error)), "LITEWRIGHT_FAULT_EVER": "1" if fault.ever else "0",
            "LITEWRIGHT_FAULT_NOTE": self.note, "LITEWRIGHT_FAULT_COUNT": self.count}

    def calls(self):
        """How many calls of the kind there were."""
        return int.from_bytes(pathlib.Path(self.count).read_bytes(), "little") if os.path.exists(self.count) else 0

    def hit(self):
        return pathlib.Path(self.note).read_text().strip() if os.path.exists(self.note) else None

    def run(self, *words, status=0, env=None):
        return self.context.command(*words, status=status, env=env or self.environment, timeout=COMMAND_SECONDS)

    def archive_is_clean(self):
        """False: there is none."""
        answer = self.run("verify", self.database, "--json", status=None)
        check(answer.status in (0, 66), f"verify ended with {answer.status}: {answer.stdout.strip()} {answer.stderr.strip()!r}")
        return answer.status == 0

    def restored(self, *point):
        """The content of a restored commit, the disk being well."""
        out = self.path("restored.db")
        self.run("restore", self.database, *point, "-o", out)
        content = application.content(out)
        os.unlink(out)
        return content


class Fault:
    def __init__(self, kind, at, error="EIO", ever=False):
        self.kind, self.at, self.error, self.ever = kind, at, error, ever

    def __str__(self):
        return f"{self.kind} {self.at} {self.error} {'for ever' if self.ever else 'once'}"


def is_clear(answer):
    """A failed command said why: its status is one of DESIGN.md's, one line and perhaps a hint on stderr."""
    check(answer.status in CLEAR, f"exit {answer.status}, stderr {answer.stderr.strip()[-300:]!r}")
    lines = answer.stderr.strip().splitlines()
    errors = [line for line in lines if line.startswith("litewright: ")]
    check(len(errors) == 1, f"exit {answer.status} and {len(errors)} lines of error: {answer.stderr.strip()[-300:]!r}")


# Operations: each has a template folder made by `prepare`, does its work under a fault, and is judged on a disk that is well.

def write_rows(path, rows=60):
    connection = history.connect(path)
    for _ in range(rows // 20):
        connection.execute("BEGIN")
        for _ in range(20):
            connection.execute("INSERT INTO t0(a, b) VALUES(7, randomblob(700))")
        connection.execute("UPDATE litewright_test_counter SET n=n+1")
        connection.execute("COMMIT")
    connection.close()


class Backup:
    """The first one, or one more where there is an archive already."""
    name = "first backup"
    words = ()

    def prepare(self, disk):
        history.create(disk.database)
        write_rows(disk.database)

    def work(self, disk, fault):
        content = application.content(disk.database)
        before = self.old_points(disk)
        answer = disk.run("backup", disk.database, *self.words, status=None, env=disk.failing(fault))
        calls = disk.calls()
        application.is_sound(disk.database)
        check(application.content(disk.database) == content, "the application's database changed")
        clean = disk.archive_is_clean()
        if answer.status == 0:
            check(clean, "backup ended with 0, and there is no archive")
            check(disk.restored() == content, "backup ended with 0, and the newest is not the database")
        else:
            is_clear(answer)
        for point, old in before.items():
            check(disk.restored(*point) == old, f"{point} is not what it was before the backup")
        disk.run("backup", disk.database, *self.words)
        check(disk.archive_is_clean() and disk.restored() == content, "the backup after it is not the database")
        return answer.status, calls

    def old_points(self, disk):
        return {}


class NextBackup(Backup):
    name = "next backup, named"
    words = ("--name", "second")

    def prepare(self, disk):
        super().prepare(disk)
        disk.run("backup", disk.database, "--name", "first")
        self.first = disk.restored()
        write_rows(disk.database)

    def old_points(self, disk):
        return {("--point", "first"): self.first}


class Restore:
    name = "restore to a new file"

    def prepare(self, disk):
        history.create(disk.database)
        for _ in range(3):
            write_rows(disk.database)
            disk.run("backup", disk.database)
        self.wanted = application.content(disk.database)

    def work(self, disk, fault):
        out = disk.path("out.db")
        before = listing(disk)
        answer = disk.run("restore", disk.database, "-o", out, status=None, env=disk.failing(fault))
        calls = disk.calls()
        if answer.status == 0:
            check(application.content(out) == self.wanted, "restore ended with 0, and the file is not the commit")
        else:
            is_clear(answer)
            # Where the folder's fsync failed after the rename the file is there, whole, but perhaps not for ever.
            check(not os.path.exists(out) or application.content(out) == self.wanted, f"restore ended with {answer.status} and left half of it")
        check({k: v for k, v in listing(disk).items() if k in before} == before, "something else changed")
        for name in (out, out + "-wal", out + "-shm"):
            pathlib.Path(name).unlink(missing_ok=True)
        disk.run("restore", disk.database, "-o", out)
        check(application.content(out) == self.wanted, "the restore after it is not the commit")
        return answer.status, calls


class RestoreInPlace:
    """Over a database whose last commits are in a -wal that nobody has open."""
    name = "restore in place"

    def prepare(self, disk):
        history.create(disk.database)
        disk.run("backup", disk.database)
        self.wanted = application.content(disk.database)
        connection = history.connect(disk.database, wal_autocheckpoint=0)
        connection.execute("INSERT INTO t0(a, b) VALUES(7, randomblob(7000))")
        for suffix in ("", "-wal"):
            shutil.copy(disk.database + suffix, disk.path("kept" + suffix))
        connection.close()
        for suffix in ("", "-wal"):
            os.replace(disk.path("kept" + suffix), disk.database + suffix)
        self.old = self.content(disk)
        check(self.old != self.wanted, "nothing changed since the backup")

    def content(self, disk):
        """Of the target, looked at in a copy: a look at itself would adopt or remove its -wal."""
        copy = disk.context.path("look.db")
        for suffix in ("", "-wal", "-shm", "-journal"):
            pathlib.Path(copy + suffix).unlink(missing_ok=True)
            if os.path.exists(disk.database + suffix) and suffix != "-shm":
                shutil.copy(disk.database + suffix, copy + suffix)
        application.is_sound(copy)
        return application.content(copy)

    def work(self, disk, fault):
        answer = disk.run("restore", disk.database, "--tx", "1", status=None, env=disk.failing(fault))
        calls = disk.calls()
        check(os.path.exists(disk.database), f"restore ended with {answer.status} and there is no database")
        now = self.content(disk)
        if answer.status == 0:
            check(now == self.wanted, "restore ended with 0, and the file is not the commit")
        else:
            is_clear(answer)
            check(now in (self.old, self.wanted), f"restore ended with {answer.status}, and the database is neither the old one nor the commit")
        disk.run("restore", disk.database, "--tx", "1")
        check(self.content(disk) == self.wanted, "the restore after it is not the commit")
        return answer.status, calls


class Protect:
    """Follows a writer; each sync that succeeds is a promise."""
    name = "protect"

    def prepare(self, disk):
        history.create(disk.database)
        write_rows(disk.database)
        disk.run("backup", disk.database)
        write_rows(disk.database)

    def work(self, disk, fault):
        promises = {}
        writer = disk.context.start([*disk.context.script("step_writer.py"), disk.database],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        writer.stdout.readline()
        protected = disk.context.protect(disk.database, follow=False, environment=disk.failing(fault))
        self.until_it_says_something(protected)
        for _ in range(3):
            self.step(writer)
            self.sync(disk, promises)
        if not fault.ever and not self.sync(disk, promises, 20):  # it gets over a single error, or says at once why not
            protected.wait_until_it_ends(5)
            check(not protected.running, f"one error, and 20 s later sync still fails: {protected.errors[-300:]!r}")
        counter = self.step(writer)
        if fault.ever:
            protected.kill_all()  # with the disk gone it tries for half a minute to store the last commits: not waited for
            status = None
        else:
            status = protected.stop(signal.SIGTERM, status=None, timeout=50)
        calls = disk.calls()
        writer.stdin.close()
        writer.wait(20)
        if status in (1, 2):  # a finding that was not over when it left
            check(any(event["event"] == "finding" for event in protected.events), f"protect ended with {status} and found nothing")
        elif status not in (0, None):
            check(status in CLEAR and "litewright: " in protected.errors, f"protect ended with {status}: {protected.errors[-300:]!r}")
        application.is_sound(disk.database)
        now = application.value(disk.database, "SELECT n FROM litewright_test_counter")
        check(now == counter, f"the application's counter is {now}, its last commit made it {counter}")
        check(disk.archive_is_clean() or not promises, "promises and no archive")
        for txid, least in promises.items():
            out = disk.path("promise.db")
            disk.run("restore", disk.database, "--tx", str(txid), "-o", out)
            got = application.value(out, "SELECT n FROM litewright_test_counter")
            check(got >= least, f"sync said tx {txid} when the counter was {least}; restored it is {got}")
            os.unlink(out)
        disk.run("backup", disk.database)
        check(disk.archive_is_clean(), "no archive after the backup that follows")
        check(disk.restored() == application.content(disk.database), "the backup after it is not the database")
        return status, calls

    def until_it_says_something(self, protected):
        end = time.monotonic() + 10
        while time.monotonic() < end and not protected.events and protected.running:
            time.sleep(.005)

    def step(self, writer):
        writer.stdin.write("step\n")
        writer.stdin.flush()
        line = writer.stdout.readline()
        check(line, f"the application failed: exit {writer.poll()}")
        self.counter = int(line)
        return self.counter

    def sync(self, disk, promises, seconds=SYNC_SECONDS):
        end = time.monotonic() + seconds
        while True:
            left = max(1, round(end - time.monotonic()))
            answer = disk.run("sync", disk.database, "--timeout", f"{left}s", "--json", status=None)
            if answer.status == 0:
                promises[answer.json["txid"]] = self.counter
                return True
            is_clear(answer)
            if answer.status == 69 and "nobody archives" in answer.stderr or time.monotonic() > end:
                return False
            time.sleep(.1)


class Verify:
    """Reads only: whatever it can't read it must not call clean."""
    name = "verify"

    def prepare(self, disk):
        Restore().prepare(disk)

    def work(self, disk, fault):
        before = listing(disk)
        answer = disk.run("verify", disk.database, status=None, env=disk.failing(fault))
        calls = disk.calls()
        if answer.status != 0:
            check(answer.status in CLEAR, f"exit {answer.status}, stderr {answer.stderr.strip()[-300:]!r}")
        check(listing(disk) == before, "verify changed something")
        return answer.status, calls


class Log(Verify):
    name = "log"

    def work(self, disk, fault):
        answer = disk.run("log", disk.database, "--all", "--json", status=None, env=disk.failing(fault))
        if answer.status == 0 and disk.hit():
            whole = disk.run("log", disk.database, "--all", "--json").json["commits"]
            check(answer.json["commits"] == whole, "log ended with 0 and left commits out")
        elif answer.status != 0:
            is_clear(answer)
        return answer.status, disk.calls()


def listing(disk):
    """Everything but what comes and goes with a look: temporaries, locks, the state, the -shm."""
    files = {}
    for path in disk.folder.rglob("*"):
        name = str(path.relative_to(disk.folder))
        if path.is_file() and not name.startswith(("state/", "tmp/")) and not name.endswith(("-shm", "/lock", ".tmp")) \
                and "litewright-tmp" not in name:
            files[name] = path.read_bytes()
    return files


def count_calls(operation, disk, kinds):
    """How many calls of each kind the operation makes when all goes well."""
    calls = {}
    for kind in kinds:
        disk.renew()
        status, calls[kind] = operation.work(disk, Fault(kind, 1 << 40))
        check(status in (0, None) and not disk.hit(), f"{operation.name} without a fault ended with {status}")
    return calls


def every_call_fails(operation, kinds=KINDS, errors=ERRORS):
    def run(context):
        template = context.path("template")
        disk = Disk(context, template)
        disk.folder.mkdir()
        (disk.folder / "tmp").mkdir()
        operation.prepare(disk)
        shutil.move(disk.folder, template)
        calls = count_calls(operation, disk, kinds)
        all_faults = [Fault(kind, at, error, ever) for kind in kinds for at in range(1, calls[kind] + 1)
                      for error in errors for ever in (False, True)]
        wanted = int(os.environ.get("LITEWRIGHT_FAULTS", len(all_faults)))
        if context.long:
            chosen = all_faults if wanted >= len(all_faults) else context.random.sample(all_faults, wanted)
        else:
            of_kind = [[fault for fault in all_faults if fault.kind == kind] for kind in kinds]
            chosen = [context.random.choice(faults) for _ in range(-(-SHORT_FAULTS // len(kinds))) for faults in of_kind if faults]
        return under_faults(operation, disk, chosen, calls)

    return run


def under_faults(operation, disk, chosen, calls):
    failed, hits, errors = [], 0, 0
    for fault in chosen:
        disk.renew()
        try:
            status, _ = operation.work(disk, fault)
            errors += status not in (0, None)
        except Failed as failure:
            failed.append(f"{fault}, hit {disk.hit()}: {failure}")
        except (OSError, ValueError) as failure:
            failed.append(f"{fault}, hit {disk.hit()}: {type(failure).__name__} {failure}")
        hits += disk.hit() is not None
        if len(failed) >= MOST_REPORTED:
            break
    check(not failed, "\n".join([f"{len(failed)} of {len(chosen)} faults in {operation.name}"] + failed))
    check(hits >= len(chosen) * 6 // 10, f"only {hits} of {len(chosen)} faults were met")
    return f"{len(chosen)} faults ({', '.join(f'{n} {kind}' for kind, n in calls.items())}), {hits} met, {errors} ended in an error"


READING = ("open", "read")

TESTS = [
    Test("a first backup survives every failing call", every_call_fails(Backup()), 20, 1800),
    Test("a later backup survives every failing call", every_call_fails(NextBackup()), 20, 1800),
    Test("a restore survives every failing call", every_call_fails(Restore()), 15, 1800),
    Test("a restore in place survives every failing call", every_call_fails(RestoreInPlace()), 15, 1800),
    Test("protect survives every failing call", every_call_fails(Protect()), 60, 14400),
    Test("verify never calls clean what it could not read", every_call_fails(Verify(), READING), 10, 900),
    Test("log never leaves out what it could not read", every_call_fails(Log(), READING), 10, 900),
]
