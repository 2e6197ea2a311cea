"""Six faults, each named with its table, row or page by the built program; what is named as its remedy mends it; bit rot."""
import json
import os
import shlex
import sqlite3

import application_database as application
from check_test import CALM, ids, run_check
from program import Test, check

CONTENT = "integrity,foreign-keys,hierarchy"

# A shop, and seed 001's locations: 4, 9 and 7 can be made each other's ancestors, 5 an orphan.
SHOP = """
PRAGMA page_size=1024; PRAGMA journal_mode=WAL;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL CHECK(price >= 0));
CREATE INDEX item_name ON item(name);
CREATE TABLE locations(id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, parent_id INTEGER REFERENCES locations(id));
CREATE INDEX ix_locations_parent_id ON locations(parent_id);
CREATE TABLE gone(x);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500)
  INSERT INTO item SELECT i, 'name '||i, i FROM n;
INSERT INTO locations VALUES(1,'house',NULL),(2,'hall',1),(4,'a',1),(5,'cellar',1),(7,'b',4),(9,'c',7),(10,'d',7);
INSERT INTO gone VALUES(zeroblob(20000)); DROP TABLE gone; ANALYZE;
"""


def shop(context, name):
    path = context.path(name)
    run_sql(path, SHOP)
    run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def run_sql(path, script):
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(script)
    db.close()


def leaf_of(path, index):
    """The page of an index's first leaf."""
    db = sqlite3.connect(path)
    root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name=?", (index,)).fetchone()
    db.close()
    with open(path, "rb") as file:
        file.seek((root - 1) * 1024)
        page = file.read(1024)
    check(page[0] == 2, "the index has one page only")
    at = int.from_bytes(page[12:14], "big")
    return int.from_bytes(page[at:at + 4], "big")


def write_at(path, offset, content):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)


def corrupt_index_page(context, path):
    page = leaf_of(path, "item_name")
    write_at(path, (page - 1) * 1024, context.random.randbytes(1024))
    return {"object": "index item_name", "page": page}


def row_missing(_, path):
    db = sqlite3.connect(path, isolation_level=None)
    entry = db.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE name='item_name'").fetchone()
    db.executescript("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name='item_name'")
    db.close()
    db = sqlite3.connect(path, isolation_level=None)  # does not know the index
    db.executescript("INSERT INTO item VALUES(777, 'late', 1); PRAGMA writable_schema=ON")
    db.execute("INSERT INTO sqlite_schema VALUES(?, ?, ?, ?, ?)", entry)
    db.close()
    return {"object": "index item_name", "table": "item", "row": "rowid 777"}


def orphan(_, path):
    run_sql(path, "UPDATE locations SET parent_id=99 WHERE id=5")
    return {"object": "locations(parent_id) -> locations", "orphans": 1, "rows": "5"}


def cycle(_, path):
    run_sql(path, "UPDATE locations SET parent_id=9 WHERE id=4")
    return {"object": "locations(parent_id)", "rows": 3, "path": "4 -> 9 -> 7 -> 4"}


def broken_rule(_, path):
    run_sql(path, "PRAGMA ignore_check_constraints=ON; UPDATE item SET price=-4 WHERE id=33")
    return {"object": "table item", "row": "rowid 33"}


def wrong_freelist(_, path):
    with open(path, "rb") as file:
        count = int.from_bytes(file.read(40)[36:], "big")
    check(count > 0, "nothing is free")
    write_at(path, 36, (count + 3).to_bytes(4, "big"))
    return {"object": "freelist", "meaning": f"has {count} pages, the header says {count + 3}"}


# the harm, what it is found as, its status, the words behind its remedy that mend it (None: nothing here can)
FAULTS = (
    (corrupt_index_page, ("integrity.page", "integrity.cell"), 2, ["--no-restore-point"]),
    (row_missing, ("integrity.index_missing",), 2, ["--no-restore-point"]),
    (orphan, ("foreign_keys.orphans",), 2, ["--null", "--no-restore-point"]),
    (cycle, ("hierarchy.cycle",), 1, None),
    (broken_rule, ("integrity.check",), 2, None),
    (wrong_freelist, ("integrity.freelist",), 2, None))


