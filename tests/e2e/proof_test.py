"""Proofs: a restore made for real and recorded, a verification that goes on after Ctrl-C, a restore onto what is there."""
import hashlib
import os
import signal
import sqlite3
import subprocess
import time

from program import Skip, Test, check

MEMORY_LIMIT = 64 << 20
CRITICAL, STOPPED = 2, 75


def make_database(path, rows, row_bytes=3000):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, payload BLOB)")
    with connection:
        connection.executemany("INSERT INTO t(payload) VALUES(?)", ((os.urandom(row_bytes),) for _ in range(rows)))
    connection.close()


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def drilled(context):
    database, scratch = context.path("app.db"), context.path("scratch")
    make_database(database, 300)
    os.mkdir(scratch)
    protect = context.protect(database)
    context.sync(database)
    before = context.command("restore", database, "--dry-run", "-o", context.path("out.db"), "--json").json
    check("estimated_seconds" not in before, "an estimate without any proof")
    drill = ("verify", database, "--drill", "--into", scratch)
    failed = context.command(*drill, "--probe", "SELECT 1 WHERE 0", "--json", status=CRITICAL)
    check("gave no row" in failed.stdout, f"it said {failed.stdout!r}")
    for probe, says in (("SELECT * FROM nosuch", "no such table: nosuch"), ("DELETE FROM t", "only reads"), ("", "only reads"),
                        ("INSERT INTO t(payload) VALUES(1) RETURNING 1", "only reads"), ("SELECT 1; DELETE FROM t", "one statement")):
        for words in (drill, ("restore", database, "-o", context.path("never.db"))):
            wrong = context.command(*words, "--probe", probe, status=64)
            check(says in wrong.stderr and "hint:" in wrong.stderr, f"{probe}: {wrong.stderr!r}")
    check(not os.path.exists(context.path("never.db")), "restored though the probe can't be run")
    check(context.command("log", database, "--json").json["proofs"] == [], "a failed drill was recorded")
    proof = context.command(*drill, "--probe", "SELECT count(*) FROM t", "--json").json
    check(proof["probe"] == "300" and proof["checks"] == ["checksum", "quick_check", "probe"], f"the proof is {proof}")
    check(os.listdir(scratch) == [], f"the drill left {os.listdir(scratch)}")
    log = context.command("log", database, "--json").json
    check([one["txid"] for one in log["proofs"]] == [proof["txid"]], f"log has {log['proofs']}")
    newest = log["commits"][-1]
    check(newest["checksum"] == proof["checksum"], "the proof's checksum is not the commit's")
    check(0 < newest["restore_seconds"] < 60, f"a restore is said to take {newest['restore_seconds']} s")
    after = context.command("restore", database, "--dry-run", "-o", context.path("out.db"), "--json").json
    check(0 < after["estimated_seconds"] < 60, f"a restore is said to take {after['estimated_seconds']} s")
    text = context.command("log", database).stdout
    check("proven" in text and "about" in text, f"log says nothing of the proof: {text!r}")
    check(protect.running, f"protect ended: {protect.errors}")
    context.verify_is_clean(database)
    protect.stop()


