"""`litewright locks`: real processes in real situations; the right one is named, idle ones never."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import application_database as application
from program import COMMAND_SECONDS, Skip, Test, check

LOOK = "150ms"
MOST_SECONDS = 20  # until a process has said "ok", or a situation is there
HARNESS = pathlib.Path(__file__).resolve().parent.parent / "harness"
CACHE = pathlib.Path(__file__).resolve().parent.parent.parent / ".cache"


class Holder:
    """A process that obeys lines: Python's sqlite3, the shell, or Node's better-sqlite3."""

    def __init__(self, context, kind="python", prefix=(), path=None):
        self.kind = kind
        commands = {"python": [sys.executable, HARNESS / "lock_holder.py"],
                    "shell": ["sqlite3", "-interactive", path],
                    "node": ["node", HARNESS / "lock_holder.js", CACHE / "better-sqlite3/node_modules"]}
        self.process = context.start([*prefix, *commands[kind]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
        self.pid = self.process.pid

    def say(self, line):
        if self.kind == "shell":
            verb, _, rest = line.partition(" ")
            line = ".timeout 60000\nSELECT count(*) FROM sqlite_schema;" if verb == "open" else rest + ";"
            line += "\n.print ok"
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def do(self, *lines):
        for line in lines:
            self.say(line)
            self.answer()
        return self

    def answer(self):
        while True:
            line = self.process.stdout.readline()
            check(line, f"the {self.kind} process ended")
            text = line.replace("sqlite> ", "").replace("   ...> ", "").strip()
            if text == "ok":
                return
            check("rror" not in text, f"{self.kind}: {text}")

    def end(self):
        self.process.kill()
        self.process.wait()


def make(context, name, mode):
    path = context.path(name)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA page_size=4096")
    connection.execute(f"PRAGMA journal_mode={mode}").fetchall()
    connection.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    connection.executemany("INSERT INTO t(b) VALUES(?)", [("x" * 500,)] * 50)
    connection.close()
    return path


def holder(context, path, *lines, kind="python", **options):
    return Holder(context, kind, path=path, **options).do(f"open {path}", *lines)


def look(context, path, look_for=LOOK, prefix=()):
    answer = context.run([*prefix, context.litewright, "locks", path, "--json", "--look-for", look_for])
    check(answer.status in (0, 1, 2), f"exit {answer.status}: {answer.stderr}")
    return answer.json


def blamed(report):
    """(finding, pid) of all that is in somebody's way; what libraries carry is told apart."""
    return {(f["id"], f["figures"].get("pid", 0)) for f in report["findings"] if not f["id"].startswith("sqlite.")}


def finding(report, name):
    return next(f for f in report["findings"] if f["id"] == name)


def role(report, pid):
    return next((p["role"] for p in report["processes"] if p["pid"] == pid), None)


def expect(context, path, wanted, idle=(), prefix=()):
    """The blame is as wanted, exactly; `idle` processes are seen and blamed for nothing. Looks again while processes
    are still on their way into the situation."""
    wanted = set(wanted)
    end = time.monotonic() + MOST_SECONDS
    while True:
        report = look(context, path, prefix=prefix)
        if blamed(report) == wanted or time.monotonic() > end:
            break
    check(blamed(report) == wanted, f"blamed {sorted(blamed(report))}, not {sorted(wanted)}: "
                                    f"{[(p['pid'], p['role'], p['main_file'], p['wal_index']) for p in report['processes']]}")
    for process in idle:
        check(role(report, process.pid) in ("idle", None), f"the idle {process.kind} is told as {role(report, process.pid)}")
    return report


def node_or_none(context):
    """better-sqlite3 in .cache, installed once: only the long form builds it where no built one can be had."""
    folder = CACHE / "better-sqlite3"
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    if not list(folder.glob("node_modules/better-sqlite3/build/Release/better_sqlite3.node")):
        if not context.long:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        headers = {"npm_config_nodedir": "/usr"} if os.path.exists("/usr/include/node/node.h") else {}
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, "better-sqlite3@11.10.0"],
                       capture_output=True, timeout=COMMAND_SECONDS, env=os.environ | headers)
        if not list(folder.glob("node_modules/better-sqlite3/build/Release/better_sqlite3.node")):
            return None
    return folder