def words_of(remedy):
    words = shlex.split(remedy)
    check(words[0] == "litewright", f"no command of ours: {remedy}")
    return words[1:]


def exists(context, finding):
    """A remedy is a command line that the program takes: tried without doing anything."""
    if not finding.get("remedy"):
        return
    words = words_of(finding["remedy"])
    rehearsal = ["--dry-run"] if words[0] == "restore" or {"reindex", "orphans", "vacuum"} & set(words) else ["--help"]
    answer = context.command(*(word for word in words if word not in rehearsal), *rehearsal, status=None)
    check(answer.status != 64, f"{finding['id']}: its remedy is no command: {finding['remedy']}: {answer.stderr}")


def is_named(finding, wanted):
    figures = finding.get("figures", {})
    for name, value in wanted.items():
        if name == "meaning":
            check(value in finding["meaning"], f"{value}: {finding}")
        else:
            got = finding["object"] if name == "object" else figures.get(name)
            check(got == value, f"{name} is {got}, not {value}: {finding}")


def faults(context):
    for harm, found_as, status, mends in FAULTS:
        path = shop(context, f"{harm.__name__}.db")
        run_check(context, path, "--only", CONTENT)
        wanted = harm(context, path)
        report = run_check(context, path, "--only", CONTENT, status=status)
        bad = [f for f in report["findings"] if f["severity"] in ("warning", "critical")]
        named = [f for f in bad if f["id"] in found_as]
        check(named, f"{harm.__name__}: found as {[f['id'] for f in bad]}")
        is_named(named[0], wanted)
        for finding in report["findings"]:
            exists(context, finding)
        if mends is None:
            continue
        context.command(*words_of(named[0]["remedy"]), *mends)
        # The damaged pages of an index that was built anew belong to nothing until VACUUM.
        run_sql(path, "VACUUM")
        run_check(context, path, "--only", CONTENT)
        check(application.value(path, "PRAGMA integrity_check") == "ok", f"{harm.__name__}: SQLite finds more")
    return f"{len(FAULTS)} faults"


def all_remedies(context):
    """Every check with limits that nothing keeps: whatever is named, exists."""
    path = shop(context, "app.db")
    for harm, *_ in FAULTS[1:]:
        harm(context, path)
    limits = [word for name in ("size", "wal", "free-pages", "disk-used") for word in ("--threshold", f"{name}=0,0")]
    limits += ["--threshold", "size-min=9GB,1GB", "--threshold", "free-disk=9000TB,off", "--min-rows", "nothing=1", "--min-rows", "item=9999"]
    report = context.command("check", path, "--json", *limits, status=2).json
    for finding in report["findings"]:
        exists(context, finding)
    remedies = {f["remedy"].split()[1] for f in report["findings"] if f.get("remedy")}
    check({"maintain", "restore", "stats", "tables", "log", "protect"} <= remedies, f"only {remedies} were named")
    return f"{sum(bool(f.get('remedy')) for f in report['findings'])} remedies of {len(report['findings'])} findings"


def rotted(context, path, page, *, time_kept):
    """One byte of a text, behind SQLite's back: the page stays well formed. A disk leaves the file's time as it was."""
    times = os.stat(path)
    with open(path, "rb") as file:
        file.seek((page - 1) * 1024)
        content = file.read(1024)
    at = content.index(b"name ")
    write_at(path, (page - 1) * 1024 + at, b"N")
    if time_kept:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def rot_findings(context, path, status):
    report = run_check(context, path, "--only", "integrity,bit-rot", status=status)
    state = {c["name"]: c for c in report["checks"]}["bit-rot"]
    return [f for f in report["findings"] if f["id"] == "bit-rot.page"], state


