#!/usr/bin/env python3
"""A year of an archive under the default rules, day by day with a moved clock; its size beside "daily gzip, 30 days".

  retention_year.py BUILD_DIR [--days 365] [--write docs/retention-year.md]

The year is made by archive_tests (src/archive/retention_year_test.cc), which also holds the points kept against the rules and
restores a tenth of the commits. Here its table is drawn."""
import argparse
import os
import pathlib
import re
import subprocess
import sys

ROW = re.compile(r"^ *(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$")
BAR = 60  # characters of the largest size


def size(count):
    return f"{count / 1e6:.1f} MB"


def drawn(rows, restored):
    most = max(max(row[5], row[6]) for row in rows)
    lines = ["# A year of an archive", "",
             "`bench/retention_year.py BUILD` writes this page. A table grows by a row a minute in eight busy hours a day, an older page",
             "changes with each; at the end of each day the default rules are applied (every commit for 24 hours, one a minute for 7 days,",
             "one an hour for 30 days, one a day for a year). Beside it what the runbook did: a gzip a day, the last 30 kept.", "",
             f"In the end every point that the rules name is there and no other; of a tenth of all commits: {restored}.", "",
             "| day | commits made | points kept | objects | database | archive | 30 gzips |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {r[0]} | {r[1]:,} | {r[2]:,} | {r[3]} | {size(r[4])} | {size(r[5])} | {size(r[6])} |" for r in rows]
    lines += ["", "```"]
    for row in rows:
        for name, value in (("archive", row[5]), ("30 gzips", row[6])):
            lines.append(f"day {row[0]:>3} {name:<8} {'#' * max(1, round(BAR * value / most))} {size(value)}")
    return "\n".join(lines + ["```", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--write")
    args = parser.parse_args()
    program = next(pathlib.Path(args.build).rglob("archive_tests"))
    answer = subprocess.run([program, "--gtest_filter=RetentionYear.*"], env=os.environ | {"LITEWRIGHT_YEAR_DAYS": str(args.days)},
                            capture_output=True, text=True)
    rows = [tuple(map(int, match.groups())) for match in map(ROW.match, answer.stdout.splitlines()) if match]
    restored = next((line for line in answer.stdout.splitlines() if line.startswith("restored")), "")
    if answer.returncode != 0 or not rows:
        sys.exit(answer.stdout[-3000:] + answer.stderr[-1000:])
    page = drawn(rows, restored)
    if args.write:
        pathlib.Path(args.write).write_text(page)
    print(page)


if __name__ == "__main__":
    main()
