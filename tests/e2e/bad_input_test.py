"""Bad input and bad days: each has its exit status, one plain line, what to do next, and leaves nothing half there."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import application_database as application
import history
from program import Skip, Test, check

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def small_database(context, name="app.db", commits=5):
    path = context.path(name)
    history.create(path)
    grow(path, commits)
    return path


def grow(path, commits):
    connection = history.connect(path)
    for _ in range(commits):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t0(a, b) VALUES(1, randomblob(300))")
        connection.execute("UPDATE litewright_test_counter SET n=n+1")
        connection.execute("COMMIT")
    connection.close()


def archived_database(context, commits=5):
    """A small database with an archive of some commits; nobody follows it any more."""
    path = small_database(context)
    protected = context.protect(path)
    grow(path, commits)
    context.sync(path)
    protected.stop()
    return path


def listing(folder):
    """Every file below, with its bytes: what must not change."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(pathlib.Path(folder).rglob("*"))
            if p.is_file() and "state" not in p.relative_to(folder).parts and not p.name.startswith("protect-")}


def refuses(answer, status, *words, hint=True):
    check(answer.status == status, f"exit {answer.status}, not {status}: {answer.stderr.strip()!r}")
    lines = answer.stderr.strip().splitlines()
    check(lines and not lines[0].startswith(("Traceback", "terminate")), f"no plain message: {answer.stderr!r}")
    for word in words:
        check(str(word) in answer.stderr, f"does not say '{word}': {answer.stderr.strip()!r}")
    if hint:
        check("hint:" in answer.stderr, f"no hint: {answer.stderr.strip()!r}")


def make_garbage(context):
    pathlib.Path(context.path("bad.db")).write_bytes(context.random.randbytes(20000))


def make_folder(context):
    os.mkdir(context.path("bad.db"))


def make_forbidden(context):
    os.chmod(small_database(context, "bad.db"), 0)


def nothing(_):
    pass


def as_nobody(context, command):
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        raise Skip("setpriv is not installed")
    # The program and the database must be in reach of an unprivileged user: a copy of the program beside it.
    copy = context.path("litewright")
    shutil.copy2(context.litewright, copy)
    os.chmod(context.folder, 0o777)
    return [*NOBODY, copy, *command[1:]]


def make_pipe(context):
    os.mkfifo(context.path("bad.db"))


LOOKS = ("check", "stats", "sql 'SELECT 1 FROM t'", "tables", "schema", "init", "backup --to copy.db", "maintain checkpoint", "maintain vacuum --dry-run",
         "maintain orphans")

# what is there, which commands, exit status, words of the message
NOT_A_DATABASE = (
    ("no such file", nothing, ("protect", "backup"), 66, ["bad.db"], False),
    ("a directory", make_folder, ("protect", "backup"), (65, 66), ["bad.db", "folder"], False),
    ("not a database", make_garbage, ("protect", "backup"), 65, ["bad.db", "not a database"], False),
    ("a pipe", make_pipe, ("protect", "backup", "locks", "reset --yes", *LOOKS), 66, ["bad.db is no file but a pipe"], False),
    ("no database in the looks inside", make_garbage, ("stats", "sql 'SELECT 1 FROM t'", "tables", "schema"), 65, ["bad.db: ", "file is not a database"], False),
    ("no permission", make_forbidden, ("protect", "backup", *LOOKS), 77, ["bad.db"], True),
)


def not_a_database(make, commands, status, words, unprivileged):
    def run(context):
        make(context)
        path = context.path("bad.db")
        before = listing(context.folder) if not unprivileged else None
        for words_of_it in commands:
            name, *more = shlex.split(words_of_it)
            command = [context.litewright, name, path, *more, *(["--json"] if name == "protect" else [])]
            answer = context.run(as_nobody(context, command) if unprivileged else command, timeout=15, cwd=context.folder)
            wanted = answer.status if isinstance(status, tuple) and answer.status in status else status
            refuses(answer, wanted, *words)
            check("SELECT" not in answer.stderr, f"it shows its own statements: {answer.stderr!r}")
        check(not os.path.exists(path + "-archive"), "an archive was made")
        check(before is None or listing(context.folder) == before, "files were made or changed")

    return run


