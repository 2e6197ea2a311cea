"""The backup and restore steps of the five runbooks: each is one command, while the application runs where it may."""
import datetime
import json
import os
import shutil
import sqlite3

import application_database as application
from program import Test, check


def make(context, name, sql, mode="WAL"):
    path = context.path(name)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={mode}").fetchall()
    connection.executescript(sql)
    return path, connection


def harmony(context):
    """cp harmony.db with the service stopped, .dump settings, cp back, SELECT count(*) FROM settings."""
    database, service = make(context, "harmony.db", "CREATE TABLE settings(k PRIMARY KEY, v); INSERT INTO settings VALUES('a', 1), ('b', 2);"
                                                    "CREATE TABLE tracks(id INTEGER PRIMARY KEY, name); INSERT INTO tracks(name) VALUES('x');",
                             mode="DELETE")
    os.mkdir(context.path("backups"))
    context.command("backup", database, "--to", context.path("backups"), "--form", "db")  # the service runs on
    context.command("backup", database, "--to", context.path("settings.sql"), "--table", "settings")
    shell = context.run(["sh", "-c", f"sqlite3 {context.path('look.db')} < {context.path('settings.sql')} && "
                                     f"sqlite3 {context.path('look.db')} 'SELECT count(*) FROM settings'"])
    check(shell.stdout.strip() == "2", f"the dump of settings: {shell}")
    service.execute("DELETE FROM settings")
    answer = context.command("restore", database, "--from", context.path("backups"), status=75)
    check("is open in" in answer.stderr, answer.stderr)
    service.close()
    answer = context.command("restore", database, "--from", context.path("backups"), "--probe", "SELECT count(*) FROM settings")
    check("probe: 2" in answer.stdout, answer.stdout)


def inventory(context):
    """A file copy, a dump, a compressed dump, each named by the time; back from each."""
    database, connection = make(context, "inventory.db", "CREATE TABLE locations(id INTEGER PRIMARY KEY, name VARCHAR(255) NOT NULL, "
                                "parent_id INTEGER REFERENCES locations(id)); CREATE INDEX ix ON locations(name);"
                                "INSERT INTO locations(name) VALUES('My House'); INSERT INTO locations(name, parent_id) VALUES('Living Room', 1);")
    connection.close()
    for form in ("db", "sql", "sql.gz"):
        copy = context.command("backup", database, "--to", context.folder, "--form", form, "--json").json["file"]
        os.unlink(database)
        context.command("restore", database, "--from", copy)
        check(application.value(database, "SELECT count(*) FROM locations WHERE parent_id=1") == 1, f"{form}: not restored")
    # What the runbook's own lines have made until now stays usable.
    for line, name in ((f"cp {database} ", "inventory_backup_20250126_123000.db"),
                       (f"sqlite3 {database} .dump > ", "inventory_backup_20250126_123001.sql"),
                       (f"sqlite3 {database} .dump | gzip > ", "inventory_backup_20250126_123002.sql.gz")):
        check(context.run(["sh", "-c", line + context.path(name)]).status == 0, line)
        os.unlink(database)
        context.command("verify", context.path(name))
        context.command("restore", database, "--from", context.path(name))
        check(application.value(database, "SELECT name FROM locations WHERE id=2") == "Living Room", f"{name}: not restored")


def queue(context):
    """create_backup('daily'), verify_backup, list_backups; restore of the newest, integrity_check."""
    database, worker = make(context, "queue.db", "CREATE TABLE task_queue(id INTEGER PRIMARY KEY, payload); INSERT INTO task_queue(payload) VALUES('one');")
    backups = context.path("backups")
    os.mkdir(backups)
    for _ in range(3):
        worker.execute("INSERT INTO task_queue(payload) VALUES('more')")
        context.command("backup", database, "--to", backups, "--form", "db", "--label", "daily", "--full-check")
    rows = context.command("log", backups, "--json").json["copies"]
    check(len(rows) == 3 and all(row["verified"] and row["check"] == "integrity_check" and row["label"] == "daily" for row in rows), rows)
    check(os.path.basename(rows[0]["file"]).startswith("queue_backup_daily_2"), rows[0])
    worker.execute("DELETE FROM task_queue")
    worker.close()
    context.command("restore", database, "--from", backups)
    check(application.value(database, "SELECT count(*) FROM task_queue") == 4, "not the newest")
    application.is_sound(database)


