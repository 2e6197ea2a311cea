"""`serve` tells people: by command, webhook, syslog; appears, worsens, escalates, is over; nothing twice after a restart."""
import datetime
import json
import os
import pathlib
import sqlite3
import time

from private_syslog import PrivateSyslog
from program import COMMAND_SECONDS, Serve, Skip, Test, check
from served_database import make
from webhook import serve_webhook


class Receiver:
    """A webhook that keeps what it is told, and fails the first time."""

    def __init__(self):
        self.told, self.fails, self.broken, self.refused = [], [500], False, 0
        self.url = serve_webhook(self._take)

    def _take(self, path, message):
        if self.fails or self.broken:
            self.refused += 1
            return self.fails.pop() if self.fails else 500
        self.told.append((path, message))
        return 204

    def wait(self, path, reason, after=0):
        """The first message at that path with a notice for that reason."""
        end = time.monotonic() + COMMAND_SECONDS
        while time.monotonic() < end:
            for where, message in list(self.told)[after:]:
                if where == path and any(notice["reason"] == reason for notice in message["notices"]):
                    return message
            time.sleep(.05)
        check(False, f"nothing {reason} arrived at {path}: {self.told}")
        return None


def told(context):
    receiver = Receiver()
    path, noted = make(context, "app.db"), context.path("noted")
    toml = f"""
[serve]
look_every = "200ms"
[[alert]]
name = "ops"
severity = "critical"
settle = "1s"
webhook = "{receiver.url}/first?key=secret"
contacts = ["on call"]
[[alert.escalation]]
after = "2s"
webhook = "{receiver.url}/second"
contacts = ["senior"]
[[alert.escalation]]
after = "3s"
command = "cat >> {noted}; echo >> {noted}"
contacts = ["everybody"]
[[database]]
path = "{path}"
thresholds = {{ free-disk = "off", disk-used = "off" }}
"""
    served = Serve(context, toml)
    served.wait_following("app.db")
    os.rename(path, path + ".away")
    first = receiver.wait("/first?key=secret", "appeared")
    check(first["contacts"] == ["on call"] and first["level"] == 0 and "app.db" in first["text"], f"the first message: {first}")
    second = receiver.wait("/second", "escalated")
    check(second["contacts"] == ["senior"] and second["level"] == 1, f"escalated: {second}")
    end = time.monotonic() + COMMAND_SECONDS
    while not os.path.exists(noted) or not pathlib.Path(noted).read_text().strip():
        check(time.monotonic() < end, "the command was not told")
        time.sleep(.05)
    third = json.loads(pathlib.Path(noted).read_text().splitlines()[0])
    check(third["contacts"] == ["everybody"] and third["level"] == 2, f"escalated again: {third}")

    served.stop(status=None)
    before = len(receiver.told)
    served = Serve(context, toml)
    served.wait_event("finding", that=lambda event: event["finding"]["severity"] == "critical")
    time.sleep(2)  # in which it would be told
    again = [notice for _, message in receiver.told[before:] for notice in message["notices"] if notice["reason"] == "appeared" and
             any(notice["finding"]["id"] == old["finding"]["id"] for _, m in receiver.told[:before] for old in m["notices"])]
    check(not again, f"told again after a restart: {again}")
    os.rename(path + ".away", path)
    over = receiver.wait("/first?key=secret", "cleared", after=before)
    receiver.wait("/second", "cleared", after=before)
    check("over: " in over["text"], f"over: {over}")
    check("secret" not in served.errors + json.dumps(served.events), "the webhook's secret was printed")
    served.stop(status=None)
    return f"{len(receiver.told)} messages, the first after a failure: {first['text'][:90]}"


def kept(context):
    """What a receiver did not take before the daemon was killed or left arrives when both are there again: once."""
    receiver = Receiver()
    path = make(context, "app.db")
    toml = f"""
[serve]
look_every = "200ms"
[[alert]]
name = "ops"
settle = "1s"
findings = ["database.missing"]
webhook = "{receiver.url}/ops?key=secret"
[[database]]
path = "{path}"
"""
    noted = pathlib.Path(context.path("state/alerts.json"))
    receiver.broken = True
    for leave in (lambda: served.kill_all(), lambda: served.stop(status=None), None):
        served = Serve(context, toml)
        if receiver.refused == 0:
            served.wait_following("app.db")
            os.rename(path, path + ".away")
        if leave:
            before, end = receiver.refused, time.monotonic() + COMMAND_SECONDS
            while receiver.refused == before:
                check(time.monotonic() < end, "the receiver was asked no more")
                time.sleep(.05)
            leave()
            check("secret" not in noted.read_text(), f"the webhook's secret stands in {noted.read_text()}")
    receiver.broken = False
    receiver.wait("/ops?key=secret", "appeared")
    end = time.monotonic() + COMMAND_SECONDS
    while json.loads(noted.read_text())["pending"]:  # one that is killed between arrival and note may say it again
        check(time.monotonic() < end, "it arrived, and that is not noted")
        time.sleep(.05)
    served.kill_all()
    served = Serve(context, toml)
    os.rename(path + ".away", path)
    receiver.wait("/ops?key=secret", "cleared")
    reasons = [notice["reason"] for _, message in receiver.told for notice in message["notices"]]
    check(reasons == ["appeared", "cleared"], f"told: {reasons}")
    served.stop(status=None)
    return f"{receiver.refused} times refused"


