"""Our own processes stopped, killed or told to leave: the application goes on, and nothing is lost or wrong."""
import os
import signal
import time

import application_database as application
from followed_load import LONGEST_STALL_SECONDS, WAL_LIMIT, ack, archiver_pids, figures, leave, load, new_database, protect, signal_all
from program import Test, check


def stopped_at_random(context):
    path = new_database(context, 2)
    protected, first = protect(context, path)
    seconds = 40 if context.long else 9
    loads = [load(context, path, seconds, w, "--pause-us", 100) for w in (1, 2)]
    longest = 10 if context.long else 3
    stops = 0
    end = time.monotonic() + seconds - longest - 1
    while time.monotonic() < end:
        time.sleep(context.random.random() * .08)
        pids = archiver_pids(protected, path)
        signal_all(pids, signal.SIGSTOP)
        time.sleep(.02 + context.random.random() * .06)
        signal_all(pids, signal.SIGCONT)
        stops += 1
    pids = archiver_pids(protected, path)
    signal_all(pids, signal.SIGSTOP)
    time.sleep(longest)
    signal_all(pids, signal.SIGCONT)
    results = [figures(process) for process in loads]
    stall = max(result["max_us"] for result in results) / 1e6
    check(stall < LONGEST_STALL_SECONDS, f"a writer stood still for {stall:.1f} s")
    count = application.has_all_acknowledged(path, [ack(context, 1), ack(context, 2)])
    application.is_sound(path)
    context.sync(path)
    # The watchdog may have ended the archiver in the gate: then a gap is allowed, a wrong archive is not.
    if any(commit["reconciled"] for commit in context.log(path) if commit["txid"] > first[0]):
        application.newest_equals(context, path)
        context.verify_is_clean(path)
    else:
        application.archive_follows_counter(context, path, first)
    leave(protected, path)
    return f"{count} commits, {stops} short stops and one of {longest} s, longest stall {stall * 1000:.0f} ms"


def stopped_in_the_gate(context):
    path = new_database(context)
    protected, first = protect(context, path)
    seconds = 120
    writer = load(context, path, seconds)
    stalls, tries = [], 0
    wanted = 5 if context.long else 2
    end = time.monotonic() + (60 if context.long else 15)
    while len(stalls) < wanted and time.monotonic() < end:
        pids = archiver_pids(protected, path)
        if not pids & application.lock_holders(path, application.WRITE, application.WRITE):
            continue
        tries += 1
        signal_all(pids, signal.SIGSTOP)
        if not pids & application.lock_holders(path, application.WRITE, application.WRITE):
            signal_all(pids, signal.SIGCONT)
            continue
        began = time.monotonic()
        time.sleep(.1)  # for the acknowledgement of a commit from before the gate
        acks = os.path.getsize(ack(context, 1))
        while os.path.getsize(ack(context, 1)) == acks and time.monotonic() - began < 10:
            time.sleep(.005)
        stalls.append(time.monotonic() - began)
        signal_all(pids, signal.SIGCONT)
        time.sleep(1.5)  # for it to follow again
    writer.terminate()
    figures(writer)
    check(stalls, f"no stop hit the gate in {tries} tries")
    check(max(stalls) < LONGEST_STALL_SECONDS, f"stopped in the gate, the writer stood still for {max(stalls):.1f} s")
    application.is_sound(path)
    application.has_all_acknowledged(path, [ack(context, 1)])
    context.sync(path)
    application.newest_equals(context, path)
    context.verify_is_clean(path)
    txids = [commit["txid"] for commit in context.log(path)]
    check(txids == list(range(txids[0], txids[-1] + 1)), "txids are not dense")
    leave(protected, path)
    return f"{len(stalls)} stops in the gate, the writer stood still for at most {max(stalls):.2f} s"


