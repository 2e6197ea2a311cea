"""`serve` with a flight recorder: what led to a stall is in a file, with who held the lock."""
import json
import pathlib
import sqlite3
import subprocess
import sys

from program import Serve, Test, check

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def stall(context):
    path = context.path("app.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x)")
    connection.close()
    guarded = f'[serve]\nlook_every = "200ms"\n[[database]]\npath = "{path}"\n'
    served = Serve(context, guarded)
    served.wait_following("app.db")
    seen = len(served.events)
    served.reload(guarded + 'recorder = "5m"\nrecorder_stall = "7s"\n')  # SIGHUP is enough
    served.wait_event("configured", after=seen)
    holder = context.start([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    kept = served.wait_event("flight.kept", timeout=60)
    holder.stdin.close()
    head, *reports = [json.loads(line) for line in pathlib.Path(kept["file"]).read_text().splitlines()]
    check(head["schema"] == "litewright/flight/1" and head["name"] == "app.db" and str(holder.pid) in head["why"], f"the head: {head}")
    check(max(one["held_seconds"] or 0 for one in reports[-1]["processes"]) >= 7, f"held for: {reports[-1]}")
    check(len(reports) == head["reports"] and all(report["schema"] == "litewright/locks/1" for report in reports), "the reports")
    check(any(one["pid"] == holder.pid and one["role"] == "writes" for one in reports[-1]["processes"]), f"the last: {reports[-1]}")
    served.stop()
    return f"{len(reports)} reports, {head['why']}"


TESTS = [Test("a stall is written down with who made it", stall, 20)]
