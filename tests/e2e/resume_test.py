"""Resume: what happens to the database between two stays of `protect`, or under it, and what the archive makes of it:
commit by commit where continuity is proven, one reconciled difference where it is not, an epoch only where the line
forked. Each case ends the same way: every state that was archived is given back, byte for byte."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time

import application_database as application
import history
from program import Skip, Test, check

GIB = 1 << 30


def new_database(context, name="app.db", rows=200, page_size=4096, mode="WAL"):
    path = context.path(name)
    connection = history.connect(path)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute(f"PRAGMA journal_mode={mode}").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE litewright_test_counter(n INT)")
    connection.execute("INSERT INTO litewright_test_counter VALUES(0)")
    connection.execute("CREATE TABLE t0(id INTEGER PRIMARY KEY, a INT, b BLOB)")
    connection.execute("WITH r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n<?) INSERT INTO t0(a, b) SELECT n, randomblob(900) FROM r", (rows,))
    connection.execute("COMMIT")
    connection.close()
    return path


def commit(path_or_connection, count=1):
    own = isinstance(path_or_connection, str)
    connection = history.connect(path_or_connection) if own else path_or_connection
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE t0 SET b=randomblob(900) WHERE id=(SELECT 1+abs(random())%(SELECT max(id) FROM t0))")
        connection.execute("INSERT INTO t0(a, b) VALUES(0, randomblob(5000))")  # the file grows: page 1 counts it
        connection.execute("UPDATE litewright_test_counter SET n=n+1")
        connection.execute("COMMIT")
    if own:
        connection.close()


def run_sql(path, *statements):
    connection = history.connect(path)
    try:
        return [connection.execute(statement).fetchall() for statement in statements]
    finally:
        connection.close()


def copy(source, target):
    """As `cp` does, in another process (FACTS 7)."""
    subprocess.run(["cp", source, target], check=True)


def digest(path):
    """Of the file's bytes; nobody of this process may have it open."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class History:
    """What was archived: the logical content after some txids, to be given back at the end."""

    def __init__(self, context, path):
        self.context, self.path, self.states = context, path, {}

    def note(self, txid=None):
        """The live database is what `txid` (the newest) has."""
        if txid is None:
            txid = self.context.log(self.path)[-1]["txid"]
        self.states[txid] = application.content(self.path)
        return txid

    def is_given_back(self):
        for txid, wanted in self.states.items():
            out = self.context.restore(self.path, self.context.path(f"back-{txid}.db"), "--tx", txid)
            check(application.content(out) == wanted, f"tx {txid} is given back with other content")
            application.is_sound(out)
            os.unlink(out)
        application.newest_equals(self.context, self.path)
        self.context.verify_is_clean(self.path)
        txids = [commit["txid"] for commit in self.context.log(self.path)]
        check(txids == list(range(txids[0], txids[-1] + 1)), f"txids are not dense: {txids}")


def segments(path):
    return {p.name: p.stat().st_size for p in sorted(pathlib.Path(path + "-archive", "segments").iterdir())}


def snapshots(path):
    return [name for name in segments(path) if int(name.split("-")[0]) == 0]


def archived(context, mode="WAL", **options):
    """A database that was protected for a while and is not any more; its History."""
    path = new_database(context, mode=mode, **options)
    protected = context.protect(path)
    commit(path, 5)
    context.sync(path)
    protected.stop()
    told = History(context, path)
    told.note()
    return told


def comes_back(context, told, epochs=1, **expected):
    """Protects again. `expected`: commits (how many more), gaps (of them reconciled)."""
    before = context.log(told.path)
    protected = context.protect(told.path)
    context.sync(told.path)
    after = context.log(told.path)
    new = after[len(before):]
    gaps = [c for c in new if c["reconciled"]]
    if "commits" in expected:
        check(len(new) == expected["commits"], f"{len(new)} commits more, not {expected['commits']}: {new}")
    if "gaps" in expected:
        check(len(gaps) == expected["gaps"], f"{len(gaps)} gaps, not {expected['gaps']}: {new}")
    for gap in gaps:
        check(gap["gap_since"] <= gap["time"], f"the gap's bounds are the wrong way round: {gap}")
        last_known = after[gap["txid"] - after[0]["txid"] - 1]["time"]
        check(gap["gap_since"] >= last_known, f"the gap begins before commit {gap['txid'] - 1} of {last_known}: {gap}")
    check(after[-1]["epoch"] == epochs, f"epoch {after[-1]['epoch']}, not {epochs}: {after[-1]}")
    told.note()
    return protected


