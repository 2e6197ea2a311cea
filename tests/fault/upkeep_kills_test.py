"""VACUUM, ANALYZE, rows archive, orphans interrupted at random: killed, or on a full disk. The database is sound, no row is
lost and none is there twice. CI runs a few of each; the long form 100 in all, LITEWRIGHT_KILLS another count."""
import collections
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from program import Skip, Test, check

ROWS = 12_000
OLD = 9_000
TEMPLATE = f"""
PRAGMA journal_mode=WAL;
CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p, at INTEGER, v);
CREATE INDEX cv ON c(v); CREATE INDEX cat ON c(at, p); CREATE TABLE filler(x);
INSERT INTO filler VALUES(zeroblob(4000000));
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<{ROWS})
INSERT INTO c SELECT n, n, CASE WHEN n<={OLD} THEN 1000000000+n ELSE 1900000000 END, hex(randomblob(100)) FROM i;
DROP TABLE filler; PRAGMA wal_checkpoint(TRUNCATE);
"""
ACTIONS = {
    "vacuum": ["vacuum", "--if-free-above", "1%"],
    "analyze": ["analyze", "--limit", "0"],
    "rows into a table": ["rows", "archive", "c", "--column", "at", "--before", "2020-01-01", "--into", "aside", "--no-restore-point"],
    "rows into a database": ["rows", "archive", "c", "--column", "at", "--before", "2020-01-01", "--to", "OTHER", "--no-restore-point"],
    "rows into a shared database": ["rows", "archive", "c", "--column", "at", "--before", "2020-01-01", "--to", "OTHER", "--no-restore-point"],
    "rows into a file": ["rows", "archive", "c", "--column", "at", "--before", "2020-01-01", "--to", "FILE", "--no-restore-point"],
    "orphans": ["orphans", "--table", "c", "--set-aside", "aside", "--no-restore-point"],
}


BETWEEN_FILES = ("rows into a database", "rows into a shared database", "rows into a file")
SECOND = 1_000_000  # the ids of another database with the same table begin behind


class Trial:
    def __init__(self, context, template, name, number):
        self.context, self.name = context, name
        self.folder = context.path(f"{number}")
        os.mkdir(self.folder)
        self.path, self.other, self.file = (f"{self.folder}/{one}" for one in ("app.db", "other.db", "old.csv"))
        shutil.copyfile(template, self.path)
        self.second = f"{self.folder}/second.db" if "shared" in name else None
        if self.second:
            shutil.copyfile(template, self.second)
            self.query(f"UPDATE c SET id=id+{SECOND}", self.second)
        self.words = [{"OTHER": self.other, "FILE": self.file}.get(word, word) for word in ACTIONS[name]]

    def command(self):
        return [self.context.litewright, "maintain", self.path, *self.words, "--quiet"]

    def query(self, sql, path=None):
        connection = sqlite3.connect(path or self.path, timeout=20, isolation_level=None)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def second_goes(self, when):
        """Another database's rows into the same file, between a kill and the run that settles it."""
        if not self.second:
            return
        check(self.context.run([self.context.litewright, "maintain", self.second, *self.words, "--quiet"]).status == 0,
              f"{when}: another database can't use its target")

    def second_is_whole(self, when):
        if not self.second:
            return
        ids = [row[0] for row in self.query(f"SELECT id FROM c WHERE id>{SECOND}", self.other)]
        check(sorted(ids) == list(range(SECOND + 1, SECOND + OLD + 1)), f"{when}: {len(ids)} of another database's {OLD} rows are there")

    def has(self, table, path=None):
        if path and not os.path.exists(path):
            return False
        return bool(self.query(f"SELECT 1 FROM sqlite_schema WHERE name='{table}'", path))

    def aside(self):
        """ids of rows that were moved."""
        if self.name in ("rows into a database", "rows into a shared database"):
            return [row[0] for row in self.query(f"SELECT id FROM c WHERE id<{SECOND}", self.other)] if self.has("c", self.other) else []
        if self.name == "rows into a file":
            if not os.path.exists(self.file):
                return []
            lines = open(self.file, errors="replace").read().split("\n")[1:-1]
            return [int(line.split(",")[0]) for line in lines if line.split(",")[0].isdigit()]
        return [row[0] for row in self.query("SELECT id FROM aside")] if self.has("aside") else []

    def is_sound(self, when):
        said = self.query("PRAGMA integrity_check")
        check(said == [("ok",)], f"{when}: integrity_check says {said[:3]}")

    def nothing_is_lost(self, when, once):
        """`once`: nor is anything there twice; between two files that holds when it has been run again."""
        left = [row[0] for row in self.query("SELECT id FROM c")]
        both = left + self.aside()
        check(set(both) == set(range(1, ROWS + 1)), f"{when}: {ROWS - len(set(both))} rows are lost")
        check(not once or len(both) == ROWS, f"{when}: {len(both) - ROWS} rows are there twice")


