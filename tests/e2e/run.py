#!/usr/bin/env python3
"""Runs the end-to-end tests: *_test.py of tests/e2e, tests/scenarios and tests/fault, each against the built program alone.

  run.py BUILD_DIR [--long] [--only NAME] [--seed N]

Each test runs in a process group and a folder of its own; a failing test's folder is kept and named. --only takes a
part of a test's name. The seed is printed; given again it gives the same random choices.
The last line is 'N passed, N failed, N skipped'; the exit status is 1 when a test failed.
"""
import argparse
import faulthandler
import importlib.util
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "harness"))
sys.dont_write_bytecode = True

from program import Context, Failed, Skip  # noqa: E402

TIMEOUT_FACTOR = 4  # a test is stopped after so many times its budget (the machine may be busy)
TIMEOUT_LEAST = 60  # seconds
SKIPPED, PASSED = 77, 0


def modules():
    for folder in ("e2e", "scenarios", "fault"):
        for path in sorted((TESTS / folder).glob("*_test.py")):
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            yield module


def all_tests():
    return {f"{module.__name__[:-5]}: {test.name}": test for module in modules() for test in module.TESTS}


def child(name, context):
    """The body of one test's process: its verdict is the exit status, its words are on stdout."""
    test = all_tests()[name]
    faulthandler.register(signal.SIGUSR1, file=sys.stdout)
    try:
        note = test.run(context)
    except Skip as skip:
        print(f"skipped: {skip}")
        return SKIPPED
    except Failed as failed:
        where = traceback.extract_tb(failed.__traceback__)
        line = next((f for f in reversed(where) if f.filename.endswith("_test.py")), where[-1])
        print(f"{os.path.basename(line.filename)}:{line.lineno}: {failed}")
        return 1
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        context.end_processes()
    print(note or "")
    return PASSED


def run_one(name, test, args, folder):
    budget = test.long_budget if args.long else test.budget
    command = [sys.executable, __file__, args.build, "--seed", str(args.seed), "--child", name, "--folder", folder]
    began = time.monotonic()
    process = subprocess.Popen(command + (["--long"] if args.long else []), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=max(TIMEOUT_LEAST, TIMEOUT_FACTOR * budget))
        status = process.returncode
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGUSR1)  # it says where it stands
        time.sleep(.5)
        os.killpg(process.pid, signal.SIGKILL)  # our own test's group
        output, _ = process.communicate()
        output += "\nstopped: it ran out of time"
        status = 1
    seconds = time.monotonic() - began
    over = "  OVER BUDGET" if seconds > budget else ""
    verdict = {PASSED: "ok", SKIPPED: "skip"}.get(status, "FAIL")
    lines = output.strip().splitlines()
    last = lines[-1] if lines and verdict != "FAIL" else ""
    print(f"{verdict:4} {name}  {seconds:.1f} s of {budget} s{over}{'  ' + last if last else ''}", flush=True)
    for line in (lines if verdict == "FAIL" else lines[:-1]):
        print(f"     {line}")
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true", help="the long forms")
    parser.add_argument("--only", default="", help="tests whose name contains this")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 31))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    # Ignored where a shell started us in the background; our children must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if args.child:
        return child(args.child, Context(args.build, args.folder, args.seed, args.long))

    tests = {name: test for name, test in all_tests().items() if args.only in name}
    if not tests:
        sys.exit(f"run.py: no test's name contains '{args.only}'")
    print(f"seed {args.seed}", flush=True)
    began = time.monotonic()
    count = {"ok": 0, "FAIL": 0, "skip": 0}
    for name, test in tests.items():
        folder = tempfile.mkdtemp(prefix="litewright-test-")
        os.chmod(folder, 0o755)
        verdict = run_one(name, test, args, folder)
        count[verdict] += 1
        if verdict == "FAIL":
            print(f"     its folder: {folder}   again: {' '.join(sys.argv[:1])} {args.build} --only '{name}' "
                  f"--seed {args.seed}{' --long' if args.long else ''}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s in all")
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
