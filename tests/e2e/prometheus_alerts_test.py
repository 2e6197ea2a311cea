"""Each rule of deploy/prometheus/alerts.yml, by its cause: `serve` says it, a real Prometheus judges, a real Alertmanager tells a
real receiver that it fires and, when the cause is mended, that it is resolved. All rules stand in one Prometheus, each
has a database of its own.

Changed in the rules is only how long one has to wait: every `for`, and what REPLACED says. What lies days back (a check, a
proof) is written into the state that a real one left.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import threading
import time
import urllib.parse

from alert_stand import ROOT, RULES, AlertStand, free_port
from http_client import ask
from program import COMMAND_SECONDS, Serve, Skip, Test, check

REPLACED = {"_timestamp_seconds > 300)": "_timestamp_seconds > 3)", "total[15m]) > 3": "total[8s]) > 3"}
CALM = 'free-disk = "off", disk-used = "off", disk-full-in = "off"'  # however full this machine's disk is
DAY = 86400
MIB = 1 << 20


def sql(path, script):
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.executescript(script)
    connection.close()


def write(path, count=1):
    sql(path, "INSERT INTO t(x) VALUES('y');" * count)


def wait_until(holds, what):
    end = time.monotonic() + COMMAND_SECONDS
    while not holds():
        check(time.monotonic() < end, f"not within {COMMAND_SECONDS} s: {what}")
        time.sleep(.1)


class Cause:
    """What makes one rule fire. `rule` and `subject()` name the alert; the database is in `configuration()`."""
    rule, name, thresholds, more = "", "", "", ""

    def __init__(self, context):
        self.context = context
        self.path = self.make_path()
        sql(self.path, "PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, x)")

    def make_path(self):
        return self.context.path(self.name)

    def subject(self):
        return self.name

    def configuration(self):
        thresholds = ", ".join(filter(None, (CALM, self.thresholds)))
        return f'[[database]]\npath = "{self.path}"\nthresholds = {{ {thresholds} }}\n{self.more}\n'

    def prepare(self):
        """Before the daemon begins."""

    def run_job(self, job):
        begun = ask(self.served.address, f"/api/v1/databases/{self.name}/jobs", "POST", {"Content-Type": "application/json"},
                    json.dumps({"job": job}))
        check(begun.status == 202, f"{job}: {begun}")

    def end(self):
        """After the test, whatever came of it."""


class Down(Cause):
    """A daemon of its own, stopped and started again."""
    rule, name = "LitewrightDown", "down.db"

    def __init__(self, context):
        super().__init__(context)
        self.target = f"127.0.0.1:{free_port()}"

    def subject(self):
        return self.target

    def configuration(self):
        return ""

    def prepare(self):
        toml = f'[http]\nlisten = "{self.target}"\n' + super().configuration()
        self.daemon = Serve(self.context, toml, self.context.environment | {"LITEWRIGHT_STATE": self.context.path("state-2")})

    def breaks(self):
        self.daemon.stop()

    def mends(self):
        self.prepare()


class Gone(Cause):
    rule, name = "LitewrightDatabaseUnusable", "gone.db"

    def breaks(self):
        os.rename(self.path, self.path + ".away")

    def mends(self):
        os.rename(self.path + ".away", self.path)


class Overwritten(Gone):
    """Something else stands in its place, which can be written but not followed."""
    rule, name = "LitewrightNotFollowing", "overwritten.db"

    def breaks(self):
        super().breaks()
        pathlib.Path(self.path).write_bytes(b"no database " * 1000)


class ArchiveGone(Cause):
    """Its disk is no longer mounted, and an application commits on."""
    rule, name = "LitewrightArchiveBehind", "behind.db"

    def breaks(self):
        os.rename(self.path + "-archive", self.path + "-elsewhere")
        pathlib.Path(self.path + "-archive").touch()
        write(self.path, 10)

    def mends(self):
        os.unlink(self.path + "-archive")
        os.rename(self.path + "-elsewhere", self.path + "-archive")


class TooLarge(Cause):
    rule, name, thresholds = "LitewrightCriticalFinding", "large.db", 'size = "100KB,200KB"'

    def breaks(self):
        sql(self.path, "INSERT INTO t(x) VALUES(randomblob(500000))")

    def mends(self):
        sql(self.path, "DELETE FROM t; VACUUM; PRAGMA wal_checkpoint")


class RatherLarge(TooLarge):
    rule, name, thresholds = "LitewrightWarningFinding", "grows.db", 'size = "100KB,9GB"'


class Pinned(Cause):
    """A reader stays in its transaction while an application writes."""

    def breaks(self):
        self.reader = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.reader.executescript("BEGIN; SELECT count(*) FROM t")
        self.reader.execute("SELECT count(*) FROM t").fetchall()
        self.writes()

    def mends(self):
        self.reader.close()


class WalGrown(Pinned):
    rule, name = "LitewrightWalLarge", "wal.db"

    def writes(self):
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        for _ in range(26):  # over and over, so that only the WAL grows
            connection.execute("INSERT OR REPLACE INTO t VALUES(1, zeroblob(10000000))")
        connection.close()

    def mends(self):
        super().mends()
        self.context.command("maintain", self.path, "checkpoint", "--mode", "truncate")


class GatesFail(Pinned):
    rule, name, more = "LitewrightGatesFail", "gates.db", 'wal_limit = "64KiB"'

    def writes(self):
        for _ in range(5):
            sql(self.path, "INSERT INTO t(x) VALUES(randomblob(50000))")


class SmallDisk(Cause):
    """On a disk of its own; others' alerts go by the figures of the file system, these too."""
    size = 64 * MIB

    def make_path(self):
        self.disk = self.context.path(self.name + "-disk")
        os.makedirs(self.disk)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "litewright-test", self.disk], capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise Skip(f"mounting needs root: {done.stderr.splitlines()[0]}")
        return os.path.join(self.disk, self.name)

    def configuration(self):
        return super().configuration() + f'archive = "{self.context.path(self.name)}-archive"\n'

    def filler(self, size):
        with open(os.path.join(self.disk, "filler"), "ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def mends(self):
        os.unlink(os.path.join(self.disk, "filler"))

    def end(self):
        subprocess.run(["umount", "-l", self.disk], capture_output=True)


class DiskFull(SmallDisk):
    rule, name = "LitewrightDiskAlmostFull", "full.db"

    def breaks(self):
        self.filler(62 * MIB)


class DiskFillsUp(SmallDisk):
    """A megabyte at a time; it is far from full."""
    rule, name = "LitewrightDiskFullSoon", "fills.db"

    def breaks(self):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, daemon=True)
        self._thread.start()

    def _fill(self):
        for megabytes in range(1, 50):
            self.filler(megabytes * MIB)
            if self._stop.wait(.5):
                return

    def mends(self):
        self._stop.set()
        self._thread.join()
        super().mends()


