#!/usr/bin/env python3
"""The application of the live demo: a shop that takes orders, and a clean-up job that forgot its WHERE.

  shop_app.py run DB LOG STATE   takes orders for some seconds, has its accident, goes on taking orders
  shop_app.py state DB           prints rows and a content hash of every table (to compare two states)

Just before the accident, inside its transaction, the state of all tables is written to the file STATE.
"""
import datetime, hashlib, json, random, sqlite3, sys, time

SELLING_SECONDS = 6.0
QUIET_SECONDS = 1.5  # before and after the accident: it happens in a second of its own


def state_of(connection):
    """{table: [rows, SHA-256 of its rows in primary key order]}, the schema's text included as a table of its own."""
    state = {}
    tables = [name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name")]
    for table in ["sqlite_schema"] + tables:
        digest, rows = hashlib.sha256(), 0
        # Column 1 is the key of every table here; the schema's rows are taken by name.
        order = "name" if table == "sqlite_schema" else "1"
        columns = "type, name, tbl_name, sql" if table == "sqlite_schema" else "*"
        for row in connection.execute(f'SELECT {columns} FROM "{table}" ORDER BY {order}'):
            digest.update(repr(row).encode())
            rows += 1
        state[table] = [rows, digest.hexdigest()]
    return state


def opened(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def sell(connection, seconds):
    customers, = connection.execute("SELECT max(id) FROM customers").fetchone()
    skus = [sku for sku, in connection.execute("SELECT sku FROM products")]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO orders(customer_id, sku, quantity, total, status, ordered_at) VALUES(?, ?, ?, ?, 'pending', datetime('now'))",
            (random.randint(1, customers), random.choice(skus), random.randint(1, 9), random.randint(100, 99999) / 100))
        connection.execute("UPDATE products SET stock = stock - 1 WHERE sku = ?", (random.choice(skus),))
        connection.execute("COMMIT")
        time.sleep(0.01)


def log_line(log, text):
    log.write(f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S} {text}\n")
    log.flush()


def run(database, log_path, state_path):
    connection = opened(database)
    with open(log_path, "a") as log:
        log_line(log, "shop: open")
        sell(connection, SELLING_SECONDS)
        time.sleep(QUIET_SECONDS)
        log_line(log, "clean-up: begins")
        connection.execute("BEGIN IMMEDIATE")
        with open(state_path, "w") as file:
            json.dump(state_of(connection), file)
        deleted = connection.execute("DELETE FROM orders").rowcount  # the WHERE is missing
        connection.execute("COMMIT")
        log_line(log, f"clean-up: {deleted} stale orders deleted")
        time.sleep(QUIET_SECONDS)
        sell(connection, SELLING_SECONDS / 3)
        log_line(log, "support: customers ask where their orders are")


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(*sys.argv[2:5])
    else:
        print(json.dumps(state_of(sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True))))
