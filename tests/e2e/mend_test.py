"""`maintain orphans` and `maintain reindex`: what check finds is mended, nothing else is touched, and whatever happens in
the middle no row is lost and none is there twice."""
import collections
import os
import random
import signal
import sqlite3
import subprocess
import time

from program import Skip, Test, check


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


def sound(path, when):
    said = rows(path, "PRAGMA integrity_check")
    check(said == [("ok",)], f"{when}: integrity_check says {said[:3]}")


# Rows 3 and 5 of c point at nothing; row 4 of the tree too, and row 9 points at it.
FAMILY = """
PRAGMA journal_mode=WAL;
CREATE TABLE p(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE c(id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p(id) ON DELETE CASCADE, v, b BLOB);
CREATE TABLE strict_c(p_id INTEGER NOT NULL REFERENCES p(id));
CREATE TABLE tree(id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES tree(id) ON DELETE CASCADE);
CREATE TABLE keyed(a TEXT, b INTEGER, p_id REFERENCES p, PRIMARY KEY(a, b)) WITHOUT ROWID;
INSERT INTO p VALUES(1,'one'),(2,'two');
INSERT INTO c VALUES(1,1,'x',NULL),(2,NULL,'y',x'00'),(3,77,1.5,x'0102'),(4,2,3,''),(5,'nowhere','5',5);
INSERT INTO tree VALUES(1,NULL),(2,1),(4,99),(9,4);
INSERT INTO keyed VALUES('it''s',1,1),('k',2,50);
"""


def family(context):
    path = context.path("app.db")
    run_sql(path, FAMILY)
    return path


def lists_and_changes_nothing(context):
    path = family(context)
    before = rows(path, "PRAGMA data_version"), rows(path, "SELECT * FROM c"), os.path.getmtime(path)
    report = context.command("maintain", path, "orphans", "--json").json
    found = {key["table"]: (key["found"], key["rows"], key["pointed_at"]) for key in report["keys"]}
    check(found == {"c": (2, ["3", "5"], 0), "tree": (1, ["4"], 1), "keyed": (1, ["('k', 2)"], 0)}, f"found {found}")
    context.command("maintain", path, "orphans", "--delete", "--dry-run")
    check((rows(path, "PRAGMA data_version"), rows(path, "SELECT * FROM c"), os.path.getmtime(path)) == before, "it wrote")
    check(not [name for name in os.listdir(context.folder) if "before-" in name], "a point for a listing")
    text = context.command("maintain", path, "orphans", "--table", "tree").stdout
    check("tree(parent_id) -> tree: 1 rows point at nothing (4)" in text, text)


def each_action(context):
    """Set aside, delete, NULL: each touches its rows alone, cascades to none, and leaves a way back."""
    path = family(context)
    wanted = rows(path, "SELECT id, id, p_id, v, b FROM c WHERE id IN (3, 5)")
    report = context.command("maintain", path, "orphans", "--table", "c", "--set-aside", "lost_c", "--json").json
    check(report["keys"][0]["mended"] == 2 and report["left"] == 0, f"{report}")
    check(rows(path, "SELECT set_aside_row, id, p_id, v, b FROM lost_c") == wanted, "set aside otherwise than they were")
    check(rows(path, "SELECT id FROM c") == [(1,), (2,), (4,)], "other rows of c are gone")
    copy = report["restore_point"].split("--from ")[1]
    check(rows(copy, "SELECT count(*) FROM c") == [(5,)], "the copy is not what was before")
    context.command("maintain", path, "orphans", "--table", "keyed", "--delete", "--no-restore-point")
    check(rows(path, "SELECT a FROM keyed") == [("it's",)], "not the orphan alone")
    left = context.command("maintain", path, "orphans", "--delete", "--no-restore-point", status=1)
    check("1 left: other rows point at them" in left.stdout and rows(path, "SELECT count(*) FROM tree") == [(4,)],
          f"a row that others point at: {left.stdout}")
    context.command("maintain", path, "orphans", "--null", "--no-restore-point")
    check(rows(path, "SELECT * FROM tree") == [(1, None), (2, 1), (4, None), (9, 4)], "not a root now")
    check(rows(path, "PRAGMA foreign_key_check") == [], "orphans are left")
    check("every row's parent exists" in context.command("maintain", path, "orphans").stdout, "it finds more")
    sound(path, "after all")


