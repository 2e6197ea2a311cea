#!/usr/bin/env python3
"""How an archive's commands scale with its commits: time and memory at one million and at ten million.

  many_commits.py [--program build/litewright] [--generator build/release/harness/many_commits] [--folder DIR]
                  [--sizes 1000000,10000000] [--small-segments 10000] [--all]

The archives are written by tests/harness/many_commits.cc: merged segments of 131,072 commits, 200 small ones at the end, a
snapshot every 1,048,576 commits. --small-segments adds one of a million commits in so many segments that nobody merged.
--all also runs `log --all --json`, which prints every commit. Figures count on an idle machine; each command runs twice, the
second time counts.
"""
import argparse, os, pathlib, shutil, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build"


def measured(command, environment):
    """Seconds and peak memory in MiB; what it prints is thrown away."""
    answer = subprocess.run(["/usr/bin/time", "-f", "%e %M", *command], env=environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)
    if answer.returncode != 0:
        sys.exit("%s: %s" % (" ".join(command), answer.stderr))
    seconds, kilobytes = answer.stderr.split("\n")[-2].split()
    return float(seconds), int(kilobytes) / 1024


def commands(program, archive, commits, out, every):
    middle = commits // 2 + 777
    common = ["many.db", "--archive", archive]
    yield "log", [program, "log", *common]
    if every:
        yield "log --all --json", [program, "log", *common, "--all", "--json"]
    yield "restore, newest", [program, "restore", *common, "-o", out]
    yield "restore --tx", [program, "restore", *common, "--tx", str(middle), "-o", out]
    yield "restore --at", [program, "restore", *common, "--at", "2023-11-20T14:03:05Z", "-o", out]
    yield "verify --read-data-subset 1/10", [program, "verify", *common, "--restart", "--read-data-subset", "1/10"]
    yield "verify", [program, "verify", *common, "--restart"]
    yield "verify --proven-within 7d", [program, "verify", *common, "--proven-within", "7d"]  # after the one before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(BUILD / "litewright"))
    parser.add_argument("--generator", default=str(BUILD / "release" / "harness" / "many_commits"))
    parser.add_argument("--folder", help="where the archives are written (default: a temporary folder)")
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--small-segments", type=int, default=10000)
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="many-commits-") as folder:
        environment = dict(os.environ, XDG_STATE_HOME=os.path.join(folder, "state"))
        shapes = [(int(size), []) for size in args.sizes.split(",")]
        if args.small_segments:
            shapes.append((1_000_000, ["--merged", str(1_000_000 // args.small_segments), "--small", "0"]))
        out = os.path.join(folder, "out.db")
        print("%-32s %12s %9s %9s" % ("", "commits", "seconds", "MiB"))
        for commits, more in shapes:
            archive = os.path.join(folder, "archive")
            seconds, _ = measured([args.generator, archive, str(commits), *more], environment)
            segments = len(os.listdir(os.path.join(archive, "segments")))
            size = sum(entry.stat().st_size for entry in os.scandir(os.path.join(archive, "segments")))
            print("-- %d commits, %d segments, %.0f MB, written in %.1f s" % (commits, segments, size / 1e6, seconds))
            for name, command in commands(args.program, archive, commits, out, args.all):
                for _ in range(2):
                    if os.path.exists(out):
                        os.unlink(out)
                    seconds, memory = measured(command, environment)
                print("%-32s %12d %9.2f %9.1f" % (name, commits, seconds, memory), flush=True)
            shutil.rmtree(archive)


if __name__ == "__main__":
    main()
