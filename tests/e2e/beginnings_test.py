"""Databases at their beginnings and edges: the first commit, none yet, no WAL yet, a schema we can't parse, opened and closed."""
import os
import pathlib
import sqlite3
import time

import application_database as application
import history
from followed_load import ack, both_are_right, leave, new_database, protect
from program import Failed, Test, check


def unknown_schema(context):
    """A view that a newer SQLite wrote: ours can't parse the schema, and need not (FACTS 32)."""
    path = new_database(context)
    connection = history.connect(path)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('view','v','v',0,"
                       "'CREATE VIEW v AS SELECT a ?->? b FROM load QUALIFY nothing')")
    connection.close()
    connection = history.connect(path)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        raise Failed("this SQLite parses the schema: the attack proves nothing")
    except sqlite3.DatabaseError as error:
        check("malformed" in str(error), f"another error than the one meant: {error}")
    connection.close()
    connection = history.connect(path)
    connection.execute("PRAGMA writable_schema=ON")  # reads what it can, as the newer SQLite would
    before = history.counter(connection)
    following = context.protect(path)
    for _ in range(300):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO load(writer, seq, body) VALUES(9, 1, randomblob(900))")
        connection.execute("UPDATE litewright_test_counter SET n=n+1")
        connection.execute("COMMIT")
    newest = context.sync(path)
    check(newest == following.following["txid"] + 300, f"300 commits, and the archive went from {following.following['txid']} to {newest}")
    application.newest_equals(context, path, forgiving=True)
    context.verify_is_clean(path)
    check(history.counter(connection) == before + 300, "the counter is not what was committed")
    connection.close()
    following.stop()


def first_commit_ever(context):
    path = context.path("app.db")
    connection = history.connect(path, journal_mode="WAL")
    connection.close()
    size = os.path.getsize(path)
    protected = context.protect(path)
    first = protected.following["txid"]
    connection = history.connect(path)
    connection.execute("CREATE TABLE t(a)")
    connection.execute("INSERT INTO t VALUES(1)")
    check(context.sync(path) == first + 2, "two commits were made")
    connection.close()
    for txid, tables in ((first, 0), (first + 1, 1), (first + 2, 1)):
        out = context.restore(path, context.path(f"{txid}.db"), "--tx", txid)
        got = application.value(out, "SELECT count(*) FROM sqlite_schema")
        check(got == tables, f"tx {txid} has {got} tables, not {tables}")
    check(application.value(context.path(f"{first + 2}.db"), "SELECT a FROM t") == 1, "the row is missing")
    leave(protected, path)
    return f"began at {size} bytes"


def empty_file(context):
    """Holds no database yet: says so at once, says what to do, and touches nothing."""
    path = context.path("app.db")
    pathlib.Path(path).touch()
    answer = context.command("protect", path, "--json", status=None, timeout=15)
    check(answer.status == 64, f"exit {answer.status}: {answer.stderr}")
    check("hint:" in answer.stderr and "journal_mode" in answer.stderr, f"says not what to do: {answer.stderr!r}")
    check(os.path.getsize(path) == 0, "the file was changed")
    check(set(os.listdir(context.folder)) <= {"app.db", "state"}, f"left {os.listdir(context.folder)}")


def closes_and_opens_again(context):
    path = new_database(context)
    protected, first = protect(context, path)
    for _ in range(20):
        check(context.run([context.tool("commit_load"), path, 10, "--commits", context.random.randint(1, 60),
                           "--ack", ack(context, 1)]).status == 0, "commit_load failed")
        if context.random.random() < .5:
            time.sleep(context.random.random() * .2)
    count = both_are_right(context, path, first)
    leave(protected, path)
    check(not os.path.exists(path + "-wal"), "the WAL is still there after all closed the database")
    return f"{count} commits"


def another_database(context):
    """An archive is one database's: another one's commits do not get in. The same file moved goes on in it."""
    first, second, moved, archive = (context.path(name) for name in ("a.db", "b.db", "moved.db", "arch"))
    for path in (first, second):
        connection = history.connect(path, journal_mode="WAL")
        connection.execute("CREATE TABLE t AS SELECT ?1 AS name", (os.path.basename(path),))
        connection.close()

    def refused(*words):
        answer = context.command(*words, "--archive", archive, status=64)
        check(first in answer.stderr and second in answer.stderr and "hint:" in answer.stderr, f"{words}: {answer.stderr!r}")

    def commits():
        return context.command("log", first, "--archive", archive, "--all", "--json").json["commits"]

    context.command("backup", first, "--archive", archive)
    before = commits()
    refused("backup", second)
    refused("protect", second)
    protected = context.protect(first, "--archive", archive)
    for command in ("backup", "sync", "protect"):
        refused(command, second)
    protected.stop()
    check(commits() == before, "the archive was changed")
    # What reads it, or puts it where it was told to, needs no such file.
    context.command("log", second, "--archive", archive)
    context.command("verify", second, "--archive", archive)
    out = context.path("out.db")
    context.command("restore", second, "--archive", archive, "-o", out)
    check(application.value(out, "SELECT name FROM t") == "a.db", "another database was restored")
    os.rename(first, moved)
    context.command("backup", moved, "--archive", archive)
    context.command("backup", moved, "--archive", archive)


TESTS = [
    Test("a schema that this SQLite can't parse is followed", unknown_schema, 6),
    Test("the first commit ever is the second restore point", first_commit_ever, 5),
    Test("another database's archive is refused, a moved one's is not", another_database, 5),
    Test("an empty file is refused with what to do", empty_file, 3),
    Test("the application closes its last connection and opens again", closes_and_opens_again, 10),
]