def read_only_mount(context):
    if os.geteuid() != 0:
        raise Skip("needs root to mount")
    mount = context.path("mount")
    os.mkdir(mount)
    path = small_database(context)
    shutil.copy(path, mount)
    if subprocess.run(["mount", "--bind", mount, mount], capture_output=True).returncode != 0:
        raise Skip("this container may not mount")
    try:
        if subprocess.run(["mount", "-o", "remount,bind,ro", mount], capture_output=True).returncode != 0:
            raise Skip("this container may not remount read-only")
        for name in ("protect", "backup"):
            answer = context.run([context.litewright, name, mount + "/app.db"], timeout=15)
            check(answer.status in (73, 77), f"{name}: exit {answer.status}: {answer.stderr!r}")
            check("hint:" in answer.stderr, f"no hint: {answer.stderr!r}")
        check(os.listdir(mount) == ["app.db"], f"left {os.listdir(mount)}")
    finally:
        subprocess.run(["umount", mount], check=True)


def may_not_be_looked_at(context):
    """A WAL database in a folder that may not be written to: without its -shm nothing can be told, which is not fine."""
    os.mkdir(context.path("ro"))
    path = small_database(context, "ro/app.db")
    os.chmod(path, 0o644)
    check(not os.path.exists(path + "-shm"), "the index is there: the test proves nothing")
    checking = as_nobody(context, [context.litewright, "check", path, "--only", "integrity,foreign-keys"])
    if os.geteuid() != 0:
        raise Skip("needs root to make a folder that another user may not write to")
    for words in ([], ["--fail-on", "critical"]):
        answer = context.run([*checking, *words])
        refuses(answer, 77, "app.db", "can't be made beside it: no permission")
        check("ok" not in answer.stdout and "PRAGMA" not in answer.stderr, f"it says {answer.stdout!r} {answer.stderr!r}")
    answer = context.run([*checking, "--format", "nagios"])
    check(answer.status == 3 and answer.stdout.startswith("LITEWRIGHT UNKNOWN - "), f"exit {answer.status}: {answer.stdout!r}")


def time_before_the_first(context):
    path = archived_database(context)
    first = context.log(path)[0]
    out = context.path("out.db")
    answer = context.command("restore", path, "--at", "2001-02-03 04:05:06", "-o", out, status=None)
    refuses(answer, 66, "2001-02-03")
    check(str(first["txid"]) in answer.stderr and str(first["time"])[:10] in answer.stderr,
          f"names not the nearest commit, tx {first['txid']} of {first['time']}: {answer.stderr!r}")
    check(not os.path.exists(out), "a file was made")
    beyond = context.log(path)[-1]["txid"] + 5
    refuses(context.command("restore", path, "--tx", beyond, "-o", out, status=None), 66, beyond)
    refuses(context.command("restore", path, "--point", "never-named", "-o", out, status=None), 66, "never-named")
    check(not os.path.exists(out), "a file was made")


def future_archive(context):
    path = archived_database(context)
    identity = pathlib.Path(path + "-archive/archive.json")
    document = json.loads(identity.read_text())
    document["format"] = 99
    identity.write_text(json.dumps(document))
    before = listing(context.folder)
    for words in (["restore", path, "-o", context.path("out.db")], ["verify", path], ["log", path], ["protect", path], ["backup", path]):
        answer = context.command(*words, status=None, timeout=20)
        refuses(answer, 65, "99")
    after = listing(context.folder)
    changed = [name for name in set(after) | set(before) if after.get(name) != before.get(name) and "-shm" not in name]
    check(not changed, f"made, changed or gone: {changed}")


