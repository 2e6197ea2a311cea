#!/usr/bin/env python3
"""The most memory each command of Litewright takes on the 0.99 GB database: at most 64 MiB.

  rss.py [--quick] [--program build/litewright]     prints a table; exit 1 where a command took more

VmHWM of /proc is read every 2 ms until the process is gone (ru_maxrss would count what Python held before exec).
"""
import argparse, json, os, pathlib, signal, subprocess, sys, tempfile, time

import contenders, measure, run, table

LIMIT = 64 * measure.MIB
HERE = pathlib.Path(__file__).resolve().parent


def watch(process, until=None):
    """Peak bytes of a process, until it ends or `until()` is true."""
    peak = 0
    while process.poll() is None and not (until and until()):
        peak = max(peak, measure.peak_rss(process.pid) or 0)
        time.sleep(0.002)
    return peak


def peak_of(command, env):
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
    peak = watch(process)
    error = process.stderr.read()
    if process.returncode:
        raise RuntimeError("%s: status %d\n%s" % (" ".join(map(str, command)), process.returncode, error))
    return peak


def while_following(program, database, archive, env):
    """{command: peak}: `protect` through the first snapshot, ten seconds of load and its leaving; what asks it meanwhile."""
    process = subprocess.Popen([str(program), "protect", str(database), "--archive", str(archive), "--json"],
                               stdout=subprocess.PIPE, text=True, env=env)
    for line in process.stdout:
        if json.loads(line).get("event") == "following":
            break
    first = measure.peak_rss(process.pid)
    writer = subprocess.Popen([sys.executable, HERE / "write_load.py", database, "10"], stdout=subprocess.DEVNULL)
    load = max(first, watch(process, until=lambda: writer.poll() is not None))
    peaks = {"protect, first snapshot": first, "protect, full load": load,
             "sync": peak_of([program, "sync", database, "--archive", archive], env),
             "backup, followed": peak_of([program, "backup", database, "--archive", archive], env)}
    process.send_signal(signal.SIGTERM)
    peaks["protect, leaving"] = max(load, watch(process))
    if process.returncode:
        raise RuntimeError("protect ended with status %d" % process.returncode)
    return peaks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--program", type=pathlib.Path, default=contenders.ROOT / "build/litewright")
    chosen = parser.parse_args()
    source = run.shop_database(chosen.quick)
    with tempfile.TemporaryDirectory(dir=contenders.CACHE, prefix="rss-") as folder:
        folder = pathlib.Path(folder)
        env = dict(os.environ, LITEWRIGHT_STATE=str(folder / "state"))
        database, archive = measure.fresh_copy(source, folder / "app.db"), folder / "archive"
        peaks = while_following(chosen.program, database, archive, env)
        for name, arguments in (
                ("backup, by comparison", ["backup", database, "--archive", archive, "--name", "by-hand"]),
                ("backup, a first one", ["backup", database, "--archive", folder / "other"]),
                ("log", ["log", database, "--archive", archive, "--all", "--json"]),
                ("restore, newest", ["restore", database, "--archive", archive, "-o", folder / "newest.db"]),
                ("restore, a point", ["restore", database, "--archive", archive, "--point", "by-hand", "-o", folder / "point.db"]),
                ("restore --dry-run", ["restore", database, "--archive", archive, "--dry-run", "-o", folder / "dry.db"]),
                ("verify", ["verify", database, "--archive", archive]),
                ("stats", ["stats", database])):
            peaks[name] = peak_of([chosen.program, *arguments], env)
    for name, peak in peaks.items():
        print("%-24s %8s  %s" % (name, table.mib(peak), "" if peak <= LIMIT else "MORE THAN 64 MiB"))
    over = sum(peak > LIMIT for peak in peaks.values())
    print("%d passed, %d failed" % (len(peaks) - over, over))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