def write_locks(context):
    """WAL: who holds the write lock, in three languages, beside idle connections and a writer that waits."""
    path = make(context, "wal.db", "WAL")
    report = look(context, path)
    check(report["processes"] == [] and report["findings"] == [], f"nobody has it open: {report}")
    idle = [holder(context, path), holder(context, path, kind="shell")]
    node = node_or_none(context)
    if node:
        idle.append(holder(context, path, kind="node"))
    report = expect(context, path, [], idle)
    check(len(report["processes"]) == len(idle), f"{len(report['processes'])} processes, not {len(idle)}")
    situations = 2
    writers = [("python", "sql BEGIN IMMEDIATE"), ("shell", "sql BEGIN EXCLUSIVE"), ("python", "sql BEGIN EXCLUSIVE")]
    for kind, begin in writers + ([("node", "sql BEGIN IMMEDIATE")] if node else []):
        writer = holder(context, path, begin, kind=kind)
        report = expect(context, path, [("lock.write-held", writer.pid)], idle)
        check(finding(report, "lock.write-held")["remedy"] == f"kill {writer.pid}", "the remedy names another process")
        libraries = next(p for p in report["processes"] if p["pid"] == writer.pid)["libraries"]
        want = "better_sqlite3.node" if kind == "node" else ""
        check(libraries and libraries[0]["version"].startswith("3.") and want in libraries[0]["file"],
              f"{kind} carries {libraries}")
        situations += 1
        if (kind, begin) == writers[0]:
            waiter = holder(context, path)
            waiter.say("sql BEGIN IMMEDIATE")
            report = expect(context, path, [("lock.write-held", writer.pid)], idle)
            check("can't be seen" in finding(report, "lock.write-held")["meaning"], "says nothing about who waits")
            writer.end()
            waiter.answer()
            expect(context, path, [("lock.write-held", waiter.pid)], idle)
            waiter.end()
            situations += 2
        writer.end()
    busy = holder(context, path)
    busy.say("commits 3")
    time.sleep(.2)
    report = look(context, path, "600ms")
    check(blamed(report) == set(), f"a writer that commits is blamed: {blamed(report)}")
    check(report["commits_per_second"] > 1, f"{report['commits_per_second']} commits a second")
    return f"{situations + 1} situations{'' if node else ', without better-sqlite3 (not built here)'}"