def goes_on(context, told, protected):
    """It follows as ever; then all is given back."""
    before = context.log(told.path)[-1]["txid"]
    commit(told.path, 3)
    context.sync(told.path)
    after = context.log(told.path)[-1]
    check(after["txid"] == before + 3 and not after["reconciled"], f"three commits after {before}, and the archive ends at {after}")
    told.note()
    protected.stop()
    told.is_given_back()


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


def wait_for(context, path, holds, what, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        log = context.log(path)
        if holds(log):
            return log
        time.sleep(.05)
    check(False, f"{what} within {seconds} s: the log ends with {log[-2:]}")


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
    program = ("import sys,time;sys.path.insert(0,sys.argv[2]);sys.path.insert(0,sys.argv[3]);import history,resume_test\n"
               "c=history.connect(sys.argv[1],synchronous='OFF',cache_size=10)\nend=time.monotonic()+float(sys.argv[4])\nn=0\n"
               "while time.monotonic()<end:\n  resume_test.commit(c);n+=1\nprint(n)")
    here = pathlib.Path(__file__).parent
    writer = context.start([sys.executable, "-c", program, path, here, here.parent / "harness", 20 if context.long else 4],
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


def page_size_changes_while_protected(context):
    path = new_database(context, rows=500, mode="DELETE")
    told = History(context, path)
    protected = context.protect(path)
    told.note()
    for size in (1024, 65536):
        run_sql(path, f"PRAGMA page_size={size}", "VACUUM")
        context.sync(path)
        told.note()
        commit(path, 2)
        context.sync(path)
        told.note()
    protected.stop()
    told.is_given_back()


def shell(context, path, *lines):
    answer = context.run(["sqlite3", path], input="\n".join(lines) + "\n") if False else \
        subprocess.run(["sqlite3", path], input="\n".join(lines) + "\n", capture_output=True, text=True)
    check(answer.returncode == 0, f"sqlite3: {answer.stderr}")
    return answer.stdout


def reserved_bytes(context):
    """As the checksum and encryption VFSes have them; VACUUM brings them in under protection (FACTS 15, 19)."""
    path = new_database(context, rows=500)
    told = History(context, path)
    protected = context.protect(path)
    told.note()
    for reserved in (8, 32):  # SQLite takes none away again
        shell(context, path, f".filectrl reserve_bytes {reserved}", "VACUUM;")
        commit(path, 2)
        context.sync(path)
        told.note()
        header = pathlib.Path(context.restore(path, context.path("header.db"))).read_bytes()[:100]
        check(header[20] == reserved, f"byte 20 of the restored header is {header[20]}, not {reserved}")
        os.unlink(context.path("header.db"))
    protected.stop()
    told.is_given_back()


def sparse_beyond_the_lock_page(path, page_size=65536):
    """A sound database larger than 1 GiB that takes no room: its pages are free ones, which SQLite leaves unwritten."""
    new = sqlite3.connect(path, isolation_level=None)
    new.execute(f"PRAGMA page_size={page_size}")
    new.execute("PRAGMA journal_mode=DELETE").fetchall()
    new.execute("CREATE TABLE litewright_test_counter(n INT)")
    new.execute("INSERT INTO litewright_test_counter VALUES(0)")
    new.execute("CREATE TABLE t0(id INTEGER PRIMARY KEY, a INT, b BLOB)")
    new.execute("INSERT INTO t0(a, b) VALUES(1, randomblob(500))")
    used = new.execute("PRAGMA page_count").fetchone()[0]
    new.close()
    lock = GIB // page_size + 1
    last = lock + 200
    free = [page for page in range(used + 1, last + 1) if page != lock]
    most = page_size // 4 - 8
    trunks = [free[at:at + most + 1] for at in range(0, len(free), most + 1)]
    trunks.reverse()  # the pages past the lock page are taken first
    with open(path, "r+b") as file:
        file.truncate(last * page_size)
        for number, (trunk, *leaves) in enumerate(trunks):
            following = trunks[number + 1][0] if number + 1 < len(trunks) else 0
            file.seek((trunk - 1) * page_size)
            file.write(struct.pack(f">{2 + len(leaves)}I", following, len(leaves), *leaves))
        file.seek(28)
        file.write(struct.pack(">3I", last, trunks[0][0], len(free)))
    return lock


def beyond_the_lock_page(mode):
    def run(context):
        path = context.path("app.db")
        lock = sparse_beyond_the_lock_page(path)
        application.is_sound(path)
        run_sql(path, f"PRAGMA journal_mode={mode}")
        protected = context.protect(path)
        connection = history.connect(path, cache_size=-2000)
        for _ in range(3):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t0(a, b) VALUES(2, randomblob(600000))")
            connection.execute("UPDATE litewright_test_counter SET n=n+1")
            connection.execute("COMMIT")
            context.sync(path)
        connection.close()
        protected.stop()
        commit(path, 1)
        protected = context.protect(path)
        context.sync(path)
        wanted, pages = application.content(path), application.value(path, "PRAGMA page_count")
        check(pages > lock, f"{pages} pages, the lock page is {lock}")
        protected.stop()
        out = context.restore(path, context.path("out.db"))
        application.is_sound(out)
        check(application.content(out) == wanted, "the restored database is another")
        used = os.stat(out).st_blocks * 512
        context.verify_is_clean(path)
        total = sum(segments(path).values())
        check(total < 8 << 20, f"the archive of a database with 2 MB of content has {total} bytes")
        return f"lock page {lock} of {pages}, archive {total} bytes, restored file takes {used} bytes"

    return run


def scramble(path, first_page, last_page, seed, page_size=4096):
    """Pages that no SQLite can parse: as an encrypting VFS leaves them."""
    code = ("import os,random,sys\nr=random.Random(int(sys.argv[4]))\nf=os.open(sys.argv[1],os.O_RDWR)\nn=int(sys.argv[5])\n"
            "for p in range(int(sys.argv[2]),int(sys.argv[3])+1): os.pwrite(f,r.randbytes(n),(p-1)*n)")
    subprocess.run([sys.executable, "-c", code, path, str(first_page), str(last_page), str(seed), str(page_size)], check=True)


def pages_that_cannot_be_parsed(mode):
    """The header is readable, the content of the pages is not: their differences are archived all the same."""
    def run(context):
        path = context.path("app.db")
        run_sql(path, f"PRAGMA journal_mode={mode}", "PRAGMA user_version=1", "CREATE TABLE a(x)", "CREATE TABLE z(x)",
                "INSERT INTO z VALUES(randomblob(400000))")
        pages = os.path.getsize(path) // 4096
        wanted = []
        for seed in range(3):
            scramble(path, 2, pages, seed)
            protected = context.protect(path)
            run_sql(path, f"PRAGMA user_version={seed + 5}")
            context.sync(path)
            protected.stop()
            wanted.append((context.log(path)[-1]["txid"], digest(path)))
        for txid, bytes_ in wanted:
            out = context.restore(path, context.path(f"{txid}.db"), "--tx", txid)
            check(digest(out) == bytes_, f"tx {txid} is given back with other bytes")
        context.verify_is_clean(path)
        check(len(snapshots(path)) == 1, f"more than one snapshot: {segments(path)}")

    return run


TESTS = [
    Test("nothing happened: nothing is archived", nothing_happened, 6),
    Test("writes while nobody watched are one reconciled difference", between(writes, largest=60_000), 6),
    Test("a checkpoint while nobody watched is nothing", between(foreign_checkpoint, commits=0, gaps=0), 6),
    Test("VACUUM while nobody watched is one reconciled difference", between(vacuum), 6),
    Test("a leave and return of WAL mode is one reconciled difference", between(leaves_wal_and_returns, largest=60_000), 6),
    Test("killed, it archives the commits that the WAL still has one by one", killed_with_commits_in_the_wal, 6),
    Test("a change of page size goes on the same line", page_size_changes, 12),
    Test("a change of page size under protection goes on the same line", page_size_changes_while_protected, 10),
    Test("another database that takes its place under protection is another epoch", replaced_while_protected, 10),
    Test("an older copy put in its place is another epoch", old_copy_put_back(replaced_while_nobody_watched), 8),
    Test("an older copy written over it is another epoch", old_copy_put_back(copied_over), 8),
    Test("an older copy written over it and used is another epoch", old_copy_put_back(copied_over_and_used), 8),
    Test("a restore in place goes on as another epoch", own_restore_in_place, 8),
    *[Test(f"a database with journal_mode={mode} is followed by comparison", rollback_mode(mode), 12)
      for mode in ("DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF")],
    Test("comparisons beside a busy writer fail nobody", rollback_beside_a_busy_writer, 15, 40),
    Test("a hot journal is left to the application", hot_journal, 15),
    Test("the journal mode changes while it is protected", switches_while_protected, 12),
    Test("reserved bytes come and go under protection", reserved_bytes, 10),
    Test("a WAL database beyond the lock page is followed", beyond_the_lock_page("WAL"), 25),
    Test("a rollback database beyond the lock page is compared", beyond_the_lock_page("DELETE"), 25),
    Test("pages that can't be parsed are followed in WAL mode", pages_that_cannot_be_parsed("WAL"), 8),
    Test("pages that can't be parsed are compared in rollback mode", pages_that_cannot_be_parsed("DELETE"), 8),
]
