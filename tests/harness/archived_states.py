"""A database whose archived states are remembered: made, protected, changed, and given back state by state."""
import hashlib
import os
import pathlib
import subprocess
import time

import application_database as application
import history
from program import check


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


def wait_for(context, path, holds, what, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        log = context.log(path)
        if holds(log):
            return log
        time.sleep(.05)
    check(False, f"{what} within {seconds} s: the log ends with {log[-2:]}")
