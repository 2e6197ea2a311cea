"""Plain copies: backup --to in each form, read back by SQLite's shell, gzip and zstd; what damages or hinders them."""
import glob
import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import application_database as application
import history
from program import Test, Skip, check

FORMS = ("db", "db.zst", "db.gz", "sql", "sql.gz")

# What a dump has to carry: each line is a trap of its own.
SCHEMA = """
CREATE TABLE documents(j TEXT);
CREATE INDEX documents_a ON documents(j ->> '$.a');
INSERT INTO documents VALUES('{"a": 1}'), ('{"a": "x"}');
PRAGMA user_version=7; PRAGMA application_id=1234;
CREATE TABLE settings(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE hidden(a, "we ird""col" REAL, g AS (a*2), h AS (length(a)) STORED);
CREATE TABLE numbered(id INTEGER PRIMARY KEY AUTOINCREMENT, x CHECK(x>0));
CREATE TABLE shadowed(rowid, _rowid_, oid);
CREATE TABLE covered(a, b); CREATE INDEX covering ON covered(b, a);
CREATE TABLE strict_one(a INTEGER PRIMARY KEY, b TEXT, c REAL, d BLOB, e ANY) STRICT;
CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES('hello world'),('good bye');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); INSERT INTO boxes VALUES(1, 0, 1.5);
CREATE INDEX partial ON hidden(a) WHERE a>1;
CREATE VIEW seen AS SELECT 1 AS one -- a comment at the end
;
CREATE TRIGGER counted AFTER INSERT ON hidden BEGIN INSERT INTO numbered(x) VALUES(1); SELECT CASE WHEN 1 THEN 2 END; END;
CREATE TRIGGER instead INSTEAD OF INSERT ON seen BEGIN SELECT 'a;b'; END;
"""


def make_database(context, name="app.db", pragmas=("journal_mode=WAL",), rows=400):
    path = context.path(name)
    rnd = random.Random(context.seed)
    connection = history.connect(path)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.executescript(SCHEMA)
    connection.execute("BEGIN")
    values = (0.1, 1e300, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), -0.0, 3.0, None, 2**63 - 1, -2**63,
              "it's", "a\0b", "", b"", b"\0\xff", "€😀", "1e5", 2.2250738585072014e-308, 0.1 + 0.2)
    for i in range(rows):
        for table, columns in (("hidden(a, \"we ird\"\"col\")", 2), ("covered", 2), ("shadowed", 3)):
            row = [rnd.choice(values + (rnd.random() * 10.0 ** rnd.randint(-300, 300), rnd.randbytes(rnd.randint(0, 6000))))
                   for _ in range(columns)]
            connection.execute(f"INSERT INTO {table} VALUES({','.join('?' * columns)})", row)
        connection.execute("INSERT INTO settings VALUES(?, ?)", (f"key {i}", rnd.choice(values)))
    connection.execute("DELETE FROM hidden WHERE rowid % 5 = 2")  # the rowids have gaps
    connection.execute("INSERT INTO strict_one VALUES(1, 'x', 0.5, x'01', 'any')")
    connection.execute("DELETE FROM numbered WHERE id = (SELECT max(id) FROM numbered)")
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()
    return path


def content(path):
    """Every row of every real table with its type, by Python's own SQLite; and the schema."""
    connection = history.connect(path)
    connection.text_factory = bytes
    try:
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat4' "
                                    "ORDER BY type, name").fetchall()
        rows = {}
        for kind, name, _, sql in schema:
            name = name.decode()
            if kind == b"table" and not sql.startswith(b"CREATE VIRTUAL"):
                rowid = "" if b"WITHOUT ROWID" in sql or name.startswith("sqlite_") or name == "shadowed" else "rowid,"
                rows[name] = [repr(row) for row in connection.execute(f'SELECT {rowid} * FROM "{name}" NOT INDEXED')]
        numbers = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id", "encoding",
                                                                                  "page_size", "auto_vacuum")]
        return schema, rows, numbers
    finally:
        connection.close()


def same(path, expected, what):
    got = content(path)
    check(got[0] == expected[0], f"{what}: another schema: {set(got[0]) ^ set(expected[0])}")
    check(got[2] == expected[2], f"{what}: header {got[2]}, not {expected[2]}")
    for table, rows in expected[1].items():
        check(got[1][table] == rows, f"{what}: rows of {table} differ, first: "
                                     f"{next((pair for pair in zip(got[1][table], rows) if pair[0] != pair[1]), 'their number')}")
    application.is_sound(path)


