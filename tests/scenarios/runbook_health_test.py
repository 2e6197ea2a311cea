"""The health parts of the runbooks: each row of a troubleshooting table, each diagnosis step, each limit of a metric table
as a symptom that is made, with the finding and the exit status that answer it."""
import contextlib
import errno
import os
import pathlib
import shutil
import sqlite3
import subprocess

from bad_input_test import as_nobody
from check_test import damage_page, hold, ids, make, run_check
from program import Skip, Test, check
from startup_test import failed, guard

MEGA, GIGA = 1_000_000, 1_000_000_000


def finding(report, name):
    found = [f for f in report["findings"] if f["id"] == name]
    check(found, f"no {name}: {report['findings']} {report['checks']}")
    return found[0]


# ---- Harmony: the table "Symptom, Ursache, Lösung"

def harmony_not_mounted(context):
    """Database file does not exist."""
    data = pathlib.Path(context.path("data"))
    failed(guard(context, data / "harmony.db", status=66), "Database folder does not exist")
    data.mkdir()
    failed(guard(context, data / "harmony.db", status=66), "Database file does not exist", "the volume is not mounted?")
    context.command("check", data / "harmony.db", status=66)


def harmony_not_writable(context):
    """writable: false, by the file's mode and by a read-only mount."""
    path = make(context, "harmony.db")
    os.chmod(path, 0o444)
    event = failed(guard(context, path, status=77, nobody=True), "Database file is not writable")
    check(event["exists"] and event["writable"] is False and event["hint"].startswith("chown"), event)
    os.chmod(path, 0o644)
    with tmpfs(context, "data", 24 * MEGA) as data:
        shutil.copy(path, data)
        subprocess.run(["mount", "-o", "remount,ro", data], check=True)
        event = failed(guard(context, os.path.join(data, "harmony.db"), status=77), "not writable", "read-only")
        check(event["writable"] is False, event)


def harmony_locked(context):
    """OperationalError: database is locked: two writers at once."""
    path = make(context, "harmony.db")
    writer = hold(context, path, "BEGIN IMMEDIATE; UPDATE users SET note='x'")
    other = sqlite3.connect(path, timeout=0)
    try:
        other.execute("UPDATE users SET note='y'")
        check(False, "the symptom was not made")
    except sqlite3.OperationalError as error:
        check("database is locked" in str(error), error)
    other.close()
    failed(guard(context, path, status=75), "database is locked", f"pid {writer.pid}")
    holders = {h["pid"]: h["role"] for h in context.command("locks", path, "--json", status=None).json["processes"]}
    check(holders == {writer.pid: "writes"}, holders)


def harmony_without_sqlite3(context):
    """CLI sqlite3 nicht verfügbar: everything the runbook asks it, with an empty PATH."""
    path = make(context, "harmony.db")
    empty = context.environment | {"PATH": "/nonexistent"}
    rows = context.command("sql", path, "SELECT count(*) FROM users", "--json", env=empty).json["rows"]
    check(rows == [[300]], rows)
    report = context.command("check", path, "--json", "--only", "integrity", env=empty).json
    check(report["verdict"] == "ok", report)
    context.command("backup", path, "--to", context.path("copy.db"), env=empty)


# ---- Kamiyo: diagnosis steps 1 to 5

def kamiyo_is_it_running(context):
    """Step 1, docker ps: who has the database open, and that nobody has."""
    path = make(context, "kamiyo.db")
    service = hold(context, path, "SELECT count(*) FROM users")
    seen = context.command("locks", path, "--json").json["processes"]
    check([p["pid"] for p in seen] == [service.pid] and "python" in seen[0]["command"], seen)
    service.kill()
    service.wait()
    check(context.command("locks", path, "--json").json["processes"] == [], "a process that ended is seen")


def kamiyo_file(context):
    """Step 2, ls -lh: there, rights, more than 1 MB."""
    path = make(context, "kamiyo.db", rows=20)
    size = os.path.getsize(path)
    words = ["--only", "size", "--threshold"]
    small = finding(run_check(context, path, *words, "size-min=1MB,off", status=1), "size.small")
    check(small["figures"]["size_min_bytes"] == size and small["figures"]["limit_bytes"] == MEGA, small)
    for limit, status in ((size - 1, 0), (size, 0), (size + 1, 2)):
        run_check(context, path, *words, f"size-min=off,{limit}B", status=status)
    os.chmod(path, 0)
    failed(guard(context, path, status=77, nobody=True), "not readable")
    answer = context.run(as_nobody(context, [context.litewright, "check", path]))
    check(answer.status == 77, f"unreadable: {answer}")


def kamiyo_integrity(context):
    """Step 3: corrupted, and then the recovery that is named."""
    path = make(context, "kamiyo.db")
    context.command("backup", path)
    run_check(context, path, "--only", "integrity")
    damage_page(path, "users")
    report = run_check(context, path, "--only", "integrity", status=2)
    words = report["findings"][0]["remedy"].split()
    check(words[:2] == ["litewright", "restore"], words)
    failed(guard(context, path, status=65), "the database is damaged")
    context.command(*words[1:])
    run_check(context, path, "--only", "integrity")