class CheckedLongAgo(Cause):
    """Its last daily plan is three days old by the run history."""
    rule, name = "LitewrightCheckOld", "checked.db"

    def prepare(self):
        self.context.command("maintain", self.path, "daily", "--json", status=None)
        back = 3 * DAY * 10**9
        sql(self.context.path("state/runs.db"), f"UPDATE runs SET due=due-{back}, began=began-{back}, ended=ended-{back}")

    def breaks(self):
        pass

    def mends(self):
        self.run_job("daily")


class ProvenLongAgo(Cause):
    """The proof in its archive is forty days old."""
    rule, name = "LitewrightRestoreUnproven", "proven.db"

    def prepare(self):
        self.context.command("backup", self.path)
        self.context.command("verify", self.path, "--drill")
        proof, = pathlib.Path(self.path + "-archive/proofs").iterdir()
        document = json.loads(proof.read_text())
        old = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime(time.time() - 40 * DAY))
        text = proof.read_text().replace(document["proven"], old).partition(',\n  "seal"')[0]
        proof.unlink()
        name = f"{document['txid']:016}-{old.replace('-', '').replace(':', '')}.json"
        proof.with_name(name).write_text(f'{text},\n  "seal": "{seal(text)}"\n}}\n')

    def breaks(self):
        pass

    def mends(self):
        self.run_job("monthly")


def seal(text):
    """docs/formats/archive.md"""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    data = text.encode()
    return f"{library.XXH3_64bits(data, ctypes.c_size_t(len(data))):016x}"


class JobFails(Cause):
    """The application can't be stopped for the weekly plan."""
    rule, name = "LitewrightJobFailed", "job.db"

    def configuration(self):
        return super().configuration() + f'service.stop = "test ! -e {self.path}-busy"\n'

    def breaks(self):
        pathlib.Path(self.path + "-busy").touch()
        self.run_job("weekly")

    def mends(self):
        os.unlink(self.path + "-busy")
        self.run_job("weekly")


