"""Restore in place: at every instant the old state or the new one is whole, on any file system, from any archive."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import application_database as application
import history
from program import Skip, Test, check

MOST_STEPS = 60  # changes of a folder in one restore

# The newest commit is in the -wal alone.
DIES_WITH_WAL = """
import os, signal, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('UPDATE litewright_test_counter SET n=4711')
os.kill(os.getpid(), signal.SIGKILL)
"""
# Left WAL mode, committed, and died in mid-transaction: a hot -journal beside half-changed pages.
DIES_WITH_JOURNAL = """
import os, signal, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('PRAGMA journal_mode=DELETE').fetchall()
c.execute('UPDATE litewright_test_counter SET n=4711')
c.execute('PRAGMA cache_size=2')
c.execute('BEGIN IMMEDIATE')
c.execute('UPDATE litewright_test_counter SET n=1')
c.execute('UPDATE t0 SET b=randomblob(300)')
for _ in range(200): c.execute('INSERT INTO t0(a, b) VALUES(1, randomblob(900))')
os.kill(os.getpid(), signal.SIGKILL)
"""


def grow(path, rows):
    connection = history.connect(path)
    for _ in range(rows):
        connection.execute("INSERT INTO t0(a, b) VALUES(1, randomblob(300))")
    connection.close()


def archived(context):
    """A small database with an archive, and rows that came after; nobody follows it any more. Gives its path and its
    first commit."""
    path = context.path("app.db")
    history.create(path)
    grow(path, 40)
    context.command("backup", path)
    grow(path, 3)
    return path, context.log(path)[0]["txid"]


def database_files(path):
    return [path + suffix for suffix in ("", "-wal", "-shm", "-journal") if os.path.exists(path + suffix)]


def killed_at_every_step(script, companion, environment):
    def run(context):
        path, first = archived(context)
        want = application.content(context.restore(path, context.path("want.db"), "--tx", first))
        context.run([sys.executable, "-c", script, path])
        check(os.path.getsize(path + companion) > 0, f"no {companion} was left: the test proves nothing")
        crashed = pathlib.Path(context.path("crashed"))
        crashed.mkdir()
        for name in database_files(path):
            shutil.copy2(name, crashed)
        shutil.copytree(crashed, context.path("opened"))
        old = application.content(context.path("opened/app.db"))  # recovered, as its application would find it
        check(old != want and application.value(context.path("opened/app.db"), "SELECT n FROM litewright_test_counter") == 4711,
              "the two states are not told apart")
        faults = context.environment | environment | {"LD_PRELOAD": context.tool("directory_faults.so")}
        found = []
        for step in range(1, MOST_STEPS + 1):
            for name in pathlib.Path(context.folder).glob("app.db*"):
                if name.is_file():
                    name.unlink()
            for name in crashed.iterdir():
                shutil.copy2(name, context.folder)
            answer = context.run([context.litewright, "restore", path, "--tx", first],
                                 env=faults | {"LITEWRIGHT_DIE_AT": str(step)})
            kept = sorted(pathlib.Path(context.folder).glob("app.db.before-restore-*"))
            state = application.content(path)
            check(state in (old, want), f"killed at step {step}: neither the old state nor the new one; "
                                        f"beside it {[p.name for p in kept]}")
            application.is_sound(path)
            found.append("new" if state == want else "old")
            if answer.status == 0:
                break
            check(answer.status == -9, f"exit {answer.status}: {answer.stderr}")
        check(answer.status == 0 and found[-1] == "new", f"never done: {answer.stderr}")
        check(found == sorted(found, reverse=True), f"back and forth: {found}")
        kept_database = next(str(p) for p in kept if not p.name.endswith(("-wal", "-shm", "-journal")))
        check(application.content(kept_database) == old, "what was kept aside is not the old state")
        return f"{len(found)} steps, new from the {found.index('new') + 1}th on"

    return run


def read_only_archive(context):
    """A disk with the archive, mounted read-only: nobody can own it there, and nothing has to be written to it."""
    if os.geteuid() != 0:
        raise Skip("needs root to mount")
    path, first = archived(context)
    mount = context.path("mount")
    os.mkdir(mount)
    for options in (["--bind", path + "-archive", mount], ["-o", "remount,bind,ro", mount]):
        if subprocess.run(["mount", *options], capture_output=True).returncode != 0:
            raise Skip("can't mount here")
    try:
        want = application.content(context.restore(path, context.path("want.db"), "--tx", first, "--archive", mount))
        connection = history.connect(path)
        connection.execute("UPDATE litewright_test_counter SET n=4711")
        connection.close()
        context.command("restore", path, "--tx", first, "--archive", mount)
        check(application.content(path) == want, "not what was asked for")
    finally:
        subprocess.run(["umount", mount])


def only_the_application_can_check(context):
    """Collations and functions that only the application has are no fault of what was restored."""
    database = context.path("app.db")

    def open_as_application():
        connection = sqlite3.connect(database)
        connection.create_collation("mine", lambda a, b: (a < b) - (a > b))
        connection.create_function("fits", 1, lambda value: 1, deterministic=True)
        return connection
    for schema, told in (("CREATE TABLE t(a TEXT COLLATE mine PRIMARY KEY) WITHOUT ROWID", "no such collation sequence"),
                         ("CREATE TABLE u(a CHECK(fits(a)))", "unknown function")):
        connection = open_as_application()
        connection.executescript(f"{schema}; INSERT INTO {schema.split('(')[0].split()[-1]} VALUES('x'), ('y');")
        connection.close()
        context.command("backup", database)
        answer = context.command("restore", database, "--json").json
        check("quick_check" in answer or told in answer["not_checked"], f"{schema}: {answer}")
        context.command("verify", database, "--drill")
        connection = open_as_application()
        check(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "not sound to the application")
        connection.close()


TESTS = [
    Test("restore in place killed at any step leaves one whole state, with a -wal",
         killed_at_every_step(DIES_WITH_WAL, "-wal", {}), 15),
    Test("restore in place killed at any step leaves one whole state, with a hot -journal",
         killed_at_every_step(DIES_WITH_JOURNAL, "-journal", {}), 15),
    Test("restore in place killed at any step leaves one whole state, without hard links",
         killed_at_every_step(DIES_WITH_WAL, "-wal", {"LITEWRIGHT_NO_LINKS": "1"}), 15),
    Test("restore in place from a read-only archive", read_only_archive, 4),
    Test("what only the application can check is restored all the same", only_the_application_can_check, 10),
]
