"""Attacks: what other processes may do to a followed database. Each asks twice: is the application's database sound with
all that was acknowledged, and has the archive every commit. Where FACTS names a rule, a control shows that the attack
bites without it."""
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import time

import application_database as application
import history
from followed_load import LONGEST_STALL_SECONDS, ack, archiver_pids, both_are_right, figures, leave, load, new_database, protect
from program import Failed, Skip, Test, check

MENDED = (3, 51, 3)  # SQLite's version without the WAL-reset defect (FACTS 13)


def slow_checkpointer(sleep_ms):
    def run(context):
        path = new_database(context, 2)
        protected, first = protect(context, path)
        seconds = 20 if context.long else 5
        sleeper = context.start([context.tool("slow_checkpointer"), path, 600, sleep_ms], stdout=subprocess.PIPE)
        loads = [load(context, path, seconds, w, "--pause-us", 200) for w in (1, 2)]
        commits = sum(figures(process)["commits"] for process in loads)
        sleeper.terminate()
        slept = json.loads(sleeper.communicate(timeout=30)[0])["slept"]
        check(slept >= 3, f"the checkpointer slept {slept} times only")
        both_are_right(context, path, first, (1, 2))
        leave(protected, path)
        application.has_all_acknowledged(path, [ack(context, 1), ack(context, 2)])
        return f"{commits} commits, slept {slept} times"

    return run


def slow_checkpointer_control(context):
    """The follower without the CKPT rule corrupts the application's database under the same attack (FACTS 29)."""
    if sqlite3.sqlite_version_info >= MENDED:
        raise Skip(f"SQLite {sqlite3.sqlite_version} has no WAL-reset defect")
    for attempt in range(1, 9):
        path = new_database(context, 2)
        follower = context.start([context.tool("handover_without_ckpt"), path], stdout=subprocess.DEVNULL)
        sleeper = context.start([context.tool("slow_checkpointer"), path, 600, 30], stdout=subprocess.DEVNULL)
        loads = [load(context, path, 4, w, "--pause-us", 200) for w in (1, 2)]
        failed = [process.wait(60) for process in loads]
        for process in (sleeper, follower):
            process.terminate()
            process.wait(30)
        try:
            application.is_sound(path)
            application.has_all_acknowledged(path, [ack(context, 1), ack(context, 2)])
        except (Failed, sqlite3.DatabaseError) as corrupted:
            return f"attempt {attempt}, writers ended with {failed}: {str(corrupted)[:90]}"
        for name in os.listdir(context.folder):
            os.unlink(context.path(name))
    raise Failed("the attack did no harm in eight attempts: it proves nothing")


def spill_acked(context):
    lines = pathlib.Path(context.path("spill.ack")).read_text().split()
    return int(lines[-1])


def spill(context, path, seconds, *words, seed=None):
    return context.start([*context.script("spill_load.py"), path, seconds, seed or context.seed % 1000, context.path("spill.ack"), *words],
                         stdout=subprocess.PIPE)


def zero_salts(context):
    path = context.path("app.db")
    spill(context, path, 0.01).wait(30)
    protected, first = protect(context, path)
    ending = "closed"
    seconds = 20 if context.long else 6
    out, _ = spill(context, path, seconds).communicate(timeout=120)
    worst = int(out.split()[1])
    # And once more with a writer that dies right after it left such frames.
    dying = spill(context, path, seconds, "--until-zero-salts", seed=context.seed % 1000 + 1)
    if dying.wait(120) == -signal.SIGKILL:
        ending = "killed"
    acked = spill_acked(context)
    application.archive_follows_counter(context, path, first)
    leave(protected, path)
    counter = application.value(path, "SELECT n FROM litewright_test_counter")
    check(counter >= acked, f"after all processes left the counter is {counter}, acknowledged was {acked}")
    return f"{acked} commits, at most {worst} frames with zero salts at once, the last writer was {ending}"


