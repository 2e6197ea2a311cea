#!/usr/bin/env python3
"""The oracle's writer: a seeded random history of commits, each logged with the whole database's logical hash.

  history.py DATABASE --commits N --writers K --seed S --log FILE [--page-size N] [--auto-vacuum none|full|incremental]

Several processes write at once, with automatic checkpoints of their own; others checkpoint (FULL, RESTART, TRUNCATE,
PASSIVE), read, come and go. Every commit but the kinds named below raises litewright_test_counter by one; within its
transaction, before COMMIT, the writer hashes all rows of all tables in order and the schema, and after COMMIT returned
it logs the counter and the hash. VACUUM, a stand-alone incremental_vacuum and PRAGMA auto_vacuum are commits that
don't raise the counter: they hold a lock file exclusively that every other commit holds shared, so their place in the order is known.

FILE gets one JSON object a commit, in the order of the commits:
  {"counter": n, "kind": "rows"|"vacuum"|"incremental_vacuum"|"auto_vacuum", "hash": hex, "pages": n or null}
"pages" is known for the kinds that hold the lock alone. The choices of each process follow from the seed; how the
processes interleave does not.
"""
import argparse
import fcntl
import hashlib
import json
import marshal
import multiprocessing
import os
import random
import sqlite3
import time

KEPT_BYTES = 700_000        # beyond this a history deletes more than it inserts
MOST_PAGES_A_BLOB = 3
BUSY_SECONDS = 60
AUTO_VACUUM = {"none": 0, "full": 1, "incremental": 2}
AUTOCHECKPOINTS = (4, 50, 1000, 100000)  # frames; each writer takes one of them


def connect(path, **pragmas):
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name}={value}").fetchall()
    return connection


def create(path, page_size=4096, auto_vacuum="none"):
    """A WAL database with a counter at 0 and one table."""
    connection = connect(path)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute(f"PRAGMA auto_vacuum={AUTO_VACUUM[auto_vacuum]}")
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE litewright_test_counter(n INT)")
    connection.execute("INSERT INTO litewright_test_counter VALUES(0)")
    connection.execute("CREATE TABLE t0(id INTEGER PRIMARY KEY, a INT, b BLOB)")
    connection.execute("COMMIT")
    connection.close()


def logical_hash(connection):
    """All rows of all tables in order, and the schema. VACUUM does not change it; nothing else leaves it as it was."""
    digest = hashlib.blake2b(digest_size=16)
    schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
    digest.update(marshal.dumps(schema, 2))
    for kind, name, _, _ in schema:
        if kind == "table" and not name.startswith("sqlite_"):
            digest.update(marshal.dumps(connection.execute(f'SELECT rowid, * FROM "{name}" ORDER BY rowid').fetchall(), 2))
    return digest.hexdigest()


def counter(connection):
    return connection.execute("SELECT n FROM litewright_test_counter").fetchone()[0]


def pages(connection):
    return connection.execute("PRAGMA page_count").fetchone()[0]


