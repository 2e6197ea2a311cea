"""The built program as tests drive it: its commands, `protect` as a process, and what a test may hold against it."""
import dataclasses
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

FOLLOWING_SECONDS = 20  # until `protect` says that it follows
COMMAND_SECONDS = 120   # until any other command ends


class Skip(Exception):
    """This machine can't run the test: the message says what is missing."""


class Failed(AssertionError):
    """The program did not do what it must: the message holds the figures."""


def check(holds, message):
    if not holds:
        raise Failed(message)


@dataclasses.dataclass
class Test:
    name: str       # a sentence about behaviour
    run: object     # called with a Context; may return a line with figures
    budget: float   # seconds, the short form
    long_budget: float = 0
    alone: bool = False  # it measures the machine: no other test beside it

    def __post_init__(self):
        self.long_budget = self.long_budget or self.budget


@dataclasses.dataclass
class Answer:
    status: int
    stdout: str
    stderr: str

    @property
    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise Failed(f"not one JSON object on stdout: {self.stdout[:300]!r} (stderr {self.stderr[:300]!r})")


class Context:
    """One test's folder, seed, program and processes; all that it started end with it."""

    def __init__(self, build, folder, seed, long_form):
        self.build = pathlib.Path(build).resolve()
        self.folder = pathlib.Path(folder)
        self.seed, self.long = seed, long_form
        self.random = random.Random(seed)
        self._processes = []
        self._protects = []

    def path(self, name):
        return str(self.folder / name)

    @property
    def litewright(self):
        program = self.build / "litewright"
        if not program.exists():
            raise Skip(f"{program} is not built")
        return str(program)

    def tool(self, name):
        program = self.build / "harness" / name
        if not program.exists():
            raise Skip(f"{program} is not built")
        return str(program)

    def script(self, name):
        return [sys.executable, str(pathlib.Path(__file__).parent / name)]

    @property
    def environment(self):
        """Without the caller's databases; state that is not beside the database goes to the test's folder."""
        kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DATABASE_PATH")}
        return kept | {"LITEWRIGHT_STATE": self.path("state"), "XDG_STATE_HOME": self.path("state"), "HOME": str(self.folder), "TZ": "UTC"}

    def start(self, command, **options):
        options.setdefault("env", self.environment)
        process = subprocess.Popen([str(word) for word in command], text=True, **options)
        self._processes.append(process)
        return process

    def end_processes(self):
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def run(self, command, timeout=COMMAND_SECONDS, **options):
        """Any program to its end."""
        process = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            where = standing(process.pid)
            process.kill()
            out, err = process.communicate()
            raise Failed(f"{' '.join(map(str, command))} did not end within {timeout} s: {where}; stdout {out[-300:]!r}, "
                         f"stderr {err[-300:]!r}")
        return Answer(process.returncode, out, err)

    def command(self, *words, status=0, **options):
        """A litewright command that must end with `status` (None: any)."""
        answer = self.run([self.litewright, *words], **options)
        if status is not None and answer.status != status:
            raise Failed(f"litewright {' '.join(map(str, words))}: exit {answer.status}, not {status}; "
                         f"stderr {answer.stderr.strip()!r}, stdout {answer.stdout[-300:]!r}")
        return answer

    def protect(self, database, *words, **options):
        self._protects.append(Protect(self, database, words, **options))
        return self._protects[-1]

    @property
    def watchdog_ended_an_archiver(self):
        return any("stood still while it kept writers out" in protected.errors for protected in self._protects)

    def sync(self, database, timeout="30s"):
        """The txid. Between two sessions of an archiver it says 75, try again."""
        end = time.monotonic() + COMMAND_SECONDS
        while True:
            answer = self.command("sync", database, "--timeout", timeout, "--json", status=None)
            if answer.status != 75 or "stopped meanwhile" not in answer.stderr or time.monotonic() > end:
                break
            time.sleep(.05)
        check(answer.status == 0, f"sync: exit {answer.status}: {answer.stderr.strip()!r}")
        return answer.json["txid"]

    def log(self, database):
        commits = self.command("log", database, "--all", "--json").json["commits"]
        return sorted(commits, key=lambda commit: commit["txid"])

    def restore(self, database, out, *point):
        """Restores to a file that must not exist yet, and gives its path."""
        self.command("restore", database, *point, "-o", out, "--json")
        check(os.path.exists(out), f"restore {point} ended with 0 and made no {out}")
        for leftover in ("-wal", "-shm", "-journal"):
            check(not os.path.exists(out + leftover), f"restore left {out}{leftover}")
        return out

    def verify_is_clean(self, database):
        report = self.command("verify", database, "--json").json
        check(report["damage"] == [] and report["missing"] == [], f"verify: {report}")
        return report


def standing(pid):
    """What each thread of a process waits for, and how much it has worked: tells a hang from a busy machine."""
    threads = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        try:
            words = (task / "stat").read_text().rpartition(")")[2].split()
            threads.append(f"{words[0]} {(task / 'wchan').read_text() or 'running'}, user {words[11]} and system {words[12]} ticks, "
                           f"system call {(task / 'syscall').read_text().strip()}")
        except OSError as error:
            threads.append(str(error))
    load = pathlib.Path("/proc/loadavg").read_text().strip()
    return f"{len(threads)} threads ({'; '.join(threads)}), load {load}"