def kamiyo(context):
    """The corrupt file kept, the latest backup in its place."""
    database, connection = make(context, "kamiyo.db", "CREATE TABLE exploits(id INTEGER PRIMARY KEY, t); INSERT INTO exploits(t) VALUES('x'), ('y');")
    connection.close()
    os.mkdir(context.path("backups"))
    latest = context.path("backups/kamiyo_latest.db")
    context.command("backup", database, "--to", latest)
    with open(database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    broken = open(database, "rb").read()
    kept = context.command("restore", database, "--from", latest, "--json").json["kept"]
    check(open(kept[0], "rb").read() == broken, "the corrupt file was not kept as it was")
    check(application.value(database, "SELECT COUNT(*) FROM exploits") == 2, "not restored")


def ora(context):
    """cp, integrity_check, gzip; the emergency copy of a corrupt database; verification at the restore."""
    database, writer = make(context, "ora.db", "CREATE TABLE inventory_current(sku, n); INSERT INTO inventory_current VALUES('s', 1);")
    folder = context.path("database")
    os.mkdir(folder)
    writer.execute("BEGIN IMMEDIATE")  # no need for it to be idle
    context.command("backup", database, "--to", folder, "--form", "db.gz")
    writer.execute("INSERT INTO inventory_current VALUES('t', 2)")
    writer.execute("COMMIT")
    copy = context.command("log", folder, "--json").json["copies"][0]["file"]
    check(context.run(["gzip", "-t", copy]).status == 0, "gzip finds fault with it")
    writer.close()
    with open(database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xee" * 4096)
    context.command("backup", database, "--to", folder, "--form", "db.gz", status=65)
    context.command("backup", database, "--to", context.path("ora_corrupted.db"), "--no-verify")
    check(open(context.path("ora_corrupted.db"), "rb").read() == open(database, "rb").read(), "the emergency copy differs")
    context.command("restore", database, "--from", folder)
    check(application.value(database, "SELECT group_concat(sku) FROM inventory_current") == "s", "not restored")
    application.is_sound(database)


def copy_names(folder):
    return sorted(name for name in os.listdir(folder) if not name.endswith(".json"))


def age(copy, days):
    """Makes a copy as old as if it had been taken so many days ago."""
    with open(copy + ".json") as file:
        record = json.load(file)
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    record["taken_at"] = moment.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
    with open(copy + ".json", "w") as file:
        json.dump(record, file)


def queue_keeps_ten(context):
    """cleanup_old_backups(keep_count=10); the copy before an upgrade is another label."""
    database, worker = make(context, "queue.db", "CREATE TABLE task_queue(id INTEGER PRIMARY KEY);")
    other, _ = make(context, "other.db", "CREATE TABLE t(a);")
    backups = context.path("backups")
    os.mkdir(backups)
    copies = []
    for label in ["before-upgrade"] + ["daily"] * 12:
        worker.execute("INSERT INTO task_queue DEFAULT VALUES")
        copies.append(context.command("backup", database, "--to", backups, "--form", "db", "--label", label, "--json").json["file"])
    alone = context.command("backup", other, "--to", backups, "--form", "db", "--json").json["file"]
    before = copy_names(backups)
    plan = context.command("prune", backups, "--keep-last", "10", "--label", "daily", "--dry-run", "--json").json
    check(plan["going"] == 2 and plan["removed"] == 0 and copy_names(backups) == before, plan)
    done = context.command("prune", backups, "--keep-last", "10", "--label", "daily", "--json").json
    gone = {row["file"] for row in done["copies"] if row["goes"]}
    check(gone == set(copies[1:3]) and done["removed"] == 2, done)
    check([row["file"] for row in context.command("log", backups, "--json").json["copies"]] == [copies[0]] + copies[3:] + [alone],
          "others went than were told")
    check(not any(os.path.exists(copy + ".json") for copy in gone), "records stayed behind")
    # Without a label all of the queue's count together; the other database has its own newest.
    context.command("prune", backups, "--keep-last", "1")
    check([row["file"] for row in context.command("log", backups, "--json").json["copies"]] == [copies[-1], alone], "each its newest")
    context.command("prune", backups, status=64)  # no rule: nothing is guessed


def ora_forgets_after_thirty_days(context):
    """find backups -name 'ora_*.db.gz' -mtime +30 -delete, but never the last good copy."""
    database, _ = make(context, "ora.db", "CREATE TABLE inventory_current(sku);")
    folder = context.path("database")
    os.mkdir(folder)
    copies = []
    for days, more in ((80, []), (50, []), (45, ["--no-verify"]), (40, ["--no-verify"])):
        copies.append(context.command("backup", database, "--to", folder, "--form", "db.gz", "--json", *more).json["file"])
        age(copies[-1], days)
    stranger = os.path.join(folder, "ora_20240101_000000.db.gz")
    shutil.copy(copies[0], stranger)  # no record: cp made it
    shorter = os.path.join(folder, "ora_cut.db.gz")
    shutil.copy(copies[0], shorter)
    shutil.copy(copies[0] + ".json", shorter + ".json")
    os.truncate(shorter, 10)
    with open(os.path.join(folder, "ora_gone.db.gz.json"), "w") as file:
        file.write(open(copies[0] + ".json").read())  # a prune was killed here
    open(os.path.join(folder, "notes.db.json"), "w").write("{}")  # nobody's business
    answer = context.command("prune", folder, "--max-age", "30d")
    check("2 copies removed" in answer.stdout, answer.stdout)
    # The newest stays though it is too old, and the newest verified one.
    check(set(copy_names(folder)) == {os.path.basename(name) for name in (copies[1], copies[3], stranger, shorter)}, copy_names(folder))
    check(not os.path.exists(os.path.join(folder, "ora_gone.db.gz.json")) and os.path.exists(os.path.join(folder, "notes.db.json")),
          "the wrong records went")
    context.command("prune", folder, "--max-bytes", "1")
    check(len(copy_names(folder)) == 4, "space is no reason to lose the newest, or the newest verified one")


def inventory_keeps_days_and_weeks(context):
    """Seven days and four weeks of copies in several forms; tables' copies by themselves."""
    database, _ = make(context, "inventory.db", "CREATE TABLE locations(id INTEGER PRIMARY KEY); CREATE TABLE settings(k);")
    folder = context.path("backups")
    os.mkdir(folder)
    forms = ["db", "db.zst", "sql.gz"]
    model = context.command("backup", database, "--to", folder, "--form", "db", "--json").json["file"]
    os.rename(model, context.path("model"))
    os.rename(model + ".json", context.path("model.json"))
    for days in range(0, 40):
        copy = os.path.join(folder, f"inventory_{days:02}.{forms[days % 3]}")
        shutil.copy(context.path("model"), copy)
        shutil.copy(context.path("model.json"), copy + ".json")
        age(copy, days)
    tables = context.command("backup", database, "--to", folder, "--table", "settings", "--form", "sql", "--json").json["file"]
    age(tables, 60)
    context.command("prune", folder, "--keep-daily", "7", "--keep-weekly", "4")
    kept = copy_names(folder)
    check(os.path.basename(tables) in kept, "the only copy of a table went")
    today = datetime.date.today()
    dates = [today - datetime.timedelta(days=days) for days in range(40)]
    weeks = {}
    for date in dates:
        weeks.setdefault(date.isocalendar()[:2], date)
    wanted = set(dates[:7]) | set(list(weeks.values())[:4])
    got = {today - datetime.timedelta(days=int(name[10:12])) for name in kept if name != os.path.basename(tables)}
    # Around midnight, and where the clocks change, a copy made days ago is of the day before.
    near = all(min(abs((day - other).days) for other in wanted) <= 1 for day in got)
    check(len(got) == len(wanted) and near, f"kept {sorted(got)}, wanted {sorted(wanted)}")


TESTS = [Test(f"the copies of {name}'s runbook are one command each", run, 10)
         for name, run in (("Harmony", harmony), ("the inventory", inventory), ("the queue", queue), ("Kamiyo", kamiyo), ("ORA", ora))]
TESTS += [Test("the queue's runbook keeps its last ten copies, and nobody else's go", queue_keeps_ten, 15),
          Test("ORA's runbook forgets copies after thirty days, but never the last good one", ora_forgets_after_thirty_days, 10),
          Test("the inventory's copies thin out to seven days and four weeks", inventory_keeps_days_and_weeks, 10)]
