"""`serve` over HTTP: probes, metrics, the JSON API against docs/openapi.json, events, who may ask."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import time
import urllib.parse

from http_client import ask, events
from program import COMMAND_SECONDS, Serve, Skip, Test, Watching, check
from prometheus import prometheus_program

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOKEN = "0123456789abcdef0123456789"
ANY_DISK = 'thresholds = { free-disk = "off", disk-used = "off" }'  # however full this machine's is


def make(context, name="app.db"):
    path = context.path(name)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, x); INSERT INTO t(x) VALUES('y')")
    connection.close()
    return path


def write(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("INSERT INTO t(x) VALUES('z')")
    connection.close()


def wait_until(holds, what):
    end = time.monotonic() + COMMAND_SECONDS
    while not holds():
        check(time.monotonic() < end, f"not within {COMMAND_SECONDS} s: {what}")
        time.sleep(.05)


def serve(context, path, http="", more=""):
    return Serve(context, f'{http}\n[serve]\nlook_every = "200ms"\n[[database]]\npath = "{path}"\n{ANY_DISK}\n{more}')


def probes(context):
    """The runbooks' answers word for word; a file that can't be used fails within moments, and is well again."""
    path = make(context)
    served = serve(context, path)
    address = served.address
    wait_until(lambda: ask(address, "/health/startup").status == 200, "startup")
    check(ask(address, "/health/live").json == {"status": "pass"}, "live")
    wait_until(lambda: ask(address, "/health").json == {"status": "healthy", "database": "connected"}, "seed 003's answer")
    ready = ask(address, "/api/health/ready")
    check(ready.status == 200 and ready.json["status"] == "ok" and ready.json["exists"] and ready.json["writable"] and
          ready.json["path"] == path, f"seed 000's answer: {ready}")
    check(ask(address, "/health/ready?db=nobody").status == 404, "a database of no such name")
    detailed = ask(address, "/health", headers={"Accept": "application/health+json"})
    check(detailed.type == "application/health+json" and detailed.json["status"] in ("pass", "warn"), f"health+json: {detailed}")
    os.rename(path, path + ".away")
    wait_until(lambda: ask(address, "/api/health/ready").status == 503, "gone, and still ready")
    gone = ask(address, "/api/health/ready").json
    check(gone["status"] == "fail" and not gone["exists"], f"gone: {gone}")
    check(ask(address, "/health").json["status"] == "unhealthy", "gone, and healthy")
    check(ask(address, "/health/live").status == 200, "liveness follows the database")
    served.stop(status=None)


def not_writable(context):
    """A user who owns the file but not its folder can write no transaction: not writable, 503, in the words of check --startup."""
    if os.geteuid() != 0:
        raise Skip("needs root to be another user")
    if shutil.which("setpriv") is None:
        raise Skip("setpriv is not installed")
    os.chmod(context.folder, 0o777)
    copy = context.path("litewright")  # in reach of that user
    shutil.copy2(context.litewright, copy)
    os.mkdir(context.path("roots"), 0o755)
    path = context.path("roots/app.db")
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t(x)")
    connection.close()
    os.chown(path, 65534, 65534)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    served = Serve(context, f'\n[serve]\nlook_every = "200ms"\n[[database]]\npath = "{path}"\narchive = "{context.path("archive")}"\n{ANY_DISK}\n',
                   before=nobody)
    address = served.address
    wait_until(lambda: ask(address, "/api/health/ready").json.get("exists"), "a look")
    ready = ask(address, "/api/health/ready")
    check(ready.status == 503 and ready.json["writable"] is False, f"the folder is root's: {ready}")
    detailed = ask(address, "/health/ready?format=health%2Bjson")
    words = "Database folder is not writable"
    check(detailed.status == 503 and words.encode() in detailed.body, f"{detailed}")
    said = context.run([*nobody, copy, "check", path, "--startup"])
    said = said.stdout + said.stderr
    check(words in said, f"check --startup: {said!r}")
    os.chown(context.path("roots"), 65534, 65534)
    wait_until(lambda: ask(address, "/api/health/ready").json["writable"], "its own folder")
    served.stop(status=None)


def at_the_beginning(context):
    """From the first answer on: a database that is missing is never ready, and never healthy."""
    file = context.path("litewright.toml")
    pathlib.Path(file).write_text(f'[http]\nlisten = "127.0.0.1:0"\n[[database]]\npath = "{context.path("missing.db")}"\n')
    served = Watching(context, "serve", "--config", file)
    address, early = served.wait_event("listening")["address"], 0
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        for target in ("/health/ready", "/health", "/api/health/ready"):
            answer = ask(address, target)
            check(answer.status == 503 and answer.json["status"] in ("fail", "unhealthy"), f"{target}: {answer}")
            early += "reason" in answer.json
    check(early, "it was not asked before it knew its databases")
    served.stop(status=None)
    return f"{early} answers before it knew its databases"


def conforms(document, schema, value, where):
    if "$ref" in schema:
        return conforms(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], value, where)
    if schema.get("type") == "object" and "properties" in schema:
        missing = [key for key in schema.get("required", ()) if key not in value]
        unknown = [key for key in value if key not in schema["properties"]]
        check(not missing and not unknown, f"{where}: missing {missing}, not described {unknown}")
        for key, content in value.items():
            conforms(document, schema["properties"][key], content, f"{where}.{key}")
    elif schema.get("type") == "array":
        for item in value:
            conforms(document, schema["items"], item, where + "[]")
    return None


def api(context):
    """Each answer is as docs/openapi.json says; a job runs and is told; a database is restored by a download."""
    path = make(context)
    token = context.path("token")
    pathlib.Path(token).write_text(TOKEN + "\n")
    os.chmod(token, 0o600)
    served = serve(context, path, f'[http]\nlisten = "127.0.0.1:0"\ntoken_file = "{token}"')
    served.wait_following("app.db")
    write(path)
    context.sync(path)
    address, shown = served.address, {"Authorization": "Bearer " + TOKEN}
    description = json.loads((ROOT / "docs/openapi.json").read_text())

    def get(pattern, target=None):
        answer = ask(address, target or pattern, headers=shown)
        check(answer.status == 200, f"{target or pattern}: {answer}")
        content = description["paths"][pattern]["get"]["responses"]["200"]["content"][answer.type]
        conforms(description, content["schema"], answer.json, pattern)
        return answer.json

    check(ask(address, "/api/v1/databases").status == 401, "asked without the token")
    check([one["name"] for one in get("/api/v1/databases")["databases"]] == ["app.db"], "databases")
    check(get("/api/v1/databases/{name}", "/api/v1/databases/app.db")["guard"]["state"] == "following", "one database")
    commits = get("/api/v1/databases/{name}/timeline", "/api/v1/databases/app.db/timeline")["commits"]
    check(len(commits) >= 2, f"timeline: {commits}")
    locks = get("/api/v1/databases/{name}/locks", "/api/v1/databases/app.db/locks")
    check(any(process["own_follower"] for process in locks["processes"]), f"locks: {locks}")
    get("/api/v1/findings")
    begun = ask(address, "/api/v1/databases/app.db/jobs", "POST", shown | {"Content-Type": "application/json"}, '{"job": "hourly"}')
    check(begun.status == 202 and begun.json["run"] and begun.headers["Location"] == f"/api/v1/runs/{begun.json['run']}", f"{begun}")
    wait_until(lambda: get("/api/v1/runs/{id}", begun.headers["Location"])["result"] not in ("running", "waiting"), "the job's end")
    ended = get("/api/v1/runs/{id}", begun.headers["Location"])
    check(ended["result"] in ("done", "warnings"), f"the job: {ended}")
    check(ended in get("/api/v1/runs", "/api/v1/runs?db=app.db&job=hourly")["runs"], "the job among the runs")
    refused = ask(address, "/api/v1/databases/app.db/jobs", "POST", shown | {"Content-Type": "application/json"}, '{"job": "yearly"}')
    check(refused.status == 400 and refused.type == "application/problem+json" and "yearly" in refused.json["detail"], f"{refused}")

    first = commits[0]["txid"]
    restored = ask(address, f"/api/v1/databases/app.db/restore?tx={first}", headers=shown)
    check(restored.status == 200 and restored.headers["Litewright-Txid"] == str(first), f"restore: {restored.status} {restored.body[:300]}")
    out = context.restore(path, context.path("by-command.db"), "--tx", first)
    check(restored.body == pathlib.Path(out).read_bytes(), "the download is not what restore gives")
    check(not os.listdir(context.path("state/downloads")), "a restored copy was left behind")
    check(ask(address, "/api/v1/databases/app.db/restore?tx=999999", headers=shown).status == 404, "a commit that is not there")
    mistyped = ask(address, "/api/v1/databases/app.db/restore?txn=1", headers=shown)
    check(mistyped.status == 400 and mistyped.json["hint"] == "tx=..." and "txn" in mistyped.json["detail"], f"{mistyped}")
    check(TOKEN not in served.errors + json.dumps(served.events), "the token was printed")
    served.stop()
    return f"{len(commits)} commits, {len(restored.body)} bytes restored"


def odd_names(context):
    """A tenant's file may be called anything: no name ends the daemon or costs the others their metrics."""
    folder = os.fsencode(context.path("tenants"))
    os.mkdir(folder)
    well = make(context, "tenants/well.db")
    served = Serve(context, f'\n[serve]\nlook_every = "200ms"\n[[database]]\ndirectory = "{context.path("tenants")}"\n{ANY_DISK}\n')
    served.wait_following("well.db")
    for name in (b"caf\xe9.db", b"caf\xe8.db", 'zw\u00f6lf "\\{}.db'.encode(), b"two\nlines.db"):
        shutil.copy(well, os.path.join(folder, name))
    address = served.address
    following = lambda: [one for one in ask(address, "/api/v1/databases").json["databases"] if one["guard"]["state"] == "following"]
    wait_until(lambda: len(following()) == 5, "all five are followed")
    for one in following():
        shown = ask(address, f"/api/v1/databases/{urllib.parse.quote(one['name'], safe='')}")
        check(shown.status == 200 and shown.json["path"] == one["path"], f"{one['name']}: {shown}")
    labels = [line for line in ask(address, "/metrics").body.decode().split("\n") if line.startswith("litewright_guard_following{")]
    check(len(set(labels)) == 5, f"labels: {labels}")
    asked = "/api/v1/databases/" + urllib.parse.quote("caf\ufffd.db")
    job = ask(address, asked + "/jobs", "POST", {"Content-Type": "application/json"},
              '{"job": "hourly"}')
    check(job.status == 202, f"a job: {job}")
    ended = lambda: ask(address, job.headers["Location"]).json["result"]
    wait_until(lambda: ended() not in ("running", "waiting"), "the job's end")
    check(ended() in ("done", "warnings"), f"a job: {ask(address, job.headers['Location']).json}")
    served.stop()