def killed_and_started_again(context):
    """Continuity is proven or the difference becomes one commit; nothing is lost and nothing is wrong (FACTS 33)."""
    path = new_database(context)
    protected, _ = protect(context, path)
    writer = load(context, path, 120, 1, "--pause-us", 300)
    gaps = 0
    for _ in range(10 if context.long else 4):
        time.sleep(.2 + context.random.random() * .5)
        pids = archiver_pids(protected, path)
        protected.kill()
        signal_all(pids, signal.SIGKILL)
        time.sleep(context.random.random() * .2)
        protected = context.protect(path, "--wal-limit", WAL_LIMIT)
    writer.terminate()
    figures(writer)
    application.is_sound(path)
    count = application.has_all_acknowledged(path, [ack(context, 1)])
    context.sync(path)
    commits = context.log(path)
    txids = [commit["txid"] for commit in commits]
    check(txids == list(range(txids[0], txids[-1] + 1)), "txids are not dense")
    gaps = sum(bool(commit["reconciled"]) for commit in commits[1:])
    counters = []
    for txid in sorted(context.random.sample(txids, min(8, len(txids)))):
        out = context.restore(path, context.path(f"{txid}.db"), "--tx", txid)
        application.is_sound(out)
        counters.append(application.value(out, "SELECT n FROM litewright_test_counter"))
    check(counters == sorted(counters), f"counters run backwards: {counters}")
    application.newest_equals(context, path)
    context.verify_is_clean(path)
    leave(protected, path)
    return f"{count} commits, {gaps} gaps reconciled"


def stopped_in_the_gate_without_a_watchdog(context):
    """The watchdog is killed (out of memory, a careless kill -9) while the archiver stands still in the gate."""
    path = new_database(context)
    protected, _ = protect(context, path)
    writer = load(context, path, 120)
    held, end = set(), time.monotonic() + 15
    while not held and time.monotonic() < end:
        pids = archiver_pids(protected, path)
        if not pids & application.lock_holders(path, application.WRITE, application.WRITE):
            continue
        signal_all(pids, signal.SIGSTOP)
        held = pids & application.lock_holders(path, application.WRITE, application.WRITE)
        if not held:
            signal_all(pids, signal.SIGCONT)
    check(held, "no stop hit the gate")
    began = time.monotonic()
    protected.process.kill()
    time.sleep(.1)  # for the acknowledgement of a commit from before the gate
    acks = os.path.getsize(ack(context, 1))
    while os.path.getsize(ack(context, 1)) == acks and time.monotonic() - began < 20:
        time.sleep(.005)
    stall = time.monotonic() - began
    protected.kill()
    check(stall < LONGEST_STALL_SECONDS, f"the writer stood still for {stall:.1f} s")
    again = context.protect(path, "--wal-limit", WAL_LIMIT)
    writer.terminate()
    figures(writer)
    application.is_sound(path)
    application.has_all_acknowledged(path, [ack(context, 1)])
    context.sync(path)
    application.newest_equals(context, path)
    leave(again, path)
    return f"the writer stood still for {stall:.2f} s"


def second_signal(context):
    """The store is away and there is no spool, so leaving would wait: a second signal leaves at once, the database properly
    closed."""
    path = new_database(context)
    protected = context.protect(path, "--spool", "0")
    archive, away = path + "-archive", context.path("away")
    os.rename(archive, away)
    figures(load(context, path, .3))
    before = application.content(path)
    protected.process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    waited = protected.running  # between two sessions, until the store is back, it leaves at the first signal
    began = time.monotonic()
    protected.stop(signal.SIGTERM, status=None, timeout=10)
    seconds = time.monotonic() - began
    check(not os.path.exists(path + "-wal"), "its connections were not closed properly: the -wal is still there")
    check(application.content(path) == before, "the database's content changed")
    if os.path.exists(archive):  # whatever it made there meanwhile
        os.rename(archive, context.path("strange"))
    os.rename(away, archive)
    again = context.protect(path)
    application.newest_equals(context, path)
    context.verify_is_clean(path)
    leave(again, path)
    return f"left {seconds:.1f} s after the second signal" if waited else "left at the first signal"


TESTS = [
    Test("stopped at random moments it stops no writer for long", stopped_at_random, 16, 60),
    Test("stopped in the gate it is ended and the writers go on", stopped_in_the_gate, 25, 80),
    Test("stopped in the gate it is ended even when its watchdog is killed", stopped_in_the_gate_without_a_watchdog, 20),
    Test("a second signal leaves at once and properly", second_signal, 8),
    Test("killed and started again it loses nothing", killed_and_started_again, 15, 40),
]
