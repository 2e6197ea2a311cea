"""Files that nobody vouches for: whatever is in less than 1 MiB, `check` ends by itself, within bounds, and says something.

Bounds are in CPU seconds and memory, which a busy machine does not change. Run against a sanitized build the memory
does not count. LITEWRIGHT_HARMS sets another count of random files."""
import os
import pathlib
import resource
import signal
import sqlite3
import subprocess
import time

from program import Test, check

MOST_SECONDS, MOST_MEMORY, MOST_BYTES = 5, 128 << 20, 1 << 20
STATUSES = {0, 1, 2, 65, 74, 75}
CALM = ["--threshold", "free-disk=off", "--threshold", "disk-used=off"]


class Bounds:
    """Runs commands and holds each against the bounds; keeps the worst."""

    def __init__(self, context):
        self.context, self.seconds, self.memory, self.runs = context, (0, ""), (0, ""), 0
        self.sanitized = b"__asan_init" in pathlib.Path(context.litewright).read_bytes()

    def run(self, what, *words):
        with open(self.context.path("said"), "wb") as said:
            process = subprocess.Popen([self.context.litewright, *map(str, words)], stdout=said, stderr=said, env=self.context.environment,
                                       stdin=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)))
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.runs += 1
        text = pathlib.Path(self.context.path("said")).read_bytes()[-600:].decode(errors="replace")
        seconds, memory = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
        self.seconds, self.memory = max(self.seconds, (seconds, what)), max(self.memory, (memory, what))
        check(process.returncode in STATUSES, f"{what}: ended with {process.returncode}: {text}")
        if not self.sanitized:
            check(seconds <= MOST_SECONDS, f"{what}: {seconds:.1f} CPU seconds: {text}")
            check(memory <= MOST_MEMORY, f"{what}: {memory >> 20} MiB: {text}")
        return process.returncode, text

    def __str__(self):
        return (f"{self.runs} runs, at most {self.seconds[0]:.2f} CPU seconds ({self.seconds[1]}) and {self.memory[0] >> 20} MiB "
                f"({self.memory[1]})")


def made(path, script, page_size=4096, rows=None):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA page_size={page_size}")
    db.execute("PRAGMA ignore_check_constraints=ON")
    db.executescript(script)
    if rows:
        db.execute("BEGIN")
        db.executemany(*rows)
        db.execute("COMMIT")
    db.close()
    return path