def future_segment(context):
    """The end of the footer says version 99 (docs/formats/segment.md): what needs the object says so, and which it is."""
    path = archived_database(context)
    segment = sorted(pathlib.Path(path + "-archive").rglob("*.lws"))[-1]
    data = bytearray(segment.read_bytes())
    check(data[-12:-8] == b"\x02\0\0\0" and data[-8:] == b"LWSEGEND", f"not the footer that was documented: {bytes(data[-16:])}")
    data[-12] = 99
    segment.chmod(0o644)
    segment.write_bytes(data)
    answer = context.command("restore", path, "-o", context.path("out.db"), status=None)
    refuses(answer, 65, segment.name, "99")
    check(not os.path.exists(context.path("out.db")), "a file was made")
    check(context.command("verify", path, status=None).status == 2, "verify calls it sound")


def second_protect(context):
    path = small_database(context)
    protected = context.protect(path)
    answer = context.command("protect", path, "--json", status=None, timeout=20)
    refuses(answer, 75, protected.pid)
    grow(path, 3)
    context.sync(path)
    protected.stop()


def second_archive(context):
    """Two followers of one database would keep each other's gate shut: the WAL would grow without bound."""
    path = small_database(context)
    protected = context.protect(path)
    other = context.path("other-archive")
    for command in (("protect", path, "--json", "--archive", other), ("backup", path, "--archive", other)):
        answer = context.command(*command, status=None, timeout=20)
        refuses(answer, 75, protected.pid, path + "-archive")
    check(not os.path.exists(other), "the second archive was made")
    grow(path, 3)
    context.sync(path)
    protected.stop()
    context.command("backup", path, "--archive", other)


def no_leftovers(path):
    """Nothing unfinished in the archive: every file is one that the format knows."""
    known = re.compile(r"(archive|owner|state)\.json|lock|segments/\d{16,20}-\d{16,20}\.lws|points/[^/]+\.json")
    archive = pathlib.Path(path + "-archive")
    strange = [str(p.relative_to(archive)) for p in archive.rglob("*")
               if not p.is_dir() and not p.is_socket() and not known.fullmatch(str(p.relative_to(archive)))]
    check(not strange, f"left in the archive: {strange}")


def stopped_at_any_moment(context):
    """SIGINT and SIGTERM, from before it follows to full load."""
    path = small_database(context)
    writer = context.start([context.tool("commit_load"), path, 600, "--ack", context.path("ack.1"), "--pause-us", 500],
                           stdout=subprocess.DEVNULL)
    time.sleep(.2)
    for number in range(100 if context.long else 20):
        protected = context.protect(path, follow=False)
        time.sleep(context.random.random() * (.05 if number % 2 else .5))
        status = protected.stop(context.random.choice((signal.SIGINT, signal.SIGTERM)), status=None)
        check(status in (0, -signal.SIGINT, -signal.SIGTERM), f"stop {number}: exit {status}: {protected.errors}")
        check(status == 0 or not any(e.get("event") == "following" for e in protected.events),
              f"stop {number}: it followed and ended with {status}")
        no_leftovers(path)
    writer.terminate()
    check(writer.wait(30) == 0, "the writer failed")
    protected = context.protect(path)
    context.sync(path)
    application.newest_equals(context, path)
    context.verify_is_clean(path)
    protected.stop()
    application.is_sound(path)
    return f"{len(application.acknowledged(context.path('ack.1')))} commits meanwhile"


