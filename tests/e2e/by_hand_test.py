"""A followed database is replaced by hand, as people do: cp, mv, rm. The application has what it wrote after it, and so has
the archive; nothing of the old WAL is laid over the new file, and nothing of the new one is deleted."""
import os
import shutil
import sqlite3
import subprocess
import sys
import time

import application_database as application
from application_database import newest_equals
from program import COMMAND_SECONDS, Protect, Test, check

ROWS, AFTER = 200, 10


def opened(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def made(context, rows=ROWS):
    """A database of some pages, and the copy that somebody made of it."""
    path = context.path("app.db")
    connection = opened(path)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
    connection.execute("CREATE TABLE new(id INTEGER PRIMARY KEY, x)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO t(x) VALUES(?)", (("good" + "g" * 900,) for _ in range(rows)))
    connection.execute("COMMIT")
    connection.close()
    shutil.copy(path, context.path("backup.db"))
    return path


def over(context, path):
    shutil.copy(context.path("backup.db"), path)


def renamed_over(context, path):
    shutil.copy(context.path("backup.db"), path + ".new")
    os.rename(path + ".new", path)


def without_wal(_, path):
    for name in ("-wal", "-shm"):
        if os.path.exists(path + name):
            os.unlink(path + name)


def over_without_wal(context, path):
    over(context, path)
    without_wal(context, path)


def wait_until_nothing_is_left(path):
    """As when its last connection is closed without us: a WAL would be laid over whatever file comes."""
    end = time.monotonic() + COMMAND_SECONDS
    while os.path.getsize(path + "-wal") > 0:
        check(time.monotonic() < end, "the WAL of an application that is gone is not empty")
        time.sleep(.005)


def replaced(how, after_seconds, undone=True):
    """The application changes some rows and stops; `how` happens; it starts and writes on."""
    def run(context):
        path = made(context)
        protected = Protect(context, path)
        connection = opened(path)
        connection.execute(f"UPDATE t SET x='bad' || x WHERE id % {ROWS // 10}=0")
        context.sync(path)
        connection.close()
        wait_until_nothing_is_left(path)
        time.sleep(after_seconds)
        how(context, path)
        connection = opened(path)
        for _ in range(AFTER):
            connection.execute("INSERT INTO new(x) VALUES('n')")
        bad, new = connection.execute("SELECT (SELECT count(*) FROM t WHERE x LIKE 'bad%'), (SELECT count(*) FROM new)").fetchone()
        check((bad == 0) == undone and new == AFTER, f"the application sees {bad} old changes and {new} new rows")
        context.sync(path)
        newest_equals(context, path)
        connection.close()
        protected.stop(status=None)
        application.is_sound(path)
        connection = opened(path)
        check(connection.execute("SELECT count(*) FROM new").fetchone() == (AFTER,), "what was written is gone when protect has left")
        connection.close()
        newest_equals(context, path)
        context.verify_is_clean(path)

    return run


# Leaves its WAL behind, of which the changed rows are no part any more.
KILLED = """
import os, signal, sqlite3, subprocess, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
connection.execute("UPDATE t SET x='bad' || x WHERE id % 2000=0")
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
connection.execute("INSERT INTO new(x) VALUES('before')")
print("written", flush=True)
sys.stdin.read()
"""


def renamed_over_while_all_are_dead(context):
    """mv over it beside the WAL of an application that was killed with protect: that the WAL goes on says nothing of the file."""
    path = made(context, 20_000)
    protected = Protect(context, path)
    application_killed = context.start([sys.executable, "-c", KILLED, path, context.litewright, "maintain", path, "checkpoint", "--mode", "full"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(application_killed.stdout.readline().strip() in ("written", b"written"), "the application did not come to write")
    context.sync(path)
    protected.kill_all()
    application_killed.kill()
    application_killed.wait()
    check(os.path.getsize(path + "-wal") > 0, "no WAL was left: the test proves nothing")
    renamed_over(context, path)
    protected = Protect(context, path)
    connection = opened(path)
    connection.execute("INSERT INTO new(x) VALUES('n')")
    check(connection.execute("SELECT count(*) FROM t WHERE x LIKE 'bad%'").fetchone() == (0,), "the copy has the changes: the test proves nothing")
    context.sync(path)
    newest_equals(context, path)
    connection.close()
    protected.stop(status=None)


def restarted_before_the_first_look(context):
    """What the WAL holds of the time in which nobody followed is gone with the first commit that begins it anew, for nobody
    needs it any more to read: it is captured before that, or the whole is compared."""
    path = context.path("app.db")
    connection = opened(path)
    connection.executescript("PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
    connection.execute("INSERT INTO t(x) VALUES('first')")
    compared = 0
    for frames in (20, 20, 2500, 2500, 2500):
        protected = Protect(context, path)
        connection.execute("INSERT INTO t(x) VALUES('followed')")
        context.sync(path)
        protected.kill_all()
        for _ in range(20):
            connection.execute("INSERT INTO t(x) VALUES('alone')")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t(x) VALUES(?)", (("z" * 3900,) for _ in range(frames)))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        protected = Protect(context, path, follow=False)
        end = time.monotonic() + COMMAND_SECONDS
        while not application.lock_holders(path, application.READ0, application.READ0):
            check(time.monotonic() < end, "nobody came to READ(0)")
        connection.execute("INSERT INTO t(x) VALUES('at once')")
        compared += bool(protected.wait_event("following")["reconciled"])
        context.sync(path)
        newest_equals(context, path)
        protected.kill_all()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # each round begins with a short WAL
    connection.close()
    context.verify_is_clean(path)
    return f"{compared} of 5 compared"



AT_REST = 4  # seconds

TESTS = [
    Test("cp over it, rm of its -wal and -shm, protect at rest", replaced(over_without_wal, AT_REST), 9),
    Test("cp over it, rm of its -wal and -shm right after the last commit", replaced(over_without_wal, 0), 5),
    Test("rm of its -wal and -shm alone", replaced(without_wal, AT_REST, undone=False), 9),
    Test("cp over it", replaced(over, AT_REST), 9),
    Test("mv over it, with the old -wal beside it", replaced(renamed_over, 0), 7),
    Test("mv over it while protect and the application are dead", renamed_over_while_all_are_dead, 6),
    Test("the WAL begins anew before it is looked at", restarted_before_the_first_look, 15),
]