def unpack(context, copy, out):
    """By tools that are not ours."""
    command = {"db": f"cp {copy} {out}", "db.zst": f"zstd -dq {copy} -o {out}", "db.gz": f"gzip -dc {copy} > {out}",
               "sql": f"sqlite3 {out} < {copy}", "sql.gz": f"zcat {copy} | sqlite3 {out}"}[copy.split("copy.")[1]]
    if command.startswith("zstd") and subprocess.run(["which", "zstd"], capture_output=True).returncode:
        return None
    done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True)
    check(done.returncode == 0 and not done.stderr, f"{command}: exit {done.returncode}, {done.stderr[:300]!r}")
    return out


KINDS = {"WAL": ("journal_mode=WAL",), "rollback journal": ("page_size=1024", "auto_vacuum=1"),
         "UTF-16": ("encoding='UTF-16le'", "page_size=512", "journal_mode=WAL"),
         "big pages": ("page_size=65536", "auto_vacuum=2", "encoding='UTF-16be'")}


def each_form(kind):
    def run(context):
        database = make_database(context, pragmas=KINDS[kind])
        before = content(database)
        for form in FORMS:
            copy = context.path(f"copy.{form}")
            report = context.command("backup", database, "--to", copy, "--json").json
            check(report["schema"] == "litewright/backup.copy/1" and report["verified"] and report["form"] == form, report)
            check(report["bytes"] == os.path.getsize(copy), f"{report['bytes']} bytes said, {os.path.getsize(copy)} are there")
            if out := unpack(context, copy, context.path(f"theirs-{form}.db")):
                same(out, before, f"{form}, unpacked by others")
            ours = context.path(f"ours-{form}.db")
            context.command("restore", "--from", copy, "-o", ours)
            same(ours, before, f"{form}, restored")
            wal = application.value(ours, "PRAGMA journal_mode")
            check((wal == "wal") == ("journal_mode=WAL" in KINDS[kind]), f"{form}: restored with journal mode {wal}")
            check(application.value(ours, "SELECT count(*) FROM words WHERE words MATCH 'hello'") == 1, "full text search is broken")
            verdict = context.command("verify", copy, "--full-check", "--json").json["copies"][0]
            check(verdict["sound"] and verdict["recorded"] and verdict["check"] == "integrity_check", verdict)
        left = [name for name in os.listdir(context.folder) if name.startswith(".") or name == "app.db-shm"]
        check(not left, f"left behind: {left}")
        # A .db of an idle database is the file itself, byte for byte.
        check(open(database, "rb").read() == open(context.path("copy.db"), "rb").read(), "the .db copy has other bytes")

    return run


def tables(context):
    database = make_database(context)
    before = content(database)[1]
    for form in FORMS:
        copy = context.path(f"copy.{form}")
        context.command("backup", database, "--to", copy, "--table", "hidden", "--table", "numbered", "--table", "words")
        out = context.path(f"{form}.out.db")
        context.command("restore", database, "--from", copy, "-o", out)
        got = content(out)
        check(got[1]["hidden"] == before["hidden"] and got[1]["sqlite_sequence"] == before["sqlite_sequence"], f"{form}: rows")
        names = {row[1] for row in got[0]}
        check({b"hidden", b"partial", b"counted", b"numbered", b"words_data"} <= names and b"settings" not in names, names)
        context.command("restore", database, "--from", copy, status=64)  # not over the whole database
    check(content(database)[1] == before, "the database changed")


