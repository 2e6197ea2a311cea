"""The lines of what `check` does: the same questions put to PRAGMA. A copy of the database is asked, warm for both."""
import os, subprocess

import measure, table

PEER = ["PRAGMA mmap_size=4000000000", "PRAGMA cache_size=-400000"]  # its best settings


def peak_of(command):
    """The most memory that a command held, in bytes."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_maxrss * 1024


def foreign_keys(bench):
    """`maintain orphans` on a database that has none is the check alone."""
    copy = bench.scratch / "keys.db"
    measure.run("cp", "--reflink=auto", bench.source, copy)
    actions = {"PRAGMA foreign_key_check": lambda: measure.timed(
        lambda: measure.run("sqlite3", copy, *PEER, "PRAGMA foreign_key_check"))}
    ours, peak = None, None
    if bench.ours:
        command = [bench.ours.program, "maintain", copy, "orphans"]
        measure.run(*command)
        actions["litewright"] = lambda: measure.timed(lambda: measure.run(*command))
        peak = peak_of(command)
    figures = bench.in_turn(actions)
    ours = figures.pop("litewright", None)
    copy.unlink()
    rows = [table.Row("foreign keys", ours, table.seconds, figures, "PRAGMA foreign_key_check", "<= 0.8 s",
                      None if ours is None else ours <= 0.8)]
    if peak:
        rows.append(table.Row("- its memory, peak", peak, table.mib, {}, None, "<= 256 MiB", peak <= 256 * measure.MIB))
    return rows


LINES = {"foreign_keys": foreign_keys}