ODD_NAMES = ("$(touch PWN).db", "it's.db", "x y.db", "esc\x1b[31m.db", "two\n2026-01-01 00:00:00  critical: forged.db")


def pasted(context):
    """Whatever a file is called: what a finding says to type is one command line about that file, and the log a line each."""
    folder = context.path("tenants")
    os.mkdir(folder)
    for name in ODD_NAMES:
        make(context, f"tenants/{name}")
    toml = f'http.listen = "127.0.0.1:0"\n[serve]\nlook_every = "200ms"\n[[database]]\ndirectory = "{folder}"\n{ANY_DISK}\n'
    pathlib.Path(context.path("text.toml")).write_text(toml)
    with open(context.path("log"), "w") as log:
        text = context.start([context.litewright, "serve", "--config", context.path("text.toml")], stdout=log, stderr=log)
    lines = lambda: pathlib.Path(context.path("log")).read_bytes().decode().split("\n")[:-1]
    wait_until(lambda: any("answers at " in line for line in lines()), "it listens")
    address = next(line.partition("answers at ")[2].strip() for line in lines() if "answers at " in line)
    following = lambda: [one for one in ask(address, "/api/v1/databases").json["databases"] if one["guard"]["state"] == "following"]
    wait_until(lambda: len(following()) == len(ODD_NAMES), "all are followed")
    for name in ODD_NAMES:
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{folder}/{name}{suffix}").unlink(missing_ok=True)
    deleted = lambda: [one for one in ask(address, "/api/v1/findings").json["findings"] if one["id"] == "database.deleted"]
    wait_until(lambda: len(deleted()) == len(ODD_NAMES), "all are deleted")
    for finding in deleted():
        words = context.run(["bash", "-c", "printf '%s\\1' " + finding["remedy"]], cwd=context.folder).stdout.split("\1")
        check(words[:4] == ["litewright", "restore", finding["object"], "--archive"] and len(words) == 6, f"{finding['remedy']}: {words}")
    check(not os.path.exists(context.path("PWN")), "a name was run")
    text.send_signal(signal.SIGTERM)
    text.wait(30)
    for line in lines():
        check(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  ", line) and line.isprintable(), f"a line of the log: {line!r}")
        check(not line.startswith("2026-01-01"), f"forged: {line!r}")
    return f"{len(lines())} lines"


def changes(context):
    """A run's events come as they happen; a listener that was away goes on after the last it saw."""
    path = make(context)
    served = serve(context, path)
    served.wait_following("app.db")
    address = served.address
    before = events(address, "/api/v1/events", 1, {"Last-Event-ID": "1-1"})
    check(before[0][1] == "missed", f"an id of another life: {before}")
    job = ask(address, "/api/v1/databases/app.db/jobs", "POST", {"Content-Type": "application/json"}, '{"job": "hourly"}')
    check(job.status == 202, f"{job}")
    seen = events(address, "/api/v1/events?db=app.db", 2, {"Last-Event-ID": before[0][0]})
    runs = [data["event"] for _, kind, data in seen if kind == "run"]
    check(runs[:1] == ["began"], f"events: {seen}")
    again = events(address, "/api/v1/events?db=app.db", 1, {"Last-Event-ID": seen[0][0]})
    check(again[0] == seen[1], f"after {seen[0][0]}: {again}, not {seen[1]}")
    served.stop()


def strangers(context):
    """A foreign Host, a foreign page, an open door without a token: each refused, with what to do."""
    path = make(context)
    served = serve(context, path, '[http]\nlisten = "127.0.0.1:0"\nhosts = ["db.example"]')
    address = served.address
    check(ask(address, "/health/live", headers={"Host": "db.example"}).status == 200, "a listed host")
    check(ask(address, "/health/live", headers={"Host": "evil.example"}).status == 403, "a foreign host")
    page = {"Origin": "http://evil.example", "Content-Type": "application/json"}
    check(ask(address, "/api/v1/databases/app.db/jobs", "POST", page, '{"job": "daily"}').status == 403, "a foreign page")
    form = ask(address, "/api/v1/databases/app.db/jobs", "POST", {"Content-Type": "text/plain"}, '{"job": "daily"}')
    check(form.status == 415, f"a form: {form}")
    restore = ask(address, "/api/v1/databases/app.db/restore")
    check(restore.status == 403 and "token_file" in restore.json["hint"], f"a database given away: {restore}")
    served.stop()
    file = context.path("open.toml")
    pathlib.Path(file).write_text(f'[http]\nlisten = "0.0.0.0:0"\n[[database]]\npath = "{path}"\n')
    for words in (("--check-config",), ()):
        said = context.command("serve", "--config", file, *words, status=78).stderr
        check("token" in said and "hint:" in said, f"open to all: {said!r}")


def taken_over(context):
    """SIGHUP: another token and other hosts are in force, the old ones no longer; a bad token leaves all as it was."""
    path, token = make(context), pathlib.Path(context.path("token"))
    token.touch(0o600)
    token.write_text(TOKEN)
    guarded = lambda host: f'[http]\nlisten = "127.0.0.1:0"\ntoken_file = "{token}"\nhosts = ["{host}"]\n[[database]]\npath = "{path}"\n'
    served = Serve(context, guarded("old.example"))
    served.wait_following("app.db")
    status = lambda word, host: ask(served.address, "/api/v1/databases", headers={"Authorization": f"Bearer {word}", "Host": host}).status
    check((status(TOKEN, "old.example"), status(TOKEN, "new.example")) == (200, 403), "as it began")
    for text, event in (("short", "reload.refused"), (TOKEN[::-1], "configured")):
        token.write_text(text)
        seen = len(served.events)
        served.reload(guarded("new.example"))
        served.wait_event(event, after=seen)
        if event == "reload.refused":
            check((status(TOKEN, "old.example"), status("short", "new.example")) == (200, 403), "a bad token was taken over")
    asked = [status(word, host) for word, host in ((TOKEN[::-1], "new.example"), (TOKEN, "new.example"), (TOKEN[::-1], "old.example"))]
    check(asked == [200, 401, 403], f"the new token, the old one, an old host: {asked}")
    served.stop()


def metrics(context):
    """promtool finds nothing in /metrics, the rules are sound, and each alert fires and clears in its test."""
    promtool = prometheus_program("promtool")
    path = make(context)
    served = serve(context, path)
    served.wait_following("app.db")
    text = ask(served.address, "/metrics").body
    for line in ('litewright_guard_following{database="app.db"} 1', 'litewright_database_up{database="app.db"} 1'):
        wait_until(lambda: line in ask(served.address, "/metrics").body.decode(), line)
    file = context.path("metrics")
    pathlib.Path(file).write_bytes(text)
    with open(file) as stdin:
        checked = context.start([promtool, "check", "metrics"], stdin=stdin, stdout=-1, stderr=-2)
        said = checked.communicate(timeout=COMMAND_SECONDS)[0]
    check(checked.returncode == 0 and not said, f"promtool check metrics: {said}")
    rules = ROOT / "deploy/prometheus"
    sound = context.run([promtool, "check", "rules", rules / "alerts.yml"])
    check(sound.status == 0, f"promtool check rules: {sound}")
    fired = context.run([promtool, "test", "rules", rules / "alerts_test.yml"], cwd=rules)
    check(fired.status == 0, f"promtool test rules: {fired}")
    named = set()
    for line in (rules / "alerts.yml").read_text().splitlines():
        named |= {line.partition("alert: ")[2]} if "alert: " in line else set()
    tested = (rules / "alerts_test.yml").read_text()
    check(all(f"alertname: {name}\n" in tested for name in named), "an alert without a test")
    history = pathlib.Path(context.path("state/runs.db"))
    for name in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{history}{name}", f"{history}-away{name}")
    history.mkdir()
    answer = ask(served.address, "/metrics")
    check(answer.status == 200 and b'litewright_guard_following{database="app.db"} 1' in answer.body, f"without a history: {answer}")
    served.stop(status=None)
    return f"{text.count(b'# TYPE')} metrics, {len(named)} alerts"


TESTS = [
    Test("probes answer as the runbooks have it, and follow the file", probes, 5),
    Test("a file in a folder of somebody else's is not writable", not_writable, 4),
    Test("a missing database is not ready from the first answer on", at_the_beginning, 4),
    Test("the JSON API is what openapi.json says, a job runs, a copy is downloaded", api, 8),
    Test("files called anything are guarded, asked for and measured", odd_names, 6),
    Test("what is said to be typed can be pasted whatever a file is called, and the log has a line for each", pasted, 8),
    Test("changes are told as they happen, and after a gap", changes, 6),
    Test("who may not ask is refused", strangers, 4),
    Test("SIGHUP takes another token and other hosts over", taken_over, 4),
    Test("promtool finds nothing in metrics and rules; each alert fires and clears", metrics, 6),
]
