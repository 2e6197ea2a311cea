"""`maintain rows archive` where it could lose rows: targets that databases share, kills in between, triggers, odd times."""
import csv
import io
import os
import signal
import sqlite3
import subprocess
import time

from program import Test, check

ARCHIVE = ["rows", "archive", "orders", "--column", "at", "--older-than", "365d", "--no-restore-point"]
YOUNG = "2999-01-01"


def run_sql(path, script):
    connection = sqlite3.connect(path, isolation_level=None, timeout=20)
    connection.executescript(script)
    connection.close()


def rows(path, query):
    connection = sqlite3.connect(path, timeout=20)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def shop(context, name, count=0, mode="WAL", encoding="UTF-8"):
    path = context.path(name)
    run_sql(path, f"PRAGMA encoding='{encoding}'; PRAGMA journal_mode={mode}; CREATE TABLE orders(id INTEGER PRIMARY KEY, at, note TEXT);"
                  f"INSERT INTO orders VALUES(1, '{YOUNG}', 'young of {name}');")
    add(path, "first", count)
    return path


def add(path, what, count):
    run_sql(path, f"WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<{count}) INSERT INTO orders(at, note) "
                  f"SELECT '2020-01-01', '{os.path.basename(path)} {what} '||n FROM i WHERE {count}>0")


def archived(target):
    """Of all rows in it what tells them apart."""
    if not os.path.exists(target):
        return []
    if target.endswith(".db"):
        return [note for (note,) in rows(target, "SELECT note FROM orders")]
    text = open(target, "rb").read() if target.endswith(".csv") else \
        subprocess.run(["zstd", "-dc", target], capture_output=True, check=True).stdout
    return [line[2] for line in list(csv.reader(io.StringIO(text.decode())))[1:]]


def shared_target(context):
    """Round after round: one database's run is killed, another's goes to the same file, then the first again."""
    kills = middle = waited = 0
    for ending in ("old.db", "old.csv", "old.csv.zst"):
        target = context.path(ending)
        paths = [shop(context, f"{ending}.{number}.src.db", mode=("WAL", "DELETE")[number]) for number in (0, 1)]
        wanted = {f"young of {os.path.basename(path)}" for path in paths}
        for number in range(40 if context.long else 3):
            for path in paths:
                add(path, f"round {number}", 3000)
                wanted |= {f"{os.path.basename(path)} round {number} {n}" for n in range(1, 3001)}
            first, second = context.random.sample(paths, 2)
            killed = context.start([context.litewright, "maintain", first, *ARCHIVE, "--to", target, "--quiet"])
            end = time.monotonic() + 20
            while killed.poll() is None and time.monotonic() < end and rows(first, "SELECT count(*)>3000 FROM orders") == [(1,)]:
                time.sleep(.002)
            time.sleep(context.random.uniform(0, .05))
            middle += killed.poll() is None
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            kills += 1
            rows(first, "SELECT count(*) FROM orders")  # as the application: without a WAL it rolls its journal back
            answer = context.command("maintain", second, *ARCHIVE, "--to", target, status=None)
            if answer.status == 75 and not target.endswith(".db"):
                check("was interrupted" in answer.stderr and first in answer.stderr, answer.stderr)
                waited += 1
            else:
                check(answer.status == 0, f"{ending}: beside a killed run: {answer.stderr}")
            context.command("maintain", first, *ARCHIVE, "--to", target)
            context.command("maintain", second, *ARCHIVE, "--to", target)
            there = archived(target) + [note for path in paths for (note,) in rows(path, "SELECT note FROM orders")]
            check(len(there) == len(set(there)), f"{ending}, round {number}: {len(there) - len(set(there))} rows are there twice")
            check(set(there) == wanted, f"{ending}, round {number}: {len(wanted - set(there))} rows are lost")
            check(all(len(rows(path, "SELECT id FROM orders")) == 1 for path in paths), "old rows are left")
        check(not os.path.exists(target + ".unconfirmed"), "a note is left")
    check(middle > 0, "none was in mid-operation")
    return f"{kills} kills, {middle} in mid-operation, {waited} CSV files waited for their first source"


def at_the_same_time(context):
    """Both at once into one file: one waits for the other."""
    for ending in ("old.db", "old.csv"):
        target, paths = context.path(ending), [shop(context, f"{ending}.{number}.src.db", 4000) for number in (0, 1, 2)]
        at_once = [context.start([context.litewright, "maintain", path, *ARCHIVE, "--to", target, "--quiet"]) for path in paths]
        check([process.wait() for process in at_once] == [0, 0, 0], f"{ending}: not all went")
        check(len(archived(target)) == len(set(archived(target))) == 12_000, f"{ending}: {len(archived(target))} rows")


