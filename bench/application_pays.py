#!/usr/bin/env python3
"""What an application pays for being followed: prints, judges nothing.

  application_pays.py BUILD_DIR [--seconds N] [--rounds N]

1. The median commit on a disk whose fsync takes 4 ms (tests/harness/fsync_delay.so preloaded into the writer and into
   `protect`), unprotected and protected, in turns (FACTS 30).
2. How often an application with busy_timeout=0 sees SQLITE_BUSY: one writer that nobody else disturbs (FACTS 31).
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build", type=pathlib.Path)
parser.add_argument("--seconds", type=float, default=6)
parser.add_argument("--rounds", type=int, default=3)
args = parser.parse_args()
HARNESS = args.build.resolve() / "harness"
SLOW_DISK = {"LD_PRELOAD": str(HARNESS / "fsync_delay.so"), "LITEWRIGHT_FSYNC_DELAY_MS": "4"}


def measure(followed, environment, *options):
    """One run on a fresh database: what commit_load prints."""
    with tempfile.TemporaryDirectory(prefix="litewright-pays-") as folder:
        database, environment = f"{folder}/app.db", os.environ | environment
        load = [str(HARNESS / "commit_load"), database]
        subprocess.run([*load, "0.2"], check=True, stdout=subprocess.DEVNULL)
        follower = None
        if followed:
            follower = subprocess.Popen([str(args.build.resolve() / "litewright"), "protect", database, "--json"], env=environment,
                                        stdout=subprocess.PIPE, text=True)
            for line in follower.stdout:
                if json.loads(line).get("event") == "following":
                    break
        try:
            return json.loads(subprocess.run([*load, str(args.seconds), *options], env=environment, check=True,
                                             capture_output=True, text=True).stdout)
        finally:
            if follower:
                follower.send_signal(signal.SIGTERM)
                follower.communicate(timeout=60)


def compare(title, environment, *options):
    rounds = [(measure(False, environment, *options), measure(True, environment, *options)) for _ in range(args.rounds)]
    print(title)
    for name, index in (("unprotected", 0), ("protected", 1)):
        runs = [pair[index] for pair in rounds]
        middle = {key: statistics.median(run[key] for run in runs) for key in ("commits", "busy", "p50_us", "p99_us", "max_us")}
        print(f"  {name:12} {middle['commits'] / args.seconds:7.0f} commits/s   median {middle['p50_us'] / 1000:6.3f} ms   "
              f"p99 {middle['p99_us'] / 1000:6.2f} ms   longest {middle['max_us'] / 1000:6.1f} ms   BUSY {middle['busy']:.0f}")


compare(f"fsync of 4 ms, synchronous=NORMAL, medians of {args.rounds} runs of {args.seconds:.0f} s", SLOW_DISK)
compare(f"busy_timeout=0, this disk, medians of {args.rounds} runs of {args.seconds:.0f} s", {}, "--busy-timeout", "0")