def folder(context):
    database, folder = make_database(context), context.path("copies")
    os.mkdir(folder)
    for label, form in (("daily", "db"), ("daily", "db.zst"), ("weekly", "sql.gz")):
        context.command("backup", database, "--to", folder, "--label", label, "--form", form)
    context.command("backup", database, "--to", folder, "--table", "settings")
    connection = history.connect(database)
    connection.execute("INSERT INTO settings VALUES('newest', 1)")
    connection.close()
    time.sleep(1.1)
    context.command("backup", database, "--to", folder, "--label", "daily")
    rows = context.command("log", folder, "--json").json["copies"]
    check([row["label"] for row in rows] == ["daily", "daily", "weekly", "manual", "daily"], rows)
    check(all(row["verified"] for row in rows), rows)
    check(rows == sorted(rows, key=lambda row: row["time"]), "not by time")
    import re
    check(all(re.match(r"app_(backup|tables)_[a-z]+_\d{8}_\d{6}\.", os.path.basename(row["file"])) for row in rows), rows)
    os.unlink(database)
    for leftover in ("-wal", "-shm"):
        if os.path.exists(database + leftover):
            os.unlink(database + leftover)
    context.command("restore", database, "--from", folder, "--probe", "SELECT count(*) FROM settings")
    check(application.value(database, "SELECT value FROM settings WHERE key='newest'") == 1, "not the newest copy")

    newest = rows[-1]["file"]
    flip(newest, context.random)
    answer = context.command("restore", database, "--from", folder, status=65)
    check("nothing was restored" in answer.stderr and "--fall-back" in answer.stderr, answer.stderr)
    context.command("verify", folder, status=2)
    report = context.command("restore", database, "--from", folder, "--fall-back", "--json").json
    check(report["from"] == rows[2]["file"] and len(report["skipped"]) == 1, report)
    check(application.value(database, "SELECT count(*) FROM settings WHERE key='newest'") == 0, "the newest was restored, damaged")


def flip(path, rnd):
    data = bytearray(open(path, "rb").read())
    data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
    open(path, "wb").write(data)