def kamiyo_logs(context):
    """Step 4: database is locked; unable to open database file; disk I/O error."""
    path = make(context, "kamiyo.db", wal=False)
    holder = hold(context, path, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE")
    locked = finding(run_check(context, path, status=2), "database.locked")
    check(f"pid {holder.pid}" in locked["object"] and "locks" in locked["remedy"], locked)
    failed(guard(context, path, status=75), "database is locked", f"pid {holder.pid}")
    holder.kill()
    holder.wait()
    run_check(context, path)
    shut = pathlib.Path(context.path("shut"))
    shut.mkdir(mode=0o700)
    shutil.copy(path, shut / "kamiyo.db")
    failed(guard(context, shut / "kamiyo.db", status=77, nobody=True), "can't be searched")
    failing = context.environment | {
        "LD_PRELOAD": context.tool("syscall_faults.so"), "LITEWRIGHT_FAULT_CALLS": "read", "LITEWRIGHT_FAULT_UNDER": str(shut),
        "LITEWRIGHT_FAULT_AT": "4", "LITEWRIGHT_FAULT_ERRNO": str(errno.EIO), "LITEWRIGHT_FAULT_EVER": "1"}
    answer = context.command("check", shut / "kamiyo.db", "--only", "integrity,foreign-keys", "--json", status=2, env=failing)
    check("could not be read" in finding(answer.json, "database.io")["meaning"], answer.stdout)
    check(all(c["outcome"] == "skipped" for c in answer.json["checks"]), answer.json["checks"])
    failed(guard(context, shut / "kamiyo.db", status=74, environment=failing), "I/O error")


def kamiyo_disk(context):
    """Step 5, df: more than 95 % is critical, an alert at 80 %; at, below and above each."""
    with tmpfs(context, "data", 4096 * 1000) as data:
        path = os.path.join(data, "kamiyo.db")
        shutil.copy(make(context, wal=False), path)
        for blocks, status in ((799, 0), (800, 0), (801, 1), (949, 1), (950, 1), (951, 2)):
            used = fill(data, blocks)
            report = run_check_disk(context, path, "disk-used=80,95", "free-disk=off", status=status)
            check(abs(report["figures"]["disk-used"]["value"] - used) < .01, f"{used}: {report['figures']}")
            check(ids(report, "warning", "critical") == ({"disk.used"} if status else set()), report["findings"])


# ---- PrismQ: "Metrics to Monitor"; ORA: the morning check

def sparse_database(path, page_size, pages, free=0):
    """A database that says that it has so many pages, of which so many are free. Only its header is ever looked at."""
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA page_size={page_size}; CREATE TABLE t(x)")
    db.close()
    with open(path, "r+b") as file:
        file.seek(28)
        file.write(pages.to_bytes(4, "big"))
        file.seek(36)
        file.write(free.to_bytes(4, "big"))
        file.truncate(pages * page_size)
    return path


def judged(context, path, check_name, finding_id, statuses):
    """(make it so, exit status): and the finding is there where the status is not 0."""
    for prepare, status in statuses:
        prepare()
        report = run_check(context, path, "--only", check_name, status=status)
        found = ids(report, "warning", "critical")
        check(found == ({finding_id} if status else set()), f"{finding_id}, status {status}: {report['findings']} {report['figures']}")
        if status:
            check(finding(report, finding_id)["severity"] == ("warning", "critical")[status - 1], report["findings"])


def prismq_size(context):
    path = context.path("queue.db")

    def pages(size, count):
        def prepare():
            pathlib.Path(path).unlink(missing_ok=True)
            sparse_database(path, size, count)
        return prepare
    # 500 MB is no whole number of pages; 1 GB is, of 512 bytes.
    judged(context, path, "size", "size.large",
           [(pages(512, 500 * MEGA // 512), 0), (pages(512, 500 * MEGA // 512 + 1), 1), (pages(512, GIGA // 512 - 1), 1),
            (pages(512, GIGA // 512), 1), (pages(512, GIGA // 512 + 1), 2)])


def prismq_wal(context):
    path = sparse_database(context.path("queue.db"), 4096, 100)

    def wal(size):
        def prepare():
            with open(path + "-wal", "wb") as file:
                file.truncate(size)
        return prepare
    judged(context, path, "wal", "wal.large",
           [(wal(50 * MEGA - 1), 0), (wal(50 * MEGA), 0), (wal(50 * MEGA + 1), 1), (wal(100 * MEGA), 1), (wal(100 * MEGA + 1), 2)])


def prismq_fragmentation(context):
    """More than 10 % and 20 %; ORA vacuums from 25 % on."""
    path = context.path("queue.db")

    def free(count):
        def prepare():
            pathlib.Path(path).unlink(missing_ok=True)
            sparse_database(path, 4096, 10_000, count)
        return prepare
    judged(context, path, "free-pages", "pages.free", [(free(999), 0), (free(1000), 0), (free(1001), 1), (free(2000), 1), (free(2001), 2)])
    for count, status in ((2499, 0), (2500, 0), (2501, 1)):
        free(count)()
        run_check(context, path, "--only", "free-pages", "--threshold", "free-pages=25,off", status=status)


def prismq_free_disk(context):
    """Less than 10 GB and 5 GB."""
    database = make(context, wal=False, rows=20)
    for free, status in ((10 * GIGA, 0), (10 * GIGA - 8192, 1), (5 * GIGA + 8192, 1), (5 * GIGA - 8192, 2)):
        wanted = -(-free // 4096)
        with tmpfs(context, "data", (wanted + 100) * 4096) as data:
            path = shutil.copy(database, data)
            pathlib.Path(data, "ballast").write_bytes(bytes((os.statvfs(data).f_bavail - wanted) * 4096))
            report = run_check_disk(context, path, "disk-used=off", status=status)
            check(0 <= report["figures"]["free-disk"]["value"] - free < 4096, f"{free}: {report['figures']}")


def ora_morning(context):
    """The file is there, sound, its size, that of the WAL, the share of free space: one command, the same figures."""
    path = make(context, "ora.db")
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DELETE FROM users WHERE id % 2")
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
    report = run_check(context, path, "--skip", "foreign-keys", "--threshold", "reader-age=off", status=None)
    figures = {name: figure["value"] for name, figure in report["figures"].items()}
    check(figures["size"] == pages * size, f"{figures}: {pages} pages of {size}")
    check(figures["wal"] == os.path.getsize(path + "-wal") > 0, figures)
    check(figures["free-pages"] == (round(100 * free / pages, 6) if free * size >= 1 << 20 else 0), f"{figures}: {free} of {pages} free")
    db.close()
    context.command("check", context.path("none.db"), status=66)


def ora_troubles(context):
    """Locked, an integrity check that fails, foreign keys violated, no statistics for the planner."""
    path = make(context, "ora.db")
    db = sqlite3.connect(path)
    db.execute("UPDATE orders SET user_id=100000 WHERE id=7")
    db.execute("DROP TABLE sqlite_stat1")
    db.commit()
    violated = [(row[0], str(row[1])) for row in db.execute("PRAGMA foreign_key_check")]
    db.close()
    report = run_check(context, path, status=2)
    orphans = finding(report, "foreign_keys.orphans")
    check([("orders", orphans["figures"]["rows"])] == violated, f"{orphans}: {violated}")
    check(finding(report, "statistics.missing")["severity"] == "info", report["findings"])
    context.command(*orphans["remedy"].split()[1:], "--delete", "--no-restore-point")
    run_check(context, path)
    exclusive = hold(context, path, "PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; UPDATE users SET note='x'")
    locked = finding(run_check(context, path, status=2), "database.locked")
    check(f"pid {exclusive.pid}" in locked["object"], locked)


# ---- Disks

@contextlib.contextmanager
def tmpfs(context, name, size):
    if os.geteuid() != 0:
        raise Skip("needs root to mount")
    folder = context.path(name)
    os.makedirs(folder, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "none", folder], capture_output=True).returncode:
        raise Skip("no tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder, blocks):
    """So many of the disk's blocks are in use; gives the percentage."""
    ballast = pathlib.Path(folder, "ballast")
    ballast.unlink(missing_ok=True)
    space = os.statvfs(folder)
    ballast.write_bytes(bytes((blocks - (space.f_blocks - space.f_bfree)) * space.f_frsize))
    space = os.statvfs(folder)
    check(space.f_blocks - space.f_bfree == blocks, f"{space}: not {blocks}")
    return 100 * blocks / space.f_blocks


def run_check_disk(context, path, *limits, status):
    words = [word for limit in limits for word in ("--threshold", limit)]
    return context.command("check", path, "--json", "--only", "disk", *words, status=status).json


TESTS = [
    Test("harmony: 'Database file does not exist' says whether the volume is mounted", harmony_not_mounted, 2),
    Test("harmony: writable is false for a file and for a mount", harmony_not_writable, 3),
    Test("harmony: 'database is locked' names the writer", harmony_locked, 6),
    Test("harmony: a container without sqlite3 misses nothing", harmony_without_sqlite3, 3),
    Test("kamiyo 1: who has the database open", kamiyo_is_it_running, 4),
    Test("kamiyo 2: the file, its rights, its least size", kamiyo_file, 4),
    Test("kamiyo 3: corruption is found, and restored as the finding says", kamiyo_integrity, 4),
    Test("kamiyo 4: locked, unable to open, disk I/O error", kamiyo_logs, 10),
    Test("kamiyo 5: disk use at, below and above 80 and 95 %", kamiyo_disk, 5),
    Test("prismq: size at, below and above its limits", prismq_size, 4),
    Test("prismq: WAL at, below and above its limits", prismq_wal, 4),
    Test("prismq: free pages at, below and above its limits", prismq_fragmentation, 4),
    Test("prismq: free disk at, below and above its limits", prismq_free_disk, 4),
    Test("ora: the morning check's figures are those of the pragmas", ora_morning, 3),
    Test("ora: each trouble of its table is found", ora_troubles, 8),
]
