"""What tests look at in a database: its logical content, its soundness, its WAL index from outside, who holds its locks."""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import history
from program import check

WRITE, CKPT, READ0, READ4 = 120, 121, 123, 127  # lock bytes of -shm (FACTS 3)

# In a process of its own: closing -shm drops the locks of a process that has the database open (FACTS 7).
INDEX = """
import json, struct, sys
shm = open(sys.argv[1] + "-shm", "rb").read(136)
words = struct.unpack_from("=4I", shm, 16)
print(json.dumps({"torn": shm[:48] != shm[48:96], "change": struct.unpack_from("=I", shm, 8)[0], "frames": words[0],
                  "backfilled": struct.unpack_from("=I", shm, 96)[0], "salt": struct.unpack_from("=I", shm, 32)[0]}))
"""

# Frames at or below mxFrame that carry zero salts (FACTS 28).
ZERO_SALTS = """
import struct, sys
shm = open(sys.argv[1] + "-shm", "rb").read(136)
frames, = struct.unpack_from("=I", shm, 16)
page, = struct.unpack_from("=H", shm, 14)
page = 65536 if page == 1 else page
wal = open(sys.argv[1] + "-wal", "rb").read(32 + frames * (24 + page))
print(sum(wal[at + 8:at + 16] == bytes(8) for at in range(32, len(wal), 24 + page)))
"""


def outside(script, path):
    answer = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    return answer.stdout.strip() if answer.returncode == 0 else None


def wal_index(path):
    """None where there is no -shm."""
    text = outside(INDEX, path)
    return json.loads(text) if text else None


def zero_salt_frames(path):
    return int(outside(ZERO_SALTS, path) or 0)


def lock_holders(path, low, high, kind=None):
    """pids that hold a byte of [low, high] of the database's -shm, from /proc/locks (FACTS 4)."""
    try:
        file = os.stat(path + "-shm")
    except FileNotFoundError:
        return set()
    inode, device = str(file.st_ino), f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:"
    rows = [words for words in map(str.split, pathlib.Path("/proc/locks").read_text().splitlines())
            if "->" not in words and len(words) == 8 and words[5].rpartition(":")[2] == inode]
    # Another file system's file may have the same number; where ours is told under another device (FACTS 5) it decides alone.
    rows = [words for words in rows if words[5].startswith(device)] or rows
    ends = [(int(words[6]), float("inf") if words[7] == "EOF" else int(words[7])) for words in rows]
    return {int(words[4]) for words, (begin, end) in zip(rows, ends) if begin <= high and end >= low and kind in (None, words[3])}


def content(path, forgiving=False):
    """The logical hash of a database that somebody may be using; `forgiving` of a schema that can't be parsed."""
    connection = history.connect(path)
    try:
        if forgiving:
            connection.execute("PRAGMA writable_schema=ON")
        connection.execute("BEGIN")
        return history.logical_hash(connection)
    finally:
        connection.close()


def value(path, sql):
    connection = history.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def is_sound(path):
    verdict = [row[0] for row in _rows(path, "PRAGMA integrity_check(5)")]
    check(verdict == ["ok"], f"integrity_check of {path}: {verdict}")


def _rows(path, sql):
    connection = history.connect(path)
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.DatabaseError as error:
        return [(f"{type(error).__name__}: {error}",)]
    finally:
        connection.close()


def acknowledged(path):
    """A commit_load's ack file: [(writer, seq, counter)]; a last line cut short by a kill does not count."""
    if not os.path.exists(path):
        return []
    lines = pathlib.Path(path).read_text().split("\n")[:-1]
    return [tuple(map(int, line.split())) for line in lines]


def has_all_acknowledged(path, ack_files, kept=200):
    """Each writer's newest `kept` acknowledged commits are there with all their rows, and so is the counter."""
    newest, count = 0, 0
    connection = history.connect(path)
    try:
        for name in ack_files:
            acks = acknowledged(name)
            count += len(acks)
            if not acks:
                continue
            newest = max(newest, acks[-1][2])
            wanted = {seq for _, seq, _ in acks[-kept:]}
            there = {row[0] for row in connection.execute(
                "SELECT DISTINCT seq FROM load WHERE writer=? AND seq>=?", (acks[0][0], min(wanted)))}
            check(wanted <= there, f"{len(wanted - there)} acknowledged commits of writer {acks[0][0]} are lost, "
                                   f"the first is {min(wanted - there, default=0)}")
        counter = history.counter(connection)
    finally:
        connection.close()
    check(counter >= newest, f"the counter is {counter}, acknowledged was {newest}")
    return count


def archive_follows_counter(context, database, first, points=4):
    """For histories in which every commit raises the counter: the archive has one commit for each, at its place.

    `first` is (txid, counter) when `protect` began to follow. Restores some txids and the newest, which must equal
    the live database; nobody may write meanwhile. Gives the commits of `log`. Where the watchdog had to end the archiver
    (a busy machine gave it no turn while it kept writers out) a gap is right: then the newest is compared alone.
    """
    context.sync(database)
    commits = context.log(database)
    live_counter = value(database, "SELECT n FROM litewright_test_counter")
    txids = [commit["txid"] for commit in commits]
    check(txids == list(range(txids[0], txids[-1] + 1)), "txids are not dense")
    times = [commit["time"] for commit in commits]
    check(times == sorted(times), "times run backwards")
    if any(c["reconciled"] for c in commits if c["txid"] > first[0]):
        check(context.watchdog_ended_an_archiver, "a commit was reconciled while protect ran")
        newest_equals(context, database)
        context.verify_is_clean(database)
        return commits
    expected = first[0] + live_counter - first[1]
    check(txids[-1] == expected, f"the archive ends at tx {txids[-1]}; by the counter it is {expected} "
                                 f"({live_counter - first[1]} commits since tx {first[0]})")
    span = range(first[0], txids[-1] + 1)
    for txid in sorted({span[0]} | {context.random.choice(span) for _ in range(points)}):
        out = context.restore(database, context.path(f"at-{txid}.db"), "--tx", txid)
        got = value(out, "SELECT n FROM litewright_test_counter")
        check(got == first[1] + txid - first[0], f"restored tx {txid} has counter {got}, not {first[1] + txid - first[0]}")
        is_sound(out)
        os.unlink(out)
    newest_equals(context, database)
    context.verify_is_clean(database)
    return commits


def newest_equals(context, database, forgiving=False):
    out = context.path("newest.db")
    context.restore(database, out)
    check(content(out, forgiving) == content(database, forgiving), "the newest restore is not the live database")
    os.unlink(out)
