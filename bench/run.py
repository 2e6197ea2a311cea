#!/usr/bin/env python3
"""Measures Litewright beside what people use now, in one run; prints the lines of DESIGN.md's performance table.

  run.py [--only writer,bytes,archived,first,plain,next,restore,check,background] [--quick] [--repeats N] [--seconds S]
         [--write docs/performance.md] [--peers]

--quick takes a small database and short loads: shows that everything works, its figures mean little.
--peers measures the others alone. README.md beside this file says how to read the table.
"""
import argparse, datetime, os, pathlib, re, sqlite3, sys, tempfile, time

import contenders, lines, measure, table

HERE = pathlib.Path(__file__).resolve().parent
BUSY = 0.8  # a load average from which on the figures are not to be quoted
ORDERS = {False: 6_000_000, True: 300_000}


def shop_database(quick):
    """The database that every copy is made from; made once, kept in .cache/."""
    path = contenders.CACHE / ("shop-quick.db" if quick else "shop.db")
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        print("making %s with %d orders (once)" % (path.name, ORDERS[quick]), flush=True)
        unfinished = path.with_suffix(".unfinished")
        measure.run(HERE / "make_shop_db.sh", unfinished, ORDERS[quick])
        unfinished.rename(path)
    return path


def machine(folder):
    """What the figures were measured on; no names of machines."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / (1 << 20)
    return ["%d cores, %s, %.0f GiB of memory, Linux %s" % (os.cpu_count(), cpu.group(1) if cpu else "CPU unknown", memory,
                                                            os.uname().release),
            "file system: %s" % measure.run("findmnt", "-n", "-o", "FSTYPE", "-T", folder).strip(),
            "SQLite %s (the writer's, Python's), %s (the shell's)" % (
                sqlite3.sqlite_version, measure.run("sqlite3", "--version").split()[0])]


def write_document(path, rows, facts):
    text = """# Performance

Measured by `make bench`; written by `bench/run.py --write`, not by hand. [bench/README.md](../bench/README.md) says
what each line does and how to read it. Ratios count, not absolute seconds: all sides ran in turn in one run.
How an archive's size develops over a year, beside a gzip a day: [retention-year.md](retention-year.md).

%s

%s
""" % ("\n".join("- " + fact for fact in facts), table.as_markdown(rows))
    path = pathlib.Path(path)
    # What other programs measured comes after it, each under a heading of its own.
    _, heading, others = path.read_text().partition("\n## ") if path.exists() else ("", "", "")
    path.write_text(text + heading + others)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="lines, comma-separated: " + ", ".join(lines.LINES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seconds", type=float, help="how long a load lasts")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--program", default=contenders.ROOT / "build/litewright")
    parser.add_argument("--no-litestream", action="store_true")
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",") if chosen.only else list(lines.LINES)
    unknown = [name for name in chosen.only if name not in lines.LINES]
    if unknown:
        parser.error("no line %s; there are: %s" % (", ".join(unknown), ", ".join(lines.LINES)))
    if not chosen.peers and not pathlib.Path(chosen.program).exists():
        parser.error("no program at build/litewright: run make build, or measure the others alone with --peers")
    return chosen


def main():
    chosen = options()
    repeats = chosen.repeats or (1 if chosen.quick else 3)
    seconds = chosen.seconds or (2 if chosen.quick else 10)
    source = shop_database(chosen.quick)
    load, _, _ = os.getloadavg()
    litestreams, absent = ([], ["Litestream left out"]) if chosen.no_litestream else contenders.litestreams()
    began, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(dir=contenders.CACHE, prefix="bench-") as folder:
        bench = lines.Bench(source, pathlib.Path(folder), None if chosen.peers else chosen.program, litestreams, repeats, seconds)
        for name in chosen.only:
            print("%s:" % name, flush=True)
            rows += lines.LINES[name](bench)
        facts = [datetime.date.today().isoformat(),
                 *machine(folder),
                 "database %s; %d rounds, medians; loads of %g s" % (table.size(measure.size_of(source)), repeats, seconds),
                 "load average before it began: %.1f%s" % (load, "" if load < BUSY else
                     ", so others were at work: ratios are rough, absolute figures worth nothing"),
                 *absent]
    print("\n%s\n\n%s\n%.0f s in all" % (table.as_text(rows), "\n".join(facts), time.monotonic() - began))
    if chosen.write:
        write_document(chosen.write, rows, facts)
    missed = [row.work for row in rows if row.met is False]
    if missed:
        print("missed: " + "; ".join(missed))
    return 1 if missed and not chosen.quick else 0


if __name__ == "__main__":
    sys.exit(main())
