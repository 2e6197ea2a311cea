#!/usr/bin/env python3
"""What it costs to guard many databases in one process: threads, descriptors, memory, processor time.

  many_databases.py [--databases 1000] [--processes 1] [--written 10] [--every 0.1] [--seconds 60]
                    [--program build/release/harness/follow_many]

Makes small WAL databases, follows them all with the program, each into an archive beside it, and measures twice for
--seconds: while nobody writes, and while --written of them get a commit every --every seconds. Descriptors are those of the
process divided by the databases; RSS is the process' own. At the end each written database's archive is synced and its
newest commit compared with what was committed. --litewright: where `litewright` is, for that. With --processes the databases
are shared out among so many, where one may not have the descriptors for all; the figures are their sums.
"""
import argparse, os, pathlib, re, resource, shutil, signal, sqlite3, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 200


def make_databases(folder, count):
    """One is made, the others are copies: no application has them open."""
    first = folder / "first.db"
    with sqlite3.connect(first) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, sku TEXT, note TEXT)")
        connection.execute("CREATE INDEX by_sku ON orders(sku)")
        connection.executemany("INSERT INTO orders(sku,note) VALUES(?,?)", [("sku-%d" % (i % 37), os.urandom(60).hex()) for i in range(ROWS)])
    connection.close()
    paths = []
    for number in range(count):
        path = folder / ("%03d" % (number // 100)) / ("db%05d.db" % number)
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(first, path)
        paths.append(path)
    return paths


class Reading:
    """Of one process, or the sum over several."""

    def __init__(self, *pids):
        self.at = time.monotonic()
        self.threads = self.rss = self.anonymous = self.descriptors = self.cpu = 0
        for pid in pids:
            status = pathlib.Path("/proc/%d/status" % pid).read_text()
            field = lambda name: int(re.search(name + r":\s+(\d+)", status).group(1))
            self.threads += field("Threads")
            self.rss += field("VmRSS") / 1024
            self.anonymous += field("RssAnon") / 1024
            self.descriptors += len(os.listdir("/proc/%d/fd" % pid))
            stat = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
            self.cpu += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def line(self, what, before, databases):
        share = 100 * (self.cpu - before.cpu) / (self.at - before.at)
        return "%-34s %8d %12d %10.2f %9.1f %9.1f %8.2f %%" % (
            what, self.threads, self.descriptors, self.descriptors / databases, self.rss, self.anonymous, share)


class Followers:
    """The processes, each with its part of the databases and a state folder of its own."""

    def __init__(self, program, folder, paths, count):
        self.states, self.processes, self.parts = [], [], [paths[number::count] for number in range(count)]
        for number, part in enumerate(self.parts):
            state = folder / ("state%d" % number)
            state.mkdir(mode=0o700)
            process = subprocess.Popen([program, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process.stdin.write("".join("%s\n" % path for path in part))
            process.stdin.close()
            self.states.append(state)
            self.processes.append(process)

    def wait_followed(self):
        for process, part in zip(self.processes, self.parts):
            if not any(line.startswith("following %d\n" % len(part)) for line in process.stdout):
                sys.exit("a program ended")

    def reading(self):
        return Reading(*(process.pid for process in self.processes))

    def state_of(self, path):
        return next(state for state, part in zip(self.states, self.parts) if path in part)

    def stop(self):
        """Their exit statuses, all 0 if they left well."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait() for process in self.processes]

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()


def write(path, every, stop, counts):
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    due = time.monotonic()
    while not stop.is_set():
        connection.execute("INSERT INTO orders(sku,note) VALUES('new',?)", (os.urandom(40).hex(),))
        counts[path] = counts.get(path, 0) + 1
        due += every
        stop.wait(max(0, due - time.monotonic()))
    connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--written", type=int, default=10)
    parser.add_argument("--every", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settle", type=float, default=20, help="seconds of rest before it is measured")
    parser.add_argument("--program", type=pathlib.Path, default=HERE.parent / "build/release/harness/follow_many")
    parser.add_argument("--litewright", type=pathlib.Path, default=HERE.parent / "build/release/litewright")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    each = -(-chosen.databases // chosen.processes)
    if hard < each * 5:
        sys.exit("%d databases need %d descriptors, and the limit is %d: --processes" % (each, each * 5, hard))
    with tempfile.TemporaryDirectory(prefix="litewright-many-") as name:
        folder = pathlib.Path(name)
        paths = make_databases(folder, chosen.databases)
        began = time.monotonic()
        followers = Followers(chosen.program, folder, paths, chosen.processes)
        try:
            followers.wait_followed()
            first = followers.reading()
            print("%d databases in %d process%s, %d written every %g s; all followed after %.1f s (%.1f CPU s, %d threads, %.0f MiB then)" % (
                chosen.databases, chosen.processes, "es" if chosen.processes > 1 else "", chosen.written, chosen.every,
                time.monotonic() - began, first.cpu, first.threads, first.rss))
            return measure(chosen, folder, paths, followers)
        finally:
            followers.kill()


def measure(chosen, folder, paths, followers):
    print("%-34s %8s %12s %10s %9s %9s %10s" % ("", "threads", "descriptors", "a database", "MiB RSS", "anonymous", "of a core"), flush=True)
    time.sleep(chosen.settle)
    before = followers.reading()
    time.sleep(chosen.seconds)
    after = followers.reading()
    print(after.line("nobody writes, %.0f s" % chosen.seconds, before, chosen.databases), flush=True)
    stop, counts = threading.Event(), {}
    writers = [threading.Thread(target=write, args=(path, chosen.every, stop, counts)) for path in paths[:chosen.written]]
    for writer in writers:
        writer.start()
    time.sleep(min(chosen.settle, 10))
    before, commits = followers.reading(), sum(counts.values())
    time.sleep(chosen.seconds)
    after = followers.reading()
    print(after.line("%d written, %.0f commits/s" % (chosen.written, (sum(counts.values()) - commits) / chosen.seconds), before, chosen.databases), flush=True)
    stop.set()
    for writer in writers:
        writer.join()
    written = paths[:chosen.written] if chosen.litewright.exists() else []
    wrong = sum(not is_archived(chosen.litewright, path, followers.state_of(path), folder / "restored.db", counts[path]) for path in written)
    time.sleep(chosen.settle)
    print(followers.reading().line("at rest again", after, chosen.databases))
    print("archives of what was written: %d checked, %d wrong" % (len(written), wrong))
    began = time.monotonic()
    statuses = followers.stop()
    print("stopped after %.1f s, status %s" % (time.monotonic() - began, statuses))
    return 1 if wrong or any(statuses) else 0


def is_archived(litewright, path, state, out, commits):
    environment = dict(os.environ, LITEWRIGHT_STATE=str(state))
    for words in (["sync", path], ["restore", path, "-o", out]):
        subprocess.run([litewright, *words, "--archive", "%s-archive" % path], check=True, stdout=subprocess.DEVNULL, env=environment)
    restored = sqlite3.connect(out)
    rows = restored.execute("SELECT count(*) FROM orders").fetchone()[0]
    restored.close()
    out.unlink()
    return rows == ROWS + commits


if __name__ == "__main__":
    sys.exit(main())
