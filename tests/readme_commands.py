#!/usr/bin/env python3
"""Runs the commands of a document and holds what they print against what the document shows.

  readme_commands.py FILE [--litewright build/release/litewright]

Executed are the fenced blocks whose info line ends in "run":
  ```sh run        every line is a command, run at the root of the repository; it must succeed
  ```console run   lines that begin with "$ " are commands, run one after the other in one shell, in one scratch folder
                   for the whole document; the lines below each are its output

The scratch folder's path reads /data in the document. Outputs are compared by shape: a number stands for
any number, a hexadecimal name for any other, spaces for any spaces; a line "…" stands for any lines. A line that ends in " &" goes on in the background until the end.
"""
import argparse, os, pathlib, re, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIME_LIMIT = 240  # seconds for one block of sh, or for all of console
FENCE = re.compile(r"^```(sh|console) run\n(.*?)^```", re.M | re.S)
MARK = "\x1e"  # printed by the shell between outputs


def shape(line):
    line = re.sub(r"\b([0-9a-f]{8}|[0-9a-f]{16,})\b", "HEX", line.strip())
    line = re.sub(r"\d+([.,:]\d+)*", "0", line)
    line = re.sub(r"\b0 (B|KB|MB|GB|KiB|MiB|GiB)\b", "0 SIZE", line)
    line = re.sub(r"\b0 ?(ns|us|µs|ms|s|min|h)\b", "0 TIME", line)
    return re.sub(r"\s+", " ", line)


def matches(shown, printed):
    """Whether `printed` has the shape of `shown`, where "…" stands for any lines."""
    if not shown:
        return not printed
    if shown[0] == "…":
        return any(matches(shown[1:], printed[i:]) for i in range(len(printed) + 1))
    return bool(printed) and shape(shown[0]) == shape(printed[0]) and matches(shown[1:], printed[1:])


def commands_of(block):
    """[(command, lines shown below it)] of a console block; a command may go on after a backslash."""
    found = []
    for line in block.splitlines():
        if found and found[-1][0].endswith("\\"):
            found[-1][0] += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            found.append([line[2:], []])
        elif line.strip():
            found[-1][1].append(line)
    return found


def run_shell(text, folder, path):
    env = dict(os.environ, PATH="%s:%s" % (path, os.environ["PATH"]), LITEWRIGHT_STATE=str(folder) + "/.state", TZ="UTC")
    return subprocess.run(["bash", "-c", text], cwd=folder, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIME_LIMIT)


def run_console(commands, folder, path):
    """The failures of the console commands, all in one shell."""
    script = ["trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for command, _ in commands:
        quiet = " >/dev/null 2>&1 &" if command.endswith(" &") else ""
        script += [command.removesuffix(" &") + quiet, 'printf "%s%%d\\n" $?' % MARK]
    printed = run_shell("\n".join(script), folder, path).stdout.replace(os.path.realpath(folder), "/data")
    outputs = re.split(MARK + r"(\d+)\n", printed)
    failures = []
    for (command, shown), printed, status in zip(commands, outputs[0::2], outputs[1::2]):
        printed = [line for line in printed.splitlines() if line.strip()]
        if status != "0":
            failures.append("$ %s\nexit status %s\n%s" % (command, status, "\n".join(printed)))
        elif not matches(shown, printed):
            failures.append("$ %s\nshown:\n  %s\nprinted:\n  %s" % (command, "\n  ".join(shown), "\n  ".join(printed)))
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--litewright", type=pathlib.Path, default=ROOT / "build/release/litewright")
    chosen = parser.parse_args()
    count, failures, console = 0, [], []
    with tempfile.TemporaryDirectory(prefix="readme-") as scratch:
        for name in ("bin", "work"):
            (pathlib.Path(scratch) / name).mkdir()
        path = pathlib.Path(scratch) / "bin"
        (path / "litewright").symlink_to(chosen.litewright.resolve())
        for script in ("make_shop_db.sh", "write_load.py"):
            shutil.copy(ROOT / "bench" / script, path)
        for language, block in FENCE.findall(chosen.file.read_text()):
            if language == "console":
                console += commands_of(block)
                continue
            count += 1
            done = run_shell("set -e\n" + block, ROOT, path)
            if done.returncode:
                failures.append("%sexit status %d\n%s" % (block, done.returncode, done.stdout[-3000:]))
        if console:
            count += len(console)
            failures += run_console(console, str(pathlib.Path(scratch) / "work"), path)
    for failure in failures:
        print(failure)
    print("%d passed, %d failed" % (count - len(failures), len(failures)))
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
