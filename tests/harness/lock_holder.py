#!/usr/bin/env python3
"""A process that does to a database what its stdin says, and keeps what it holds: each line is answered by 'ok' or an error.

  open PATH         a connection, kept beside those opened before
  sql STATEMENT     on the connection opened last, all rows read
  fetch STATEMENT   the first row only: the statement stays open
  touch FILE        opens and closes FILE, as a careless copy would (FACTS 7)
  load FILE         maps a shared library
  commits SECONDS   commits into t without pause, and answers when done
"""
import ctypes
import sqlite3
import sys
import time

connections, cursors, libraries = [], [], []


def obey(verb, rest):
    if verb == "open":
        connections.append(sqlite3.connect(rest, isolation_level=None, timeout=60))
        # So that even an idle connection has read once and holds what it will hold.
        connections[-1].execute("SELECT count(*) FROM sqlite_schema").fetchall()
    elif verb == "sql":
        connections[-1].execute(rest).fetchall()
    elif verb == "fetch":
        cursors.append(connections[-1].execute(rest))
        cursors[-1].fetchone()
    elif verb == "touch":
        open(rest, "rb").close()
    elif verb == "load":
        libraries.append(ctypes.CDLL(rest))
    elif verb == "commits":
        end = time.monotonic() + float(rest)
        while time.monotonic() < end:
            connections[-1].execute("INSERT INTO t(b) VALUES(randomblob(100))")
    else:
        raise ValueError(verb)


for line in sys.stdin:
    try:
        obey(*line.rstrip("\n").split(" ", 1))
        print("ok", flush=True)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", flush=True)