def pinned_wal(context):
    """WAL: the reader is named with the very bytes; when it ends the WAL begins anew."""
    path = make(context, "pin.db", "WAL")
    idle, writer = holder(context, path), holder(context, path, "sql PRAGMA wal_autocheckpoint=0")
    grow = "sql INSERT INTO t(b) VALUES(randomblob(20000))"
    writer.do(grow, grow)
    mark = application.wal_index(path)["frames"]
    reader = holder(context, path, "sql BEGIN", "sql SELECT count(*) FROM t")
    expect(context, path, [], [idle])  # it reads the newest state: nothing is pinned
    writer.do(*[grow] * 5)
    frames = application.wal_index(path)["frames"]
    report = expect(context, path, [("wal.pinned", reader.pid)], [idle, writer])
    figures = finding(report, "wal.pinned")["figures"]
    check(figures["pinned_bytes"] == (frames - mark) * 4120 and figures["snapshot_frame"] == mark,
          f"{figures}: {frames} frames, the mark is at {mark}")
    younger = holder(context, path, "sql BEGIN", "sql SELECT count(*) FROM t")
    writer.do(grow)
    report = expect(context, path, [("wal.pinned", reader.pid), ("wal.pinned", younger.pid)], [idle])
    pins = {p["pid"]: p["pinned_bytes"] for p in report["processes"]}
    check(pins[reader.pid] > pins[younger.pid] == (application.wal_index(path)["frames"] - frames) * 4120, f"{pins}")

    salt = application.wal_index(path)["salt"]
    writer.do("sql PRAGMA wal_checkpoint(PASSIVE)", grow)
    check(application.wal_index(path)["salt"] == salt, "the WAL began anew under its readers")
    reader.end()
    younger.end()
    writer.do("sql PRAGMA wal_checkpoint(PASSIVE)", grow)
    index = application.wal_index(path)
    check(index["salt"] != salt and index["frames"] < frames, f"the WAL did not begin anew: {index}")
    expect(context, path, [], [idle, writer])

    writer.do("sql PRAGMA wal_checkpoint(PASSIVE)")
    zero = holder(context, path, "sql BEGIN", "sql SELECT count(*) FROM t")  # all is copied back: it takes READ0
    writer.do(grow)
    report = expect(context, path, [("wal.pinned", zero.pid)], [idle, writer])
    index = application.wal_index(path)
    figures = finding(report, "wal.pinned")["figures"]
    check(figures["snapshot_frame"] == 0 and figures["pinned_bytes"] == (index["frames"] - index["backfilled"]) * 4120,
          f"READ0: {figures}, {index}")

    checkpointer = holder(context, path)
    checkpointer.say("sql PRAGMA wal_checkpoint(TRUNCATE)")
    report = expect(context, path, [("wal.pinned", zero.pid), ("checkpoint.stuck", checkpointer.pid),
                                    ("lock.reader-in-the-way", zero.pid)], [idle, writer])
    zero.end()
    checkpointer.answer()
    expect(context, path, [], [idle, writer, checkpointer])
    check(os.path.getsize(path + "-wal") == 0, "the checkpoint did not end")
    return f"5 situations, {pins[reader.pid]} bytes pinned"


def rollback_journals(context):
    """RESERVED, PENDING, EXCLUSIVE in each journal mode; readers in the way; locking_mode=EXCLUSIVE in both worlds."""
    situations = 0
    for mode in ("DELETE", "TRUNCATE", "PERSIST"):
        path = make(context, mode + ".db", mode)
        idle = holder(context, path, f"sql PRAGMA journal_mode={mode}")
        check(expect(context, path, [], [idle])["wal_mode"] is False, "a rollback journal is taken for a WAL")
        writer = holder(context, path, f"sql PRAGMA journal_mode={mode}", "sql BEGIN IMMEDIATE", "sql DELETE FROM t WHERE a<5")
        expect(context, path, [("lock.write-held", writer.pid)], [idle])
        reader = holder(context, path)
        reader.do("sql BEGIN", "sql SELECT count(*) FROM t")
        report = expect(context, path, [("lock.write-held", writer.pid)], [idle])
        check(role(report, reader.pid) == "reads", f"the reader {role(report, reader.pid)}")
        writer.say("sql COMMIT")
        expect(context, path, [("lock.pending", writer.pid), ("lock.reader-in-the-way", reader.pid)], [idle])
        reader.end()
        writer.answer()
        report = expect(context, path, [], [idle, writer])
        writer.do("sql BEGIN EXCLUSIVE")
        expect(context, path, [("lock.exclusive", writer.pid)], [idle])
        writer.end()
        situations += 5
    for mode in ("DELETE", "WAL"):
        path = make(context, f"exclusive-{mode}.db", mode)
        owner = Holder(context).do(f"open {path}", "sql PRAGMA locking_mode=EXCLUSIVE", "sql INSERT INTO t(b) VALUES(1)")
        report = expect(context, path, [("lock.exclusive", owner.pid)])
        check("locking_mode" in finding(report, "lock.exclusive")["meaning"], "says nothing about locking_mode")
        owner.end()
        situations += 1
    return f"{situations} situations"


