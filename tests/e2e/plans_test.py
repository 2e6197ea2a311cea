"""`maintain rows archive`, and the plans: every procedure of the runbooks is one command, and each leaves a line in the history."""
import csv
import io
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

from program import Test, check


def rows(path, query):
    connection = sqlite3.connect(path, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def run_sql(path, script):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(script)
    connection.close()


SHOP = """
PRAGMA journal_mode=WAL;
CREATE TABLE orders(id INTEGER PRIMARY KEY, at TEXT, total REAL, note);
CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id) ON DELETE CASCADE, name TEXT);
CREATE INDEX items_order ON items(order_id);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<3000)
INSERT INTO orders SELECT n, datetime('now', '-'||n||' days', '+6 hours'), n/7.0, CASE n%3 WHEN 0 THEN 'say "no", twice' WHEN 1 THEN x'00ff' END FROM i;
INSERT INTO items SELECT id, id, 'thing '||id FROM orders WHERE id%100=0;
"""


def shop(context, name="app.db"):
    path = context.path(name)
    run_sql(path, SHOP)
    return path


OLD = ["--column", "at", "--older-than", "1000d", "--no-restore-point"]


def archives_rows(context):
    """To each kind of place; a row that others point at stays, and nothing cascades."""
    for to in ("table", "old.db", "old.csv", "old.csv.zst"):
        path = shop(context, f"{to}.src.db")
        wanted = rows(path, "SELECT * FROM orders WHERE at < datetime('now', '-1000 days') AND id%100")
        where = ["--into", "orders_old"] if to == "table" else ["--to", context.path(to)]
        dry = context.command("maintain", path, "rows", "archive", "orders", *OLD, *where, "--dry-run", "--json").json
        check(dry["archived"] == 0 and rows(path, "SELECT count(*) FROM orders") == [(3000,)], f"{to}: a dry run did {dry}")
        report = context.command("maintain", path, "rows", "archive", "orders", *OLD, *where, "--json").json
        check(report["archived"] == len(wanted), f"{to}: {report}, not {len(wanted)}")
        check(report["pointed_at"] == dry["found"] - len(wanted) > 0, f"{to}: {report}")
        left = rows(path, "SELECT count(*) FROM orders")[0][0]
        check(left == 3000 - len(wanted) and rows(path, "SELECT count(*) FROM items") == [(30,)], f"{to}: {left} rows left")
        check(rows(path, "PRAGMA foreign_key_check") == [] and rows(path, "PRAGMA integrity_check") == [("ok",)], f"{to}: not sound")
        if to == "table":
            there = rows(path, "SELECT id, at, total, note FROM orders_old ORDER BY id")
            check(there == wanted, f"{to}: other rows")
        elif to == "old.db":
            check(rows(context.path(to), "SELECT id, at, total, note FROM orders ORDER BY id") == wanted, f"{to}: other rows")
        elif to == "old.csv":
            there = list(csv.reader(io.StringIO(pathlib.Path(context.path(to)).read_text())))
            check(there[0] == ["id", "at", "total", "note"] and len(there) == len(wanted) + 1, f"{to}: {there[:2]}")
            check([(int(a), b, float(c)) for a, b, c, _ in there[1:]] == [row[:3] for row in wanted], f"{to}: other rows")
        else:
            check(not os.path.exists(context.path(to) + ".unconfirmed"), "a note was left")
            plain = os.path.getsize(context.path("old.csv"))
            check(100 < os.path.getsize(context.path(to)) < plain / 2, "not packed")
        again = context.command("maintain", path, "rows", "archive", "orders", *OLD, *where, "--json").json
        check(again["archived"] == 0, f"{to}: again {again}")
    refused = context.command("maintain", path, "rows", "archive", "orders", "--column", "at", status=64)
    check("--older-than" in refused.stderr, refused.stderr)
    check("no column" in context.command("maintain", path, "rows", "archive", "orders", "--column", "x", "--older-than", "1d",
                                         "--no-restore-point", status=64).stderr, "what it says")


def daily(context):
    """As seeds 002 and 004 have it: each step with its before and after, in the history, in the health log."""
    path = shop(context)
    lines = context.command("maintain", path, "daily", "--dry-run").stdout.splitlines()
    check(all(line.startswith("litewright ") for line in lines) and len(lines) >= 6, f"{lines}")
    run_sql(path, "UPDATE orders SET total=total+1")
    report = context.command("maintain", path, "daily", "--json", status=None)
    steps = {step["name"]: step for step in report.json["steps"]}
    for name in ("checkpoint", "analyze", "optimize", "quick check", "backup", "verify"):
        check(steps[name]["result"] in ("done", "warning"), f"{name}: {steps[name]}")
    check("->" in steps["checkpoint"]["summary"] and "statistics changed" in steps["analyze"]["summary"], f"{steps}")
    check(report.status in (0, 1), f"exit {report.status}")
    runs = context.command("runs", path, "--json").json["runs"]
    check(len(runs) == 1 and runs[0]["job"] == "daily" and runs[0]["result"] in ("done", "warnings"), f"{runs}")
    check(runs[0]["seconds"] > 0 and "steps done" in runs[0]["summary"], f"{runs}")
    logs = list(pathlib.Path(context.path("state")).rglob("health-*.jsonl"))
    check(len(logs) == 1 and "verdict" in json.loads(logs[0].read_text().splitlines()[0]), f"{logs}")
    out = context.restore(path, context.path("out.db"))
    check(rows(out, "SELECT count(*) FROM orders") == [(3000,)], "the backup")
    check("daily" in context.command("runs").stdout, "for people")


def weekly_and_monthly(context):
    path = shop(context)
    run_sql(path, "DELETE FROM orders WHERE id>200; DELETE FROM items WHERE id>200; CREATE TABLE gone(x); "
                  "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO gone SELECT randomblob(2000) FROM n; DROP TABLE gone")
    config = context.path("litewright.toml")
    marks = context.path("marks")
    pathlib.Path(config).write_text(f"""
[[database]]
path = "{path}"
[database.service]
stop = "echo stop >> {marks}"
start = "echo start >> {marks}"
""")
    report = context.command("maintain", path, "weekly", "--config", config, "--json", status=None).json
    steps = {step["name"]: step for step in report["steps"]}
    names = [step["name"] for step in report["steps"]]
    check(names.index("stop the application") < names.index("backup") < names.index("full check") < names.index("vacuum")
          < names.index("start the application"), f"{names}")
    # Free pages are what VACUUM is for, however critical.
    free = [finding for finding in steps["full check"]["document"]["findings"] if finding["id"] == "pages.free"]
    check(free and free[0]["severity"] == "critical" and steps["prune"]["result"] == "done", f"{steps}")
    check(steps["vacuum"]["document"]["way"] == "vacuum" and "->" in steps["vacuum"]["summary"], f"{steps['vacuum']}")
    check(pathlib.Path(marks).read_text() == "stop\nstart\n", pathlib.Path(marks).read_text())
    check(rows(path, "PRAGMA freelist_count") == [(0,)], "VACUUM")
    first = context.command("maintain", path, "monthly", "--json", status=None).json
    steps = {step["name"]: step for step in first["steps"]}
    check(steps["drill"]["result"] == "done" and "noted" in steps["schema"]["summary"], f"{steps}")
    run_sql(path, "CREATE TABLE fresh(x)")
    second = context.command("maintain", path, "monthly", "--json", status=None).json
    said = {step["name"]: step["summary"] for step in second["steps"]}["schema"]
    check("+" in said and "fresh" in said, said)
    copies, cold = context.path("copies"), context.path("cold")
    os.mkdir(copies)
    for label in ("one", "two"):
        context.command("backup", path, "--to", f"{copies}/app_backup_{label}.db.zst")
    moved = context.command("maintain", path, "copies", copies, "--to", cold, "--older-than", "0s", "--json").json
    check(moved["moved"] == 1 and len(os.listdir(copies)) == 2, f"{moved}: {os.listdir(copies)}")
    there = list(pathlib.Path(cold).rglob("*.db.zst"))
    check(len(there) == 1, f"{there}")
    context.command("verify", str(there[0]))
    hourly = context.command("maintain", path, "hourly", "--json", status=None).json
    check([step["name"] for step in hourly["steps"]] == ["checkpoint", "check"], f"{hourly}")
    jobs = [run["job"] for run in context.command("runs", path, "--json").json["runs"]]
    check(jobs == ["hourly", "monthly", "monthly", "weekly"], f"{jobs}")


def cold_copies(context):
    """Copies with the same name are all kept; a damaged one stays where it is, and nothing is said of removing another."""
    copies, cold = context.path("copies"), context.path("cold")
    for number in range(2):
        os.makedirs(context.path(f"d{number}"))
        path = context.path(f"d{number}/app.db")
        run_sql(path, f"CREATE TABLE t(x); INSERT INTO t VALUES({number})")
        folder = f"{copies}{number}"
        os.mkdir(folder)
        for label in ("one", "two", "three"):
            context.command("backup", path, "--to", f"{folder}/app-{label}.db")
    move = lambda number, status=0: context.command("maintain", context.path(f"d{number}/app.db"), "copies", f"{copies}{number}", "--to", cold,
                                                    "--older-than", "0s", "--json", status=status)
    check(move(0).json["moved"] == 2, "the first")
    with open(f"{copies}1/app-one.db", "r+b") as file:
        file.seek(4096 + 100)
        file.write(b"rot")
    failed = move(1, 65)
    check("app-one.db" in failed.stderr and "remove" not in failed.stderr, failed.stderr)
    check(sorted(os.listdir(copies + "1")) == ["app-one.db", "app-one.db.json", "app-three.db", "app-three.db.json"], f"{os.listdir(copies + '1')}")
    there = sorted(pathlib.Path(cold).rglob("*.db"))
    check([path.name for path in there] == ["app-one.db", "app-two-2.db", "app-two.db"], f"{there}")
    check([rows(path, "SELECT x FROM t") for path in there] == [[(0,)], [(1,)], [(0,)]], "their rows")
    for path in there:
        context.command("verify", str(path))


def prunes_as_configured(context):
    """A plan forgets what litewright.toml lets go, not what the default rules would; so does prune itself."""
    path, config = shop(context), context.path("litewright.toml")
    pathlib.Path(config).write_text(f'[[database]]\npath = "{path}"\nkeep.last = 2\n')
    points = lambda: len(context.command("log", path, "--all", "--json").json["commits"])
    for n in range(4):
        run_sql(path, f"CREATE TABLE t{n}(x)")
        context.command("backup", path)
    check(points() >= 4, f"{points()} points")
    context.command("prune", path)
    check(points() >= 4, f"{points()} points are left by the default rules")
    report = context.command("maintain", path, "daily", "--config", config, "--json", status=None).json
    steps = {step["name"]: step for step in report["steps"]}
    check(steps["prune"]["result"] == "done" and points() == 2, f"{points()} points are left; {steps['prune']}")
    run_sql(path, "CREATE TABLE more(x)")
    context.command("backup", path)
    context.command("prune", path, "--config", config)
    check(points() == 2, f"{points()} points are left")


def damage_stops_vacuum(context):
    """The check comes first; the application is started again whatever happens; the status says critical."""
    path = shop(context)
    run_sql(path, "DELETE FROM orders WHERE id>200; PRAGMA wal_checkpoint(TRUNCATE)")
    root = rows(path, "SELECT rootpage FROM sqlite_schema WHERE name='items_order'")[0][0]
    with open(path, "r+b") as file:
        file.seek((root - 1) * 4096 + 8)
        file.write(b"\xff" * 64)
    config, marks = context.path("litewright.toml"), context.path("marks")
    pathlib.Path(config).write_text(f'[[database]]\npath = "{path}"\n[database.service]\nstart = "echo start >> {marks}"\n')
    answer = context.command("maintain", path, "weekly", "--config", config, "--json", status=None)
    steps = {step["name"]: step for step in answer.json["steps"]}
    check(steps["full check"]["result"] == "critical" and steps["vacuum"]["result"] == "skipped", f"{steps}")
    check(steps["prune"]["result"] == "skipped", f"{steps}")
    check(pathlib.Path(marks).read_text() == "start\n" and answer.status != 0, f"exit {answer.status}")
    said = context.command("maintain", path, "weekly", "--config", config, "--quiet", status=None).stdout
    check("critical  full check" in said and "integrity." in said and "skipped" in said and "done" not in said, said)


def begin_weekly(context, path, stop, start):
    """Stands in service.stop when it returns."""
    config = context.path("litewright.toml")
    pathlib.Path(config).write_text(f'[[database]]\npath = "{path}"\n[database.service]\nstop = "{stop}"\nstart = "{start}"\n')
    before = len(context.command("runs", path, "--json").json["runs"])
    process = context.start([context.litewright, "maintain", path, "weekly", "--config", config, "--quiet"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while not os.path.exists(context.path("stopping")):
        check(process.poll() is None and time.monotonic() < end, "service.stop did not come within 20 s")
        time.sleep(.02)
    os.unlink(context.path("stopping"))
    check(len(context.command("runs", path, "--json").json["runs"]) == before + 1, "the run is not in the history")
    return process


def ended_in_the_middle(context):
    path = shop(context)
    stopping, marks = context.path("stopping"), context.path("marks")
    process = begin_weekly(context, path, f"touch {stopping}; sleep 20", "true")
    check(context.command("runs", path, "--json").json["runs"][0]["result"] == "running", "it does not run")
    refused = context.command("maintain", path, "hourly", status=75).stderr
    check(f"(weekly, pid {process.pid}) is under way" in refused, refused)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = context.command("runs", path, "--json").json["runs"][0]
    check(run["result"] == "interrupted" and "ended" in run, f"{run}")
    # Told to end, it starts the application again first.
    process = begin_weekly(context, path, f"touch {stopping}; sleep 1", f"echo start >> {marks}")
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    check(pathlib.Path(marks).read_text() == "start\n", "the application was left stopped")
    check(process.returncode == 75, f"exit {process.returncode}")
    run = context.command("runs", path, "--json").json["runs"][0]
    check("backup skipped" in run["summary"], f"{run}")


TESTS = [
    Test("maintain rows archive: to a table, a database, a file; what others point at stays", archives_rows, 6),
    Test("maintain daily: each step with before and after, in the history and the health log", daily, 5),
    Test("maintain weekly stops and starts the application, monthly drills and compares the schema", weekly_and_monthly, 8),
    Test("old copies go to cheaper storage: equal names, a damaged one", cold_copies, 4),
    Test("a plan prunes by the rules of litewright.toml", prunes_as_configured, 4),
    Test("a plan that finds damage does not VACUUM, and starts the application again", damage_stops_vacuum, 8),
    Test("a plan that was killed is shown as interrupted; told to end it starts the application first", ended_in_the_middle, 6),
]