def page_of_items(path):
    """A leaf of the table that no index's sums cover but for the name: the root's first child."""
    db = sqlite3.connect(path)
    root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name='item'").fetchone()
    db.close()
    with open(path, "rb") as file:
        file.seek((root - 1) * 1024)
        page = file.read(1024)
    at = int.from_bytes(page[12:14], "big")
    return int.from_bytes(page[at:at + 4], "big")


def bit_rot_at_rest(context):
    """Without an index on the text nothing but the archive can tell."""
    for mode in ("WAL", "DELETE"):
        path = shop(context, f"{mode}.db")
        run_sql(path, f"DROP INDEX item_name; PRAGMA journal_mode={mode}")
        context.command("backup", path)
        found, state = rot_findings(context, path, 0)
        check(not found and state["outcome"] == "done", f"{mode}: an untouched file: {found} {state}")
        page = page_of_items(path)
        rotted(context, path, page, time_kept=True)
        found, _ = rot_findings(context, path, 2)
        check([f["object"] for f in found] == [f"page {page}"], f"{mode}: page {page}: {found}")
        check(found[0]["figures"]["offset"] == (page - 1) * 1024, found)
        exists(context, found[0])
        # A commit since: nothing is compared, and nothing called fine.
        run_sql(path, "INSERT INTO locations VALUES(60, 'new', 1)")
        found, state = rot_findings(context, path, 0)
        check(not found and state["outcome"] == "skipped", f"{mode}: after a commit: {state}")


def bit_rot_while_it_runs(context):
    """The application has it open, protect follows; a page that was copied back long ago rots."""
    path = shop(context, "app.db")
    run_sql(path, "DROP INDEX item_name; CREATE TABLE litewright_test_counter(n); INSERT INTO litewright_test_counter VALUES(0);"
                  "CREATE TABLE t0(a, b); PRAGMA wal_checkpoint(TRUNCATE)")
    page = page_of_items(path)
    protect = context.protect(path)
    writer = context.start(context.script("step_writer.py") + [path], stdin=-1, stdout=-1)
    check(writer.stdout.readline().strip() != "", "the application did not come")
    for _ in range(20):
        writer.stdin.write("\n")
        writer.stdin.flush()
        writer.stdout.readline()
    context.sync(path)
    found, state = rot_findings(context, path, 0)
    check(not found and state["outcome"] == "done", f"untouched: {found} {state}")
    rotted(context, path, page, time_kept=False)
    found, _ = rot_findings(context, path, 2)
    check([f["object"] for f in found] == [f"page {page}"], f"page {page}: {found}")
    writer.stdin.close()
    writer.wait()
    protect.stop()


def random_histories(context):
    """As several writers leave them after spills, VACUUMs, dropped tables and checkpoints of every kind: sound, both say."""
    count = 60 if context.long else 3
    for number in range(count):
        path = context.path(f"{number}.db")
        done = context.run([*context.script("history.py"), path, "--log", context.path("log"), "--commits", 150, "--writers", 2,
                            "--seed", context.random.randrange(1, 1 << 20), "--page-size", context.random.choice((512, 1024, 4096, 65536)),
                            "--auto-vacuum", context.random.choice(("none", "full", "incremental"))])
        check(done.status == 0, done.stderr[-400:])
        run_check(context, path, "--only", CONTENT)
        check(application.value(path, "PRAGMA integrity_check") == "ok", f"history {number}: SQLite finds something")
    return f"{count} histories of 150 commits"


TESTS = [
    Test("healthy databases of random histories are called so", random_histories, 5, 120),
    Test("six faults are named with table, row or page, and what is named as remedy mends", faults, 8),
    Test("a remedy is named only where the command exists", all_remedies, 4),
    Test("a byte that changed without a commit is found while nobody writes", bit_rot_at_rest, 5),
    Test("a page that rots under a running application is found", bit_rot_while_it_runs, 5),
]