def with_schema(path, entries):
    """Puts entries into the schema that SQLite itself would not make."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA writable_schema=ON")
    db.execute("BEGIN")
    db.executemany("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES(?, ?, ?, ?, ?)", entries)
    db.execute("COMMIT")
    db.close()
    return path


# ---- Bombs: small files that ask for much

SMALL_ROWS = "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) INSERT INTO t SELECT %s FROM n;"


def many_tables(path):
    made(path, SMALL_ROWS % (30_000, "i"))
    with_schema(path, (("table", f"x{i}", f"x{i}", 2, f"CREATE TABLE x{i}(a REFERENCES t)") for i in range(8_000)))


def many_indexes(path):
    """Of which none has an entry, on a table with many rows."""
    made(path, "CREATE TABLE t(a);" + "".join(f"CREATE INDEX x{i} ON t(a);" for i in range(1_200)), page_size=512)
    db = sqlite3.connect(path, isolation_level=None)
    entries = db.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE type='index'").fetchall()
    db.executescript("PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE type='index'")
    db.close()
    made(path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30000) INSERT INTO t SELECT 1 FROM n")
    with_schema(path, entries)


def many_keys(path):
    keys = ", ".join("FOREIGN KEY(a) REFERENCES p(k)" for _ in range(8_000))
    made(path, f"CREATE TABLE p(k PRIMARY KEY); CREATE TABLE t(a, {keys});"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40000) INSERT INTO t SELECT i FROM n;")


def many_columns(path):
    columns = ", ".join(f"c{i} INT DEFAULT {i}" for i in range(1900))
    made(path, "".join(f"CREATE TABLE t{n}({columns});" for n in range(20)))


def many_expressions(path):
    made(path, SMALL_ROWS % (30_000, "i") + "".join(f"CREATE INDEX x{i} ON t(a+{i}) WHERE a<0;" for i in range(150)))
    with_schema(path, (("index", f"y{i}", "t", 3, f"CREATE INDEX y{i} ON t(abs(a)+{i})") for i in range(2_000)))


def wide_index(path):
    made(path, SMALL_ROWS % (5, "i"))
    keys = ", ".join(f"zeroblob(900000+a+{i})" for i in range(1900))
    with_schema(path, [("index", "x", "t", 2, f"CREATE INDEX x ON t({keys})")])


def large_values(path):
    made(path, SMALL_ROWS % (300, "i"))
    with_schema(path, [("index", "x", "t", 2, "CREATE INDEX x ON t(zeroblob(999999000), a)"),
                       ("index", "y", "t", 2, "CREATE INDEX y ON t(printf('%*c', 900000000, 'x'))"),
                       ("index", "z", "t", 2, "CREATE INDEX z ON t(hex(zeroblob(400000000)))")])


def large_generated(path):
    made(path, "CREATE TABLE t(a, g AS (zeroblob(900000000)||a) NOT NULL UNIQUE CHECK(g IS NOT NULL), s AS (hex(zeroblob(99999999))));")
    with_schema(path, [("table", "u", "u", 2, "CREATE TABLE u(a, g TEXT AS (zeroblob(900000000)||a) NOT NULL, b DEFAULT ('x'||zeroblob(900000000)))")])


def slow_check(path):
    made(path, "CREATE TABLE t(a CHECK(length(hex(zeroblob(150000+a%7))) > a AND length(replace(hex(zeroblob(50000+a%7)), '0', '12')) > a));"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40000) INSERT INTO t SELECT i FROM n;")


def slow_search(path):
    made(path, "CREATE TABLE t(a CHECK(instr(zeroblob(900000+a), zeroblob(400000+a)||x'01') = a), b); INSERT INTO t VALUES(0, zeroblob(900000));"
               "INSERT INTO t(a) VALUES(1), (2), (3), (4), (5), (6), (7), (8);")


def far_rowids(path):
    made(path, "CREATE TABLE p(id INTEGER PRIMARY KEY); INSERT INTO p VALUES(1), (1200000000);"
               "CREATE TABLE q(id INTEGER PRIMARY KEY); INSERT INTO q VALUES(1), (1200000000);"
               "CREATE TABLE c(p REFERENCES p, q REFERENCES q); INSERT INTO c VALUES(1, 1), (5, 5);")


def one_circle(path):
    made(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, up REFERENCES t); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
               "i<60000) INSERT INTO t SELECT i, i%60000+1 FROM n;")


def deep_expression(path):
    made(path, f"CREATE TABLE t(a CHECK({'(' * 40}a{')' * 40})); CREATE INDEX x ON t({'+'.join(['a'] * 900)}); INSERT INTO t VALUES(1);")


def large_payload(path):
    """A cell that claims 4 GiB, its chain going round."""
    made(path, "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(600000))")
    content = bytearray(pathlib.Path(path).read_bytes())
    cell = 4096 + int.from_bytes(content[4096 + 8:4096 + 10], "big")
    content[cell:cell + 3] = b"\x8f\xff\xff"
    for page in range(3, len(content) // 4096):
        content[(page - 1) * 4096:(page - 1) * 4096 + 4] = (3 + (page - 2) % 100).to_bytes(4, "big")
    pathlib.Path(path).write_bytes(content)


def unclosed(path):
    made(path, "CREATE TABLE t(a)")
    with_schema(path, (("table", f"x{i}", f"x{i}", 2, f"CREATE TABLE x{i}(a CHECK(" + "CHECK((" * 300) for i in range(250)))


def long_statistics(path):
    made(path, "CREATE TABLE t(a); CREATE INDEX x ON t(a); INSERT INTO t VALUES(1); ANALYZE;",
         rows=("INSERT INTO sqlite_stat1 VALUES('t', 'x', ?)", (("9 " * 3000,) for _ in range(100))))


def searched_text(path):
    """Full text, R-tree and their shadow tables, garbled within."""
    made(path, "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES('some words'); CREATE VIRTUAL TABLE r USING rtree(i, a, b);"
               "INSERT INTO r VALUES(1, 2, 3); UPDATE f_data SET block=randomblob(900); UPDATE r_node SET data=randomblob(500);")


QUICK_BOMBS = (large_values, large_generated, far_rowids, large_payload, unclosed, wide_index)
BOMBS = QUICK_BOMBS + (many_tables, many_indexes, many_columns, many_expressions, many_keys, slow_check, slow_search, one_circle,
                       deep_expression, long_statistics, searched_text)


def bombs(context):
    bounds = Bounds(context)
    for bomb in BOMBS if context.long else QUICK_BOMBS:
        path = context.path(f"{bomb.__name__}.db")
        bomb(path)
        size = os.path.getsize(path)
        check(size <= MOST_BYTES, f"{bomb.__name__}: {size} bytes, more than the bound is for")
        for words in (["check", path, "--json", *CALM], ["check", path, "--startup"]):
            bounds.run(f"{bomb.__name__} {' '.join(words[2:3])}", *words)
        os.unlink(path)
    return str(bounds)


# ---- Random files

SAMPLE = """
PRAGMA auto_vacuum=%d;
CREATE TABLE a(id INTEGER PRIMARY KEY, b TEXT UNIQUE, c REAL CHECK(c < 1e9), d BLOB, e AS (b||'x'), up REFERENCES a);
CREATE INDEX a_c ON a(c DESC, lower(b)) WHERE d IS NOT NULL;
CREATE TABLE w(k TEXT, n INT NOT NULL, v, PRIMARY KEY(k, n)) WITHOUT ROWID;
CREATE VIRTUAL TABLE f USING fts5(b);
CREATE TABLE gone(x);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<400)
  INSERT INTO a(id, b, c, d, up) SELECT i, 'text '||i, i/3.0, CASE WHEN i%%20=0 THEN randomblob(3000) END, i/2 FROM n WHERE i>0;