def send(pids, how):
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass


def wait_until_gone(pids, timeout=60):
    """For processes that are no children of ours. A killed one in the middle of an fsync goes when the disk is done."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and any(is_running(pid) for pid in pids):
        time.sleep(.001)


def is_running(pid):
    """Until the last thread is gone the files are open and the locks held, even of a zombie."""
    try:
        return state(pid) not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """Each is listed at the thread that began it."""
    lists = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    try:
        return [int(child) for children_of_one in lists for child in children_of_one.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def state(pid):
    """Its letter in /proc: T stopped, Z zombie; X where there is no such process any more."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class Watching:
    """A command that goes on until it is stopped, prints an event a line, and works in a child of its own."""

    def __init__(self, context, *words, environment=None, before=()):
        self.name = words[0]
        self.errors_path = context.path(f"{self.name}-{len(context._processes)}.stderr")
        self._events_path = context.path(f"{self.name}-{len(context._processes)}.events")  # for who looks at a failed test
        with open(self.errors_path, "w") as errors:
            self.process = context.start([*before, context.litewright, *words, "--json"], stdout=subprocess.PIPE, stderr=errors,
                                         env=environment or context.environment)
        self.events, self._changed = [], threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    @property
    def errors(self):
        return pathlib.Path(self.errors_path).read_text()

    def _read(self):
        for line in self.process.stdout:
            with open(self._events_path, "a") as kept:
                kept.write(line)
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "not JSON", "line": line}
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
        with self._changed:
            self.events.append({"event": "end of output"})
            self._changed.notify_all()

    def wait_event(self, name, timeout=FOLLOWING_SECONDS, that=lambda event: True, after=0):
        """The first of that name, that is so, after so many events."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                for event in self.events[after:]:
                    if event.get("event") == name and that(event):
                        return event
                over = self.events and self.events[-1].get("event") == "end of output"
                left = end - time.monotonic()
                if over or left <= 0:
                    raise Failed(f"{self.name} gave no '{name}' event {'before it ended' if over else f'within {timeout} s'}: "
                                 f"events {self.events[-5:]}, exit {self.process.poll()}, stderr {self.errors[-500:]!r}")
                self._changed.wait(left)

    def stop(self, how=signal.SIGTERM, status=0, timeout=30):
        """Asks it to leave; it must end with `status` (None: any)."""
        if self.running:
            self.process.send_signal(how)
        try:
            ended = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs {timeout} s after {how!r}; stderr {self.errors[-500:]!r}")
        self._reader.join(5)
        if status is not None:
            check(ended == status, f"{self.name} ended with {ended}, not {status}, after {how!r}; stderr {self.errors[-500:]!r}")
        return ended

    def wait_until_it_ends(self, timeout):
        """At most so many seconds; the caller asks `running`."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pass

    def kill(self):
        """The supervisor; its archiver notices and leaves in order."""
        self.process.kill()
        self.process.wait()
        self._reader.join(5)

    def kill_all(self, and_runs=False):
        """The supervisor and its archiver, at one moment, with the runs they have begun or without; returns when they are
        gone and their locks with them."""
        others = self.freeze()
        if and_runs:
            others += [run for archiver in others for run in children(archiver)]
        send([*others, self.pid], signal.SIGKILL)
        self.process.wait()
        wait_until_gone(others)
        self._reader.join(5)

    def freeze(self):
        """Stops the supervisor, which starts no archiver from here on, and then its archivers: gives these."""
        send([self.pid], signal.SIGSTOP)
        while is_running(self.pid) and state(self.pid) != "T":
            time.sleep(.0005)
        archivers = self.children()
        send(archivers, signal.SIGSTOP)
        return archivers

    def children(self):
        return children(self.pid)


class Protect(Watching):
    """`litewright protect DB --json`; made when it says that it follows."""

    def __init__(self, context, database, words=(), follow=True, environment=None):
        super().__init__(context, "protect", database, *words, environment=environment)
        self.database = str(database)
        if follow:
            self.following = self.wait_event("following")


class Serve(Watching):
    """`litewright serve --json` with a configuration, in a file of its own; made when that is in force. `before`: words in front."""

    def __init__(self, context, toml, environment=None, before=()):
        self.file = context.path("litewright.toml")
        self._write(toml)
        super().__init__(context, "serve", "--config", self.file, environment=environment, before=before)
        self.wait_event("configured")

    def _write(self, toml):
        """Listens at a port of its own, unless the test says where."""
        anywhere = "" if "[http]" in toml else 'http.listen = "127.0.0.1:0"'
        pathlib.Path(self.file).write_text(anywhere + ("" if toml.startswith("\n") else "\n") + toml)

    @property
    def address(self):
        return self.wait_event("listening")["address"]

    def wait_following(self, *names, after=0):
        for name in names:
            self.wait_event("following", that=lambda event: event["database"] == name, after=after)

    def wait_finding(self, id, change="appeared", database=None, after=0):
        """Of the daemon itself where no database is named."""
        return self.wait_event("finding", after=after, that=lambda event: event["finding"]["id"] == id and
                               event["change"] == change and database in (None, event["database"]))

    def reload(self, toml):
        self._write(toml)
        self.process.send_signal(signal.SIGHUP)
