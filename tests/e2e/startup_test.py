"""check --startup and reset: each cause has its exit status; only DB_RESET=1 or reset makes a fresh database, and loses nothing."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

from check_test import hold, make, state
from bad_input_test import as_nobody
from program import Skip, Test, check


def guard(context, path, *words, status=0, environment=None, nobody=False):
    command = [context.litewright, "check", path, "--startup", "--json", *words]
    if nobody:
        command = as_nobody(context, command)
    answer = context.run(command, env=environment or context.environment)
    check(answer.status == status, f"exit {answer.status}, not {status}: {answer.stdout[-800:]} {answer.stderr}")
    return [json.loads(line) for line in answer.stdout.splitlines()]


def failed(events, *words):
    event = events[-1]
    check(event["event"] == "startup.failed", event)
    for word in words:
        check(word in event["message"], f"does not say '{word}': {event['message']}")
    check(event["hint"], f"no hint: {event}")
    return event


def sound(context):
    for wal in (True, False):
        path = make(context, f"wal{wal}.db", wal)
        before = state(context)
        event = guard(context, path)[-1]
        check(event["event"] == "startup.passed" and event["exists"] and event["writable"], event)
        check(event["journal_mode"] == ("wal" if wal else "delete"), event)
        names = [c["name"] for c in event["checks"]]
        check(names == ["folder", "file", "permissions", "disk", "database", "network", "journal", "writing", "schema", "integrity"], names)
        check(state(context) == before, "the guard changed something")


def causes(context):
    folder = pathlib.Path(context.path("data"))
    failed(guard(context, folder / "app.db", status=66), "Database folder does not exist")
    folder.mkdir()
    failed(guard(context, folder / "app.db", status=66), "Database file does not exist", "not mounted")
    (folder / "app.db").mkdir()
    failed(guard(context, folder / "app.db", status=66), "not a file")
    (folder / "app.db").rmdir()
    (folder / "app.db").write_bytes(context.random.randbytes(9000))
    failed(guard(context, folder / "app.db", status=65), "encrypted or not a database")
    path = make(context)
    with open(path, "r+b") as file:
        file.seek(4096 + 3)
        file.write(b"\xff" * 200)
    failed(guard(context, path, status=65), "damaged")
    check(not os.path.exists(context.path("none")), "something was made")


def permissions(context):
    path = make(context)
    os.chmod(path, 0o444)
    event = failed(guard(context, path, status=77, nobody=True), "Database file is not writable")
    check(event["exists"] and not event["writable"] and "chown" in event["hint"], event)
    os.chmod(path, 0o666)
    folder = pathlib.Path(context.path("shut"))
    folder.mkdir()
    shutil.copy(path, folder / "app.db")
    os.chmod(folder / "app.db", 0o666)
    failed(guard(context, folder / "app.db", status=77, nobody=True), "Database folder is not writable")
    os.chmod(path, 0)
    failed(guard(context, path, status=77, nobody=True), "not readable")


def mounts(context):
    if os.geteuid() != 0:
        raise Skip("needs root to mount")
    folder = context.path("disk")
    os.mkdir(folder)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], capture_output=True).returncode != 0:
        raise Skip("no tmpfs")
    try:
        path = os.path.join(folder, "app.db")
        shutil.copy(make(context), path)
        check(guard(context, path)[-1]["checks"][0]["message"] == "a mount point", "the mount point is not seen")
        pathlib.Path(folder, "full").write_bytes(bytes(15 << 20))
        failed(guard(context, path, status=74), "disk is full")
        os.remove(os.path.join(folder, "full"))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        failed(guard(context, path, status=77), "not writable", "read-only")
    finally:
        subprocess.run(["umount", folder], check=True)


def schema(context):
    path = make(context)
    script = pathlib.Path(context.path("schema.sql"))
    script.write_text(context.command("schema", path).stdout)
    guard(context, path, "--schema", script)
    script.write_text("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT, phone TEXT);")
    failed(guard(context, path, "--schema", script, status=78), "column does not exist: users.phone")
    script.write_text("CREATE TABLE settings(x);")
    failed(guard(context, path, "--schema", script, status=78), "table does not exist: settings")
    script.write_text("CREATE TALBE settings(x);")
    guard(context, path, "--schema", script, status=78)


def budget(context):
    path = make(context, rows=60000)
    event = guard(context, path, "--budget", "1ms")[-1]
    pages = event["checks"][-1]
    check(pages["name"] == "integrity" and pages["outcome"] == "skipped", f"what was not done is called {pages}")


def bootstrap(context):
    path = make(context)
    script = pathlib.Path(context.path("schema.sql"))
    script.write_text("CREATE TABLE settings(k PRIMARY KEY, v);")
    asked = context.environment | {"DB_RESET": "1"}
    before = state(context)
    context.command("check", path, "--threshold", "free-disk=off", "--threshold", "disk-used=off", env=asked)
    for value in ("0", "yes", ""):
        guard(context, path, environment=context.environment | {"DB_RESET": value})
    check(state(context) == before, "something but check --startup with DB_RESET=1 touched it")
    events = guard(context, path, "--schema", script, environment=asked)
    check([e["event"] for e in events] == ["database.bootstrap", "startup.passed"], events)
    check(events[0]["tables"] == 1 and ".before-reset-" in events[0]["kept"][0], events[0])
    kept = sqlite3.connect(events[0]["kept"][0])
    check(kept.execute("SELECT count(*) FROM users").fetchone() == (300,), "the old one is not whole")
    new = sqlite3.connect(path)
    check(new.execute("PRAGMA journal_mode").fetchone() == ("wal",) and new.execute("SELECT count(*) FROM settings").fetchone() == (0,), "the fresh one")
    new.close()
    # Nothing there at all: an empty volume.
    empty = context.path("new.db")
    events = guard(context, empty, "--schema", script, environment=asked)
    check(events[0]["kept"] == [] and os.path.exists(empty), events)


def reset(context):
    path = make(context)
    context.command("reset", path, status=64)
    holder = hold(context, path, "INSERT INTO users VALUES(7000, 'only in the WAL', '')")
    answer = context.command("reset", path, "--yes", status=75)
    check(str(holder.pid) in answer.stderr, answer.stderr)
    events = guard(context, path, environment=context.environment | {"DB_RESET": "1"}, status=75)
    holder.kill()
    holder.wait()
    check(os.path.getsize(path + "-wal") > 0, "the holder left no WAL")
    report = context.command("reset", path, "--yes", "--json").json
    check(report["tables"] == 0 and not os.path.exists(path + "-wal"), report)
    kept = sqlite3.connect(report["kept"][0])
    check(kept.execute("SELECT email FROM users WHERE id=7000").fetchone() == ("only in the WAL",), "what only the WAL held is lost")
    check(events is not None, "no event")


TESTS = [
    Test("a sound database may start, and nothing is changed by asking", sound, 5),
    Test("a folder, a volume, a file or a database that is not there is named, each with its status", causes, 5),
    Test("what may not be written is named, with what to type", permissions, 5),
    Test("a full disk and a read-only mount have their status", mounts, 5),
    Test("a table or column that the schema expects is missed", schema, 5),
    Test("what did not fit into the budget is called skipped", budget, 5),
    Test("DB_RESET=1 is heeded at start-up alone, and the old database is kept", bootstrap, 6),
    Test("reset refuses while somebody has it open, and keeps what only the WAL holds", reset, 6),
]
