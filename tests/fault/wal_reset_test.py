"""The WAL-reset defect (FACTS 13, 29): checkpointers of other processes held asleep at random, two writers, seconds to an
hour. Without us SQLite 3.40.1 loses frames within seconds; with `protect` beside them the database stays sound, no
acknowledged commit is lost, and the archive has every one.

CI runs 12 s of it: the control meets the defect within a few, and CI has 25 minutes for everything. `make soak`: an hour."""
import os
import sqlite3
import subprocess
import time

import application_database as application
from program import Failed, Skip, Test, check

MENDED = (3, 51, 3)           # SQLite's version without the defect
SHORT_SECONDS, LONG_SECONDS = 12, 3600
ROUND_SECONDS = 60            # then everything is looked at, and a new database is taken
LONGEST_SLEEP_MS = 60
CHECKPOINTERS, WRITERS = 2, (1, 2)
CONTROL_ATTEMPTS, CONTROL_SECONDS = 8, 6


class Attack:
    """A database, its writers, and sleeping checkpointers that come and go."""

    def __init__(self, context, name):
        self.context, self.path = context, context.path(name + ".db")
        self.checkpointers, self.slept = [], 0
        for writer in WRITERS:
            check(context.run([context.tool("commit_load"), self.path, 0.05, "--writer", writer]).status == 0, "commit_load failed")

    def ack(self, writer):
        return f"{self.path}.ack.{writer}"

    def load(self, seconds):
        how = self.context.random.choice((100, 1000))  # frames until a writer checkpoints by itself
        return [self.context.start([self.context.tool("commit_load"), self.path, seconds, "--writer", writer, "--ack", self.ack(writer),
                                    "--pause-us", 200, "--autocheckpoint", how], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for writer in WRITERS]

    def disturb_while(self, processes):
        """Checkpointers, each with a sleep of its own, replaced one by one until all `processes` have ended."""
        random = self.context.random
        while any(process.poll() is None for process in processes):
            if len(self.checkpointers) == CHECKPOINTERS:
                self.end_one()
            self.checkpointers.append(self.context.start(
                [self.context.tool("slow_checkpointer"), self.path, 600, random.randint(1, LONGEST_SLEEP_MS)], stdout=subprocess.PIPE))
            time.sleep(random.random())
        while self.checkpointers:
            self.end_one()

    def end_one(self):
        one = self.checkpointers.pop(0)
        one.terminate()
        out, _ = one.communicate(timeout=30)
        self.slept += int(out.split('"slept": ')[1].split(",")[0]) if '"slept": ' in out else 0

    def all_is_there(self):
        application.is_sound(self.path)
        return application.has_all_acknowledged(self.path, [self.ack(writer) for writer in WRITERS])


def never_with_us(context):
    left = float(os.environ.get("LITEWRIGHT_SECONDS", LONG_SECONDS if context.long else SHORT_SECONDS))
    commits, slept, rounds = 0, 0, 0
    while left > 0:
        rounds += 1
        attack = Attack(context, f"app{rounds}")
        protected = context.protect(attack.path, "--wal-limit", "1MiB")
        first = (protected.following["txid"], application.value(attack.path, "SELECT n FROM litewright_test_counter"))
        writers = attack.load(min(left, ROUND_SECONDS))
        attack.disturb_while(writers)
        for writer in writers:
            _, errors = writer.communicate(timeout=60)
            check(writer.returncode == 0, f"a writer failed: {errors.strip()}")
        left -= ROUND_SECONDS
        commits += attack.all_is_there()
        application.archive_follows_counter(context, attack.path, first, points=2)
        protected.stop()
        commits_after = attack.all_is_there()
        check(commits_after > 0, "no commit was made")
        slept += attack.slept
    check(slept >= 3, f"the checkpointers slept {slept} times only")
    return f"{commits} commits in {rounds} rounds, a checkpointer slept {slept} times across them"


def without_us(context):
    if sqlite3.sqlite_version_info >= MENDED:
        raise Skip(f"SQLite {sqlite3.sqlite_version} has no WAL-reset defect")
    for attempt in range(1, CONTROL_ATTEMPTS + 1):
        attack = Attack(context, f"control{attempt}")
        attack.disturb_while(attack.load(CONTROL_SECONDS))
        try:
            attack.all_is_there()
        except (Failed, sqlite3.DatabaseError) as corrupted:
            return f"attempt {attempt}: {str(corrupted)[:100]}"
    raise Failed(f"no harm in {CONTROL_ATTEMPTS} attempts of {CONTROL_SECONDS} s: the attack proves nothing")


TESTS = [
    Test("the WAL-reset defect is never met with protect beside", never_with_us, 30, 4500),
    Test("control: the WAL-reset defect is met without us", without_us, 60),
]
