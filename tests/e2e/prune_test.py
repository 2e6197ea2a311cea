"""Retention: prune by rules without and beside an archiver, the archiver's own thinning and merging, readers meanwhile."""
import os
import shutil
import subprocess
import time

import application_database as application
import history
from program import Test, check

WARNING, CRITICAL, NO_SUCH_POINT = 1, 2, 66
EVERY = {"LITEWRIGHT_RETENTION_EVERY": "100ms"}


def stepper(context, database):
    """A writer that commits once for each step; gives the function that makes it."""
    process = context.start([*context.script("step_writer.py"), database], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(process.stdout.readline() == "ready\n", "the writer did not begin")

    def step(count=1):
        process.stdin.write("\n" * count)
        process.stdin.flush()
        return [int(process.stdout.readline()) for _ in range(count)][-1]

    return step


def counter_at(context, database, *point):
    out = context.restore(database, context.path("point.db"), *point)
    try:
        return application.value(out, "SELECT n FROM litewright_test_counter")
    finally:
        os.unlink(out)


def segments(database):
    return [name for name in os.listdir(database + "-archive/segments") if name.endswith(".lws")]


def archived(context, commits):
    """A database whose every commit is in its archive, that nobody follows; and the commit of each counter."""
    database = context.path("app.db")
    history.create(database)
    protect = context.protect(database)
    step = stepper(context, database)
    points = {}
    for _ in range(commits):
        counter = step()
        points[context.sync(database)] = counter
    protect.stop()
    return database, points


def says_what_is_left(context, database, status=0):
    """The log's figures, for people and programs, are those of its rows; gives its text."""
    told = context.command("log", database, "--json", "--all", status=status).json
    rows = [commit["txid"] for commit in told["commits"]]
    can = [txid for txid in rows if not any(lost["first"] <= txid <= lost["last"] for lost in told["lost"])]
    check(sum(stretch["points"] for stretch in told["restorable"]) == len(can), f"{told['restorable']}, and {can} can be restored")
    text = context.command("log", database, status=status).stdout
    for stretch in told["restorable"]:
        there = [txid for txid in can if stretch["first"] <= txid <= stretch["last"]]
        check(there[0] == stretch["first"] and len(there) == stretch["points"], f"{stretch}, and there are {there}")
        check(f"from {stretch['first']} (" in text or f"commit {stretch['first']} (" in text, f"{stretch} is not in {text!r}")
    return text


def says_what_is_lost(context):
    """Without one object: log names what can't be restored, as verify and restore have it."""
    database, points = archived(context, 12)
    says_what_is_left(context, database)
    gone = sorted(segments(database))[4]
    first, last = (int(number) for number in gone.removesuffix(".lws").split("-"))
    newest = max(points)
    os.unlink(f"{database}-archive/segments/{gone}")
    text = says_what_is_left(context, database, status=CRITICAL)
    check(f"lost: commits {first + 1} to {newest} can't be restored" in text, f"log: {text!r}")
    check(f"to {first} (" in text and f"to {newest} (" not in text, f"log: {text!r}")
    damage = context.command("verify", database, "--json", status=CRITICAL).json["damage"]
    check([(one["first_lost"], one["last_lost"]) for one in damage] == [(first + 1, newest)], f"verify: {damage}")
    context.restore(database, context.path("before.db"), "--tx", first)
    context.command("restore", database, "--tx", newest, "-o", context.path("lost.db"), status=65)


def without_an_archiver(context):
    database, points = archived(context, 24)
    txids = sorted(points)
    named = txids[3]
    # As an archiver names it: the point is an old commit.
    context.command("backup", database, "--name", "newest")
    shutil.copytree(database + "-archive", context.path("before"))
    dry = context.command("prune", database, "--keep-last", 4, "--dry-run", "--points", "--json").json
    kept = sorted(point["txid"] for point in dry["points"])
    check(len(kept) >= 4 and dry["points_after"] == len(kept), f"--dry-run: {dry}")
    check({point["by"] for point in dry["points"]} <= {"newest", "pinned", "keep-last"}, f"the reasons are {dry['points']}")
    same = subprocess.run(["diff", "-r", database + "-archive/segments", context.path("before/segments")], capture_output=True)
    check(same.returncode == 0, f"--dry-run changed something: {same.stdout[:300]}")
    result = context.command("prune", database, "--keep-last", 4, "--json").json
    check(result["points_after"] == len(kept) and result["troubles"] == [], f"prune: {result}")
    check([commit["txid"] for commit in context.log(database)] == kept, f"log has {[c['txid'] for c in context.log(database)]}, not {kept}")
    for txid in kept:
        if txid in points:
            check(counter_at(context, database, "--tx", txid) == points[txid], f"tx {txid} is another state")
    answer = context.command("restore", database, "--tx", named, "-o", context.path("gone.db"), status=NO_SUCH_POINT)
    check("was thinned out" in answer.stderr and str(kept[0]) in answer.stderr, f"it said {answer.stderr!r}")
    context.verify_is_clean(database)
    says_what_is_left(context, database)
    # It goes on as if nothing had been.
    protect = context.protect(database)
    application.newest_equals(context, database)
    protect.stop()
    context.verify_is_clean(database)


def what_must_stay(context):
    database, points = archived(context, 6)
    answer = context.command("prune", database, "--max-bytes", "1KiB", "--json", status=WARNING)
    check(answer.json["over_max_bytes"] and answer.json["points_after"] == 1, f"prune: {answer.json}")
    check("what must stay is larger" in answer.stderr, f"it said {answer.stderr!r}")
    newest = max(points)
    check(counter_at(context, database) == points[newest], "the newest is another state")
    context.verify_is_clean(database)
    text = says_what_is_left(context, database)
    check(f"commit {newest} (" in text and "can be restored" in text, f"log: {text!r}")


def beside_an_archiver(context):
    database = context.path("app.db")
    history.create(database)
    protect = context.protect(database)
    step = stepper(context, database)
    for _ in range(20):
        step()
        context.sync(database)
    context.command("backup", database, "--name", "before-upgrade")
    named = counter_at(context, database, "--point", "before-upgrade")
    step(30)
    context.sync(database)
    result = context.command("prune", database, "--keep-last", 3, "--json").json
    check(result["points_after"] <= 5 and result["removed"] > 0, f"prune: {result}")
    check(protect.running, f"protect ended: {protect.errors}")
    check(counter_at(context, database, "--point", "before-upgrade") == named, "the named point is another state")
    step(5)
    context.sync(database)
    application.newest_equals(context, database)
    protect.stop()
    context.verify_is_clean(database)


def by_itself(context):
    database = context.path("app.db")
    history.create(database)
    protect = context.protect(database, "--keep-last", 10, environment=context.environment | EVERY)
    step = stepper(context, database)
    rounds = 300 if context.long else 70
    most = 0
    for _ in range(rounds):
        step()
        context.sync(database)
        most = max(most, len(segments(database)))
    end = time.monotonic() + 20
    while time.monotonic() < end and (len(segments(database)) > 24 or len(context.log(database)) > rounds):
        time.sleep(.1)
    left = len(segments(database))
    check(left <= 24, f"{left} segments are left of {rounds}")
    points = len(context.log(database))
    check(10 <= points <= rounds, f"{points} points")
    findings = [event for event in protect.events if event.get("event") == "finding"]
    check(findings == [], f"protect found {findings}")
    application.newest_equals(context, database)
    protect.stop()
    points = len(context.log(database))  # it went on thinning until it was stopped
    report = context.verify_is_clean(database)
    check(report["commits"] == points, f"verify counts {report['commits']} commits, log {points}")
    return f"{rounds} commits: at most {most} segments, in the end {left}, {points} points"


def readers_meanwhile(context):
    database = context.path("app.db")
    history.create(database)
    protect = context.protect(database, "--keep-last", 30, environment=context.environment | EVERY)
    step = stepper(context, database)
    step(5)
    context.sync(database)
    end = time.monotonic() + (60 if context.long else 4)
    restores, gone = 0, 0
    while time.monotonic() < end:
        step(3)
        newest = context.sync(database)
        verify = context.start([context.litewright, "verify", database, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        log = context.command("log", database, "--all", "--json", status=None)
        check(log.status == 0, f"log ended with {log.status}: {log.stdout[-500:]} {log.stderr}")
        check(log.json["commits"][-1]["txid"] == newest, f"log ends at {log.json['commits'][-1]['txid']}, not {newest}")
        out = context.path("read.db")
        wanted = context.random.randint(max(1, newest - 25), newest)
        answer = context.command("restore", database, "--tx", wanted, "-o", out, status=None)
        check(answer.status == 0 or "thinned out" in answer.stderr, f"restore of {wanted} of {newest}: {answer.stderr}")
        restores, gone = restores + 1, gone + (answer.status != 0)
        if os.path.exists(out):
            application.is_sound(out)
            os.unlink(out)
        said, errors = verify.communicate(timeout=60)
        check(verify.returncode == 0, f"verify ended with {verify.returncode}: {said[-500:]} {errors}")
    protect.stop()
    return f"{restores} restores, {gone} of points that had gone"


TESTS = [
    Test("prune keeps what the rules say, and names what was thinned out", without_an_archiver, 8),
    Test("log says what is lost", says_what_is_lost, 6),
    Test("prune keeps what must stay, and says that it is too large", what_must_stay, 5),
    Test("prune beside protect leaves named points and the newest, and protect goes on", beside_an_archiver, 8),
    Test("protect thins and merges by itself", by_itself, 15, 60),
    Test("restore, verify and log go on while objects are replaced", readers_meanwhile, 12, 90),
]