def interrupted(context):
    per_action = -(-int(os.environ.get("LITEWRIGHT_KILLS", 100)) // len(ACTIONS)) if context.long else 1
    template = context.path("template.db")
    connection = sqlite3.connect(template, isolation_level=None)
    connection.executescript(TEMPLATE)
    connection.close()
    middle, kills = collections.Counter(), 0
    for name in ACTIONS:
        # How long it takes from its first change on, by one that is left alone.
        whole = Trial(context, template, name, f"whole-{len(middle)}-{kills}")
        began = time.monotonic()
        check(context.run(whole.command()).status == 0, f"{name} failed by itself")
        takes = time.monotonic() - began
        whole.nothing_is_lost(f"{name} left alone", True)
        for number in range(per_action):
            trial = Trial(context, template, name, f"{name.replace(' ', '-')}-{number}")
            process = context.start(trial.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # VACUUM counts commits for a second before it begins.
            waits = 1.0 if name == "vacuum" else 0.0
            time.sleep(waits + (takes - waits) * context.random.uniform(.25, .85))
            in_the_middle = process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            middle[name] += in_the_middle
            when = f"{name}, kill {number}"
            trial.is_sound(when)
            trial.nothing_is_lost(when, name not in BETWEEN_FILES)
            trial.second_goes(when)
            check(context.run(trial.command()).status == 0, f"{when}: run again it fails")
            trial.is_sound(when + ", run again")
            trial.nothing_is_lost(when + ", run again", True)
            trial.second_is_whole(when + ", run again")
            if name not in ("vacuum", "analyze"):
                moved = OLD if name.startswith("rows") else ROWS
                check(len(trial.aside()) == moved, f"{when}: run again {len(trial.aside())} of {moved} are moved")
            shutil.rmtree(trial.folder)
    total = sum(middle.values())
    check(total >= .8 * kills or not context.long, f"only {total} of {kills} in mid-operation: {dict(middle)}")
    check(total > 0, "none was in mid-operation")
    return f"{kills} kills, {total} in mid-operation: {dict(middle)}"


def disk_full(context):
    """The disk is full at some moment of each; afterwards all is as it was, or done as far as it came."""
    mount = context.path("small")
    os.mkdir(mount)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", mount], capture_output=True).returncode != 0:
        raise Skip("can't mount here")
    template = context.path("template.db")
    connection = sqlite3.connect(template, isolation_level=None)
    connection.executescript(TEMPLATE)
    connection.close()
    refused = 0
    try:
        for name in ACTIONS:
            for number in range(5 if context.long else 1):
                trial = Trial(context, template, name, f"{name.replace(' ', '-')}-{number}")
                small = f"{mount}/{os.path.basename(trial.folder)}"
                shutil.move(trial.folder, small)
                trial = relocated(trial, small)
                with open(mount + "/ballast", "wb") as ballast:
                    free = os.statvfs(mount)
                    leave = context.random.randint(50_000, 900_000)
                    ballast.write(b"x" * max(0, free.f_bavail * free.f_frsize - leave))
                status = context.run(trial.command()).status
                refused += status == 74
                check(status in (0, 74), f"{name} on a full disk: exit {status}")
                os.unlink(mount + "/ballast")
                trial.is_sound(f"{name} on a full disk")
                trial.nothing_is_lost(f"{name} on a full disk", name not in BETWEEN_FILES)
                check(context.run(trial.command()).status == 0, f"{name}: run again it fails")
                trial.nothing_is_lost(f"{name}, run again", True)
                shutil.rmtree(small)
    finally:
        subprocess.run(["umount", mount])
    check(refused > 0, "the disk was never full")
    return f"{refused} ended with 74"


def relocated(trial, folder):
    old = trial.folder
    trial.folder = folder
    for name in ("path", "other", "file"):
        setattr(trial, name, getattr(trial, name).replace(old, folder))
    trial.words = [word.replace(old, folder) for word in trial.words]
    return trial


TESTS = [
    Test("VACUUM, ANALYZE, rows archive, orphans killed at random: no row lost, none twice", interrupted, 30, 15000),
    Test("VACUUM, ANALYZE, rows archive, orphans on a full disk end clean", disk_full, 15, 120),
]