def triggers(context):
    path = shop(context, "app.db", 100)
    run_sql(path, """
      CREATE TABLE items(order_id); INSERT INTO items SELECT id FROM orders;
      CREATE TABLE gone(id); CREATE TRIGGER notes AFTER DELETE ON orders BEGIN INSERT INTO gone VALUES(old.id); END;
      CREATE VIRTUAL TABLE words USING fts5(note, content=orders, content_rowid=id); INSERT INTO words(words) VALUES('rebuild');
      CREATE TRIGGER unword AFTER DELETE ON orders BEGIN INSERT INTO words(words, rowid, note) VALUES('delete', old.id, old.note); END;
      CREATE TRIGGER cascade AFTER DELETE ON orders BEGIN DELETE FROM items WHERE order_id=old.id; END;""")
    target = context.path("old.db")
    for words in (["--dry-run"], []):
        answer = context.command("maintain", path, *ARCHIVE, "--to", target, *words, status=64)
        check("trigger cascade deletes rows of items" in answer.stderr and "--run-triggers" in answer.stderr, answer.stderr)
    check(not os.path.exists(target) and rows(path, "SELECT count(*) FROM items") == [(101,)], "something was done")
    run_sql(path, "DROP TRIGGER notes; DROP TRIGGER cascade")
    report = context.command("maintain", path, *ARCHIVE, "--to", target, "--json").json
    check(report["archived"] == 100 and report["trigger_changes"] == 0, f"{report}")
    run_sql(path, "INSERT INTO words(words) VALUES('integrity-check')")
    run_sql(path, "CREATE TRIGGER cascade AFTER DELETE ON orders BEGIN DELETE FROM items WHERE order_id=1; END; DROP TRIGGER unword")
    add(path, "more", 2)
    text = context.command("maintain", path, *ARCHIVE, "--to", target, "--run-triggers").stdout
    check("triggers changed 1 other rows" in text and rows(path, "SELECT count(*) FROM items") == [(100,)], text)


def what_is_found_is_said(context):
    path = shop(context, "app.db")
    run_sql(path, "INSERT INTO orders(at) VALUES(20200131), (2020), (0), ('2020-01-31'), (1577836800), (1580000000000.0)")
    answer = context.command("maintain", path, *ARCHIVE[:5], "--before", "2025-01-01T00:00:00Z", "--no-restore-point", "--dry-run",
                             "--to", context.path("old.db"), env=context.environment | {"TZ": "Europe/Berlin"}).stdout
    for said in ("older than 2025-01-01 01:00:00 (2025-01-01T00:00:00Z): 3 of 7 rows", "from 2020-01-01 01:00:00 (2020-01-01T00:00:00Z)",
                 "to 2020-01-31 01:00:00 (2020-01-31T00:00:00Z)", "3 stay: their time is not understood"):
        check(said in answer, f"{said}: {answer}")
    report = context.command("maintain", path, *ARCHIVE, "--to", context.path("old.db"), "--json").json
    check(report["oldest"] == "2020-01-01T00:00:00.000000000Z" and report["newest"] == "2020-01-31T00:00:00.000000000Z", f"{report}")
    none = context.command("maintain", path, *ARCHIVE, "--to", context.path("old.db"), "--json").json
    check(none["oldest"] is None and none["found"] == 0, f"{none}")


def new_files(context):
    """As their source is: its mode, its encoding. What can be no target is refused before anything is done."""
    path = shop(context, "app.db", 10, encoding="UTF-16le")
    os.chmod(path, 0o640)
    for name in ("old.db", "OLD.CSV", "old"):
        add(path, name, 3)
        context.command("maintain", path, *ARCHIVE, "--to", context.path(name))
        check(os.stat(context.path(name)).st_mode & 0o777 == 0o640, f"{name} has another mode")
    check(rows(context.path("old.db"), "PRAGMA encoding") == [("UTF-16le",)], "another encoding")
    add(path, "more", 3)
    os.mkdir(context.path("folder"))
    for name, status in (("old.csv.gz", 64), ("old.json", 64), ("app.db-wal", 64), ("other.db-journal", 64), ("folder", 64),
                         ("app.db", 64), ("none/old.db", 73), ("none/old.csv", 73)):
        for words in (["--dry-run"], []):
            context.command("maintain", path, *ARCHIVE, "--to", context.path(name), *words, status=status)
    check(len(rows(path, "SELECT id FROM orders")) == 4, "rows are gone")


TESTS = [
    Test("rows archive of two databases into one file, killed at random: every row is there once", shared_target, 20, 300),
    Test("rows archive of three databases into one file at the same time: one waits for the other", at_the_same_time, 8),
    Test("rows archive refuses triggers that delete rows of other tables, and takes full-text indexes along", triggers, 3),
    Test("rows archive says what it understood of the times", what_is_found_is_said, 2),
    Test("rows archive makes files like their source, and only where they can be", new_files, 4),
]
