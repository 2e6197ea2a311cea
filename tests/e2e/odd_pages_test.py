"""Pages as few databases have them: another size than before, reserved bytes, beyond the lock page at 1 GiB, content that
nobody can parse."""
import os
import pathlib
import sqlite3
import struct
import subprocess
import sys

import application_database as application
import history
from archived_states import new_database, commit, run_sql, digest, History, segments, snapshots
from program import Test, check

GIB = 1 << 30


def page_size_changes_while_protected(context):
    path = new_database(context, rows=500, mode="DELETE")
    told = History(context, path)
    protected = context.protect(path)
    told.note()
    for size in (1024, 65536):
        run_sql(path, f"PRAGMA page_size={size}", "VACUUM")
        context.sync(path)
        told.note()
        commit(path, 2)
        context.sync(path)
        told.note()
    protected.stop()
    told.is_given_back()


def shell(path, *lines):
    answer = subprocess.run(["sqlite3", path], input="\n".join(lines) + "\n", capture_output=True, text=True)
    check(answer.returncode == 0, f"sqlite3: {answer.stderr}")
    return answer.stdout


def reserved_bytes(context):
    """As the checksum and encryption VFSes have them; VACUUM brings them in under protection (FACTS 15, 19)."""
    path = new_database(context, rows=500)
    told = History(context, path)
    protected = context.protect(path)
    told.note()
    for reserved in (8, 32):  # SQLite takes none away again
        shell(path, f".filectrl reserve_bytes {reserved}", "VACUUM;")
        commit(path, 2)
        context.sync(path)
        told.note()
        header = pathlib.Path(context.restore(path, context.path("header.db"))).read_bytes()[:100]
        check(header[20] == reserved, f"byte 20 of the restored header is {header[20]}, not {reserved}")
        os.unlink(context.path("header.db"))
    protected.stop()
    told.is_given_back()


def sparse_beyond_the_lock_page(path, page_size=65536):
    """A sound database larger than 1 GiB that takes no room: its pages are free ones, which SQLite leaves unwritten."""
    new = sqlite3.connect(path, isolation_level=None)
    new.execute(f"PRAGMA page_size={page_size}")
    new.execute("PRAGMA journal_mode=DELETE").fetchall()
    new.execute("CREATE TABLE litewright_test_counter(n INT)")
    new.execute("INSERT INTO litewright_test_counter VALUES(0)")
    new.execute("CREATE TABLE t0(id INTEGER PRIMARY KEY, a INT, b BLOB)")
    new.execute("INSERT INTO t0(a, b) VALUES(1, randomblob(500))")
    used = new.execute("PRAGMA page_count").fetchone()[0]
    new.close()
    lock = GIB // page_size + 1
    last = lock + 200
    free = [page for page in range(used + 1, last + 1) if page != lock]
    most = page_size // 4 - 8
    trunks = [free[at:at + most + 1] for at in range(0, len(free), most + 1)]
    trunks.reverse()  # the pages past the lock page are taken first
    with open(path, "r+b") as file:
        file.truncate(last * page_size)
        for number, (trunk, *leaves) in enumerate(trunks):
            following = trunks[number + 1][0] if number + 1 < len(trunks) else 0
            file.seek((trunk - 1) * page_size)
            file.write(struct.pack(f">{2 + len(leaves)}I", following, len(leaves), *leaves))
        file.seek(28)
        file.write(struct.pack(">3I", last, trunks[0][0], len(free)))
    return lock


def beyond_the_lock_page(mode):
    def run(context):
        path = context.path("app.db")
        lock = sparse_beyond_the_lock_page(path)
        application.is_sound(path)
        run_sql(path, f"PRAGMA journal_mode={mode}")
        protected = context.protect(path)
        connection = history.connect(path, cache_size=-2000)
        for _ in range(3):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t0(a, b) VALUES(2, randomblob(600000))")
            connection.execute("UPDATE litewright_test_counter SET n=n+1")
            connection.execute("COMMIT")
            context.sync(path)
        connection.close()
        protected.stop()
        commit(path, 1)
        protected = context.protect(path)
        context.sync(path)
        wanted, pages = application.content(path), application.value(path, "PRAGMA page_count")
        check(pages > lock, f"{pages} pages, the lock page is {lock}")
        protected.stop()
        out = context.restore(path, context.path("out.db"))
        application.is_sound(out)
        check(application.content(out) == wanted, "the restored database is another")
        used = os.stat(out).st_blocks * 512
        context.verify_is_clean(path)
        total = sum(segments(path).values())
        check(total < 8 << 20, f"the archive of a database with 2 MB of content has {total} bytes")
        return f"lock page {lock} of {pages}, archive {total} bytes, restored file takes {used} bytes"

    return run


def scramble(path, first_page, last_page, seed, page_size=4096):
    """Pages that no SQLite can parse: as an encrypting VFS leaves them."""
    code = ("import os,random,sys\nr=random.Random(int(sys.argv[4]))\nf=os.open(sys.argv[1],os.O_RDWR)\nn=int(sys.argv[5])\n"
            "for p in range(int(sys.argv[2]),int(sys.argv[3])+1): os.pwrite(f,r.randbytes(n),(p-1)*n)")
    subprocess.run([sys.executable, "-c", code, path, str(first_page), str(last_page), str(seed), str(page_size)], check=True)


def pages_that_cannot_be_parsed(mode):
    """The header is readable, the content of the pages is not: their differences are archived all the same."""
    def run(context):
        path = context.path("app.db")
        run_sql(path, f"PRAGMA journal_mode={mode}", "PRAGMA user_version=1", "CREATE TABLE a(x)", "CREATE TABLE z(x)",
                "INSERT INTO z VALUES(randomblob(400000))")
        pages = os.path.getsize(path) // 4096
        wanted = []
        for seed in range(3):
            scramble(path, 2, pages, seed)
            protected = context.protect(path)
            run_sql(path, f"PRAGMA user_version={seed + 5}")
            context.sync(path)
            protected.stop()
            wanted.append((context.log(path)[-1]["txid"], digest(path)))
        for txid, bytes_ in wanted:
            out = context.restore(path, context.path(f"{txid}.db"), "--tx", txid)
            check(digest(out) == bytes_, f"tx {txid} is given back with other bytes")
        context.verify_is_clean(path)
        check(len(snapshots(path)) == 1, f"more than one snapshot: {segments(path)}")

    return run


TESTS = [
    Test("a change of page size under protection goes on the same line", page_size_changes_while_protected, 10),
    Test("reserved bytes come and go under protection", reserved_bytes, 10),
    Test("a WAL database beyond the lock page is followed", beyond_the_lock_page("WAL"), 25),
    Test("a rollback database beyond the lock page is compared", beyond_the_lock_page("DELETE"), 25),
    Test("pages that can't be parsed are followed in WAL mode", pages_that_cannot_be_parsed("WAL"), 8),
    Test("pages that can't be parsed are compared in rollback mode", pages_that_cannot_be_parsed("DELETE"), 8),
]
