"""check, sql, schema, tables: what is healthy is called so, what is not is named; nothing is ever written."""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

from program import COMMAND_SECONDS, Skip, Test, check
from prometheus import prometheus_program

# The machine's own disk is not what is tested.
CALM = ["--threshold", "free-disk=off", "--threshold", "disk-used=off"]


def make(context, name="app.db", wal=True, rows=300):
    path = context.path(name)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode={'wal' if wal else 'delete'}")
    db.executescript("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE, note TEXT);"
                     "CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users(id), sum REAL);"
                     "CREATE INDEX orders_by_user ON orders(user_id);")
    db.executemany("INSERT INTO users VALUES(?, ?, ?)", ((i, f"u{i}@x", "n" * 60) for i in range(rows)))
    db.executemany("INSERT INTO orders VALUES(?, ?, ?)", ((i, i % rows, i / 3) for i in range(rows)))
    db.commit()
    db.execute("ANALYZE")
    db.close()
    return path


def state(context):
    """Names, bytes and times of everything beside the state folder."""
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in pathlib.Path(context.folder).iterdir() if p.is_file()}


def run_check(context, path, *words, status=0):
    return context.command("check", path, *CALM, "--json", *words, status=status).json


def ids(report, *severities):
    return {f["id"] for f in report["findings"] if not severities or f["severity"] in severities}


def sound_and_untouched(context):
    for wal in (True, False):
        path = make(context, f"wal{wal}.db", wal)
        before = state(context)
        for words in ([], ["--quick"], ["--background"]):
            report = run_check(context, path, *words)
            check(report["verdict"] in ("ok", "info") and not ids(report, "warning", "critical"), f"a sound one: {report['findings']}")
            done = {c["name"] for c in report["checks"] if c["outcome"] == "done"}
            check({"integrity", "size", "wal", "free-pages", "disk"} <= done, f"only {done} were done")
        text = context.command("check", path, *CALM).stdout.strip().splitlines()[-1]
        check(": ok (" in text, f"the last line is no verdict: {text}")
        context.command("tables", path, "--rows")
        context.command("stats", path, "--tables", "--watch-for", "0s")
        context.command("sql", path, "SELECT count(*) FROM users")
        check(state(context) == before, f"something beside the database changed: {set(state(context)) ^ set(before)}")


def other_formats(context):
    path = make(context)
    words = ["check", path, *CALM]
    nagios = context.command(*words, "--format", "nagios").stdout
    check(nagios.startswith("LITEWRIGHT OK - ") and "|size=" in nagios.splitlines()[0], nagios)
    nagios = context.command(*words, "--format", "nagios", "--threshold", "size=1KB,2KB", status=2).stdout
    check(nagios.startswith("LITEWRIGHT CRITICAL - ") and "size.large" in nagios, nagios)
    unknown = context.command("check", context.path("none.db"), "--format", "nagios", status=3).stdout
    check(unknown.startswith("LITEWRIGHT UNKNOWN - no such database"), unknown)
    health = json.loads(context.command(*words, "--format", "health+json", "--threshold", "size=1KB,2GB", status=1).stdout)
    check(health["status"] == "warn" and health["checks"][f"{path}:size"][0]["status"] == "warn", health)
    metrics = context.command(*words, "--format", "prometheus").stdout
    for line in metrics.splitlines():
        check(line.startswith("# ") or (line.startswith("litewright_") and len(line.rsplit(" ", 1)) == 2), f"no metric: {line}")
    check(f'litewright_check_status{{database="{path}"}} 0' in metrics, metrics)
    check(context.command(*words, "--format", "json").json["schema"] == "litewright/check/1", "schema")