def zero_salts_control(context):
    """A process that holds the database open and just dies: commits in such frames are lost at recovery (FACTS 28)."""
    holder = "import sqlite3,sys,time\nc=sqlite3.connect(sys.argv[1],isolation_level=None)\nc.execute('BEGIN')\n" \
             "c.execute('PRAGMA schema_version').fetchall()\nprint('held',flush=True)\ntime.sleep(600)"
    path = context.path("app.db")
    for attempt in range(1, 5):
        spill(context, path, 0.01).wait(30)
        held = context.start([sys.executable, "-c", holder, path], stdout=subprocess.PIPE)
        held.stdout.readline()
        writer = spill(context, path, 8, "--until-zero-salts", seed=context.seed % 1000 + attempt)
        killed = writer.wait(60) == -signal.SIGKILL
        held.kill()
        held.wait()
        acked = spill_acked(context)
        counter = application.value(path, "SELECT n FROM litewright_test_counter")
        if killed and counter < acked:
            return f"attempt {attempt}: acknowledged {acked}, after recovery {counter}"
        os.unlink(context.path("spill.ack"))
    if sqlite3.sqlite_version_info >= (3, 41):
        raise Skip(f"SQLite {sqlite3.sqlite_version} left no frames with zero salts")
    raise Failed("nothing was lost in four attempts: the attack proves nothing")


def hold_mark(path):
    """A reader at the WAL's present end: it takes a read mark of its own if another's is older."""
    connection = history.connect(path)
    connection.execute("BEGIN")
    history.counter(connection)
    return connection


def write_some(context, path, commits=20):
    check(context.run([context.tool("commit_load"), path, 30, "--commits", commits, "--autocheckpoint", 0,
                       "--ack", ack(context, 1)]).status == 0, "commit_load failed")


def take_all_marks(context, path):
    """READ1 to READ4 in use, each at another place in the WAL. A reader who comes when everything is copied back takes READ0."""
    marks = range(application.READ0 + 1, application.READ4 + 1)
    readers, held = [], []
    while len(held) < len(marks):
        check(len(readers) < 30, f"only the marks {held} are taken")
        write_some(context, path)
        readers.append(hold_mark(path))
        held = [byte for byte in marks if application.lock_holders(path, byte, byte)]
    return readers


def all_marks_taken_before(context):
    path = new_database(context)
    open_connection = history.connect(path)  # keeps the WAL between the writers
    open_connection.execute("PRAGMA schema_version").fetchall()
    readers = take_all_marks(context, path)
    protected, first = protect(context, path)
    figures(load(context, path, 2))
    context.sync(path)
    for reader in readers:
        reader.close()
    figures(load(context, path, 2))
    count = both_are_right(context, path, first)
    open_connection.close()
    leave(protected, path)
    return f"{count} commits"


def all_marks_taken_while_it_runs(context):
    path = new_database(context)
    protected, first = protect(context, path)
    for _ in range(3):
        readers = take_all_marks(context, path)
        figures(load(context, path, 1.5))
        context.sync(path)
        for reader in readers:
            reader.close()
    figures(load(context, path, 1))
    count = both_are_right(context, path, first)
    leave(protected, path)
    return f"{count} commits"


def reader_stays(context):
    path = new_database(context)
    protected, first = protect(context, path)
    reader = hold_mark(path)
    before = history.counter(reader)
    figures(load(context, path, 60 if context.long else 4, 1, "--pause-us", 300))
    check(history.counter(reader) == before, "the reader's snapshot moved")
    grown = application.wal_index(path)
    reader.close()
    figures(load(context, path, 2, 1, "--pause-us", 300))
    shrunk = application.wal_index(path)
    check(shrunk["salt"] != grown["salt"], f"the WAL was not restarted after the reader left: {grown}, then {shrunk}")
    check(shrunk["frames"] < grown["frames"], f"the WAL still has {shrunk['frames']} frames; it had {grown['frames']}")
    until = time.monotonic() + 30
    while os.path.getsize(path + "-wal") > 0:
        check(time.monotonic() < until, "the WAL's file was not cut when nobody wrote")
        time.sleep(.05)
    count = both_are_right(context, path, first)
    leave(protected, path)
    return f"{count} commits, WAL {grown['frames']} frames with the reader, {shrunk['frames']} after it"