def deleted(context):
    """An alert for some databases of a folder hears that one of them was deleted, and never that this is over while it is gone."""
    receiver = Receiver()
    receiver.fails.clear()
    os.mkdir(context.path("tenants"))
    for name in ("t1.db", "other.db"):
        connection = sqlite3.connect(context.path("tenants/" + name), isolation_level=None)
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x)")
        connection.close()
    served = Serve(context, f"""
[serve]
look_every = "200ms"
[[alert]]
name = "ops"
settle = "1s"
databases = ["t*.db"]
findings = ["database.*", "guard.*"]
webhook = "{receiver.url}/ops"
[[database]]
directory = "{context.path("tenants")}"
""")
    served.wait_following("t1.db", "other.db")
    for name in ("t1.db", "other.db"):
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(context.path(f"tenants/{name}{suffix}")).unlink(missing_ok=True)
    notices = lambda: [notice for _, message in list(receiver.told) for notice in message["notices"]]
    end = time.monotonic() + COMMAND_SECONDS
    while not any(notice["finding"]["id"] == "database.deleted" for notice in notices()):
        check(time.monotonic() < end, f"not told: {notices()}")
        time.sleep(.05)
    time.sleep(2.5)  # in which what is over would be told
    check({notice["name"] for notice in notices()} == {"t1.db"}, f"told of: {notices()}")
    check(all(notice["reason"] == "appeared" for notice in notices()), f"told: {[(n['reason'], n['finding']['id']) for n in notices()]}")
    served.stop(status=None)
    return ", ".join(notice["finding"]["id"] for notice in notices())


def taken_over(context):
    """SIGHUP: others are told from now on, and nobody twice; one that could never arrive leaves all as it was."""
    receiver = Receiver()
    receiver.fails.clear()
    path = context.path("app.db")
    guarded = f"""
[serve]
look_every = "200ms"
[[database]]
path = "{path}"
"""
    alert = lambda name: f'[[alert]]\nname = "{name}"\nsettle = "1s"\nfindings = ["guard.*"]\nwebhook = "{receiver.url}/{name}"\n'
    served = Serve(context, guarded)
    served.wait_finding("guard.waiting", database="app.db")
    served.reload(guarded + alert("first"))
    receiver.wait("/first", "appeared")
    seen = len(served.events)
    served.reload(guarded + alert("first") + alert("second").replace("http://", "ftp://"))
    refused = served.wait_event("reload.refused", after=seen)
    check("second" in refused["message"], f"{refused}")
    served.reload(guarded + alert("first") + alert("second"))
    receiver.wait("/second", "appeared")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x)")
    connection.close()
    receiver.wait("/first", "cleared")
    receiver.wait("/second", "cleared")
    told = [(where, notice["reason"]) for where, message in receiver.told for notice in message["notices"]
            if notice["finding"]["id"] == "guard.waiting"]
    check(sorted(told) == [(f"/{name}", reason) for name in ("first", "second") for reason in ("appeared", "cleared")], f"{told}")
    check(not any(event["event"] == "reload.restart" for event in served.events), "told to restart")
    served.stop(status=None)


class Ways:
    """Each way out that an alert has, under three names (day, senior, night), and what came there: ["appeared", …]."""

    def __init__(self, context):
        self.context, self.receiver, self.left_out, self.before = context, Receiver(), "", ()
        self.receiver.fails.clear()
        self.all = ["command", "webhook", "syslog"]
        try:
            self._syslog = PrivateSyslog(context)
            self.before = self._syslog.before
        except Skip as skip:
            self.all.remove("syslog")
            self.left_out = f"; syslog left out: {skip}"

    def key(self, way, name):
        noted = self.context.path(name)
        return {"command": f"command = \"cat >> {noted}; echo >> {noted}\"", "webhook": f'webhook = "{self.receiver.url}/{name}"',
                "syslog": f'syslog = "{FACILITIES[name]}"'}[way]

    def told(self, way, name):
        if way == "syslog":
            return [reason_of(level, text) for facility, level, text in list(self._syslog.lines) if facility == FACILITIES[name]]
        if way == "webhook":
            messages = [message for path, message in list(self.receiver.told) if path == f"/{name}"]
        else:
            noted = pathlib.Path(self.context.path(name))
            messages = [json.loads(line) for line in noted.read_text().splitlines() if line] if noted.exists() else []
        return [notice["reason"] for message in messages for notice in message["notices"]]

    def wait(self, name, reason, ways=None):
        end = time.monotonic() + COMMAND_SECONDS
        for way in ways or self.all:
            while same_line(reason, way) not in self.told(way, name):
                check(time.monotonic() < end, f"{name} by {way}: not {reason}; told {self.told(way, name)}")
                time.sleep(.05)


