#!/usr/bin/env python3
"""What it costs to guard many databases in one process: threads, descriptors, memory, processor time.

  many_databases.py [--databases 1000] [--written 10] [--every 0.1] [--seconds 60] [--program build/release/harness/follow_many]

Makes small WAL databases, follows them all with the program, each into an archive beside it, and measures twice for
--seconds: while nobody writes, and while --written of them get a commit every --every seconds. Descriptors are those of the
process divided by the databases; RSS is the process' own. At the end each written database's archive is synced and its
newest commit compared with what was committed. --litewright: where `litewright` is, for that.
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
    def __init__(self, pid):
        self.at = time.monotonic()
        status = pathlib.Path("/proc/%d/status" % pid).read_text()
        field = lambda name: int(re.search(name + r":\s+(\d+)", status).group(1))
        self.threads, self.rss, self.anonymous = field("Threads"), field("VmRSS") / 1024, field("RssAnon") / 1024
        self.descriptors = len(os.listdir("/proc/%d/fd" % pid))
        stat = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
        self.cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def line(self, what, before, databases):
        share = 100 * (self.cpu - before.cpu) / (self.at - before.at)
        return "%-34s %8d %12d %10.2f %9.1f %9.1f %8.2f %%" % (
            what, self.threads, self.descriptors, self.descriptors / databases, self.rss, self.anonymous, share)


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


def wait_followed(process, count, began):
    for line in process.stdout:
        if line.startswith("following %d\n" % count):
            return time.monotonic() - began
    sys.exit("the program ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=1000)
    parser.add_argument("--written", type=int, default=10)
    parser.add_argument("--every", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settle", type=float, default=20, help="seconds of rest before it is measured")
    parser.add_argument("--program", type=pathlib.Path, default=HERE.parent / "build/release/harness/follow_many")
    parser.add_argument("--litewright", type=pathlib.Path, default=HERE.parent / "build/release/litewright")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < chosen.databases * 5:
        sys.exit("%d databases need %d descriptors, and the limit is %d" % (chosen.databases, chosen.databases * 5, hard))
    with tempfile.TemporaryDirectory(prefix="litewright-many-") as name:
        folder = pathlib.Path(name)
        paths = make_databases(folder, chosen.databases)
        state = folder / "state"
        state.mkdir(mode=0o700)
        began = time.monotonic()
        process = subprocess.Popen([chosen.program, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write("".join("%s\n" % path for path in paths))
        process.stdin.close()
        try:
            took = wait_followed(process, chosen.databases, began)
            first = Reading(process.pid)
            print("%d databases, %d written every %g s; all followed after %.1f s (%.1f CPU s, %d threads, %.0f MiB then)" % (
                chosen.databases, chosen.written, chosen.every, took, first.cpu, first.threads, first.rss))
            print("%-34s %8s %12s %10s %9s %9s %10s" % ("", "threads", "descriptors", "a database", "MiB RSS", "anonymous", "of a core"), flush=True)
            time.sleep(chosen.settle)
            before = Reading(process.pid)
            time.sleep(chosen.seconds)
            after = Reading(process.pid)
            print(after.line("nobody writes, %.0f s" % chosen.seconds, before, chosen.databases), flush=True)
            stop, counts = threading.Event(), {}
            writers = [threading.Thread(target=write, args=(path, chosen.every, stop, counts)) for path in paths[:chosen.written]]
            for writer in writers:
                writer.start()
            time.sleep(min(chosen.settle, 10))
            before, commits = Reading(process.pid), sum(counts.values())
            time.sleep(chosen.seconds)
            after = Reading(process.pid)
            print(after.line("%d written, %.0f commits/s" % (chosen.written, (sum(counts.values()) - commits) / chosen.seconds), before, chosen.databases), flush=True)
            stop.set()
            for writer in writers:
                writer.join()
            wrong = 0
            for path in paths[:chosen.written] if chosen.litewright.exists() else []:
                environment = dict(os.environ, LITEWRIGHT_STATE=str(state))
                subprocess.run([chosen.litewright, "sync", path, "--archive", "%s-archive" % path], check=True, stdout=subprocess.DEVNULL, env=environment)
                subprocess.run([chosen.litewright, "restore", path, "--archive", "%s-archive" % path, "-o", folder / "restored.db"],
                               check=True, stdout=subprocess.DEVNULL, env=environment)
                restored = sqlite3.connect(folder / "restored.db")
                rows = restored.execute("SELECT count(*) FROM orders").fetchone()[0]
                restored.close()
                wrong += rows != ROWS + counts[path]
                (folder / "restored.db").unlink()
            time.sleep(chosen.settle)
            rested = Reading(process.pid)
            print(rested.line("at rest again", after, chosen.databases))
            print("archives of what was written: %d checked, %d wrong" % (chosen.written if chosen.litewright.exists() else 0, wrong))
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait()
            print("stopped after %.1f s, status %d" % (time.monotonic() - began, process.returncode))
            sys.exit(1 if wrong or process.returncode else 0)
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