def lost_and_stale(context):
    """Locks that a process dropped itself; files deleted or replaced under it; two copies of SQLite in one process."""
    for touched in ("", "-shm"):
        path = make(context, f"lost{touched}.db", "WAL")
        idle = holder(context, path)
        careless = holder(context, path, f"touch {path}{touched}")
        report = expect(context, path, [("lock.lost", careless.pid)], [idle])
        check(finding(report, "lock.lost")["severity"] == "critical", "not critical")
        careless.do(f"open {path}", "sql SELECT 1")  # it has locks again
        careless.end()
    path = make(context, "journal.db", "DELETE")
    careless = holder(context, path, "sql PRAGMA cache_size=2", "sql BEGIN IMMEDIATE", "sql UPDATE t SET b=randomblob(900)",
                      f"touch {path}")
    expect(context, path, [("lock.lost", careless.pid)])

    for replaced in (False, True):
        path = make(context, f"stale-{replaced}.db", "WAL")
        behind = holder(context, path, "sql INSERT INTO t(b) VALUES(1)")
        if replaced:
            os.rename(make(context, "other.db", "DELETE"), path)
        else:
            for suffix in ("", "-wal", "-shm"):
                os.unlink(path + suffix)
            make(context, os.path.basename(path), "DELETE")
        report = expect(context, path, [("file.stale", behind.pid)])
        check(path in next(p for p in report["processes"] if p["pid"] == behind.pid)["stale_files"], f"{report['processes']}")

    path = make(context, "two.db", "WAL")
    library = next(p["libraries"][0]["file"] for p in look_at_own_library(context, path))
    copy = context.path("libother.so")
    shutil.copy(library, copy)
    holder(context, path, f"load {copy}")
    report = look(context, path)
    check(finding(report, "sqlite.two-copies")["severity"] == "warning" and copy in finding(report, "sqlite.two-copies")["meaning"],
          f"{report['findings']}")
    return "6 situations"


def look_at_own_library(context, path):
    """The processes of a look while one holder has it open."""
    one = holder(context, path)
    found = look(context, path)["processes"]
    one.end()
    check(found and found[0]["libraries"], f"no library found: {found}")
    return found