def large_transaction(context):
    path = new_database(context)
    protected = context.protect(path)  # with the WAL limit that people have: a small one hides what is buffered
    first = (protected.following["txid"], application.value(path, "SELECT n FROM litewright_test_counter"))
    connection = history.connect(path, cache_size=-4000)
    connection.execute("CREATE TABLE large(id INTEGER PRIMARY KEY, body BLOB)")
    first = (first[0] + 1, first[1])  # that commit did not raise the counter
    began = time.monotonic()
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(150):
        connection.execute("INSERT INTO large(body) VALUES(randomblob(1048576))")
    connection.execute("UPDATE litewright_test_counter SET n=n+1")
    connection.execute("COMMIT")
    wrote = time.monotonic() - began
    figures(load(context, path, 1))
    context.sync(path, "90s")
    size = os.path.getsize(path + "-wal")
    rss = max(peak_mib(pid) for pid in archiver_pids(protected, path))
    check(rss <= 64, f"protect's peak is {rss:.0f} MiB, not within 64")
    connection.close()
    count = both_are_right(context, path, first, points=1)
    leave(protected, path)
    return f"written in {wrote:.1f} s, WAL {size / 1e6:.0f} MB, protect's peak {rss:.0f} MiB, {count} commits after it"


def peak_mib(pid):
    """The most memory a process ever had resident."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def killed_in_transactions(context):
    path = new_database(context, 2)
    protected, first = protect(context, path)
    checkpoints = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=1)\nwhile True:\n" \
                  "  for m in ('PASSIVE','FULL','RESTART','TRUNCATE'):\n    c.execute('PRAGMA wal_checkpoint('+m+')').fetchall()"
    rounds = 80 if context.long else 16
    for _ in range(rounds):
        victims = [load(context, path, 60, w, "--body", 2000, "--rows", 20) for w in (1, 2)]
        victims.append(context.start([sys.executable, "-c", checkpoints, path], stderr=subprocess.DEVNULL))
        time.sleep(.05 + context.random.random() * .25)
        context.random.shuffle(victims)
        for victim in victims:
            victim.kill()
            victim.communicate()
    count = both_are_right(context, path, first, (1, 2))
    leave(protected, path)
    application.has_all_acknowledged(path, [ack(context, 1), ack(context, 2)])
    return f"{rounds} rounds, {count} acknowledged commits"


def torn_index_header(context):
    """As if a writer died between storing the two copies of the index header (FACTS 8)."""
    path = new_database(context)
    protected, first = protect(context, path)
    tear = "import os,sys\nf=os.open(sys.argv[1]+'-shm',os.O_RDWR)\nos.pwrite(f,os.urandom(8),16 if sys.argv[2]=='1' else 64)"
    count = 0
    for round_number in range(20 if context.long else 6):
        writer = load(context, path, 60)
        time.sleep(.1 + context.random.random() * .3)
        writer.send_signal(signal.SIGSTOP)
        time.sleep(.02)
        context.run([sys.executable, "-c", tear, path, str(round_number % 2)])
        time.sleep(.1)
        writer.kill()
        writer.communicate()
        time.sleep(context.random.random() * .2)
        began = time.monotonic()
        count = application.has_all_acknowledged(path, [ack(context, 1)])
        waited = time.monotonic() - began
        check(waited < LONGEST_STALL_SECONDS, f"round {round_number}: the application waited {waited:.1f} s until the index was mended")
        check(protected.running, f"protect ended: {protected.errors}")
    both_are_right(context, path, first)
    leave(protected, path)
    return f"{count} commits"


def checkpoint_times(context, path, mode, rounds):
    """The application's own checkpoint beside its writer: the writer's longest stall (median of the rounds) in ms, and how
    often the checkpoint was refused. A checkpoint that meets another one is refused at once (FACTS 11) and tried again."""
    stalls, refused = [], 0
    for _ in range(rounds):
        check(context.run([context.tool("commit_load"), path, 30, "--commits", 400, "--autocheckpoint", 0]).status == 0,
              "commit_load failed")
        writer = context.start([context.tool("commit_load"), path, 60, "--writer", 2, "--autocheckpoint", 0, "--pause-us", 1000],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(.15)
        connection = history.connect(path, busy_timeout=10000)
        end = time.monotonic() + 10
        while connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0] != 0:
            refused += 1
            check(time.monotonic() < end, f"the application's {mode} checkpoint was refused for 10 s, {refused} times")
            time.sleep(.005)
        connection.close()
        time.sleep(.05)
        writer.terminate()
        stalls.append(figures(writer)["max_us"] / 1000)
    return sorted(stalls)[rounds // 2], refused


def own_checkpoints(context):
    path = new_database(context, 2)
    rounds = 9 if context.long else 3
    modes = ("FULL", "RESTART", "TRUNCATE")
    keep = history.connect(path)  # an application's usual idle connection: the last close does not checkpoint
    keep.execute("PRAGMA schema_version").fetchall()
    alone = {mode: checkpoint_times(context, path, mode, rounds) for mode in modes}
    protected, _ = protect(context, path)
    beside = {mode: checkpoint_times(context, path, mode, rounds) for mode in modes}
    keep.close()
    leave(protected, path)
    text = "; ".join(f"{mode} {alone[mode][0]:.0f} ms alone (refused {alone[mode][1]}), {beside[mode][0]:.0f} ms protected "
                     f"(refused {beside[mode][1]})" for mode in modes)
    check(all(beside[mode][0] <= alone[mode][0] + 100 for mode in modes), f"the writer's longest stall, median of {rounds}: {text}")
    return text


def own_checkpoints_without_writers(context):
    """Each kind of checkpoint, by an application that is alone with its database, takes no more than 100 ms more."""
    path = new_database(context)

    def longest():
        connection = history.connect(path, busy_timeout=3000)
        times = {}
        for _ in range(10):
            for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE"):
                for _ in range(5):
                    connection.execute("UPDATE litewright_test_counter SET n=n+1")
                began = time.monotonic()
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
                times[mode] = max(times.get(mode, 0), (time.monotonic() - began) * 1000)
        connection.close()
        return times

    alone = longest()
    protected, first = protect(context, path)
    beside = longest()
    text = "; ".join(f"{mode} {alone[mode]:.0f} and {beside[mode]:.0f} ms" for mode in alone)
    check(all(beside[mode] <= alone[mode] + 100 for mode in alone), f"the longest of 10, alone and protected: {text}")
    application.archive_follows_counter(context, path, first)
    leave(protected, path)
    return text


TESTS = [
    Test("a checkpointer asleep for 30 ms across restarts harms nobody", slow_checkpointer(30), 12, 40),
    Test("a checkpointer asleep for 400 ms across restarts harms nobody", slow_checkpointer(400), 12, 40),
    Test("control: without the CKPT rule the sleeping checkpointer corrupts the database", slow_checkpointer_control, 40),
    Test("frames with zero salts are archived and survive that all leave", zero_salts, 25, 60),
    Test("control: such frames are lost when a holder of the database just dies", zero_salts_control, 20),
    Test("all read marks taken by others before it starts are no obstacle", all_marks_taken_before, 12),
    Test("all read marks taken by others while it runs are no obstacle", all_marks_taken_while_it_runs, 15),
    Test("a reader that stays lets the WAL grow and it is reset afterwards", reader_stays, 18, 80),
    Test("a transaction of 150 MB is archived within the memory bound", large_transaction, 25, alone=True),
    Test("writers and checkpointers killed in transactions lose nothing acknowledged", killed_in_transactions, 16, 60),
    Test("a torn index header is mended and nothing is missed", torn_index_header, 12, 30),
    Test("the application's own checkpoints cost at most 100 ms more", own_checkpoints, 25, 80, alone=True),
    Test("checkpoints of an application that is alone cost at most 100 ms more", own_checkpoints_without_writers, 8, alone=True),
]
