#!/usr/bin/env python3
"""Some of many archives hang in one daemon: how late are the others' commits archived, and how soon does it leave?

  hung_stores.py [--databases 1000] [--hung 1] [--written 20] [--every 0.1] [--seconds 60] [--leave] [--begin 1|2] [--freeze]

`litewright serve` guards them all. --written databases with a store of their own get a commit every --every seconds, and so do
the --hung ones: before, while the hung stores answer no fsync (--seconds; tests/harness/hung_folder.cc), and after.
The delay of a commit is from its COMMIT's return to its segment's name in the archive (inotify). At the end every written
database's archive must hold its newest commit. --leave: SIGTERM comes while they hang, instead. --begin: they hang already
when it starts, and what is told is when the others were followed.
"""
import argparse, collections, ctypes, json, os, pathlib, re, resource, select, shutil, signal, sqlite3, struct, subprocess, sys, tempfile, threading, time

from many_databases import HERE, ROWS, Reading, make_databases

SEGMENT = re.compile(r"0*(\d+)-0*(\d+)\.lws$")
IN_CREATE, IN_MOVED_TO = 0x100, 0x80


class Arrivals(threading.Thread):
    """When the segment that reaches a commit has its name: {archive: [(txid, monotonic seconds)]}."""

    def __init__(self, archives):
        super().__init__(daemon=True)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watched, self.seen, self.over = {}, {archive: [] for archive in archives}, False
        for archive in archives:
            watch = self.libc.inotify_add_watch(self.descriptor, os.fsencode(os.path.join(archive, "segments")), IN_CREATE | IN_MOVED_TO)
            if watch < 0:
                sys.exit("inotify: %s" % os.strerror(ctypes.get_errno()))
            self.watched[watch] = archive
        self.start()

    def run(self):
        while not self.over:
            if not select.select([self.descriptor], [], [], 0.2)[0]:
                continue
            now, data, at = time.monotonic(), os.read(self.descriptor, 65536), 0
            while at < len(data):
                watch, _, _, length = struct.unpack_from("iIII", data, at)
                name = data[at + 16:at + 16 + length].rstrip(b"\0").decode()
                at += 16 + length
                if found := SEGMENT.search(name):
                    self.seen[self.watched[watch]].append((int(found.group(2)), now))

    def delays(self, archive, commits):
        """Of [(txid, when it was acknowledged)], oldest first; those never archived have None."""
        seen, at, late = self.seen[archive], 0, []
        for txid, when in commits:
            while at < len(seen) and seen[at][0] < txid:
                at += 1
            late.append(max(0, seen[at][1] - when) if at < len(seen) else None)
        return late


class Writer(threading.Thread):
    def __init__(self, path, every, first_txid):
        super().__init__(daemon=True)
        self.path, self.every, self.txid = path, every, first_txid
        self.commits, self.stopped, self.slowest = [], threading.Event(), 0
        self.start()

    def run(self):
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous=NORMAL")
        due = time.monotonic()
        while not self.stopped.is_set():
            began = time.monotonic()
            connection.execute("INSERT INTO orders(sku,note) VALUES('new',?)", (os.urandom(40).hex(),))
            now = time.monotonic()
            self.slowest = max(self.slowest, now - began)
            self.txid += 1
            self.commits.append((self.txid, now))
            due += self.every
            self.stopped.wait(max(0, due - time.monotonic()))
        connection.close()


class Hang:
    """What makes the stores below folder/hung hang: fsync does not return, or with --freeze no write to a disk of their own."""

    def __init__(self, chosen, folder):
        self.folder, self.flag, self.freezes = folder / "hung", folder / "hangs", chosen.freeze
        self.folder.mkdir()
        self.environment = {}
        if self.freezes:
            image = folder / "disk"
            with open(image, "wb") as file:
                file.truncate(2 << 30)
            subprocess.run(["mkfs.ext4", "-q", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, self.folder], check=True)
            return
        self.environment = {"LD_PRELOAD": str((chosen.build / "harness/hung_folder.so").resolve()),
                            "LITEWRIGHT_HUNG_FOLDER": str(self.folder), "LITEWRIGHT_HUNG_WHILE": str(self.flag)}

    def begin(self):
        if self.freezes:
            subprocess.run(["fsfreeze", "--freeze", self.folder], check=True)
        self.flag.touch()

    def end(self):
        if self.flag.exists() and self.freezes:
            subprocess.run(["fsfreeze", "--unfreeze", self.folder], check=True)
        self.flag.unlink(missing_ok=True)

    def close(self):
        self.end()
        if self.freezes:
            subprocess.run(["umount", self.folder], check=True)


