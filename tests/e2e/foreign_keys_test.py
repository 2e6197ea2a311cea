"""Foreign keys: the pragma's verdicts, row by row."""
import collections
import pathlib
import sqlite3
import subprocess

from program import Test, check

MAKE_SHOP = pathlib.Path(__file__).resolve().parents[2] / "bench" / "make_shop_db.sh"

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


TESTS = [
    Test("foreign keys of a shop have the pragma's orphans, row by row", shop_with_orphans, 6),
]