def refuses(context):
    path = family(context)
    run_sql(path, "INSERT INTO strict_c VALUES(8); CREATE TABLE other(x)")
    for words, status, says in (
            (["--null", "--table", "strict_c"], 64, "NOT NULL"),
            (["--set-aside", "lost"], 64, "--table"),
            (["--set-aside", "other", "--table", "c"], 64, "other columns"),
            (["--delete", "--null"], 64, "exclude"),
            (["--table", "nowhere"], 64, "no table nowhere")):
        answer = context.command("maintain", path, "orphans", "--no-restore-point", *words, status=status)
        check(says in answer.stderr, f"{words}: {answer.stderr}")
    check(len(rows(path, "PRAGMA foreign_key_check")) == 5, "something was changed")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    answer = context.command("maintain", path, "orphans", "--table", "c", "--delete", "--no-restore-point", "--wait", "200ms", status=75)
    holder.execute("ROLLBACK")
    holder.close()
    check("could not write within 200 ms" in answer.stderr, answer.stderr)


def point_in_archive(context):
    path = family(context)
    context.command("backup", path)
    report = context.command("maintain", path, "orphans", "--table", "c", "--delete", "--json").json
    point = report["restore_point"].split("--point ")[1]
    out = context.restore(path, context.path("back.db"), "--point", point)
    check(rows(out, "SELECT count(*) FROM c") == [(5,)], "the point is not what was before")


def no_point_for_nothing(context):
    """What is refused, finds nothing to change or waits in vain leaves no copy and no named point behind."""
    path = family(context)
    run_sql(path, "CREATE TABLE dated(id INTEGER PRIMARY KEY, at TEXT); INSERT INTO dated VALUES(1, '2020-01-01'); CREATE INDEX i ON dated(at)")
    run_sql(path, "INSERT INTO strict_c VALUES(8)")
    holder = sqlite3.connect(path, isolation_level=None)

    def each():
        archive = ("maintain", path, "rows", "archive", "dated", "--older-than", "1d")
        context.command(*archive, "--column", "nosuch", status=64)
        context.command(*archive, "--column", "at", "--into", "c", status=64)
        for to in ((), ("--to", context.path("rows.csv")), ("--to", context.path("rows.db"))):
            context.command("maintain", path, "rows", "archive", "dated", "--column", "at", "--before", "2000-01-01", *to)
        context.command("maintain", path, "orphans", "--table", "strict_c", "--null", status=64)
        context.command("maintain", path, "orphans", "--table", "tree", "--delete", status=1)  # pointed at: left
        holder.execute("BEGIN IMMEDIATE")
        for words in (("reindex",), ("rows", "archive", "dated", "--column", "at", "--older-than", "1d"),
                      ("orphans", "--table", "c", "--delete")):
            answer = context.command("maintain", path, *words, "--wait", "100ms", status=75)
            check("holds the write lock" in answer.stderr, answer.stderr)
        holder.execute("ROLLBACK")
        left = [name for name in os.listdir(context.folder) if "before-" in name or name.startswith("rows.")]
        check(not left, f"left behind: {left}")

    each()
    context.command("backup", path)
    each()
    named = [row for row in context.command("log", path, "--json").json["commits"] if row.get("names")]
    holder.close()
    check(not named, f"points for nothing: {named}")


INDEXED = """
PRAGMA page_size=1024; PRAGMA auto_vacuum=%s; PRAGMA journal_mode=%s;
CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c);
CREATE INDEX "by b, desc" ON t(b DESC, c) WHERE b > 3;
CREATE INDEX by_c ON t(lower(c));
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<3000)
INSERT INTO t SELECT n, 'key '||n, n%%100, 'value '||n FROM i;
PRAGMA wal_checkpoint(TRUNCATE);
"""


def indexed(context, mode="WAL", auto_vacuum="NONE"):
    path = context.path(f"{mode}-{auto_vacuum}.db")
    run_sql(path, INDEXED % (auto_vacuum, mode))
    return path