def damaged(context):
    """Each flip, cut or swap of each form is found, by verify and by restore, and nothing is ever restored from it."""
    database = make_database(context, rows=60)
    rounds = 60 if context.long else 4
    found = 0
    for form in FORMS:
        copy = context.path(f"copy.{form}")
        context.command("backup", database, "--to", copy)
        good = open(copy, "rb").read()
        for round_number in range(rounds):
            data = bytearray(good)
            if round_number % 4 == 3:
                data = data[:context.random.randrange(len(data))]
            elif round_number % 4 == 2:
                at = context.random.randrange(len(data) - 64)
                data[at:at + 64] = bytes(64) if any(data[at:at + 64]) else bytes(range(64))
            else:
                data[context.random.randrange(len(data))] ^= 1 << context.random.randrange(8)
            open(copy, "wb").write(data)
            answer = context.command("verify", copy, "--json", status=2)
            check(answer.json["damaged"] == 1 and not answer.json["copies"][0]["sound"], answer.stdout)
            out = context.path("never.db")
            context.command("restore", "--from", copy, "-o", out, status=65)
            check(not os.path.exists(out), f"{form}: a damaged copy was restored")
            found += 1
    # Without the record zstd's and gzip's own checksums, and SQLite, still find what they can: a cut file.
    for form in FORMS:
        copy = context.path(f"copy.{form}")
        os.unlink(copy)
        context.command("backup", database, "--to", copy)
        os.unlink(copy + ".json")
        context.command("verify", copy)
        os.truncate(copy, os.path.getsize(copy) * 2 // 3)
        context.command("verify", copy, status=2)
    return f"{found} damaged copies found"


def refused(context):
    database = make_database(context, rows=5)
    copy = context.path("copy.db")
    context.command("backup", database, "--to", copy)
    before = open(copy, "rb").read()
    for words, status, part in (
            (("--to", copy), 73, "it exists"), (("--to", context.path("x.tar")), 64, "suffix"),
            (("--to", context.path("gone") + "/"), 73, "mkdir"), (("--to", context.path("gone/x.db")), 73, "mkdir"),
            (("--to", context.path("x.sql"), "--table", "nothing"), 66, "settings"),
            (("--to", context.path("x.db"), "--form", "db"), 64, "suffix"), (("--to", str(context.folder), "--label", "a/b"), 64, "label"),
            (("--to", context.path("x.db"), "--wal-ceiling", "much"), 64, "much")):
        answer = context.command("backup", database, *words, status=status)
        check(part in answer.stderr, f"{words}: {answer.stderr!r} does not say '{part}'")
    check(open(copy, "rb").read() == before, "the file that was there changed")
    context.command("backup", context.path("missing.db"), "--to", context.path("x.db"), status=66)
    (context.folder / "noise.db").write_bytes(random.Random(1).randbytes(9000))
    context.command("backup", context.path("noise.db"), "--to", context.path("x.db"), status=65)
    verdict = context.command("verify", context.path("noise.db"), status=2).stdout
    check("does not begin as a database" in verdict and "NUL" in verdict, verdict)
    context.command("restore", database, "--from", context.path("noise.db"), status=65)
    context.command("restore", database, "--from", context.path("gone"), status=66)
    check(application.value(database, "SELECT count(*) FROM settings") == 5, "the database changed")
    left = [name for name in os.listdir(context.folder) if name.startswith((".", "x."))]
    check(not left, f"left behind: {left}")


def damaged_source(context):
    """A database that quick_check does not pass: no copy that would pass for a good one."""
    database = make_database(context, pragmas=())
    data = bytearray(open(database, "rb").read())
    page = len(data) // 4096 // 2
    data[page * 4096:(page + 3) * 4096] = random.Random(context.seed).randbytes(3 * 4096)
    open(database, "wb").write(data)
    for form in FORMS:
        copy = context.path(f"copy.{form}")
        context.command("backup", database, "--to", copy, status=65)
        check(not os.path.exists(copy) and not os.path.exists(copy + ".json"), f"{form}: a copy of it was kept")
    copy = context.path("copy.db.zst")
    report = context.command("backup", database, "--to", copy, "--no-verify", "--json").json
    check(report["verified"] is False, report)
    check(context.command("log", context.folder, "--json").json["copies"][0]["verified"] is False, "it passes for verified")


def emptied_source(context):
    """No copy of what is empty or torn; empty ones that an earlier version made are never taken for the newest good one."""
    database, folder = make_database(context, rows=50), context.path("copies")
    os.mkdir(folder)
    good = context.command("backup", database, "--to", folder, "--json").json["file"]
    whole = open(database, "rb").read()
    for size, status in ((0, 64), (50, 65), (600, 65)):
        open(database, "wb").write(whole[:size])
        for words in (("--to", folder), ("--to", context.path("x.sql.gz")), ("--to", context.path("x.db"), "--no-verify"), ()):
            answer = context.command("backup", database, *words, status=status)
            check("litewright restore" in answer.stderr, f"{words}: says not what to do: {answer.stderr!r}")
        check(os.path.getsize(database) == size, "the file changed")
    check(len(os.listdir(folder)) == 2 and not glob.glob(context.path("x.*")), f"a copy was made: {os.listdir(context.folder)}")

    empty = good.replace("_manual_", "_older_")
    subprocess.run(["gzip", "-c"], stdin=subprocess.DEVNULL, stdout=open(empty, "wb"), check=True)
    record = json.load(open(good + ".json"))
    record |= {"label": "older", "taken_at": "2099-01-01T00:00:00Z", "bytes": os.path.getsize(empty), "page_size": 0, "pages": 0}
    json.dump(record, open(empty + ".json", "w"))
    rows = context.command("log", folder, "--json", status=2).json["copies"]
    check([row["verified"] for row in rows] == [True, False], rows)
    context.command("prune", folder, "--keep-last", "1")
    check(os.path.exists(good), "an empty copy pushed the good one out")
    context.command("restore", database, "--from", folder, status=65)
    report = context.command("restore", database, "--from", folder, "--fall-back", "--json").json
    check(report["from"] == good and open(database, "rb").read() == whole, report)


def cut_off(context):
    """Shorter than its header says: no point that passes for one of it, and the good one stays the newest."""
    database = make_database(context)
    context.command("backup", database)
    before = context.command("log", database, "--json").json["commits"]
    for size in (os.path.getsize(database) // 3, os.path.getsize(database) // 2 // 4096 * 4096):
        os.truncate(database, size)
        answer = context.command("backup", database, status=65)
        check("cut off" in answer.stderr and "litewright restore" in answer.stderr, answer.stderr)
    check(context.command("log", database, "--json").json["commits"] == before, "it was archived")


def archive_for_a_folder(context):
    """The archive's folder where one of copies is meant: said so, with the database's name; nothing is put into it."""
    database = make_database(context, rows=5)
    archive = database + "-archive"
    context.command("backup", database)
    there = sorted(os.listdir(archive))
    for words in (("log", archive), ("verify", archive + "/"), ("prune", archive, "--keep-last", "1"), ("backup", database, "--to", archive),
                  ("restore", database, "--from", archive)):
        answer = context.command(*words, status=64)
        check("is an archive" in answer.stderr and f"litewright {words[0]} {database}\n" in answer.stderr, f"{words}: {answer.stderr!r}")
    check(sorted(os.listdir(archive)) == there, "something was put into the archive")
    os.rename(archive, context.path("moved"))
    answer = context.command("log", context.path("moved"), status=64)
    check(f"litewright log DB --archive {context.path('moved')}" in answer.stderr, answer.stderr)


def foreign_collation(context):
    """Collations and functions that only the application has: pages can be copied and checked, SQL can't be loaded."""
    database = context.path("app.db")
    connection = sqlite3.connect(database)
    connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
    connection.create_function("f", 1, lambda x: x, deterministic=True)
    connection.executescript("CREATE TABLE t(a TEXT COLLATE mine UNIQUE, b AS (f(a)), CHECK(f(a) <> '')); "
                             "CREATE INDEX i ON t(f(a)); INSERT INTO t(a) VALUES('x'), ('y');")
    connection.close()
    for form in ("db", "db.zst", "db.gz"):
        context.command("backup", database, "--to", context.path(f"copy.{form}"))
        context.command("restore", database, "--from", context.path(f"copy.{form}"))
    answer = context.command("backup", database, "--to", context.path("copy.sql"), status=65)
    check("copy it as .db" in answer.stderr and not os.path.exists(context.path("copy.sql")), answer.stderr)


def disk_full(context):
    """A tmpfs of each of many sizes: a copy that is whole, or an error and nothing."""
    place = context.path("small")
    os.mkdir(place)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True).returncode:
        raise Skip("can't mount a tmpfs")
    database = make_database(context, rows=200)
    need = os.path.getsize(database)
    made = failed = 0
    try:
        for step in range(64 if context.long else 12):
            size = 16384 + (3 * need * step // (64 if context.long else 12) >> 12 << 12)
            subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)
            form = FORMS[step % len(FORMS)]
            copy = f"{place}/copy.{form}"
            answer = context.command("backup", database, "--to", copy, status=None)
            if answer.status == 0:
                made += 1
                context.command("restore", "--from", copy, "-o", context.path("out.db"))
                os.unlink(context.path("out.db"))
            else:
                failed += 1
                check(answer.status == 74 and ("free" in answer.stderr or "No space" in answer.stderr), f"{answer.status}: {answer.stderr}")
                check(not os.path.exists(copy), f"{size} bytes: a copy was left")
            for name in os.listdir(place):
                check(not name.startswith("."), f"{size} bytes, exit {answer.status}: {name} was left")
                os.unlink(f"{place}/{name}")
    finally:
        subprocess.run(["umount", place], check=True)
    check(made > 0 and failed > 0, f"{made} made, {failed} failed: the sizes prove nothing")
    return f"{made} made, {failed} refused"


def killed(context):
    """Killed at random moments: the name is never there half-written, and the next copy clears the remains away."""
    database = make_database(context, rows=1500)
    place = context.path("copies")
    os.mkdir(place)
    began = time.monotonic()
    context.command("backup", database, "--to", f"{place}/first.db.zst")
    whole = time.monotonic() - began
    cut = remains = 0
    for number in range(60 if context.long else 12):
        form = FORMS[number % len(FORMS)]
        copy = f"{place}/copy-{number}.{form}"
        process = context.start([context.litewright, "backup", database, "--to", copy], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        time.sleep(context.random.random() * whole)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if os.path.exists(copy):
            context.command("verify", copy)
        else:
            cut += 1
        remains += bool(glob.glob(f"{place}/.*tmp*"))
    check(cut > 1, f"only {cut} were cut short")
    check(remains > 0, "no kill left a temporary: they prove nothing")
    context.command("backup", database, "--to", f"{place}/last.db")
    check(not glob.glob(f"{place}/.*"), f"remains: {glob.glob(f'{place}/.*')}")
    application.is_sound(database)
    return f"{cut} cut short, {remains} with remains"


def under_load(context):
    """Copies while processes write and checkpoint in every way: each is a state that there was, none is torn."""
    database = context.path("app.db")
    history.create(database, 1024, "full")
    context.command("backup", database, "--to", context.path("empty.db"))
    log = context.path("history.log")
    writer = context.start(context.script("history.py") + [database, "--commits", 5000 if context.long else 1200, "--writers", 3,
                                                           "--seed", context.seed, "--log", log, "--auto-vacuum", "full"],
                           stdout=subprocess.DEVNULL)
    copies = []
    while writer.poll() is None:
        form = FORMS[len(copies) % len(FORMS)] if len(copies) % 3 == 0 else "db"
        copy = context.path(f"copy-{len(copies)}.{form}")
        context.command("backup", database, "--to", copy)
        copies.append(copy)
    check(writer.returncode == 0, f"the writers ended with {writer.returncode}")
    states = {entry["hash"] for entry in map(json.loads, open(log))} | {application.content(context.path("empty.db"))}
    counters = set()
    for copy in copies:
        out = context.path("out.db")
        context.command("restore", "--from", copy, "-o", out)
        check(application.content(out) in states, f"{copy} is no state that was ever committed")
        counters.add(application.value(out, "SELECT n FROM litewright_test_counter"))
        os.unlink(out)
    check(len(counters) > 3, f"{len(copies)} copies show {len(counters)} states only")
    return f"{len(copies)} copies, {len(counters)} states"


def ceiling(context):
    """A copy of a table gives up rather than pin more of the WAL than allowed, and lets the mark go."""
    database = make_database(context, rows=20)
    connection = history.connect(database)
    connection.execute("CREATE TABLE big(a, b)")
    connection.execute("INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 400000) "
                       "SELECT i, randomblob(60) FROM n")
    stop = context.path("stop")
    writer = context.start(["python3", "-c", f"""
import sqlite3, os
c = sqlite3.connect({database!r}, timeout=60, isolation_level=None)
while not os.path.exists({stop!r}): c.execute("INSERT INTO covered VALUES(randomblob(20000), 1)")
"""])
    try:
        copy = context.path("copy.sql")
        answer = context.command("backup", database, "--to", copy, "--table", "big", "--wal-ceiling", "100k", status=75)
        check("--wal-ceiling" in answer.stderr and "pins" in answer.stderr, answer.stderr)
        check(not os.path.exists(copy), "a copy was left")
        report = context.command("backup", database, "--to", copy, "--table", "big", "--json").json
        check(report["pinned_bytes"] > 100_000, f"{report['pinned_bytes']} bytes pinned: the ceiling was not tried")
    finally:
        open(stop, "w").close()
        writer.wait(30)
    check(not application.lock_holders(database, application.READ0, application.READ4), "a mark is still held")
    return f"{report['pinned_bytes']} bytes pinned in {report['held_seconds']:.2f} s"


def hostile_sql(context):
    """SQL from who knows where: it changes the database that it makes, and nothing else."""
    database, victim = make_database(context, rows=5), context.path("victim.db")
    history.connect(victim).execute("CREATE TABLE t(a)").connection.close()
    before = open(victim, "rb").read()
    for number, text in enumerate((
            f"CREATE TABLE a(b); ATTACH '{victim}' AS v; DROP TABLE v.t;",
            f"CREATE TABLE a(b); VACUUM INTO '{context.path('made.db')}';",
            "CREATE TABLE a(b); INSERT INTO a VALUES(load_extension('/tmp/x.so'));",
            "BEGIN; CREATE TABLE a(b); ROLLBACK; -- due to errors",
            "BEGIN; CREATE TABLE a(b); INSERT INTO a VALUES(1);",
            "CREATE TABLE a(b); INSERT INTO a VALUES('open",
            "CREATE TABLE a(b); nonsense;", "CREATE TABLE a(b) /* open", ";;;", "hello")):
        copy = context.path(f"evil-{number}.sql")
        open(copy, "w").write(text)
        context.command("restore", database, "--from", copy, status=65)
    check(open(victim, "rb").read() == before and not os.path.exists(context.path("made.db")), "it reached another file")
    check(application.value(database, "SELECT count(*) FROM settings") == 5, "the database changed")


TESTS = [Test(f"a copy in each form gives the database again, {kind}", each_form(kind), 20) for kind in KINDS] + [
    Test("some tables are copied with what belongs to them", tables, 15),
    Test("a folder of copies is listed, and its newest sound one restored", folder, 15),
    Test("a damaged copy is found and never restored", damaged, 25, 300),
    Test("what can't be copied is refused and leaves nothing", refused, 15),
    Test("a damaged database gives no copy that passes for a good one", damaged_source, 15),
    Test("an emptied database gives no copy, and old empty copies push no good one out", emptied_source, 10),
    Test("a database that was cut off is not archived", cut_off, 5),
    Test("an archive is not taken for a folder of copies", archive_for_a_folder, 5),
    Test("a database with the application's own collations can be copied", foreign_collation, 10),
    Test("a full disk gives an error and no half copy", disk_full, 20, 90),
    Test("a killed copy leaves nothing under its name", killed, 25, 120),
    Test("copies under full load are states that were committed", under_load, 40, 200),
    Test("a copy gives up at the WAL ceiling", ceiling, 30),
    Test("foreign SQL can't reach other files", hostile_sql, 10),
]
