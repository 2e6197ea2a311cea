"""deploy/prometheus/alerts.yml at work: a real Prometheus that scrapes, a real Alertmanager, and a receiver that keeps what it is told."""
import json
import pathlib
import re
import socket
import threading
import time
import urllib.parse

from http_client import ask
from program import COMMAND_SECONDS, check
from prometheus import ROOT, alertmanager_command, prometheus_program
from webhook import serve_webhook

RULES = ROOT / "deploy/prometheus/alerts.yml"
SHORT_WAIT = "1s"  # instead of each rule's `for`


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def rules_with_short_waits(replaced):
    """The rules as they are delivered, but for how long a condition must last, and the texts in `replaced`."""
    text, waits = re.subn(r"\bfor: \S+", f"for: {SHORT_WAIT}", RULES.read_text())
    check(waits == text.count("- alert: "), f"{waits} waiting times")
    for old, new in replaced.items():
        check(text.count(old) == 1, f"'{old}' stands {text.count(old)} times in {RULES}")
        text = text.replace(old, new)
    return text


class Receiver:
    """Alertmanager's webhook. An alert is named by its rule and its subject: the database, or the instance that is down."""

    def __init__(self):
        self._told, self._changed = {}, threading.Condition()
        self.url = serve_webhook(self._take)

    def _take(self, _, message):
        with self._changed:
            for alert in message["alerts"]:
                labels = alert["labels"]
                self._told.setdefault((labels["alertname"], labels.get("database", labels.get("instance"))), []).append(alert)
            self._changed.notify_all()
        return 200

    def told(self, name):
        with self._changed:
            return list(self._told.get(name, ()))

    def wait(self, name, status, seconds=COMMAND_SECONDS):
        """Until the last that it was told of it has that status; gives that."""
        end = time.monotonic() + seconds
        with self._changed:
            while not (told := self._told.get(name)) or told[-1]["status"] != status:
                left = end - time.monotonic()
                check(left > 0, f"{name}: not {status} within {seconds} s; told: {[one['status'] for one in told or ()]}")
                self._changed.wait(left)
            return told[-1]


class AlertStand:
    """Scrapes `targets` ("host:port") twice a second."""

    def __init__(self, context, targets, replaced):
        self.receiver, self._context = Receiver(), context
        manager, self._port = free_port(), free_port()
        files = {"alerts.yml": rules_with_short_waits(replaced), "alertmanager.yml": f"""
route: {{receiver: test, group_by: ['...'], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}}
receivers: [{{name: test, webhook_configs: [{{url: "{self.receiver.url}", send_resolved: true}}]}}]
""", "prometheus.yml": f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [alerts.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{manager}"]}}]}}]}}
scrape_configs: [{{job_name: litewright, static_configs: [{{targets: {json.dumps(targets)}}}]}}]
"""}
        for name, text in files.items():
            pathlib.Path(context.path(name)).write_text(text)
        self._start("prometheus", [prometheus_program("prometheus"), "--rules.alert.resend-delay", "2s", "--storage.tsdb.path",
                                   context.path("tsdb"), "--web.listen-address", f"127.0.0.1:{self._port}", "--config.file"])
        self._start("alertmanager", [*alertmanager_command(), "--cluster.listen-address", "", "--storage.path",
                                     context.path("notified"), "--web.listen-address", f"127.0.0.1:{manager}", "--config.file"])

    def _start(self, name, words):
        with open(self._context.path(f"{name}.log"), "w") as log:
            self._context.start([*words, self._context.path(f"{name}.yml")], stdout=log, stderr=log)

    def ask(self, target):
        """What its API answers; {} while it is not there."""
        try:
            return ask(f"http://127.0.0.1:{self._port}", target).json["data"]
        except (OSError, ValueError, KeyError):
            return {}

    def value(self, query):
        """Of the one sample that the query gives; None where it gives none."""
        samples = self.ask("/api/v1/query?query=" + urllib.parse.quote(query)).get("result", ())
        return float(samples[0]["value"][1]) if len(samples) == 1 else None

    def alerts(self):
        """{(rule, subject): state} of all that are pending or firing."""
        return {(alert["labels"]["alertname"], alert["labels"].get("database", alert["labels"].get("instance"))): alert["state"]
                for alert in self.ask("/api/v1/alerts").get("alerts", ())}