def leave_out_of(path, index):
    """A row that the index does not have: written while the schema did not name it."""
    connection = sqlite3.connect(path, isolation_level=None)
    saved = connection.execute("SELECT type,name,tbl_name,rootpage,sql FROM sqlite_schema WHERE name=?", (index,)).fetchone()
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name=?", (index,))
    connection.close()
    run_sql(path, "INSERT INTO t VALUES(10001, 'key 10001', 50, 'missing')")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("INSERT INTO sqlite_schema VALUES(?,?,?,?,?)", saved)
    connection.close()


def garble_leaf_of(path, index):
    """Random bytes over one leaf of the index's b-tree."""
    root = rows(path, f"SELECT rootpage FROM sqlite_schema WHERE name='{index}'")[0][0]
    with open(path, "r+b") as file:
        file.seek((root - 1) * 1024)
        page = file.read(1024)
        check(page[0] == 2, "the index has one page only")
        at = int.from_bytes(page[12:14], "big")
        child = int.from_bytes(page[at:at + 4], "big")
        file.seek((child - 1) * 1024)
        file.write(random.Random(5).randbytes(1024))


def reindex_row_missing(context):
    path = indexed(context)
    leave_out_of(path, "by b, desc")
    check(rows(path, "PRAGMA integrity_check") != [("ok",)], "nothing is damaged")
    report = context.command("maintain", path, "reindex", "--damaged", "--json").json
    check([index["index"] for index in report["indexes"]] == ["by b, desc"], f"{report}")
    check(any("missing from index by b, desc" in fault for fault in report["faults"]), f"{report['faults']}")
    sound(path, "after reindex")
    check(context.command("maintain", path, "reindex", "--damaged", "--json").json["indexes"] == [], "still damaged")
    everything = context.command("maintain", path, "reindex", "t", "--no-restore-point", "--json").json["indexes"]
    check(len(everything) == 3 and not any(index["built_beside"] for index in everything), f"{everything}")


def reindex_garbled_page(context):
    """REINDEX itself fails on such an index: it is built beside the old one, constraint or not."""
    for mode, auto_vacuum, index in (("WAL", "NONE", "by b, desc"), ("DELETE", "NONE", "sqlite_autoindex_t_1"), ("DELETE", "NONE", "by_c")):
        path = indexed(context, mode, auto_vacuum)
        garble_leaf_of(path, index)
        try:
            run_sql(path, f'REINDEX "{index}"')
            check(False, "REINDEX alone mends it: the test proves nothing")
        except sqlite3.DatabaseError:
            pass
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("SELECT count(*) FROM t NOT INDEXED").fetchall()
        report = context.command("maintain", path, "reindex", index, "--json").json
        check(report["indexes"][0]["built_beside"], f"{report}")
        unused = [said for (said,) in rows(path, "PRAGMA integrity_check") if "never used" not in said]
        check(unused in ([], ["ok"]), f"{index}: {unused[:3]}")
        check(reader.execute("PRAGMA foreign_key_check").fetchall() == [], "the old connection")
        reader.execute("INSERT INTO t VALUES(20000, 'key 20000', 60, 'new')")
        check(reader.execute("SELECT id FROM t WHERE a='key 20000'").fetchall() == [(20000,)], "an open connection uses the old index")
        reader.close()
        run_sql(path, "VACUUM")
        sound(path, f"{index} after VACUUM")
        os.unlink(path)


def reindex_equal_keys(context):
    path = indexed(context)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("UPDATE sqlite_schema SET sql=replace(sql, 'CREATE INDEX', 'CREATE UNIQUE INDEX') WHERE name='by_c'")
    connection.execute("UPDATE t SET c='twice' WHERE id IN (7, 8)")
    connection.close()
    answer = context.command("maintain", path, "reindex", "by_c", "--no-restore-point", status=65)
    check("equal keys" in answer.stderr and "by_c" in answer.stderr, answer.stderr)
    answer = context.command("maintain", path, "reindex", "nowhere", status=64)
    check("no index or table nowhere" in answer.stderr, answer.stderr)


