#!/usr/bin/env python3
"""A writer that spills its cache and rolls back to savepoints: the recipe of FACTS 28.

  spill_load.py FILE SECONDS SEED ACK_FILE [--until-zero-salts]

SQLite 3.40.1 leaves committed frames with zero salts in the WAL: readable through the index, gone at WAL recovery.
Each commit raises litewright_test_counter; the counter is written to ACK_FILE after COMMIT returned. With
--until-zero-salts it stops right after a commit that left such frames, without closing anything (SIGKILL to itself).
Prints the commits, and the most such frames seen at once.
"""
import os
import random
import signal
import sqlite3
import sys
import time

import application_database as application

LOOK_EVERY = 10  # commits

path, seconds, seed, ack_path = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
until_zero_salts = "--until-zero-salts" in sys.argv
c = sqlite3.connect(path, isolation_level=None, timeout=30)
rnd = random.Random(seed)
c.execute("PRAGMA journal_mode=WAL").fetchall()
if not c.execute("SELECT 1 FROM sqlite_schema WHERE name='spilled'").fetchone():
    c.execute("BEGIN IMMEDIATE")
    c.execute("CREATE TABLE IF NOT EXISTS litewright_test_counter(n INT)")
    c.execute("INSERT INTO litewright_test_counter VALUES(0)")
    c.execute("CREATE TABLE spilled(id INTEGER PRIMARY KEY, a INT, b BLOB)")
    c.execute("CREATE INDEX spilled_a ON spilled(a)")
    c.executemany("INSERT INTO spilled(a, b) VALUES(?, ?)", ((i * 7 % 1000, rnd.randbytes(200)) for i in range(20000)))
    c.execute("COMMIT")
for pragma in ("synchronous=NORMAL", "cache_size=10", "cache_spill=1"):
    c.execute("PRAGMA " + pragma).fetchall()
ack = open(ack_path, "a")
commits = worst = 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    c.execute("BEGIN IMMEDIATE")
    for _ in range(rnd.randint(1, 6)):
        kind = rnd.random()
        if kind < .5:
            c.execute("INSERT INTO spilled(a, b) VALUES(?, ?)", (rnd.randint(1, 10**6), rnd.randbytes(rnd.randint(5, 600))))
        elif kind < .8:
            c.execute("UPDATE spilled SET a=a+1, b=randomblob(length(b)) WHERE id=?", (rnd.randint(1, 20000),))
        else:
            c.execute("DELETE FROM spilled WHERE id=?", (rnd.randint(1, 20000),))
        if rnd.random() < .3:
            c.execute("SAVEPOINT s")
            c.execute("UPDATE spilled SET b=randomblob(300) WHERE id % 97=?", (rnd.randint(0, 96),))
            if rnd.random() < .7:
                c.execute("ROLLBACK TO s")
            c.execute("RELEASE s")
    n = c.execute("UPDATE litewright_test_counter SET n=n+1 RETURNING n").fetchall()[0][0]
    c.execute("COMMIT")
    ack.write(f"{n}\n")
    ack.flush()
    commits += 1
    if commits % LOOK_EVERY == 0:
        worst = max(worst, application.zero_salt_frames(path))
        if until_zero_salts and worst > 0:
            print(commits, worst, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
print(commits, worst)