def restore_stopped_at_any_moment(context):
    """The target is absent or whole."""
    path = context.path("app.db")
    connection = history.connect(path, journal_mode="WAL")
    connection.execute("CREATE TABLE t(a)")
    connection.execute("BEGIN")
    for _ in range(60):
        connection.execute("INSERT INTO t VALUES(randomblob(1000000))")
    connection.execute("COMMIT")
    connection.close()
    protected = context.protect(path)
    context.sync(path)
    protected.stop()
    whole = application.content(path)
    folder = context.path("restored")
    os.mkdir(folder)
    out = folder + "/out.db"
    outcomes = {"absent": 0, "whole": 0}
    for _ in range(60 if context.long else 20):
        process = context.start([context.litewright, "restore", path, "-o", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(context.random.random() * .3)
        process.send_signal(context.random.choice((signal.SIGINT, signal.SIGTERM)))
        process.wait(30)
        outcomes["whole" if os.path.exists(out) else "absent"] += 1
        if os.path.exists(out):
            check(application.content(out) == whole, "the target is there and not whole")
            os.unlink(out)
        for leftover in os.listdir(folder):
            check(leftover in ("out.db-wal", "out.db-shm"), f"left beside the target: {leftover}")
            os.unlink(f"{folder}/{leftover}")
    return str(outcomes)


def in_place_while_open(context):
    path = archived_database(context)
    before = application.content(path)
    hold = "import sqlite3,sys,time\nc=sqlite3.connect(sys.argv[1])\nc.execute('PRAGMA schema_version').fetchall()\n" \
           "print('open',flush=True)\ntime.sleep(600)"
    holder = context.start([sys.executable, "-c", hold, path], stdout=subprocess.PIPE)
    holder.stdout.readline()
    answer = context.command("restore", path, "--tx", context.log(path)[0]["txid"], status=None)
    refuses(answer, 75, holder.pid, os.path.basename(sys.executable)[:6])
    holder.kill()
    holder.wait()
    check(application.content(path) == before, "the database was changed")


def in_place(context):
    """The old files are kept aside; a -wal that lies about is not adopted."""
    path = archived_database(context)
    first = context.log(path)[0]["txid"]
    want = application.content(context.restore(path, context.path("want.db"), "--tx", first))
    # An application that died left its newest commits in the -wal.
    crash = "import os,signal,sqlite3,sys\nc=sqlite3.connect(sys.argv[1],isolation_level=None)\n" \
            "c.execute('UPDATE litewright_test_counter SET n=4711')\nos.kill(os.getpid(),signal.SIGKILL)"
    context.run([sys.executable, "-c", crash, path])
    check(os.path.getsize(path + "-wal") > 0, "the crash left no -wal: the test proves nothing")
    stray = pathlib.Path(path + "-wal").read_bytes()
    context.command("restore", path, "--tx", first, "--json")
    check(application.content(path) == want, "the restored database is not what was asked for (a stray -wal?)")
    application.is_sound(path)
    kept = [p for p in pathlib.Path(context.folder).glob("app.db.before-restore-*") if p.is_file()]
    folders = [p for p in pathlib.Path(context.folder).glob("app.db.before-restore-*") if p.is_dir()]
    kept += [p for folder in folders for p in folder.iterdir()]
    check(any(p.read_bytes() == stray for p in kept), f"the old -wal is not among what was kept aside: {kept}")
    check(any(p.read_bytes()[:16] == b"SQLite format 3\0" for p in kept), f"the old database is not kept aside: {kept}")


def onto_an_existing_file(context):
    path = archived_database(context)
    out = pathlib.Path(context.path("out.db"))
    out.write_text("somebody's file")
    answer = context.command("restore", path, "-o", out, status=None)
    kept = [p for p in pathlib.Path(context.folder).glob("out.db*") if p.is_file() and p.read_bytes() == b"somebody's file"]
    check(kept, f"the existing file is gone (exit {answer.status})")
    if answer.status == 0:
        check(application.content(str(out)) == application.content(path), "the target is not the newest state")
    else:
        refuses(answer, 73, "out.db")


def dry_run(context):
    path = archived_database(context)
    before = listing(context.folder)
    folders = sorted(str(p) for p in pathlib.Path(context.folder).rglob("*") if "state" not in p.parts)
    first = context.log(path)[0]["txid"]
    context.command("restore", path, "--tx", first, "--dry-run")
    context.command("restore", path, "--tx", first, "-o", context.path("out.db"), "--dry-run")
    check(listing(context.folder) == before, "a file was written or changed")
    check(sorted(str(p) for p in pathlib.Path(context.folder).rglob("*") if "state" not in p.parts) == folders, "something was made")


def replaced_while_followed(context):
    """Another file takes the name (a restore by hand): nothing of it may be called archived before it is."""
    path = small_database(context)
    protected = context.protect(path)
    other = small_database(context, "other.db", 9)
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.rename(path + suffix, context.path("aside.db" + suffix))
    os.rename(other, path)
    grow(path, 3)
    deadline = time.monotonic() + 20
    while context.command("sync", path, "--timeout", "5s", status=None).status != 0:
        check(protected.running and time.monotonic() < deadline, f"not followed again: {protected.errors}")
        time.sleep(.1)
    application.newest_equals(context, path)
    check(any("replaced" in event.get("message", "") for event in protected.events), f"no warning: {protected.events}")
    context.verify_is_clean(path)
    protected.stop()


def dies_after_zero_salts(context):
    """Frames with zero salts (FACTS 28), then everything dies: recovery ends before such a frame and lays what is before it
    over the main file. Copied back is not enough, the WAL must be reset on the disk too."""
    cut = 0
    for attempt in range(3):
        path = context.path(f"spill-{attempt}.db")
        spill = [*context.script("spill_load.py"), path]
        context.run([*spill, 0.01, attempt, context.path("ack")])
        protected = context.protect(path)
        keep = history.connect(path)  # so that nobody is the last to close
        keep.execute("PRAGMA schema_version").fetchall()
        writer = context.run([*spill, 8, context.seed % 1000 + attempt, context.path("ack"), "--until-zero-salts"])
        cut += writer.status == -signal.SIGKILL
        time.sleep(1)
        after = context.path(f"after-{attempt}.db")
        for suffix in ("", "-wal"):  # what another boot of the machine finds: no -shm
            shutil.copy(path + suffix, after + suffix)
        application.is_sound(after)
        acked = int(pathlib.Path(context.path("ack")).read_text().split()[-1])
        there = application.value(after, "SELECT n FROM litewright_test_counter")
        check(there >= acked, f"acknowledged {acked}, after the cut {there}")
        keep.close()
        protected.stop()
        os.unlink(context.path("ack"))
        if cut and not context.long:
            break
    return f"{cut} of {attempt + 1} writers died right after they left such frames"


TESTS = [Test(f"{name} is refused and nothing is made", not_a_database(*row), 3) for name, *row in NOT_A_DATABASE] + [
    Test("a read-only mount is refused", read_only_mount, 3),
    Test("a check that may look at nothing is not fine", may_not_be_looked_at, 4),
    Test("a point outside the archive names what is near", time_before_the_first, 3),
    Test("an archive of a future version is refused and left alone", future_archive, 3),
    Test("a segment of a future version is named", future_segment, 3),
    Test("a second protect says who holds the archive", second_protect, 4),
    Test("a second archive of a database that is followed is refused", second_archive, 4),
    Test("protect stopped at any moment leaves nothing half there", stopped_at_any_moment, 20, 90),
    Test("restore stopped at any moment leaves the target absent or whole", restore_stopped_at_any_moment, 15, 40),
    Test("a database replaced while it is followed is never called archived unseen", replaced_while_followed, 6),
    Test("when all dies after frames with zero salts nothing acknowledged is lost", dies_after_zero_salts, 25),
    Test("restore in place names who has the database open", in_place_while_open, 3),
    Test("restore in place keeps the old files and adopts no -wal", in_place, 3),
    Test("restore onto an existing file does not lose it", onto_an_existing_file, 3),
    Test("restore --dry-run writes nothing", dry_run, 3),
]