def own_follower(context):
    """protect's still mark is right: never blamed, below its own limits, at rest and beside a writer."""
    path = make(context, "app.db", "WAL")
    idle = holder(context, path)
    protect = context.protect(path)
    report = expect(context, path, [], [idle])
    ours = [p for p in report["processes"] if p["own_follower"]]
    check(ours and all(p["role"] == "follows" for p in ours), f"{[(p['command'], p['role']) for p in report['processes']]}")
    writer = holder(context, path)
    writer.do("commits 0.3")
    report = expect(context, path, [], [idle, writer])
    check(report["wal"]["pinned_bytes"] > 0, "nothing stood behind the mark: the test proves nothing")
    protect.stop()
    # One that looks on, as a flight recorder does, has the files open without SQLite's locks.
    watch = context.start([context.litewright, "locks", path, "--watch", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    watch.stdout.readline()
    expect(context, path, [], [idle, writer])
    check(watch.poll() is None, "locks --watch ended")
    watch.kill()
    watch.wait()
    return f"3 situations, {report['wal']['pinned_bytes']} bytes behind the mark"


def other_namespaces(context):
    """A holder in a pid namespace is named from outside, and is 'outside this container' from within another one."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare")
    inside = ["unshare", "-p", "-f", "--mount-proc"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        raise Skip("no pid namespaces here")
    path = make(context, "app.db", "WAL")
    contained = holder(context, path, "sql BEGIN IMMEDIATE", prefix=inside)
    child = int(pathlib.Path(f"/proc/{contained.pid}/task/{contained.pid}/children").read_text().split()[0])
    try:
        report = expect(context, path, [("lock.write-held", child)])
        process = next(p for p in report["processes"] if p["pid"] == child)
        check(process["inner_pid"] == 1 and "own namespace pid 1" in finding(report, "lock.write-held")["meaning"], f"{process}")
        report = expect(context, path, [("lock.write-held", 0)], prefix=inside)
        check(finding(report, "lock.write-held")["object"] == "outside this container", f"{report['findings']}")
    finally:
        os.kill(child, signal.SIGKILL)
    rollback = make(context, "rollback.db", "DELETE")
    writer = holder(context, rollback, "sql BEGIN IMMEDIATE")
    expect(context, rollback, [("lock.write-held", writer.pid)])
    expect(context, rollback, [("lock.write-held", 0)], prefix=inside)
    return "4 situations"


def overlay(context):
    """Overlayfs across devices, where /proc/locks names another device than stat (FACTS 5)."""
    if os.geteuid() != 0:
        raise Skip("needs root to mount")
    lower, merged, upper = (context.path(name) for name in ("lower", "merged", "upper"))
    for folder in (lower, merged, upper):
        os.mkdir(folder)
    make(context, "lower/app.db", "WAL")
    mounts = []
    try:
        for target, words in ((upper, ["-t", "tmpfs", "tmpfs"]), (merged, ["-t", "overlay", "overlay", "-o",
                              f"lowerdir={lower},upperdir={upper}/u,workdir={upper}/w"])):
            if subprocess.run(["mount", *words, target], capture_output=True).returncode != 0:
                raise Skip("can't mount an overlay here")
            mounts.append(target)
            if target == upper:
                os.mkdir(upper + "/u")
                os.mkdir(upper + "/w")
        path = merged + "/app.db"
        idle = holder(context, path)
        writer = holder(context, path, "sql BEGIN IMMEDIATE", "sql INSERT INTO t(b) VALUES(1)")
        expect(context, path, [("lock.write-held", writer.pid)], [idle])
        for process in (idle, writer):
            process.end()
    finally:
        context.end_processes()
        for target in reversed(mounts):
            subprocess.run(["umount", "-l", target])
    return "1 situation"


def takes_no_lock(context):
    """Neither a look nor --watch sets a lock; --watch prints one object a line and ends by its count."""
    path = make(context, "app.db", "WAL")
    idle = holder(context, path)
    lines = context.command("locks", path, "--watch", "--json", "--interval", "100ms", "--count", "3").stdout.splitlines()
    check(len(lines) == 3 and all('"litewright/locks/1"' in line for line in lines), f"{lines}")
    usage = context.command("locks", path, "--count", "3", status=64)
    check("--watch" in usage.stderr, usage.stderr)
    context.command("locks", context.path("missing.db"), status=66)
    if not shutil.which("strace"):
        raise Skip("strace is missing")
    trace = context.path("trace")
    context.run(["strace", "-f", "-o", trace, context.litewright, "locks", path, "--look-for", LOOK])
    calls = pathlib.Path(trace).read_text()
    check("F_GETLK" in calls, "strace saw nothing: the test proves nothing")
    for forbidden in ("F_SETLK", "F_OFD_SETLK", "flock(", "O_RDWR"):
        check(forbidden not in "".join(line for line in calls.splitlines(True) if path in line or "fcntl" in line or "flock" in line),
              f"locks called {forbidden}")
    expect(context, path, [], [idle])
    return f"{calls.count('F_GETLK')} F_GETLK"


TESTS = [
    Test("the holder of the write lock is named, in three languages, and idle connections never", write_locks, 10),
    Test("the reader that pins the WAL is named with its bytes, and its end sets the WAL free", pinned_wal, 8),
    Test("every lock of a rollback journal is told with who is in its way", rollback_journals, 8),
    Test("lost locks and stale files are critical", lost_and_stale, 6),
    Test("our own protect is never blamed", own_follower, 6),
    Test("holders in other namespaces are named or told as outside", other_namespaces, 4),
    Test("locks on an overlay are found", overlay, 3),
    Test("locks takes no lock itself", takes_no_lock, 4),
]
