"""`maintain checkpoint`, `analyze`, `optimize`, `vacuum`: what they do, what they refuse, who they say is in the way."""
import os
import sqlite3
import subprocess

import application_database as database
from program import Skip, Test, check

MODES = ("passive", "full", "restart", "truncate")


def rows(path, query):
    connection = sqlite3.connect(path, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def run_sql(path, script):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(script)
    connection.close()


class Application:
    """A process that has the database open, commits and reads as it is told (FACTS 7: never this one)."""

    def __init__(self, context, path):
        self.process = context.start(context.script("lock_holder.py"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.do("open", path)

    def do(self, verb, rest):
        self.process.stdin.write(f"{verb} {rest}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        check(answer == "ok", f"{verb} {rest}: {answer}")

    def sql(self, statement):
        self.do("sql", statement)


def application(context, name="app.db"):
    path = context.path(name)
    run_sql(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    one = Application(context, path)
    one.sql("PRAGMA wal_autocheckpoint=0")
    return path, one


def each_mode(context):
    path, app = application(context)
    for mode in MODES:
        for _ in range(20):
            app.sql("INSERT INTO t(b) VALUES(randomblob(3000))")
        report = context.command("maintain", path, "checkpoint", "--mode", mode, "--json").json
        check(report["complete"] and report["by"] == "maintain", f"{mode}: {report}")
        check(report["before"]["frames"] > 20 and report["copied"] >= 20, f"{mode}: {report}")
        check(report["after"]["backfilled"] == report["after"]["frames"], f"{mode}: {report}")
        check(report["in_the_way"] == [], f"{mode}: {report}")
        app.sql("INSERT INTO t(b) VALUES(1)")
        if mode in ("restart", "truncate"):
            check(os.path.getsize(path + "-wal") < 20_000 or mode == "restart", "the file was not cut")
            anew = context.command("maintain", path, "checkpoint", "--json").json["before"]["frames"]
            check(anew < 10, f"{mode}: the WAL was not begun anew: {anew} frames")
    check(rows(path, "SELECT count(*) FROM t") == [(84,)] and rows(path, "PRAGMA integrity_check") == [("ok",)], "not as it was")
    run_sql(context.path("plain.db"), "CREATE TABLE t(x)")
    answer = context.command("maintain", context.path("plain.db"), "checkpoint", "--mode", "full")
    check("no WAL" in answer.stdout, answer.stdout)


def who_is_in_the_way(context):
    path, app = application(context)
    reader = Application(context, path)
    reader.sql("BEGIN")
    reader.sql("SELECT count(*) FROM t")
    app.sql("INSERT INTO t(b) VALUES(randomblob(200000))")
    answer = context.command("maintain", path, "checkpoint", "--mode", "truncate", "--wait", "300ms", "--json", status=75)
    pids = [finding["figures"]["pid"] for finding in answer.json["in_the_way"]]
    check(pids == [reader.process.pid], f"{answer.json['in_the_way']}, the reader is {reader.process.pid}")
    check("not all was copied back" in answer.stderr and str(reader.process.pid) in answer.stderr, answer.stderr)
    passive = context.command("maintain", path, "checkpoint", "--json").json
    check(not passive["complete"] and len(passive["in_the_way"]) == 1, f"{passive}")
    reader.sql("COMMIT")
    reader.sql("BEGIN IMMEDIATE")
    answer = context.command("maintain", path, "checkpoint", "--mode", "full", "--wait", "300ms", status=75)
    check("holds the write lock" in answer.stderr and str(reader.process.pid) in answer.stderr, answer.stderr)
    for words in (["analyze"], ["vacuum", "--auto-vacuum", "incremental"]):
        answer = context.command("maintain", path, *words, "--wait", "300ms", status=75)
        check(f"pid {reader.process.pid}" in answer.stderr and "holds the write lock" in answer.stderr, f"{words}: {answer.stderr}")
    reader.sql("COMMIT")
    context.command("maintain", path, "checkpoint", "--mode", "truncate")


def beside_protect(context):
    """Protect has its pins in the WAL: it does the steps, and goes on archiving every commit."""
    path, app = application(context)
    app.sql("INSERT INTO t(b) VALUES(1)")
    protected = context.protect(path)
    for mode in MODES:
        for _ in range(10):
            app.sql("INSERT INTO t(b) VALUES(randomblob(3000))")
        report = context.command("maintain", path, "checkpoint", "--mode", mode, "--json").json
        check(report["by"] == "protect" and report["complete"], f"{mode}: {report}")
        check(mode != "truncate" or report["after"]["bytes"] == 0, f"{report}")
        again = context.command("maintain", path, "checkpoint", "--mode", mode, "--json").json
        check(again["complete"], f"{mode} again: {again}")
    app.sql("INSERT INTO t(b) VALUES(2)")
    context.sync(path)
    out = context.restore(path, context.path("out.db"))
    check(rows(out, "SELECT count(*), sum(length(b)) FROM t") == rows(path, "SELECT count(*), sum(length(b)) FROM t"), "archived otherwise")
    reader = Application(context, path)
    reader.sql("BEGIN")
    reader.sql("SELECT count(*) FROM t")
    app.sql("INSERT INTO t(b) VALUES(randomblob(200000))")
    answer = context.command("maintain", path, "checkpoint", "--mode", "truncate", "--wait", "500ms", "--json", status=75)
    pids = [finding["figures"]["pid"] for finding in answer.json["in_the_way"]]
    check(pids == [reader.process.pid], f"{answer.json['in_the_way']}, the reader is {reader.process.pid}")
    protected.stop()
    compared = context.path("compared.db")
    rows(compared, "CREATE TABLE t(a)")
    protected = context.protect(compared)
    report = context.command("maintain", compared, "checkpoint", "--wait", "1h", "--json").json
    check(report["complete"] and not report["has_wal"], f"{report}")
    protected.stop()


def under_load(context):
    """Checkpoints of each kind again and again beside two writers: nothing is lost, and writers hardly wait."""
    path = context.path("load.db")
    for writer in (1, 2):
        check(context.run([context.tool("commit_load"), path, 0.05, "--writer", writer]).status == 0, "commit_load failed")
    seconds = 60 if context.long else 4
    writers = [context.start([context.tool("commit_load"), path, seconds, "--writer", writer, "--ack", f"{path}.ack.{writer}",
                              "--autocheckpoint", 100000], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for writer in (1, 2)]
    done, longest = dict.fromkeys(MODES, 0), 0.0
    while all(writer.poll() is None for writer in writers):
        mode = context.random.choice(MODES)
        report = context.command("maintain", path, "checkpoint", "--mode", mode, "--json", "--wait", "2s", status=None).json
        done[mode] += report["complete"]
        longest = max(longest, report["longest_writers_out_seconds"])
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        check(writer.returncode == 0, f"a writer failed: {errors.strip()[:200]}")
    database.is_sound(path)
    commits = database.has_all_acknowledged(path, [f"{path}.ack.{writer}" for writer in (1, 2)])
    check(sum(done.values()) > 0, f"none was complete: {done}")
    return f"{commits} commits, complete: {done}, writers out {longest * 1000:.0f} ms at most"


GROWN = """
CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); CREATE INDEX tb ON t(b); CREATE TABLE u(x); CREATE INDEX ux ON u(x); INSERT INTO u VALUES(1);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<8000) INSERT INTO t SELECT n, n%10, zeroblob(400) FROM i;
"""


def statistics(context):
    path = context.path("app.db")
    run_sql(path, "PRAGMA journal_mode=WAL;" + GROWN)
    one = context.command("maintain", path, "analyze", "t", "--limit", "0", "--json").json
    check(one["changes"] == [{"table": "t", "index": "tb", "before": "", "after": "8000 800"}], f"{one}")
    rest = context.command("maintain", path, "optimize", "--json").json
    check([change["table"] for change in rest["changes"]] == ["u"], f"{rest}")
    check("0 statistics changed" in context.command("maintain", path, "optimize").stdout, "it finds more")
    every = context.command("maintain", path, "analyze").stdout
    check("2 tables looked at" in every, every)
    check("no table nowhere" in context.command("maintain", path, "analyze", "nowhere", status=64).stderr, "what it says")


def vacuum(context):
    path = context.path("app.db")
    run_sql(path, "PRAGMA journal_mode=WAL;" + GROWN + "DELETE FROM t WHERE a<=800;")
    little = context.command("maintain", path, "vacuum", "--json").json
    check(little["way"] == "nothing" and "not more than 25.0 %" in little["why"], f"{little}")
    run_sql(path, "DELETE FROM t WHERE a<=5000")
    size = os.path.getsize(path)
    dry = context.command("maintain", path, "vacuum", "--dry-run").stdout
    check("VACUUM: writers wait for about" in dry and os.path.getsize(path) == size, dry)
    report = context.command("maintain", path, "vacuum", "--json").json
    check(report["way"] == "vacuum" and report["after"]["free_pages"] == 0, f"{report}")
    check(report["predicted_writers_out_seconds"] > 0 and report["writers_out_seconds"] > 0, f"{report}")
    check(os.path.getsize(path) == report["after"]["bytes"] < size / 2, f"the file has {os.path.getsize(path)} bytes: {report}")
    context.command("maintain", path, "vacuum", "--auto-vacuum", "incremental")
    run_sql(path, "DELETE FROM t WHERE a<=7500")
    steps = context.command("maintain", path, "vacuum", "--json").json
    check(steps["way"] == "incremental" and steps["after"]["free_pages"] == 0, f"{steps}")
    check(rows(path, "SELECT count(*) FROM t") == [(500,)] and rows(path, "PRAGMA integrity_check") == [("ok",)], "not sound")
    busy = Application(context, path)
    busy.process.stdin.write("commits 6\n")
    busy.process.stdin.flush()
    answer = context.command("maintain", path, "vacuum", "--auto-vacuum", "none", status=75)
    check("commits a second" in answer.stderr and "--force" in answer.stderr, answer.stderr)


def vacuum_without_room(context):
    mount = context.path("small")
    os.mkdir(mount)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", mount], capture_output=True).returncode != 0:
        raise Skip("can't mount here")
    try:
        path = mount + "/app.db"
        run_sql(path, GROWN + "DELETE FROM t WHERE a<=2500;")
        with open(mount + "/ballast", "wb") as ballast:
            free = os.statvfs(mount)
            ballast.write(b"x" * max(0, free.f_bavail * free.f_frsize - 2_000_000))
        answer = context.command("maintain", path, "vacuum", status=74)
        check("VACUUM needs" in answer.stderr and "free" in answer.stderr, answer.stderr)
        check(rows(path, "SELECT count(*) FROM t") == [(5500,)], "rows")
    finally:
        subprocess.run(["umount", mount])


TESTS = [
    Test("maintain checkpoint: each mode does what its name says", each_mode, 4),
    Test("maintain names who is in the way, and waits within bounds", who_is_in_the_way, 6),
    Test("maintain checkpoint beside protect: protect does it, and archives on", beside_protect, 6),
    Test("maintain checkpoint again and again under load loses nothing", under_load, 8, 90),
    Test("maintain analyze and optimize say what they changed", statistics, 2),
    Test("maintain vacuum: only where it is worth it, in steps where it can", vacuum, 8),
    Test("maintain vacuum is refused without the room on disk", vacuum_without_room, 3),
]
