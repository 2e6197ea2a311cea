"""The backup and restore steps of the five runbooks: each is one command, while the application runs where it may."""
import os
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


TESTS = [Test(f"the copies of {name}'s runbook are one command each", run, 10)
         for name, run in (("Harmony", harmony), ("the inventory", inventory), ("the queue", queue), ("Kamiyo", kamiyo), ("ORA", ora))]