def promtool(context):
    program = prometheus_program("promtool")
    metrics = context.command("check", make(context), *CALM, "--format", "prometheus").stdout
    linter = context.start([program, "check", "metrics"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = linter.communicate(metrics, timeout=COMMAND_SECONDS)[0]
    check(linter.returncode == 0 and not said, f"promtool check metrics: {said}")
    return f"{metrics.count('# TYPE')} metrics"


def chosen_checks(context):
    path = make(context)
    only = run_check(context, path, "--only", "size,wal")
    check([c["name"] for c in only["checks"]] == ["size", "wal"], only["checks"])
    skipped = run_check(context, path, "--skip", "integrity", "--skip", "disk,clock")
    check(not {"integrity", "disk", "clock"} & {c["name"] for c in skipped["checks"]}, skipped["checks"])
    check("integrity" in context.command("check", path, "--only", "integrty", status=64).stderr, "the names are not told")
    run_check(context, path, "--threshold", "size=1KB,9GB", status=1)
    run_check(context, path, "--threshold", "size=1KB,9GB", "--fail-on", "critical", status=0)


def page_of(path, name):
    db = sqlite3.connect(path)
    root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name=?", (name,)).fetchone()
    size, = db.execute("PRAGMA page_size").fetchone()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return root, size


def damage_page(path, name):
    root, size = page_of(path, name)
    with open(path, "r+b") as file:
        file.seek((root - 1) * size)
        file.write(os.urandom(size))


def damaged_page(context):
    for name in ("users", "orders_by_user", "sqlite_autoindex_users_1"):
        path = make(context, f"{name}.db")
        damage_page(path, name)
        report = run_check(context, path, status=2)
        check(report["verdict"] == "critical" and ids(report, "critical"), f"{name}: {report['findings']}")


def broken_content(context):
    path = make(context)
    db = sqlite3.connect(path)
    db.execute("INSERT INTO orders VALUES(5000, 999999, 1.5)")
    db.commit()
    db.close()
    report = run_check(context, path, "--min-rows", "users=301", "--min-rows", "gone=1", status=2)
    check({"foreign_keys.orphans", "rows.few", "table.missing"} <= ids(report, "critical"), report["findings"])
    check("gone" in json.dumps(report["findings"]), "the missing table is not named")
    # Stricter with what is quick: the orphan is not looked for.
    check("foreign_keys.orphans" not in ids(run_check(context, path, "--quick")), "quick reads all children")


def not_a_database(context):
    path = context.path("bad.db")
    pathlib.Path(path).write_bytes(context.random.randbytes(8192))
    answer = context.command("check", path, status=65)
    check("encrypted or not a database" in answer.stderr and "evenly spread" in answer.stderr and "whole pages" in answer.stderr, answer.stderr)
    pathlib.Path(path).write_bytes(b"PK\x03\x04 no database at all" * 1000)
    answer = context.command("check", path, status=65)
    check("encrypted or not a database" in answer.stderr and "no whole number of pages" in answer.stderr, answer.stderr)
    pathlib.Path(path).write_bytes(b"")
    check("database.empty" in ids(run_check(context, path, status=1)), "empty")
    context.command("check", context.path("none.db"), status=66)


HOLD = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.executescript(sys.argv[2])
print("held", flush=True)
time.sleep(600)
"""


def hold(context, path, sql):
    process = context.start([sys.executable, "-c", HOLD, path, sql], stdout=subprocess.PIPE)
    check(process.stdout.readline().strip() == "held", "the holder did not come")
    return process


def hot_journal(context):
    path = make(context, wal=False)
    holder = hold(context, path, "PRAGMA cache_size=2; PRAGMA cache_spill=1; BEGIN; UPDATE users SET note = hex(randomblob(200)); ")
    holder.kill()
    holder.wait()
    check(os.path.exists(path + "-journal") and os.path.getsize(path + "-journal") > 512, "no journal was left")
    before = state(context)
    report = run_check(context, path, status=1)
    check("journal.hot" in ids(report, "warning"), report["findings"])
    unknown = context.command("check", path, "--only", "integrity", "--fail-on", "critical", "--format", "nagios", status=3).stdout
    check(unknown.startswith("LITEWRIGHT UNKNOWN - ") and "a crash's journal waits" in unknown, unknown)
    check(": nothing was checked (" in context.command("check", make(context, "other.db"), "--only", "bit-rot").stdout, "a skipped check is called fine")
    os.unlink(context.path("other.db"))
    check(state(context) == before, "the journal was touched")
    sqlite3.connect(path).execute("SELECT count(*) FROM users").fetchone()
    run_check(context, path)


def engines(context):
    """Of the workers of one application one finding; our own follower checkpoints by rules of its own, and is none of them."""
    if sqlite3.sqlite_version_info > (3, 51, 2):
        raise Skip("this SQLite has the defect mended")
    path = make(context)
    protect = context.protect(path)
    only = hold(context, path, "SELECT count(*) FROM users")
    alone = [f for f in run_check(context, path, "--only", "engine")["findings"] if f["id"] == "engine.wal_reset"]
    check(len(alone) == 1 and alone[0]["severity"] == "info" and f"pid {only.pid}" in alone[0]["object"], alone)
    hold(context, path, "SELECT count(*) FROM users")
    report = run_check(context, path, "--only", "locks,engine", status=1)
    both = [f for f in report["findings"] if f["id"] == "engine.wal_reset"]
    check(len(both) == 1 and both[0]["severity"] == "warning", report["findings"])
    check(both[0]["figures"] == {"version": sqlite3.sqlite_version, "processes": 2}, both)
    check(not [f for f in report["findings"] if f["id"].startswith("sqlite.")], f"told twice: {report['findings']}")
    protect.stop()


def under_load(context):
    path = make(context, rows=20000)
    writer = context.start([sys.executable, "-c", """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
print("held", flush=True)
n = 100000
while True:
    n += 1
    db.execute("INSERT INTO users VALUES(?, ?, ?)", (n, f"v{n}", "x" * 100))
""", path], stdout=subprocess.PIPE)
    writer.stdout.readline()
    for _ in range(3):
        report = run_check(context, path, "--threshold", "wal=off", "--threshold", "reader-age=off", status=None)
        check(not ids(report, "critical"), report["findings"])
    # Beside such a writer a reader that may pin nothing has to give up, and says so.
    for attempt in range(20):
        report = run_check(context, path, "--only", "integrity", "--wal-ceiling", "1B")
        if report["checks"][0]["outcome"] == "skipped":
            break
    check("--wal-ceiling" in report["checks"][0].get("why", ""), f"never given up: {report['checks']}")
    check(writer.poll() is None, "the writer was hindered")


def looks_inside(context):
    path = make(context)
    rows = context.command("sql", path, "SELECT id, email FROM users WHERE id < 3 ORDER BY id", "--json").json
    check(rows["columns"] == ["id", "email"] and rows["rows"] == [[0, "u0@x"], [1, "u1@x"], [2, "u2@x"]], rows)
    csv = context.command("sql", path, "SELECT 'a,b' AS x, NULL AS y", "--csv").stdout
    check(csv.splitlines() == ["x,y", '"a,b",'], csv)
    for bad in ("DELETE FROM users", "PRAGMA journal_mode=DELETE", "PRAGMA query_only=0", "ATTACH 'x.db' AS x",
                "SELECT 1; DELETE FROM users", "PRAGMA wal_checkpoint", "VACUUM", "PRAGMA writable_schema=1", "SELECT load_extension('x')",
                "CREATE TEMP TABLE t(x)"):
        context.command("sql", path, bad, status=64)
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"
    context.command("sql", path, endless, "--timeout", "300ms", status=75)
    check("table does not exist" in context.command("schema", path, "nothing", status=66).stderr, "schema of nothing")
    check("CREATE INDEX orders_by_user" in context.command("schema", path, "orders").stdout, "schema")
    tables = {t["name"]: t.get("rows") for t in context.command("tables", path, "--rows", "--json").json["tables"]}
    check(tables["users"] == 300 and tables["orders"] == 300, tables)
    trees = {t["name"]: t for t in context.command("stats", path, "--tables", "--watch-for", "0s", "--json").json["trees"]}
    check(trees["users"]["rows"] == 300 and trees["users"]["bytes"] >= 8192 and trees["users"]["depth"] == 2, trees["users"])
    check(trees["orders_by_user"]["table"] == "orders" and 0 < trees["orders_by_user"]["fill"] <= 1, trees["orders_by_user"])


def configured(context):
    path = make(context)
    context.command("init", path, "-o", context.path("litewright.toml"))
    context.command("init", path, "-o", context.path("litewright.toml"), status=73)
    config = pathlib.Path(context.path("litewright.toml"))
    run_check(context, path, "--config", config)
    config.write_text(f'[[database]]\npath = "{path}"\nthresholds.size = "1KB,2KB"\nhealth.min_rows = {{ users = 301 }}\n'
                      '[[database.rules]]\nname = "no-u7"\nquery = "SELECT id FROM users WHERE id = 7"\nseverity = "critical"\n')
    report = run_check(context, path, "--config", config, status=2)
    check({"size.large", "rows.few", "rule.no-u7"} <= ids(report), report["findings"])
    config.write_text(f'[[database]]\npath = "{path}"\n\narchiv = "x"\n')
    answer = context.command("check", path, "--config", config, status=78)
    check("litewright.toml:4: unknown key 'archiv'" in answer.stderr and "archive" in answer.stderr, answer.stderr)


TESTS = [
    Test("a sound database is called so and nothing beside it changes", sound_and_untouched, 12),
    Test("nagios, health+json, prometheus and json say the same", other_formats, 5),
    Test("promtool finds nothing in the metrics of a check", promtool, 3),
    Test("checks are chosen by name, and what fails by severity", chosen_checks, 4),
    Test("a damaged page is found", damaged_page, 5),
    Test("orphans, missing tables and too few rows are named", broken_content, 3),
    Test("an encrypted file, another file, an empty one and none are told apart", not_a_database, 3),
    Test("a crash's journal is reported and left alone", hot_journal, 4),
    Test("the SQLite of each process that has it open is judged", engines, 5),
    Test("a database under full load is checked and its writer goes on", under_load, 8),
    Test("the looks inside read and never write", looks_inside, 6),
    Test("litewright.toml sets limits, rules and rows, and its faults have a line", configured, 5),
]