class Daemon:
    def __init__(self, chosen, folder, toml, environment):
        self.litewright, self.state = chosen.litewright, folder / "state"
        self.environment = dict(os.environ, LITEWRIGHT_STATE=str(self.state), **environment)
        self.began, self.following, self.findings = time.monotonic(), {}, collections.Counter()
        self.process = subprocess.Popen([chosen.litewright, "serve", "--config", toml, "--json"], stdout=subprocess.PIPE, env=self.environment, text=True)
        self.changed, self.stopped = threading.Condition(), None
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.changed:
                if event["event"] == "following":
                    self.following.setdefault(event["database"], (event["txid"], time.monotonic() - self.began))
                if event["event"] == "finding":
                    self.findings[event["finding"]["id"] + " " + event["change"]] += 1
                if event["event"] == "stopped":
                    self.stopped = event["message"]
                self.changed.notify_all()

    def wait_following(self, count, seconds=600):
        end = time.monotonic() + seconds
        with self.changed:
            while len(self.following) < count:
                if self.process.poll() is not None or time.monotonic() > end:
                    sys.exit("%d of %d are followed; %s" % (len(self.following), count, dict(self.findings)))
                self.changed.wait(1)

    @property
    def pid(self):
        """Of the process that works: the watchdog's child."""
        return int(pathlib.Path("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)).read_text().split()[0])

    def stop(self):
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait()
        print("left after %.1f s, status %d: %s" % (time.monotonic() - began, status, self.stopped), flush=True)

    def command(self, *words):
        return subprocess.run([self.litewright, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True, env=self.environment).stdout


def part_of(commits, begin, end):
    return [(txid, when) for txid, when in commits if begin <= when < end]


def told(what, delays):
    missing = sum(1 for delay in delays if delay is None)
    delays = sorted(delay for delay in delays if delay is not None)
    at = lambda share: 1000 * delays[min(len(delays) - 1, int(share * len(delays)))] if delays else float("nan")
    return "%-28s %6d commits: archived after p50 %6.1f ms, p99 %6.1f, max %7.1f%s" % (
        what, len(delays) + missing, at(0.5), at(0.99), at(1), ", %d not at all" % missing if missing else "")


def lay_out(chosen, folder):
    """Paths of databases (the hung ones first), of their archives, and of the configuration."""
    paths = make_databases(folder, chosen.databases)
    archives = [folder / "hung" / path.name if number < chosen.hung else pathlib.Path("%s-archive" % path) for number, path in enumerate(paths)]
    toml = folder / "litewright.toml"
    lines = ['http.listen = "127.0.0.1:0"']
    for path, archive in list(zip(paths, archives))[:chosen.hung]:
        lines += ['[[database]]', 'path = "%s"' % path, 'archive = "%s"' % archive]
    for group in sorted({path.parent for path in paths}):
        lines += ['[[database]]', 'glob = "%s/*.db"' % group]
    toml.write_text("\n".join(lines) + "\n")
    return paths, archives, toml


def begin_hung(chosen, folder, toml, hang):
    if chosen.begin > 1:  # their archives are there already
        before = Daemon(chosen, folder, toml, hang.environment)
        before.wait_following(chosen.databases)
        before.stop()
    hang.begin()
    daemon = Daemon(chosen, folder, toml, hang.environment)
    try:
        daemon.wait_following(chosen.databases - chosen.hung)
        reading = Reading(daemon.pid)
        times = sorted(when for _, when in daemon.following.values())
        print("%d hang from the beginning: the others were followed after %.1f s (half of them after %.1f), %d threads, %.0f MiB then" % (
            chosen.hung, times[-1], times[len(times) // 2], reading.threads, reading.rss), flush=True)
        hang.end()
        daemon.wait_following(chosen.databases)
        print("the hung ones %.1f s after they began" % max(when for _, when in daemon.following.values()), flush=True)
        daemon.stop()
    finally:
        hang.end()
        daemon.process.terminate()
        daemon.process.wait()


def hang_amid(chosen, folder, paths, archives, toml, hang):
    daemon = Daemon(chosen, folder, toml, hang.environment)
    try:
        daemon.wait_following(chosen.databases)
        print("%d databases followed after %.1f s" % (chosen.databases, time.monotonic() - daemon.began), flush=True)
        time.sleep(chosen.settle)
        busy = list(range(chosen.hung)) + list(range(chosen.databases - chosen.written, chosen.databases))
        arrivals = Arrivals([str(archives[number]) for number in busy])
        writers = {number: Writer(paths[number], chosen.every, daemon.following[paths[number].name][0]) for number in busy}
        time.sleep(5)
        marks, readings = [time.monotonic()], [Reading(daemon.pid)]

        def mark():
            marks.append(time.monotonic())
            readings.append(Reading(daemon.pid))

        time.sleep(chosen.around)
        mark()
        hang.begin()
        time.sleep(chosen.seconds)
        mark()
        if chosen.leave:
            daemon.stop()
        else:
            hang.end()
            time.sleep(chosen.around)
            mark()
        for writer in writers.values():
            writer.stopped.set()
            writer.join()
        if chosen.leave:
            hang.end()
            daemon = Daemon(chosen, folder, toml, hang.environment)
            daemon.wait_following(chosen.databases)
        names = ["before", "%d hang" % chosen.hung, "after"]
        for name, begin, end, first, last in zip(names, marks, marks[1:], readings, readings[1:]):
            late = lambda numbers: [delay for number in numbers for delay in
                                    arrivals.delays(str(archives[number]), part_of(writers[number].commits, begin, end))]
            print(told("others, " + name, late(busy[chosen.hung:])))
            print(told("the hung, " + name, late(busy[:chosen.hung])))
            print("%-28s %d threads, %d descriptors, %.1f MiB RSS (%.1f anonymous), %.1f %% of a core" % (
                "", last.threads, last.descriptors, last.rss, last.anonymous, 100 * (last.cpu - first.cpu) / (last.at - first.at)), flush=True)
        print("slowest commit of an application: %.0f ms; findings: %s" % (
            1000 * max(writer.slowest for writer in writers.values()), dict(daemon.findings)))
        wrong = [number for number in busy if not is_whole(daemon, folder, paths[number], archives[number], writers[number])]
        print("archives of what was written: %d checked, %d wrong %s" % (len(busy), len(wrong), wrong), flush=True)
        arrivals.over = True
        daemon.stop()
        return 1 if wrong else 0
    finally:
        hang.end()
        daemon.process.terminate()
        daemon.process.wait()


def is_whole(daemon, folder, path, archive, writer):
    """The newest state is there, and so is each of its commits as a point of its own (leaving may reconcile the last ones)."""
    daemon.command("sync", path, "--archive", archive)
    out = folder / "restored.db"
    daemon.command("restore", path, "--archive", archive, "-o", out)
    connection = sqlite3.connect(out)
    rows = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
    connection.close()
    out.unlink()
    return rows == ROWS + len(writer.commits)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=1000)
    parser.add_argument("--hung", type=int, default=1)
    parser.add_argument("--written", type=int, default=20)
    parser.add_argument("--every", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--around", type=float, default=20, help="seconds before and after")
    parser.add_argument("--settle", type=float, default=10)
    parser.add_argument("--leave", action="store_true")
    parser.add_argument("--begin", type=int, default=0, choices=(0, 1, 2), help="1: new archives, 2: archives that are there")
    parser.add_argument("--freeze", action="store_true", help="a disk that is really frozen (fsfreeze; root)")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build/release")
    chosen = parser.parse_args()
    chosen.litewright = chosen.build / "litewright"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="litewright-hung-") as name:
        folder = pathlib.Path(name)
        (folder / "state").mkdir(mode=0o700)
        paths, archives, toml = lay_out(chosen, folder)
        hang = Hang(chosen, folder)
        try:
            if not chosen.begin:
                return hang_amid(chosen, folder, paths, archives, toml, hang)
            begin_hung(chosen, folder, toml, hang)
            return 0
        finally:
            hang.close()


if __name__ == "__main__":
    sys.exit(main())
