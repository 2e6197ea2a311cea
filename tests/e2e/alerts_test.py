"""`serve` tells people: a real receiver, a command; appears, escalates, is over; nothing twice after a restart."""
import http.server
import json
import os
import pathlib
import sqlite3
import threading
import time

from program import COMMAND_SECONDS, Serve, Test, check


class Receiver:
    """A webhook that keeps what it is told, and fails the first time."""

    def __init__(self):
        told = self.told = []
        fails = self.fails = [500]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = fails.pop() if fails else 204
                if status == 204:
                    told.append((self.path, json.loads(body)))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *words):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

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
    path, noted = context.path("app.db"), context.path("noted")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x)")
    connection.close()
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


def refused(context):
    file = context.path("wrong.toml")
    for alert, word in (('webhook = "ftp://x/"', "http://"), ('syslog = "local9"', "facility"), ('name = "a"', "webhook"),
                        ('command = "true"\nquiet_hours = "22-7"', "span of a day")):
        pathlib.Path(file).write_text(f'[[alert]]\n{alert}\n[[database]]\npath = "{context.path("a.db")}"\n')
        said = context.command("serve", "--check-config", "--config", file, status=78).stderr
        check(word in said, f"{alert}: {said}")


TESTS = [
    Test("a finding is told, escalated twice, over; nothing twice after a restart", told, 15),
    Test("alerts that could never arrive are refused", refused, 2),
]
