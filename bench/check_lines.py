"""The lines of what `check` does: the same questions put to PRAGMA, warm for both; and what a writer notices of it."""
import contextlib, os, subprocess, sys, threading

import load_session, measure, table

PEER = ["PRAGMA mmap_size=4000000000", "PRAGMA cache_size=-400000"]  # its best settings


def peak_of(command):
    """The most memory that a command held, in bytes."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_maxrss * 1024


def asked_of(bench, copy, name, pragma):
    """A check of ours beside a pragma, in turn; the peak of our memory."""
    actions, peak = {pragma: lambda: measure.timed(lambda: measure.run("sqlite3", copy, *PEER, pragma))}, None
    if bench.ours:
        command = [bench.ours.program, "check", copy, "--only", name]
        actions["litewright"] = lambda: measure.timed(lambda: measure.run(*command))
        peak = peak_of(command)
    figures = bench.in_turn(actions)
    return figures.pop("litewright", None), figures, peak


def check(bench):
    """Integrity with indexes, and foreign keys."""
    copy, rows = measure.fresh_copy(bench.source, bench.scratch / "checked.db"), []
    for title, name, pragma, limit in (("integrity + indexes", "integrity", "PRAGMA integrity_check", 1.0),
                                       ("foreign keys", "foreign-keys", "PRAGMA foreign_key_check", 0.8)):
        ours, peers, peak = asked_of(bench, copy, name, pragma)
        rows.append(table.Row(title, ours, table.seconds, peers, pragma, "<= %g s" % limit, None if ours is None else ours <= limit))
        if peak:
            rows.append(table.Row("- its memory, peak", peak, table.mib, {}, None, "<= 256 MiB", peak <= 256 * measure.MIB))
    copy.unlink()
    return rows


@contextlib.contextmanager
def over_and_over(command):
    """Runs a command again and again beside what is within."""
    stop = threading.Event()

    def loop():
        while not stop.is_set():
            subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def background(bench):
    """A writer at full rate, alone and beside check --background, in turn on fresh copies."""
    if not bench.ours:
        return []
    rates = {"alone": [], "beside": []}
    for _ in range(bench.repeats):
        for kind, found in rates.items():
            print("  writer %s check --background" % ("without" if kind == "alone" else "beside"), flush=True)
            database = measure.fresh_copy(bench.source, bench.scratch / "written.db")
            command = [bench.ours.program, "check", database, "--background", "--only", "integrity,foreign-keys"]
            with over_and_over(command) if kind == "beside" else contextlib.nullcontext():
                said = measure.run(sys.executable, load_session.HERE / "write_load.py", database, str(bench.seconds))
            found.append(float(load_session.RESULT.search(said).group(1)))
    alone, beside = (measure.middle(rates[kind]) for kind in ("alone", "beside"))
    return [table.Row("writer beside check --background", beside, table.rate, {"alone": alone}, "alone", ">= 0.9 x alone",
                      beside >= 0.9 * alone)]


LINES = {"check": check, "background": background}