def goes_on_after_ctrl_c(context):
    database = context.path("app.db")
    make_database(database, 30000 if context.long else 12000, 4000)
    context.command("backup", database)
    for _ in range(60):
        process = context.start([context.litewright, "verify", database, "--json"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        time.sleep(context.random.uniform(0.004, 0.08))
        process.send_signal(signal.SIGINT)
        process.communicate()
        # Killed by the signal: it came before verify listened. 0: it was done before.
        check(process.returncode in (STOPPED, 0, -signal.SIGINT), f"verify ended with {process.returncode}")
        if process.returncode != STOPPED:
            continue
        report = context.command("verify", database, "--json").json
        check("resumed_from" in report, "verify began anew after it was stopped")
        check(report["damage"] == [] and report["missing"] == [], f"verify: {report}")
        again = context.command("verify", database, "--json").json
        check("resumed_from" not in again, "verify goes on with a run that ended")
        return
    raise Skip("Ctrl-C never came in the middle of it")


def subsets(context):
    database = context.path("app.db")
    make_database(database, 20)
    for i in range(12):
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE t SET payload = ? WHERE id = ?", (os.urandom(3000), i + 1))
        connection.close()
        context.command("backup", database)
    read = [context.command("verify", database, "--read-data-subset", f"{n}/3", "--json").json for n in (1, 2, 3)]
    objects = len(os.listdir(database + "-archive/segments"))
    check(sum(one["data_objects"] for one in read) == objects, f"the parts are {[one['data_objects'] for one in read]} of {objects}")
    victim = sorted(os.listdir(database + "-archive/segments"))[-1]
    path = os.path.join(database + "-archive/segments", victim)
    content = bytearray(open(path, "rb").read())
    content[60] ^= 1
    os.chmod(path, 0o600)
    open(path, "wb").write(content)
    # A page's byte: found when its object's turn comes, and then in each round.
    found = [context.command("verify", database, "--read-data-subset", "10%", "--json", status=None) for _ in range(2 * objects)]
    check(any(answer.status != 0 for answer in found), "no round found the damage")
    for answer in found:
        check(answer.status == 0 or answer.json["damage"][0]["object"] == "segments/" + victim, f"it says {answer.stdout}")
    context.command("verify", database, "--read-data-subset", "7/3", status=64)


def onto_what_is_there(context):
    database, out = context.path("app.db"), context.path("out.db")
    make_database(database, 2000)
    context.command("backup", database)
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM t WHERE id % 200 = 0")
    connection.close()
    context.command("backup", database)
    txids = [commit["txid"] for commit in context.log(database)]
    full = {txid: digest(context.restore(database, context.path(f"full-{txid}.db"), "--tx", str(txid))) for txid in txids}
    context.restore(database, out, "--tx", str(txids[-1]))
    report = context.command("restore", database, "--delta", "--tx", str(txids[0]), "-o", out, "--json").json
    check(0 < report["pages_made"] < report["pages"] / 4, f"{report['pages_made']} of {report['pages']} pages were made")
    check(digest(out) == full[txids[0]], "a delta restore gives another file than a full one")
    check(digest(report["kept"][0]) == full[txids[-1]], "the old file was not kept as it was")
    in_place = context.command("restore", database, "--delta", "--tx", str(txids[0]), "--json").json
    check(digest(database) == full[txids[0]] and in_place["quick_check"] == "ok", f"in place: {in_place}")
    again = context.command("restore", database, "--delta", "--tx", str(txids[0]), "-o", out, "--json").json
    check(again["pages_made"] == 0, f"{again['pages_made']} pages differ from themselves")


def peak_memory(context, words):
    """In bytes, of a command whose output is thrown away."""
    process = context.start([context.litewright, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    check(process.returncode == 0, f"{words} ended with {process.returncode}")
    return usage.ru_maxrss * 1024


def streams(context):
    database = context.path("app.db")
    make_database(database, 10)
    protect = context.protect(database)
    commits = 200000 if context.long else 25000
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    for i in range(commits):
        connection.execute("UPDATE t SET payload = ? WHERE id = ?", (i.to_bytes(8, "big"), i % 10 + 1))
    connection.close()
    newest = context.sync(database)
    check(newest >= commits, f"{newest} commits are in the archive")
    protect.stop()
    check(len(context.log(database)) >= commits, "log --all leaves commits out")
    peaks = {}
    for words in (["log", database, "--all", "--json"], ["log", database, "--all"], ["verify", database],
                  ["restore", database, "-o", context.path("out.db")]):
        peaks[" ".join(words[:1] + words[2:3])] = peak_memory(context, words)
    check(max(peaks.values()) <= MEMORY_LIMIT, f"peaks of {peaks} bytes")
    return f"{newest} commits, at most {max(peaks.values()) >> 20} MiB"


TESTS = [
    Test("a drill proves a restore, log shows it and how long one takes", drilled, 10),
    Test("a verification stopped by Ctrl-C goes on where it was", goes_on_after_ctrl_c, 15, 40),
    Test("parts of the data are verified in turn", subsets, 15),
    Test("a delta restore makes only the pages that differ", onto_what_is_there, 10),
    Test("log, verify and restore stream however many commits there are", streams, 20, 120),
]
