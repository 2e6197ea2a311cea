"""Untouched: fed the same statements, a protected database and its unprotected twin are the same, byte for byte."""
import hashlib
import os
import pathlib
import random

import application_database as application
import history
from program import Test, check

PRAGMAS = ("journal_mode", "page_size", "page_count", "freelist_count", "auto_vacuum", "schema_version", "user_version",
           "application_id", "encoding", "journal_size_limit", "wal_autocheckpoint", "synchronous", "foreign_keys")


def feed(path, seed, transactions):
    """One writer, the same bytes for the same seed: nothing random, no clock, no text that depends on the path."""
    rnd = random.Random(seed)
    connection = history.connect(path, synchronous="NORMAL", wal_autocheckpoint=200, cache_size=30)
    for number in range(transactions):
        kind = rnd.random()
        if kind < .01:
            connection.execute("VACUUM")
            continue
        if kind < .03:
            connection.execute(f"PRAGMA wal_checkpoint({rnd.choice(('PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'))})").fetchall()
            continue
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(rnd.randint(1, 6)):
            connection.execute("INSERT INTO t0(a, b) VALUES(?, ?)", (rnd.randint(0, 9999), rnd.randbytes(rnd.randint(0, 3000))))
        if kind < .2:
            connection.execute("DELETE FROM t0 WHERE a % 5 = ?", (rnd.randrange(5),))
        elif kind < .3:
            connection.execute("SAVEPOINT s")
            connection.execute("UPDATE t0 SET a=a+1")
            connection.execute("ROLLBACK TO s" if kind < .25 else "RELEASE s")
        elif kind < .34:
            connection.execute(f"CREATE INDEX IF NOT EXISTS i{number % 3} ON t0(a)")
        elif kind < .36:
            connection.execute(f"DROP INDEX IF EXISTS i{number % 3}")
        elif kind < .38:
            connection.execute("PRAGMA incremental_vacuum(5)").fetchall()
        connection.execute("COMMIT")
    connection.close()


def settle(path):
    """Everything into the main file, as an application's last close does."""
    connection = history.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def pragmas(path):
    connection = history.connect(path)
    try:
        return {name: connection.execute(f"PRAGMA {name}").fetchone() for name in PRAGMAS}
    finally:
        connection.close()


def schema(path):
    connection = history.connect(path)
    try:
        return connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema").fetchall()
    finally:
        connection.close()


def differences(one, other):
    """Byte offsets at which two files differ, the first few; nothing is masked."""
    a, b = pathlib.Path(one).read_bytes(), pathlib.Path(other).read_bytes()
    found = [f"lengths {len(a)} and {len(b)}"] if len(a) != len(b) else []
    for at in range(0, min(len(a), len(b)), 512):
        if a[at:at + 512] != b[at:at + 512]:
            found += [at + i for i in range(512) if a[at + i:at + i + 1] != b[at + i:at + i + 1]][:8]
            if len(found) > 24:
                break
    return found


CHANGE_COUNTER = {*range(24, 28), *range(92, 96)}


def twin(page_size, auto_vacuum):
    def run(context):
        transactions = 4000 if context.long else 700
        paths = {name: context.path(f"{name}/app.db") for name in ("protected", "alone", "again")}
        for path in paths.values():
            os.makedirs(os.path.dirname(path))
            history.create(path, page_size, auto_vacuum)
        protected = context.protect(paths["protected"], "--wal-limit", "1MiB")
        for path in paths.values():
            feed(path, context.seed, transactions)
        context.sync(paths["protected"])
        protected.stop()
        for path in paths.values():
            settle(path)
        control = differences(paths["alone"], paths["again"])
        check(not control, f"the statements are not deterministic, two unprotected twins differ at {control}")
        found = differences(paths["protected"], paths["alone"])
        # SQLite counts a change of page 1 on from the counter that its page cache holds (offsets 24 and 92 of the header).
        # Where the WAL was reset at once for frames without salts (FACTS 28) the writer's cache begins anew, and so its
        # counter stands one or two further on than the twin's. Nothing else may differ.
        counter = [at for at in found if at in CHANGE_COUNTER]
        check(counter == found, f"the protected database differs at {found}")
        check(pragmas(paths["protected"]) == pragmas(paths["alone"]), "a pragma differs")
        check(schema(paths["protected"]) == schema(paths["alone"]), "the schema differs")
        left = sorted(os.listdir(os.path.dirname(paths["protected"])))
        check(left == ["app.db", "app.db-archive"], f"beside the database: {left}")
        application.is_sound(paths["protected"])
        commits = context.log(paths["protected"])
        size = os.path.getsize(paths["alone"])
        digest = hashlib.sha256(pathlib.Path(paths["alone"]).read_bytes()).hexdigest()[:12]
        return f"{commits[-1]['txid'] - commits[0]['txid']} commits, {size} bytes equal{', the change counter aside' if counter else ''}, sha256 {digest}"

    return run


TESTS = [Test(f"the protected database is byte for byte its twin, {size}-byte pages, auto_vacuum {mode}", twin(size, mode), 10, 60)
         for size, mode in ((4096, "none"), (512, "incremental"), (65536, "full"))]
