"""Databases that have no WAL are followed by comparison: each journal mode, busy writers, a journal that a crash left, and
the way from one mode to another."""
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

import application_database as application
import history
from archived_states import new_database, commit, run_sql, digest, History, segments, snapshots, archived, comes_back, goes_on, wait_for
from program import Test, check


def rollback_mode(mode):
    """Followed by comparison, on each change: `sync` after each commit makes each a point."""
    def run(context):
        path = new_database(context, rows=1000, mode=mode)
        connection = history.connect(path, journal_mode=mode)
        protected = context.protect(path)
        told = History(context, path)
        first = told.note()
        for number in range(5):
            commit(connection)
            check(context.sync(path) == first + number + 1, f"sync after commit {number + 1}")
            told.note()
        log = context.log(path)
        check(not any(c["reconciled"] for c in log[1:]), f"one commit between two comparisons is no gap: {log}")
        # By itself, without being asked.
        commit(connection)
        wait_for(context, path, lambda log: log[-1]["txid"] == first + 6, "a commit was not archived")
        told.note()
        commit(connection, 5)
        context.sync(path)
        newest = context.log(path)[-1]
        told.note()
        connection.execute("DELETE FROM t0 WHERE id%2=0")
        connection.execute("VACUUM")
        context.sync(path)
        told.note()
        connection.close()
        sizes = segments(path)
        check(len(snapshots(path)) == 1, f"more than one snapshot: {sizes}")
        protected.stop()
        told.is_given_back()
        # And back again: unchanged, then changed.
        protected = comes_back(context, told, commits=0)
        protected.stop()
        commit(path, 3)
        protected = comes_back(context, told, commits=1, gaps=1)
        protected.stop()
        told.is_given_back()
        return f"five commits at once: tx {first + 6} to {newest['txid']}"

    return run


def rollback_beside_a_busy_writer(context):
    """Comparisons and a writer at full rate: nobody fails, the states archived are states that were committed."""
    path = new_database(context, rows=3000, mode="DELETE")
    protected = context.protect(path)
    program = ("import sys,time;sys.path.insert(0,sys.argv[2]);import archived_states,history\n"
               "c=history.connect(sys.argv[1],synchronous='OFF',cache_size=10)\nend=time.monotonic()+float(sys.argv[3])\nn=0\n"
               "while time.monotonic()<end:\n  archived_states.commit(c);n+=1\nprint(n)")
    harness = pathlib.Path(__file__).parent.parent / "harness"
    writer = context.start([sys.executable, "-c", program, path, harness, 20 if context.long else 4],
                           stdout=subprocess.PIPE)
    commits = int(writer.communicate(timeout=120)[0])
    check(writer.returncode == 0, "the writer failed")
    context.sync(path)
    check(application.value(path, "SELECT n FROM litewright_test_counter") == commits, "commits are missing in the database")
    log = context.log(path)
    counters = []
    for point in log if len(log) < 8 else context.random.sample(log, 8):
        out = context.restore(path, context.path(f"{point['txid']}.db"), "--tx", point["txid"])
        application.is_sound(out)
        counters.append((point["txid"], application.value(out, "SELECT n FROM litewright_test_counter")))
    check([c for _, c in sorted(counters)] == sorted(c for _, c in counters), f"counters run backwards: {counters}")
    application.newest_equals(context, path)
    protected.stop()
    context.verify_is_clean(path)
    return f"{commits} commits, {len(log)} points"


# A transaction that has overflowed its cache into the file when the process is killed: a hot journal stays behind.
HOT = """
import os, signal, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA cache_size=5")
c.execute("BEGIN IMMEDIATE")
c.execute("UPDATE t0 SET b=randomblob(900)")
c.execute("UPDATE litewright_test_counter SET n=n+1000")
os.kill(os.getpid(), signal.SIGKILL)
"""


