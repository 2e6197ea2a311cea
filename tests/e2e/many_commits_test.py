"""Archives with very many commits and segments: what is printed, the memory, the descriptors. bench/many_commits.py has the times."""
import os
import subprocess

from program import Test, check

FEW_DESCRIPTORS = 256
MOST_MEMORY = 64 << 20


def peak_memory(context, *words):
    """Runs a command to its end, with few descriptors as a shell gives them, and gives its peak memory in bytes and its lines."""
    out = context.path("answer")
    with open(out, "wb") as file:
        process = subprocess.Popen(["sh", "-c", f"ulimit -Sn {FEW_DESCRIPTORS}; exec \"$@\"", "sh", context.litewright, *map(str, words)],
                                   stdout=file, stderr=subprocess.STDOUT, env=context.environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    with open(out) as file:
        lines = file.read(1 << 16).split("\n")  # more would count as the next command's: it is forked from here
    check(process.returncode == 0, f"{words}: exit {process.returncode}: {lines[-3:]}")
    return usage.ru_maxrss * 1024, lines


def stays_within_bounds(context):
    archive = context.path("archive")
    commits, segment = (10_000_000, 131_072) if context.long else (160_000, 131_072)
    context.run([context.tool("many_commits"), archive, commits, "--merged", segment], timeout=300)
    figures = []
    for words in (["log"], ["log", "--all", "--json"], ["restore", "-o", context.path("out.db")],
                  ["restore", "--tx", commits // 2, "-o", context.path("middle.db")], ["verify"]):
        memory, lines = peak_memory(context, words[0], "many.db", "--archive", archive, *words[1:])
        check(memory <= MOST_MEMORY, f"{words}: {memory >> 20} MiB")
        check(words != ["log"] or len(lines) < 40, f"log prints {len(lines)} lines")
        figures.append(f"{words[0]} {memory >> 20} MiB")
    return ", ".join(figures)


def opens_what_it_needs(context):
    """More segments than the shell allows descriptors, and nobody merged them."""
    archive = context.path("archive")
    context.run([context.tool("many_commits"), archive, 30_000, "--merged", 50, "--small", 0, "--pages", 100, "--snapshot-every", 1_000_000],
                timeout=120)
    check(len(os.listdir(archive + "/segments")) > 2 * FEW_DESCRIPTORS, "too few segments to show anything")
    peak_memory(context, "restore", "many.db", "--archive", archive, "-o", context.path("out.db"))
    check(os.path.getsize(context.path("out.db")) == 100 * 4096, "not the whole database")
    peak_memory(context, "verify", "many.db", "--archive", archive)


TESTS = [Test("hundreds of thousands of commits stay within 64 MiB, and log prints a page of them", stays_within_bounds, 15, 600),
         Test("a restore may need more segments than a shell allows descriptors", opens_what_it_needs, 15)]
