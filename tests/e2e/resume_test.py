"""Resume: what happens to the database between two stays of `protect`, or under it, and what the archive makes of it:
commit by commit where continuity is proven, one reconciled difference where it is not, an epoch only where the line
forked. Each case ends the same way: every state that was archived is given back, byte for byte."""
import os
import pathlib
import signal
import time

import history
from archived_states import new_database, commit, run_sql, copy, History, segments, archived, comes_back, goes_on
from program import Test, check


def nothing_happened(context):
    told = archived(context)
    before = segments(told.path)
    protected = comes_back(context, told, commits=0)
    check(segments(told.path) == before, "an object was put for an unchanged database")
    goes_on(context, told, protected)


def between(change, commits=1, gaps=1, epochs=1, largest=None):
    """Something happens while nobody watches."""
    def run(context):
        told = archived(context, rows=2000)
        had = segments(told.path)
        change(context, told.path)
        protected = comes_back(context, told, commits=commits, gaps=gaps, epochs=epochs)
        new = {name: size for name, size in segments(told.path).items() if name not in had}
        check(all(int(name.split("-")[0]) != 0 for name in new), f"a new snapshot: {new}")
        if largest:
            check(sum(new.values()) <= largest, f"{sum(new.values())} bytes archived for it, at most {largest} wanted: {new}")
        goes_on(context, told, protected)
        return f"{sum(new.values())} bytes for it, the first snapshot had {max(had.values())}"

    return run


def writes(_, path):
    commit(path, 4)


def foreign_checkpoint(_, path):
    run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")


def vacuum(_, path):
    run_sql(path, "DELETE FROM t0 WHERE id%3=0", "VACUUM")


def leaves_wal_and_returns(_, path):
    run_sql(path, "PRAGMA journal_mode=DELETE")
    commit(path, 2)
    run_sql(path, "PRAGMA journal_mode=WAL")
    commit(path, 2)


def killed_with_commits_in_the_wal(context):
    """They are archived one by one: the WAL still has them (FACTS 14)."""
    path = new_database(context)
    connection = history.connect(path, wal_autocheckpoint=0)
    protected = context.protect(path)
    told = History(context, path)
    commit(connection, 5)
    context.sync(path)
    told.note()
    kill_all(protected)
    commit(connection, 4)
    protected = comes_back(context, told, commits=4, gaps=0)
    goes_on(context, told, protected)
    connection.close()


def kill_all(protected):
    """The watchdog and what it watches."""
    children = pathlib.Path(f"/proc/{protected.pid}/task/{protected.pid}/children").read_text().split()
    protected.kill()
    for pid in children:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    end = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in children) and time.monotonic() < end:
        time.sleep(.01)


def page_size_changes(context):
    """The pages are others, so all of them travel once; the line of commits goes on."""
    told = archived(context, rows=1000)
    for size in (8192, 512, 4096):
        run_sql(told.path, "PRAGMA journal_mode=DELETE")
        connection = history.connect(told.path)
        connection.execute(f"PRAGMA page_size={size}")
        connection.execute("VACUUM")
        check(connection.execute("PRAGMA page_size").fetchone()[0] == size, "the page size did not change")
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.close()
        protected = comes_back(context, told, commits=1, gaps=1)
        commit(told.path, 3)
        context.sync(told.path)
        told.note()
        protected.stop()
    protected = comes_back(context, told, commits=0)
    goes_on(context, told, protected)


def replaced_while_protected(context):
    path = new_database(context)
    other = new_database(context, "other.db", rows=300)
    told = History(context, path)
    protected = context.protect(path)
    commit(path, 3)
    context.sync(path)
    told.note()
    before = context.log(path)[-1]
    os.rename(other, path)
    for suffix in ("-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    commit(path, 1)
    end = time.monotonic() + 15
    while context.log(path)[-1]["epoch"] == before["epoch"] and time.monotonic() < end:
        time.sleep(.1)
    context.sync(path)
    newest = context.log(path)[-1]
    check(newest["epoch"] == 2, f"another database took its place, and the log ends with {newest}")
    told.note()
    goes_on(context, told, protected)


def replaced_while_nobody_watched(context, path):
    """By an older copy of itself under a new name, as a restore by hand does it."""
    os.rename(context.path("old.db"), path)
    commit(path, 2)


def old_copy_put_back(put_back):
    def run(context):
        told = archived(context)
        copy(told.path, context.path("old.db"))
        protected = comes_back(context, told, commits=0)
        for _ in range(5):
            commit(told.path, 1)  # each by a connection of its own: page 1 counts once for each, in WAL mode
        context.sync(told.path)
        told.note()
        protected.stop()
        put_back(context, told.path)
        protected = comes_back(context, told, commits=1, gaps=1, epochs=2)
        forks = [c for c in context.log(told.path) if c.get("parent_epoch")]
        check([(c["epoch"], c["parent_epoch"]) for c in forks] == [(2, 1)], f"log names the forks {forks}")
        goes_on(context, told, protected)

    return run


def copied_over(context, path):
    copy(context.path("old.db"), path)


def copied_over_and_used(context, path):
    copy(context.path("old.db"), path)
    commit(path, 2)


def own_restore_in_place(context):
    """`restore` suspends the archiver; what it goes on with is a commit of the past."""
    path = new_database(context)
    told = History(context, path)
    protected = context.protect(path)
    first = told.note()
    commit(path, 4)
    context.sync(path)
    told.note()
    context.command("restore", path, "--tx", first, "--json")
    context.sync(path)
    log = context.log(path)
    check(log[-1]["epoch"] == 2 and log[-1]["txid"] == first + 5, f"after the restore of {first} the log ends with {log[-1]}")
    check(log[-1]["checksum"] == log[0]["checksum"], "the state restored is not the state that is archived")
    told.note()
    goes_on(context, told, protected)


TESTS = [
    Test("nothing happened: nothing is archived", nothing_happened, 6),
    Test("writes while nobody watched are one reconciled difference", between(writes, largest=60_000), 6),
    Test("a checkpoint while nobody watched is nothing", between(foreign_checkpoint, commits=0, gaps=0), 6),
    Test("VACUUM while nobody watched is one reconciled difference", between(vacuum), 6),
    Test("a leave and return of WAL mode is one reconciled difference", between(leaves_wal_and_returns, largest=60_000), 6),
    Test("killed, it archives the commits that the WAL still has one by one", killed_with_commits_in_the_wal, 6),
    Test("a change of page size goes on the same line", page_size_changes, 12),
    Test("another database that takes its place under protection is another epoch", replaced_while_protected, 10),
    Test("an older copy put in its place is another epoch", old_copy_put_back(replaced_while_nobody_watched), 8),
    Test("an older copy written over it is another epoch", old_copy_put_back(copied_over), 8),
    Test("an older copy written over it and used is another epoch", old_copy_put_back(copied_over_and_used), 8),
    Test("a restore in place goes on as another epoch", own_restore_in_place, 8),
]