INSERT INTO w SELECT b, id, d FROM a; INSERT INTO f SELECT b FROM a;
INSERT INTO gone SELECT zeroblob(900) FROM a; DELETE FROM gone WHERE rowid%%4; ANALYZE;
"""


def harm(random, content, page_size):
    """Numbers, stretches, whole pages, the length; several at once."""
    for _ in range(random.choice((1, 1, 2, 5, 40))):
        if len(content) < page_size:
            return
        page = random.randrange(len(content) // page_size) * page_size
        kind = random.randrange(7)
        if kind == 0:
            at, length = 16 + random.randrange(84), 4
        elif kind == 1:
            at, length = page + (100 if page == 0 else 0) + random.randrange(12), 2
        elif kind == 2:
            at, length = page + random.randrange(page_size), random.choice((1, 2, 4, 9))
        elif kind == 3:
            at, length = page + random.randrange(page_size), random.randrange(1, page_size)
        elif kind == 4:
            other = random.randrange(len(content) // page_size) * page_size
            content[page:page + page_size] = content[other:other + page_size]
            continue
        elif kind == 5:
            del content[random.randrange(min(512, len(content)), len(content) + 1):]
            continue
        else:
            at, length = page, 16
        filling = random.choice((random.randbytes(length), bytes(length), b"\xff" * length, b"\x7f" + b"\xff" * (length - 1)))
        content[at:at + length] = filling[:length]


def random_files(context):
    bounds, random = Bounds(context), context.random
    count = int(os.environ.get("LITEWRIGHT_HARMS", "3000" if context.long else "40"))
    samples = {}
    for size in (512, 1024, 4096, 65536):
        path = made(context.path(f"{size}.db"), SAMPLE % (size // 1024 % 3), page_size=size)
        samples[size] = pathlib.Path(path).read_bytes()
    statuses = {}
    path = context.path("hostile.db")
    for number in range(count):
        size = random.choice(list(samples))
        content = bytearray(samples[size])
        if number % 10 == 9:
            content = bytearray(random.randbytes(random.randrange(1, 100_000)))  # encrypted, or anything
        else:
            harm(random, content, size)
        pathlib.Path(path).write_bytes(content[:MOST_BYTES])
        words = ["check", path, "--json", "--skip", "locks,engine", *CALM] if number % 5 else ["check", path, "--startup"]
        status, _ = bounds.run(f"file {number} ({size})", *words)
        statuses[status] = statuses.get(status, 0) + 1
    check(statuses.get(2, 0) + statuses.get(65, 0) > count / 2, f"too little was damaged: {statuses}")
    return f"{bounds}, statuses {dict(sorted(statuses.items()))}"


# ---- What changes under the reader

def shrinks(context):
    """Cut off while it is read, main file and WAL: never a crash."""
    statuses = {}
    for number in range(60 if context.long else 4):
        path = context.path(f"{number}.db")
        made(path, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a, b); CREATE INDEX x ON t(a);"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) INSERT INTO t SELECT hex(randomblob(100)), i FROM n;")
        holder = sqlite3.connect(path)  # so that a WAL is there
        holder.execute("INSERT INTO t SELECT a, b FROM t LIMIT 5000")
        holder.commit()
        process = context.start([context.litewright, "check", path, "--only", "integrity,foreign-keys", *CALM],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(context.random.uniform(0, .12))
        cut = path + ("-wal" if number % 3 == 0 else "")
        os.truncate(cut, context.random.randrange(os.path.getsize(cut)))
        _, errors = process.communicate(timeout=60)
        statuses[process.returncode] = statuses.get(process.returncode, 0) + 1
        check(process.returncode in STATUSES, f"cut {number}: ended with {process.returncode}: {errors[-500:]}")
        holder.close()
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(path + suffix).unlink(missing_ok=True)
    return f"statuses {dict(sorted(statuses.items()))}"


TESTS = [
    Test("small files that ask for much are given up within bounds", bombs, 8, 120),
    Test("any bytes in less than 1 MiB are judged within bounds", random_files, 6, 600),
    Test("a file that shrinks while it is read", shrinks, 8, 60),
]
