#!/usr/bin/env python3
"""What following a nearly idle database costs: objects put, bytes, CPU seconds, wake-ups.

  idle_cost.py [--minutes 60] [--every 60] [--program build/litewright] [--only NAME]

Each follower has a small shop database of its own and one application that commits every --every seconds; one more
`protect` follows a database to which nobody writes. All run at the same time, for --minutes. A short form to try it:
`--minutes 2 --every 5`. Objects are counted by name as they appear in the archive (looked at every 0.2 s), so one that is
merged away later counts too; `bytes` is what the archive grew by, in file sizes.
"""
import argparse, os, pathlib, re, sqlite3, subprocess, tempfile, time

import contenders, measure

HERE = pathlib.Path(__file__).resolve().parent
LOOK_SECONDS = 0.2
ORDERS = 20000


def wake_ups(pid):
    """How often the threads of process pid and of its descendants gave up the CPU to wait."""
    count = 0
    for member in measure.family(pid):
        for status in pathlib.Path("/proc/%d/task" % member).glob("*/status"):
            try:
                count += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", status.read_text()).group(1))
            except OSError:
                continue  # that thread ended meanwhile
    return count


class Side:
    """One follower, its database, and the application that writes there now and then."""

    def __init__(self, follower, name, folder, writes):
        self.follower, self.name, self.writes = follower, name, writes
        tag = name.replace(" ", "-").replace(",", "")
        self.database, self.archive = folder / (tag + ".db"), folder / (tag + ".archive")
        subprocess.run([HERE / "make_shop_db.sh", self.database, str(ORDERS)], check=True, stdout=subprocess.DEVNULL)
        self.application = sqlite3.connect(self.database, timeout=30, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            self.application.execute("PRAGMA " + pragma)
        self.commits = 0

    def begin(self):
        self.follower.start(self.database, self.archive)
        self.arrivals = measure.Arrivals(self.archive)
        self.arrivals.interval = LOOK_SECONDS
        self.arrivals.__enter__()
        self.arrivals.wait_quiet(2, 60)
        self.pid = self.follower.process.pid
        self.before = self._readings()

    def _readings(self):
        return (len(self.arrivals.seen), measure.size_of(self.archive), measure.cpu_seconds(self.pid), wake_ups(self.pid))

    def commit(self):
        if not self.writes:
            return
        self.application.execute("BEGIN IMMEDIATE")
        self.application.execute("INSERT INTO orders(customer_id,sku,quantity,total,status,note,ordered_at) "
                                 "SELECT customer_id,sku,1,9.5,'pending',?,datetime('now') FROM orders WHERE id=?",
                                 (os.urandom(12).hex(), 1 + self.commits))
        self.application.execute("COMMIT")
        self.commits += 1

    def end(self):
        after = self._readings()
        rss = measure.peak_rss(self.pid)
        self.arrivals.__exit__()
        self.follower.stop()
        self.application.close()
        objects, grown, cpu, wakes = (b - a for a, b in zip(self.before, after))
        return "%-28s %8d %8d %10d %9.2f %10d %8.1f" % (self.name, self.commits, objects, grown, cpu, wakes, rss / measure.MIB)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=60, help="seconds from commit to commit")
    parser.add_argument("--program", type=pathlib.Path, default=contenders.ROOT / "build/litewright")
    parser.add_argument("--only", default="", help="sides whose name contains this")
    chosen = parser.parse_args()
    program = chosen.program.resolve()
    peers, absent = contenders.litestreams() if chosen.only not in "litewright, nobody writes" or not chosen.only else ([], [])
    wanted = [(contenders.Litewright(program), "litewright", True), (contenders.Litewright(program), "litewright, nobody writes", False)]
    wanted += [(peer, peer.name, True) for peer in peers]
    with tempfile.TemporaryDirectory(prefix="litewright-idle-") as folder:
        sides = [Side(follower, name, pathlib.Path(folder), writes) for follower, name, writes in wanted if chosen.only in name]
        for side in sides:
            side.begin()
        begun = time.monotonic()
        rounds = max(int(chosen.minutes * 60 / chosen.every), 1)
        for number in range(rounds):
            # The first commit after half an interval, so that the last one has as long to be archived.
            time.sleep(max(0, begun + (number + .5) * chosen.every - time.monotonic()))
            for side in sides:
                side.commit()
        time.sleep(max(0, begun + rounds * chosen.every - time.monotonic()))
        lines = [side.end() for side in sides]
    print("%.0f minutes, a commit every %g s" % (rounds * chosen.every / 60, chosen.every))
    print("%-28s %8s %8s %10s %9s %10s %8s" % ("", "commits", "objects", "bytes", "CPU s", "wake-ups", "MiB RSS"))
    print("\n".join(lines + absent))


main()
