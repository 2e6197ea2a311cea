"""Small databases for `serve` to guard: made and written in Python."""
import os
import sqlite3


def make(context, name):
    path = context.path(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write(path, "PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
    return path


def write(path, script="INSERT INTO t(x) VALUES('y')"):
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.executescript(script)
    connection.close()
