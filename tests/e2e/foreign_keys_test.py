"""Foreign keys and hierarchies: the pragma's verdicts, rows named, and the remedy that is named mends them."""
import collections
import pathlib
import sqlite3
import subprocess

from program import Skip, Test, check

MAKE_SHOP = pathlib.Path(__file__).resolve().parents[2] / "bench" / "make_shop_db.sh"

# Seed 001's table: 5 points at nothing; 4, 9 and 7 are each other's ancestors.
LOCATIONS = """
PRAGMA journal_mode=WAL;
CREATE TABLE locations(id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, parent_id INTEGER REFERENCES locations(id));
CREATE INDEX ix_locations_parent_id ON locations(parent_id);
INSERT INTO locations VALUES(1,'house',NULL),(2,'hall',1),(5,'cellar',99),(4,'a',9),(7,'b',4),(9,'c',7),(10,'d',7);
"""


def connect(path):
    return sqlite3.connect(path, isolation_level=None)


def verdicts(path):
    """{(table, parent, key): rowids in order} as the pragma has it."""
    found = collections.defaultdict(list)
    connection = connect(path)
    for table, rowid, parent, key in connection.execute("PRAGMA foreign_key_check"):
        found[(table, parent, key)].append(str(rowid))
    connection.close()
    return {key: sorted(rows, key=int) for key, rows in found.items()}


def shop_with_orphans(context):
    path = context.path("shop.db")
    subprocess.run([MAKE_SHOP, path, "30000"], check=True, capture_output=True)
    check("every row's parent exists" in context.command("maintain", path, "orphans").stdout, "orphans in a sound database")
    connection = connect(path)
    connection.execute("DELETE FROM products WHERE sku IN (SELECT sku FROM products ORDER BY random() LIMIT 20)")
    connection.execute("DELETE FROM customers WHERE id%331=0")
    connection.execute("UPDATE orders SET customer_id='12x' WHERE id=77")
    connection.execute("UPDATE orders SET sku=x'534b55' WHERE id=78")
    connection.execute("UPDATE categories SET parent_id=5000 WHERE id=500")
    connection.close()
    want = verdicts(path)
    check(len(want) == 3 and sum(map(len, want.values())) > 100, f"too little was broken: { {k: len(v) for k, v in want.items()} }")
    keys = context.command("maintain", path, "orphans", "--json").json["keys"]
    got = {(key["table"], key["parent"]): (key["found"], key["rows"]) for key in keys}
    for (table, parent, _), rows in want.items():
        check(got[(table, parent)] == (len(rows), rows[:20]), f"{table} -> {parent}: {got[(table, parent)]}, not {len(rows)}: {rows[:20]}")
    check(len(got) == len(want), f"more than the pragma: {got.keys()}")
    return f"{sum(map(len, want.values()))} orphans of three keys"


def locations(context):
    if context.command("help", "check", status=None).status != 0:
        raise Skip("this program has no check yet")
    path = context.path("app.db")
    connection = connect(path)
    connection.executescript(LOCATIONS)
    connection.close()
    report = context.command("check", path, "--only", "foreign-keys,hierarchy", "--json", status=2).json
    found = {finding["id"]: finding for finding in report["findings"] if finding["severity"] in ("warning", "critical")}
    orphans, cycle = found["foreign_keys.orphans"], found["hierarchy.cycle"]
    check(orphans["figures"]["rows"] == "5" and "locations" in orphans["object"], f"{orphans}")
    check(cycle["figures"] == {"rows": 3, "path": "4 -> 9 -> 7 -> 4"}, f"{cycle}")
    words = orphans["remedy"].split()[1:]
    check(words[:1] == ["maintain"], f"remedy {orphans['remedy']}")
    context.command(*words, "--null")
    connection = connect(path)
    check(connection.execute("PRAGMA foreign_key_check").fetchall() == [], "the remedy did not mend it")
    connection.execute("UPDATE locations SET parent_id=1 WHERE id=4")
    connection.close()
    context.command("check", path, "--only", "foreign-keys,hierarchy")


TESTS = [
    Test("foreign keys of a shop have the pragma's orphans, row by row", shop_with_orphans, 6),
    Test("an orphan and three locations in a circle are named, and the remedy mends", locations, 2),
]
