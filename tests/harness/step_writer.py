#!/usr/bin/env python3
"""An application for fault tests: commits once for each line on stdin and prints the counter that the commit made.

  step_writer.py DATABASE

Holds its connection open until stdin ends. In a process of its own, so that it keeps its locks (FACTS 7)."""
import sys

import history

connection = history.connect(sys.argv[1])
history.counter(connection)
print("ready", flush=True)
for _ in sys.stdin:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t0(a, b) VALUES(9, randomblob(300))")
    connection.execute("UPDATE litewright_test_counter SET n=n+1")
    count = history.counter(connection)
    connection.execute("COMMIT")
    print(count, flush=True)
connection.close()
