#!/usr/bin/env python3
"""Runs the end-to-end tests: *_test.py of tests/e2e, tests/scenarios and tests/fault, each against the built program alone.

  run.py BUILD_DIR [--long] [--only NAME] [--seed N] [--jobs N]

Each test runs in a process group and a folder of its own; a failing test's folder is kept and named. --only takes a
part of a test's name. The seed is printed; given again it gives the same random choices. Tests wait more than they work,
so four of the short forms run at a time; those that measure the machine (`alone`) come after them, one by one.
The last line is 'N passed, N failed, N skipped'; the exit status is 1 when a test failed.
"""
import argparse
import concurrent.futures
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
import threading
import time
import traceback

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "harness"))
sys.dont_write_bytecode = True

from program import Context, Failed, Skip  # noqa: E402

TIMEOUT_FACTOR = 4  # a test is stopped after so many times its budget (the machine may be busy)
TIMEOUT_LEAST = 60  # seconds
SHORT_FORMS_AT_ONCE = 4
SKIPPED, PASSED = 77, 0


def modules(stem="*"):
    for folder in ("e2e", "scenarios", "fault"):
        for path in sorted((TESTS / folder).glob(f"{stem}_test.py")):
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            yield module


def tests_of(stem="*"):
    """Those of one file, by default of all: {"<file>: <name>": Test}."""
    return {f"{module.__name__[:-5]}: {test.name}": test for module in modules(stem) for test in module.TESTS}


def child(name, context):
    """The body of one test's process: its verdict is the exit status, its words are on stdout."""
    test = tests_of(name.partition(": ")[0])[name]
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


class Runner:
    """Runs tests in processes of their own, one a call; calls may come from several threads."""

    def __init__(self, args):
        self._args = args
        self._running = set()  # processes, each the leader of its test's group
        self.count = {"ok": 0, "FAIL": 0, "skip": 0}
        self._ends = threading.Lock()  # one test's lines stand together

    def run(self, name, test):
        folder = tempfile.mkdtemp(prefix="litewright-test-")
        os.chmod(folder, 0o755)
        budget = test.long_budget if self._args.long else test.budget
        began = time.monotonic()
        status, output = self._run_child(name, folder, max(TIMEOUT_LEAST, TIMEOUT_FACTOR * budget))
        seconds = time.monotonic() - began
        verdict = {PASSED: "ok", SKIPPED: "skip"}.get(status, "FAIL")
        lines = output.strip().splitlines()
        last = lines[-1] if lines and verdict != "FAIL" else ""
        with self._ends:
            self.count[verdict] += 1
            print(f"{verdict:4} {name}  {seconds:.1f} s of {budget} s{'  OVER BUDGET' if seconds > budget else ''}"
                  f"{'  ' + last if last else ''}")
            for line in (lines if verdict == "FAIL" else lines[:-1]):
                print(f"     {line}")
            if verdict == "FAIL":
                print(f"     its folder: {folder}   again: {sys.argv[0]} {self._args.build} --only '{name}' "
                      f"--seed {self._args.seed}{' --long' if self._args.long else ''}")
            sys.stdout.flush()
        if verdict != "FAIL":
            shutil.rmtree(folder, ignore_errors=True)

    def _run_child(self, name, folder, timeout):
        """Its status and what it printed."""
        command = [sys.executable, __file__, self._args.build, "--seed", str(self._args.seed), "--child", name, "--folder", folder]
        process = subprocess.Popen(command + (["--long"] if self._args.long else []), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self._running.add(process)
        try:
            output, _ = process.communicate(timeout=timeout)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGUSR1)  # it says where it stands
            time.sleep(.5)
            os.killpg(process.pid, signal.SIGKILL)  # our own test's group
            return 1, process.communicate()[0] + "\nstopped: it ran out of time"
        finally:
            self._running.discard(process)

    def end(self):
        """Ends the tests that run, and all that they started."""
        for process in list(self._running):
            os.killpg(process.pid, signal.SIGKILL)


def run_all(tests, runner, jobs):
    """Those that may have company first, `jobs` at a time, then each of the others alone."""
    for alone, at_once in ((False, jobs), (True, 1)):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            try:
                for done in [pool.submit(runner.run, name, test) for name, test in tests.items() if test.alone == alone]:
                    done.result()
            except BaseException:  # Ctrl-C too
                pool.shutdown(wait=False, cancel_futures=True)
                runner.end()
                raise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--long", action="store_true", help="the long forms")
    parser.add_argument("--only", default="", help="tests whose name contains this")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 31))
    parser.add_argument("--jobs", type=int, help=f"tests at a time (default {SHORT_FORMS_AT_ONCE}; 1 with --long)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    # Ignored where a shell started us in the background; our children must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if args.child:
        return child(args.child, Context(args.build, args.folder, args.seed, args.long))

    tests = {name: test for name, test in tests_of().items() if args.only in name}
    if not tests:
        sys.exit(f"run.py: no test's name contains '{args.only}'")
    print(f"seed {args.seed}", flush=True)
    began = time.monotonic()
    runner = Runner(args)
    run_all(tests, runner, args.jobs or (1 if args.long else SHORT_FORMS_AT_ONCE))
    count = runner.count
    print(f"{time.monotonic() - began:.0f} s in all")
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