class Writer:
    def __init__(self, path, lock_path, log_path, seed, auto_vacuum):
        self.path, self.auto_vacuum = path, auto_vacuum
        self.random = random.Random(seed)
        self.lock = os.open(lock_path, os.O_RDWR | os.O_CREAT)
        self.log = open(log_path, "w")
        self.connection = None
        self.open()

    def open(self):
        """A connection as one application or another would have it. psow=0 pads commits to a sector (FACTS 10)."""
        if self.connection:
            self.connection.close()
        padded = self.random.random() < .2
        uri = f"file:{self.path}?psow=0" if padded else f"file:{self.path}"
        self.connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        tiny_cache = self.random.random() < .4
        for name, value in (("synchronous", "FULL" if padded else self.random.choice(("NORMAL", "OFF"))),
                            ("wal_autocheckpoint", self.random.choice(AUTOCHECKPOINTS)),
                            ("cache_size", 10 if tiny_cache else -2000), ("cache_spill", 1)):
            self.connection.execute(f"PRAGMA {name}={value}").fetchall()
        self.page_size = self.connection.execute("PRAGMA page_size").fetchone()[0]

    def write_log(self, **entry):
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()

    def commit(self):
        """One commit that raises the counter; gives the counter."""
        c = self.connection
        fcntl.flock(self.lock, fcntl.LOCK_SH)
        try:
            c.execute("BEGIN IMMEDIATE")
            for _ in range(self.random.randint(1, 4)):
                self.random.choice(self.steps())()
            c.execute("UPDATE litewright_test_counter SET n=n+1")
            n, digest = counter(c), logical_hash(c)
            c.execute("COMMIT")
            self.write_log(counter=n, kind="rows", hash=digest, pages=None, order=0)
            return n
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def alone(self):
        """A commit that does not raise the counter: VACUUM (with another auto_vacuum at times), incremental_vacuum."""
        c = self.connection
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            if self.random.random() < .5 and c.execute("PRAGMA freelist_count").fetchone()[0] > 0 and \
                    c.execute("PRAGMA auto_vacuum").fetchone()[0] == AUTO_VACUUM["incremental"]:
                kind = "incremental_vacuum"
                c.execute(f"PRAGMA incremental_vacuum({self.random.choice((1, 3, 1000))})").fetchall()
            else:
                kind = "vacuum"
                if self.auto_vacuum != "none":  # from full to incremental or back: a commit even where it changes nothing
                    c.execute(f"PRAGMA auto_vacuum={self.random.choice((1, 2))}")
                    self.log_alone("auto_vacuum")
                c.execute("VACUUM")
            self.log_alone(kind)
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def log_alone(self, kind):
        c = self.connection
        self.write_log(counter=counter(c), kind=kind, hash=logical_hash(c), pages=pages(c), order=time.monotonic_ns())

    def steps(self):
        """What this transaction may do next; a database that has grown large shrinks."""
        if pages(self.connection) * self.page_size > max(KEPT_BYTES, 30 * self.page_size):
            return [self.delete_many, self.drop, self.update]
        return [self.insert, self.insert, self.insert, self.update, self.delete_few, self.blob, self.savepoint, self.spill,
                self.create, self.index, self.drop, self.incremental_within]

    def table(self):
        names = [row[0] for row in self.connection.execute("SELECT name FROM sqlite_schema WHERE type='table' AND name LIKE 't%'")]
        return self.random.choice(sorted(names))

    def insert(self, table=None):
        table = table or self.table()
        for _ in range(self.random.randint(1, 8)):
            self.connection.execute(f"INSERT INTO {table}(a, b) VALUES(?, ?)",
                                    (self.random.randint(-9, 1 << 40), self.random.randbytes(self.random.randint(0, 400))))

    def blob(self):
        size = self.random.randint(1, MOST_PAGES_A_BLOB * self.page_size)
        self.connection.execute(f"INSERT INTO {self.table()}(a, b) VALUES(?, ?)", (size, self.random.randbytes(size)))

    def update(self):
        m = self.random.randint(3, 40)
        self.connection.execute(f"UPDATE {self.table()} SET a=a+1, b=CAST(substr(b, 2) || x'7f' AS BLOB) WHERE id % {m} = ?",
                                (self.random.randrange(m),))

    def delete_few(self):
        self.connection.execute(f"DELETE FROM {self.table()} WHERE id % 7 = ?", (self.random.randrange(7),))

    def delete_many(self):
        for _ in range(3):
            self.connection.execute(f"DELETE FROM {self.table()}" + self.random.choice(("", " WHERE id % 3 > 0")))

    def create(self):
        name = f"t{self.random.randint(1, 6)}"
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS {name}(id INTEGER PRIMARY KEY, a INT, b BLOB)")
        self.insert(name)

    def index(self):
        table = self.table()
        self.connection.execute(f"CREATE INDEX IF NOT EXISTS i_{table}_{self.random.randint(0, 1)} ON {table}(a, id)")

    def drop(self):
        if self.random.random() < .5:
            for (name,) in self.connection.execute("SELECT name FROM sqlite_schema WHERE type='index' AND name LIKE 'i\\_%' ESCAPE '\\' LIMIT 1").fetchall():
                self.connection.execute(f"DROP INDEX {name}")
        else:
            self.connection.execute(f"DROP TABLE IF EXISTS t{self.random.randint(1, 6)}")

    def savepoint(self):
        self.connection.execute("SAVEPOINT s")
        self.random.choice((self.insert, self.spill, self.delete_few, self.create))()
        if self.random.random() < .7:
            self.connection.execute("ROLLBACK TO s")
        self.connection.execute("RELEASE s")

    def spill(self):
        """Enough dirty pages to overflow a cache of ten: frames in the WAL before the commit."""
        table = self.table()
        for _ in range(20):
            self.connection.execute(f"INSERT INTO {table}(a, b) VALUES(?, ?)", (1, self.random.randbytes(self.page_size // 2)))
        self.connection.execute(f"UPDATE {table} SET a=a+1")
        self.connection.execute(f"DELETE FROM {table} WHERE a=2 AND id % 4 > 0")

    def incremental_within(self):
        self.connection.execute("PRAGMA incremental_vacuum(2)").fetchall()


def write(path, lock_path, log_path, seed, commits, auto_vacuum):
    writer = Writer(path, lock_path, log_path, seed, auto_vacuum)
    while writer.commit() < commits:
        chance = writer.random.random()
        if chance < .01:
            writer.alone()
        elif chance < .04:
            writer.open()
        elif chance < .06:
            time.sleep(writer.random.random() * .05)
    writer.connection.close()


def disturb(path, seed, done):
    """Checkpoints of every kind and readers that stay a while, from a process of their own, until `done`."""
    rnd = random.Random(seed)
    connection = connect(path, busy_timeout=200)
    while not done.is_set():
        try:
            chance = rnd.random()
            if chance < .7:
                connection.execute(f"PRAGMA wal_checkpoint({rnd.choice(('PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'))})").fetchall()
            elif chance < .9:
                connection.execute("BEGIN")
                counter(connection)
                time.sleep(rnd.random() * .1)
                connection.execute("COMMIT")
            else:
                connection.close()
                connection = connect(path, busy_timeout=200)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
        done.wait(rnd.random() * .06)
    connection.close()


def run(path, log_path, commits, writers, seed, auto_vacuum="none"):
    """Writes the history and its log; gives the log's entries."""
    fork = multiprocessing.get_context("fork")
    done = fork.Event()
    lock_path = str(path) + ".history-lock"
    logs = [f"{log_path}.{i}" for i in range(writers)]
    workers = [fork.Process(target=write, args=(path, lock_path, logs[i], seed * 1000 + i, commits, auto_vacuum))
               for i in range(writers)]
    disturber = fork.Process(target=disturb, args=(path, seed * 1000 + 999, done))
    for process in workers + [disturber]:
        process.start()
    for process in workers:
        process.join()
    done.set()
    disturber.join()
    failed = [p.exitcode for p in workers + [disturber] if p.exitcode != 0]
    if failed:
        raise RuntimeError(f"a process of the history ended with {failed}")
    entries = []
    for name in logs:
        with open(name) as log:
            entries += [json.loads(line) for line in log]
        os.unlink(name)
    os.unlink(lock_path)
    entries.sort(key=lambda entry: (entry["counter"], entry.pop("order")))
    with open(log_path, "w") as log:
        log.writelines(json.dumps(entry) + "\n" for entry in entries)
    return entries


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", required=True)
    parser.add_argument("--page-size", type=int, default=4096)
    parser.add_argument("--auto-vacuum", choices=AUTO_VACUUM, default="none")
    args = parser.parse_args()
    if not os.path.exists(args.database):
        create(args.database, args.page_size, args.auto_vacuum)
    began = time.monotonic()
    entries = run(args.database, args.log, args.commits, args.writers, args.seed, args.auto_vacuum)
    print(f"{len(entries)} commits in {time.monotonic() - began:.1f} s, "
          f"{sum(entry['kind'] != 'rows' for entry in entries)} of them without the counter")