def fires_and_clears(context, kinds):
    """Each of them, all at a time."""
    left_out = []
    with contextlib.ExitStack() as ends:
        causes = []
        for kind in kinds:
            try:
                causes.append(kind(context))
            except Skip as skip:
                left_out.append(f"{kind.rule} ({skip})")
                continue
            ends.callback(causes[-1].end)
        for cause in causes:
            cause.prepare()
        served = Serve(context, '\n[serve]\nlook_every = "200ms"\n[jobs]\nat_once = 3\n' +
                       "".join(cause.configuration() for cause in causes))
        for cause in causes:
            cause.served = served
        served.wait_following(*(cause.name for cause in causes if not isinstance(cause, Down)))
        address = served.address.partition("://")[2]
        stand = AlertStand(context, [address] + [cause.target for cause in causes if isinstance(cause, Down)], REPLACED)
        wait_until(lambda: stand.value("count(litewright_guard_following == 1)") == len(causes), "all are scraped, and well")
        shown = None

        def while_all_fire():
            nonlocal shown
            if context.long:
                shown = all_expressions(stand, ask(served.address, "/metrics").body.decode())

        figures = told_of_each(stand, causes, while_all_fire)
        check(stand.receiver.told(("LitewrightDown", address)) == [], "the daemon that went on was called down")
    figures += f"; {shown} expressions of the dashboard give something" if shown else ""
    return "; ".join([f"{len(causes)} fired and cleared; {figures}"] + [f"left out: {one}" for one in left_out])


def told_of_each(stand, causes, while_all_fire):
    # This machine's own disk may fill, as it goes: other tests write beside this one.
    standing = {rule for rule, subject in stand.alerts() if rule != DiskFillsUp.rule or subject == DiskFillsUp.name}
    early = {cause.rule for cause in causes if stand.receiver.told((cause.rule, cause.subject()))}
    check(early | standing <= {"LitewrightCheckOld", "LitewrightRestoreUnproven"}, f"fires before its cause: {early}, {standing}")
    began = time.monotonic()
    for cause in causes:
        cause.breaks()
    for cause in causes:
        alert = stand.receiver.wait((cause.rule, cause.subject()), "firing")
        annotations = alert["annotations"]
        check(cause.subject() in annotations["summary"] and annotations["description"], f"what it says: {annotations}")
        check(alert["labels"]["severity"] in ("warning", "critical"), f"{alert}")
    while_all_fire()
    fired = time.monotonic()
    for cause in causes:
        cause.mends()
    for cause in causes:
        stand.receiver.wait((cause.rule, cause.subject()), "resolved")
        told = [one["status"] for one in stand.receiver.told((cause.rule, cause.subject()))]
        check(told == ["firing", "resolved"], f"{cause.rule}: {told}")
    return f"firing after {fired - began:.1f} s, resolved after {time.monotonic() - fired:.1f} s"


def all_expressions(stand, metrics):
    """Each of the dashboard's gives something of the daemon that just ran; all names of dashboard, rules and page exist."""
    board = (ROOT / "deploy/grafana/litewright.json").read_text()
    there = set(re.findall(r"^# TYPE (\S+)", metrics, re.M))
    page = (ROOT / "docs/operating/monitoring.md").read_text()
    table = page[page.index("| Metric |"):page.index("| Alert |")].replace("`process_*`", "")
    for where, text in (("dashboard", board), ("rules", RULES.read_text()), ("page", table)):
        unknown = set(re.findall(r"\b(?:litewright|process)_[a-z_]+\b(?!/)", text)) - there
        check(not unknown, f"{where}: no metric is called {unknown}")
    undocumented = {name for name in there if name.startswith("litewright_") and name not in table}
    check(not undocumented, f"not on the page: {undocumented}")
    expressions = expressions_in(json.loads(board))
    for expression in expressions:
        asked = expression.replace("$database", ".*").replace("[5m]", "[1m]")
        result = stand.ask("/api/v1/query?query=" + urllib.parse.quote(asked)).get("result")
        check(result, f"the dashboard's {asked} gives {result}")
    return len(expressions)


def expressions_in(part):
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    own = [part["expr"]] if isinstance(part, dict) and "expr" in part else []
    return own + [expression for item in inner for expression in expressions_in(item)]


SHORT = (Down, Gone, TooLarge)
ALL = SHORT + (Overwritten, ArchiveGone, RatherLarge, WalGrown, GatesFail, DiskFull, DiskFillsUp, CheckedLongAgo, ProvenLongAgo, JobFails)


def told(context):
    return fires_and_clears(context, ALL if context.long else SHORT)


def complete(context):
    rules = {line.partition("alert: ")[2] for line in RULES.read_text().splitlines() if "- alert: " in line}
    check(rules == {kind.rule for kind in ALL}, f"rules without a cause, causes without a rule: {rules ^ {k.rule for k in ALL}}")
    return f"{len(rules)} rules"


TESTS = [
    Test("every rule has a cause in this test", complete, 1),
    Test("each alert fires by its cause and clears when that is mended: the receiver is told both", told, 18, 120),
]