FACILITIES = {"day": "local0", "senior": "local1", "night": "local2", "dawn": "local3"}


def reason_of(level, text):
    """A line of syslog says less than the JSON: how bad it is, and whether that is news."""
    if level == "notice":
        check(text.startswith("over: "), f"{level}: {text}")
        return "cleared"
    check(text.startswith({"crit": "critical: ", "warning": "warning: "}[level]), f"{level}: {text}")
    return f"{level} again" if ", since " in text else level


def same_line(reason, way):
    lines = {"appeared": "warning", "appeared critical": "crit", "worsened": "crit", "repeated": "warning again",
             "escalated": "crit again", "cleared": "cleared"}
    return lines[reason] if way == "syslog" else reason.partition(" ")[0]


def without_repeats(reasons):
    return [reason for reason in reasons if reason not in ("repeated", "warning again", "crit again")]


def hours(*minutes):
    """A span of the day from so many minutes after now to so many."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return "-".join((now + datetime.timedelta(minutes=later)).strftime("%H:%M") for later in minutes)


def size_alert(name, *lines):
    return "\n".join(["[[alert]]", f'name = "{name}"', 'findings = ["size.*"]', 'settle = "1s"', *lines, ""])


def every_way(context):
    ways = Ways(context)
    dawn = 60 if not context.long else 1 if datetime.datetime.now().second < 30 else 2  # minutes
    path = context.path("app.db")
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x)")
    toml = f"""
[serve]
look_every = "200ms"
[[database]]
path = "{path}"
thresholds = {{ size = "100KB,500KB", free-disk = "off", disk-used = "off", disk-full-in = "off" }}
"""
    for way in ways.all:
        toml += size_alert(f"by {way}", 'repeat = "2s"', ways.key(way, "day"), '[[alert.escalation]]', 'after = "1s"', ways.key(way, "senior"))
        for name, end in (("night", 60), ("dawn", dawn)):
            toml += size_alert(f"by {way}, at {name}", f'quiet_hours = "{hours(-60, end)}"', ways.key(way, name))
    served = Serve(context, toml, before=ways.before)
    served.wait_following("app.db")
    connection.execute("INSERT INTO t VALUES(randomblob(200000))")
    ways.wait("day", "appeared")
    ways.wait("day", "repeated")
    check(not any(ways.told(way, name) for way in ways.all for name in ("night", "dawn")), "told in quiet hours")
    if context.long:  # their end
        ways.wait("dawn", "appeared")
    connection.execute("INSERT INTO t VALUES(randomblob(500000))")
    ways.wait("day", "worsened")
    ways.wait("senior", "escalated")
    ways.wait("night", "appeared critical")
    connection.executescript("DELETE FROM t; VACUUM; PRAGMA wal_checkpoint")
    for name in ("day", "senior", "night", "dawn"):
        ways.wait(name, "cleared")
    time.sleep(2)  # in which more would come
    for way in ways.all:
        line = lambda *reasons: [same_line(reason, way) for reason in reasons]
        day, night = without_repeats(ways.told(way, "day")), ways.told(way, "night")
        check(day == line("appeared", "worsened", "cleared"), f"by {way}: {day}")
        check(night == line("appeared critical", "cleared"), f"by {way}, at night: {night}")
        senior = ways.told(way, "senior")
        check(senior[0] == line("escalated")[0] and senior[-1] == "cleared" and set(senior) <= {*line("escalated"), "repeated", "cleared"},
              f"by {way}, escalated: {senior}")
        dawn = ways.told(way, "dawn")
        check(dawn == (line("appeared", "worsened", "cleared") if context.long else night), f"by {way}, at dawn: {dawn}")
    served.stop(status=None)
    return ", ".join(f"{len(ways.told(way, 'day'))} by {way}" for way in ways.all) + ways.left_out


def refused(context):
    file = context.path("wrong.toml")
    for alert, word in (('webhook = "ftp://x/"', "http://"), ('syslog = "local9"', "facility"), ('name = "a"', "webhook"),
                        ('command = "true"\nquiet_hours = "22-7"', "span of a day")):
        pathlib.Path(file).write_text(f'[[alert]]\n{alert}\n[[database]]\npath = "{context.path("a.db")}"\n')
        said = context.command("serve", "--check-config", "--config", file, status=78).stderr
        check(word in said, f"{alert}: {said}")


TESTS = [
    Test("a finding is told, escalated twice, over; nothing twice after a restart", told, 15),
    Test("command, webhook and syslog tell what appears, worsens, escalates and ends; not in quiet hours", every_way, 18, 120),
    Test("what did not arrive before a kill or a restart arrives after it, once", kept, 15),
    Test("that a database was deleted is told under its name, and nothing of it is over by that", deleted, 10),
    Test("SIGHUP takes other alerts over", taken_over, 8),
    Test("alerts that could never arrive are refused", refused, 2),
]