def hot_journal(context):
    """A transaction cut off by a crash is the application's to roll back, not ours (FACTS 18)."""
    told = archived(context, mode="DELETE", rows=2000)
    before = context.log(told.path)
    context.run([sys.executable, "-c", HOT, told.path])
    files = {name: digest(name) for name in (told.path, told.path + "-journal")}
    check(os.path.getsize(told.path + "-journal") > 512, "no hot journal was left: the test proves nothing")
    answer = context.command("backup", told.path, "--json", status=None)
    check(answer.status == 75 and "-journal" in answer.stderr and "hint:" in answer.stderr, f"backup: exit {answer.status}: {answer.stderr}")
    waiting = context.protect(told.path, follow=False)
    warned = waiting.wait_event("warning")
    check("-journal" in warned["message"], f"the warning does not name the journal: {warned}")
    check({name: digest(name) for name in files} == files, "the database or its journal was written")
    check(context.log(told.path) == before, "a state in mid-transaction was archived")
    commit(told.path, 1)  # the application comes back: rolls back, goes on
    waiting.wait_event("following")
    context.sync(told.path)
    told.note()
    # Once more, under protection.
    context.run([sys.executable, "-c", HOT, told.path])
    files = {name: digest(name) for name in (told.path, told.path + "-journal")}
    time.sleep(1.5)
    check({name: digest(name) for name in files} == files, "the database or its journal was written")
    asked = context.command("sync", told.path, "--timeout", "2s", status=None)
    check(asked.status != 0, "sync says that all is archived while nobody knows what is committed")
    commit(told.path, 1)
    context.sync(told.path)
    told.note()
    waiting.stop()
    told.is_given_back()


# What looks at a database, and what writes to one: neither rolls back what a crash cut off.
LEFT_ALONE = [["backup", "DB", "--to", "copy.db"], ["stats", "DB"], ["stats", "DB", "--tables"], ["sql", "DB", "SELECT 1 FROM t0"],
              ["tables", "DB", "--rows"], ["schema", "DB"], ["init", "DB"], ["maintain", "DB", "orphans"],
              ["maintain", "DB", "vacuum", "--dry-run"], ["maintain", "DB", "reindex", "--dry-run"],
              ["maintain", "DB", "rows", "archive", "t0", "--column", "a", "--older-than", "1d", "--dry-run"],
              ["maintain", "DB", "checkpoint"], ["maintain", "DB", "vacuum"], ["maintain", "DB", "analyze"], ["maintain", "DB", "optimize"],
              ["maintain", "DB", "orphans", "--delete"], ["maintain", "DB", "reindex"]]


def everybody_leaves_it(context):
    path = new_database(context, rows=2000, mode="DELETE")
    context.run([sys.executable, "-c", HOT, path])
    files = {name: digest(name) for name in (path, path + "-journal")}
    for words in LEFT_ALONE:
        words = [{"DB": path, "copy.db": context.path("copy.db")}.get(word, word) for word in words]
        answer = context.command(*words, status=None)
        check(answer.status == 75 and "-journal holds a transaction that a crash cut off" in answer.stderr
              and "hint: start the application, or open it once" in answer.stderr, f"{words}: exit {answer.status}: {answer.stderr}")
        check(all(os.path.exists(name) for name in files) and {name: digest(name) for name in files} == files, f"{words} wrote to the database")
    check("journal.hot" in context.command("check", path, "--only", "integrity", status=1).stdout, "check does not say so")
    check({name: digest(name) for name in files} == files, "check wrote to the database")
    commit(path, 1)
    for words in ("stats", "tables", "schema"):
        context.command(words, path)


def switches_while_protected(context):
    path = new_database(context, rows=500)
    told = History(context, path)
    protected = context.protect(path)
    commit(path, 2)
    context.sync(path)
    told.note()
    # While it is attached the mode can't be left: SQLite says so, and nothing happens (FACTS 32).
    try:
        mode = run_sql(path, "PRAGMA journal_mode=DELETE")
        check(mode == [[("wal",)]], f"the database left WAL mode under protection: {mode}")
    except sqlite3.OperationalError as error:
        check("locked" in str(error), f"another error than 'locked': {error}")
    protected.stop()
    run_sql(path, "PRAGMA journal_mode=DELETE")
    protected = comes_back(context, told)
    commit(path, 1)
    context.sync(path)
    told.note()
    check(run_sql(path, "PRAGMA journal_mode=WAL") == [[("wal",)]], "the database can't go to WAL mode under protection")
    commit(path, 3)
    wait_for(context, path, lambda log: application.wal_index(path) and application.lock_holders(path, 123, 128), "it was not followed in WAL mode")
    context.sync(path)
    told.note()
    protected.stop()
    told.is_given_back()
    protected = comes_back(context, told, commits=0)
    goes_on(context, told, protected)


TESTS = [
    *[Test(f"a database with journal_mode={mode} is followed by comparison", rollback_mode(mode), 12)
      for mode in ("DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF")],
    Test("comparisons beside a busy writer fail nobody", rollback_beside_a_busy_writer, 15, 40),
    Test("a hot journal is left to the application", hot_journal, 15),
    Test("no command rolls a hot journal back", everybody_leaves_it, 10),
    Test("the journal mode changes while it is protected", switches_while_protected, 12),
]