def killed_at_random(context):
    """Rows are in the table or set aside, never in both, never in neither."""
    kills, total, middle = (100 if context.long else 20), 30_000, 0
    phases = collections.Counter()
    template = context.path("template.db")
    run_sql(template, f"""
      PRAGMA journal_mode=WAL; CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p, v);
      WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<{total})
      INSERT INTO c SELECT n, n, hex(randomblob(100)) FROM i; PRAGMA wal_checkpoint(TRUNCATE)""")
    whole = rows(template, "SELECT sum(id), count(*), sum(length(v)) FROM c")
    for number in range(kills):
        path = context.path(f"{number}.db")
        with open(template, "rb") as source, open(path, "wb") as target:
            target.write(source.read())
        watcher = sqlite3.connect(path, isolation_level=None)
        mending = context.start([context.litewright, "maintain", path, "orphans", "--table", "c", "--set-aside", "aside",
                                 "--no-restore-point", "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not watcher.execute("SELECT 1 FROM sqlite_schema WHERE name='aside'").fetchall():
            check(mending.poll() is None and time.monotonic() < end, "it ended, or nothing was set aside within 30 s")
        time.sleep(context.random.uniform(0, .06))
        mending.send_signal(signal.SIGKILL)
        mending.wait()
        aside, left = (watcher.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("aside", "c"))
        middle += 0 < aside < total
        phases["done" if aside == total else "middle"] += 1
        check(aside + left == total, f"kill {number}: {aside} set aside and {left} left of {total}")
        both = watcher.execute("SELECT count(*) FROM aside JOIN c USING(id)").fetchone()[0]
        check(both == 0, f"kill {number}: {both} rows are there twice")
        watcher.close()
        sound(path, f"kill {number}")
        if number % 5 == 0:  # run again, it goes on
            context.command("maintain", path, "orphans", "--table", "c", "--set-aside", "aside", "--no-restore-point")
            check(rows(path, "SELECT sum(id), count(*), sum(length(v)) FROM aside") == whole, f"kill {number}: other rows than at first")
        for name in (path, path + "-wal", path + "-shm"):
            if os.path.exists(name):
                os.unlink(name)
    check(middle >= .8 * kills, f"only {middle} of {kills} kills in the middle: {dict(phases)}")
    return f"{kills} kills, {middle} in mid-operation"


def disk_full(context):
    mount = context.path("small")
    os.mkdir(mount)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", mount], capture_output=True).returncode != 0:
        raise Skip("can't mount here")
    try:
        path = mount + "/app.db"
        run_sql(path, """
          PRAGMA journal_mode=WAL; CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p, v);
          WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM i WHERE n<2000)
          INSERT INTO c SELECT n, n, randomblob(1000) FROM i; CREATE INDEX cv ON c(v); PRAGMA wal_checkpoint(TRUNCATE)""")
        with open(mount + "/ballast", "wb") as ballast:
            free = os.statvfs(mount)
            ballast.write(b"x" * max(0, free.f_bavail * free.f_frsize - 500_000))
        answer = context.command("maintain", path, "orphans", "--table", "c", "--set-aside", "aside", "--no-restore-point", status=74)
        check("full" in answer.stderr and "hint:" in answer.stderr, answer.stderr)
        answer = context.command("maintain", path, "reindex", "cv", "--no-restore-point", status=74)
        check("full" in answer.stderr, answer.stderr)
        os.unlink(mount + "/ballast")
        there = rows(path, "SELECT name FROM sqlite_schema WHERE name='aside'")
        aside = rows(path, "SELECT count(*) FROM aside")[0][0] if there else 0
        check(aside + rows(path, "SELECT count(*) FROM c")[0][0] == 2000, "a row is lost, or there twice")
        sound(path, "after the full disk")
    finally:
        subprocess.run(["umount", mount])


TESTS = [
    Test("maintain orphans lists the rows that point at nothing and changes nothing", lists_and_changes_nothing, 2),
    Test("orphans are set aside, deleted, set to NULL, and nothing else is touched", each_action, 3),
    Test("maintain orphans refuses what can't be, and waits within bounds", refuses, 3),
    Test("the point before a mending is in the archive where there is one", point_in_archive, 3),
    Test("maintain leaves no point behind where nothing is changed", no_point_for_nothing, 8),
    Test("maintain reindex mends the index that lacks a row, and no other", reindex_row_missing, 3),
    Test("maintain reindex mends an index with a garbled page", reindex_garbled_page, 4),
    Test("maintain reindex says so where rows forbid it", reindex_equal_keys, 2),
    Test("orphans killed at random: no row lost, none twice", killed_at_random, 12, 60),
    Test("mending on a full disk ends clean", disk_full, 3),
]
