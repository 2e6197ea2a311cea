#!/usr/bin/env python3
"""Holds the tree against the house of DESIGN.md: who may include whom, and how large and how named a file may be.

  include_rules.py [ROOT]      checks ROOT (default: this repository); prints each breach, exit 1 if there is one
  include_rules.py --self-test each rule is broken once in a made-up tree, and must be found

Rules: only the folders that the house names; each folder includes only those below it (the domain folders
never each other); a library's header only where it is at home, the slow ones in few files; no circle of
includes; quoted includes carry their folder; at most 600 lines a file; no utils, helpers, common, manager.
"""
import pathlib, re, sys, tempfile

FLOORS = {"base": set(), "format": {"base"}, "sqlite": {"format", "base"}, "store": {"base"}, "postgres": {"base"}}
DOMAINS = {"archive", "check", "locks", "repair", "maintain", "query", "queue", "migrate", "move", "schedule"}
ALLOWED = dict(FLOORS)
ALLOWED.update({domain: set(FLOORS) for domain in DOMAINS})
ALLOWED["operate"] = set(FLOORS) | DOMAINS
ALLOWED["config"] = ALLOWED["operate"] | {"operate"}
ALLOWED["api"] = ALLOWED["operate"] | {"operate", "litewright"}  # "litewright": the public headers
ALLOWED["serve"] = ALLOWED["config"] | {"config"}
ALLOWED["cli"] = ALLOWED["serve"] | {"serve"}
ALLOWED["litewright"] = set()

# A library's headers: (pattern, the places where they may stand, how many files may include them; tests apart).
EVERYWHERE = r".*"
LIBRARIES = [
    # A unit test of a floor below sqlite/ may make its real database with the real library.
    (r"sqlite3(ext)?\.h", r"sqlite/|(base|format|store)/.*_test\.(cc|h)$", None),
    (r"libpq-fe\.h|pqxx/.*", r"postgres/", None),
    (r"curl/.*", r"base/http_client[^/]*|store/", None),
    (r"CLI/.*", r"cli/", 2),
    (r"toml\+\+/.*", r"config/", 2),
    (r"microhttpd\.h", r"serve/", 2),
    (r"zstd(_errors)?\.h", r"base/|archive/|move/", None),
    (r"zlib\.h", r"base/|archive/|move/", None),
    (r"xxhash\.h", r"base/", 1),
    (r"sodium(/.*|\.h)", r"store/", None),
    (r"systemd/.*", r"serve/|base/", None),
    (r"date/.*", r"base/|schedule/", None),
    (r"prometheus/.*", r"serve/", None),
    (r"fmt/.*|nlohmann/.*|spdlog/.*", EVERYWHERE, None),
    (r"gtest/.*|gmock/.*|rapidcheck(/.*|\.h)|benchmark/.*", r".*_test\.(cc|h)$|.*_bench\.cc$", None),
]
SYSTEM = re.compile(
    r"[a-z_0-9]+"  # the standard library's headers carry no suffix
    r"|(sys|linux|net|netinet|arpa|asm)/[a-z_0-9-]+\.h"
    r"|(dirent|dlfcn|endian|errno|fcntl|fnmatch|getopt|glob|grp|ifaddrs|immintrin|inttypes|libgen|limits|locale|malloc|mntent|netdb"
    r"|poll|pthread|pwd|sched|semaphore|signal|spawn|stdio|stdint|stdlib|string|strings|syslog|termios|time|unistd|wait)\.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
MAX_LINES = 600
BAD_NAME = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc)(_|$)")
SUFFIXES = {".h", ".cc"}


def sources(root):
    """{path as other files include it: file}: src/base/error.h is "base/error.h", include/litewright/x.h "litewright/x.h"."""
    found = {}
    for top in ("src", "include"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                found[path.relative_to(root / top).as_posix()] = path
    return found


def file_breaches(name, lines):
    if len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines, at most {MAX_LINES}: cut it along a seam of meaning"
    for part in pathlib.PurePosixPath(name).with_suffix("").parts:
        if BAD_NAME.search(part):
            yield f"{name}: '{part}' says nothing about what is inside"


def library_breach(name, header):
    for pattern, places, _ in LIBRARIES:
        if re.fullmatch(pattern, header):
            if re.match(places, name):
                return None
            return f"{name}: includes <{header}>, which belongs in {places}"
    if SYSTEM.fullmatch(header):
        return None
    return f"{name}: includes <{header}>, which this test does not know: give it a line in LIBRARIES"


def project_breach(name, target, known):
    folder, other = name.split("/")[0], target.split("/")[0]
    if "/" not in target or target.startswith("."):
        return f'{name}: includes "{target}": write it with its folder, from src/ or include/'
    if target not in known:
        return f'{name}: includes "{target}", which is not in the tree'
    if other != folder and other not in ALLOWED[folder]:
        return f'{name}: includes "{target}": {folder} may include {", ".join(sorted(ALLOWED[folder])) or "nothing of the house"}'
    return None


def circle(graph):
    """One circle of includes as a list of names, or None."""
    state = {}
    for start in sorted(graph):
        if start in state:
            continue
        stack = [(start, iter(sorted(graph[start])))]
        state[start] = "open"
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = "done"
                stack.pop()
            elif state.get(following) == "open":
                names = [n for n, _ in stack]
                return names[names.index(following):] + [following]
            elif following in graph and following not in state:
                state[following] = "open"
                stack.append((following, iter(sorted(graph[following]))))
    return None


def breaches(root):
    known, graph, includers, found = sources(root), {}, {}, []
    for name, path in known.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        found += file_breaches(name, lines)
        folder = name.split("/")[0]
        if "/" not in name or folder not in ALLOWED:
            found.append(f"{name}: stands in no folder that DESIGN.md's house names")
            continue
        graph[name] = set()
        for line in lines:
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, angled = match.groups()
            if quoted:
                found.append(project_breach(name, quoted, known))
                graph[name].add(quoted)
                continue
            found.append(library_breach(name, angled))
            for pattern, _, _ in LIBRARIES:
                if re.fullmatch(pattern, angled) and not re.search(r"_test\.(cc|h)$", name):
                    includers.setdefault(pattern, set()).add(name)
    for pattern, _, limit in LIBRARIES:
        files = sorted(includers.get(pattern, ()))
        if limit and len(files) > limit:
            found.append(f"<{pattern}> is included by {len(files)} files, at most {limit}: {', '.join(files)}")
    ring = circle(graph)
    if ring:
        found.append("a circle of includes: " + " -> ".join(ring))
    return len(known), [breach for breach in found if breach]


CLEAN = {
    "src/base/error.h": "#include <string>\n",
    "src/format/page.cc": '#include <span>\n#include "base/error.h"\n',
    "src/sqlite/connection.cc": '#include <sqlite3.h>\n#include <sys/mman.h>\n#include "format/page.h"\n',
    "src/format/page.h": "#include <cstdint>\n",
    "src/store/http_store.cc": "#include <curl/curl.h>\n",
    "src/archive/restore.cc": '#include "sqlite/pin.h"\n#include "store/object_store.h"\n#include <fmt/format.h>\n',
    "src/sqlite/pin.h": "",
    "src/store/object_store.h": "",
    "src/archive/restore_test.cc": "#include <gtest/gtest.h>\n",
    "src/format/page_test.cc": "#include <gtest/gtest.h>\n#include <sqlite3.h>\n",
    "src/cli/main.cc": '#include <CLI/CLI.hpp>\n#include "sqlite/pin.h"\n',
    "include/litewright/archive.h": "#include <chrono>\n",
    "src/api/archive.cc": '#include "litewright/archive.h"\n',
}
# (what is broken, files laid over CLEAN, words that the message must have)
BROKEN = [
    ("a floor includes what stands above it", {"src/base/clock.h": '#include "format/page.h"\n'}, "base may include"),
    ("format includes sqlite", {"src/format/wal.cc": '#include "sqlite/pin.h"\n'}, "format may include"),
    ("store includes sqlite", {"src/store/memory.cc": '#include "sqlite/pin.h"\n'}, "store may include"),
    ("one domain includes another", {"src/locks/x.cc": '#include "archive/y.h"\n', "src/archive/y.h": ""}, "locks may include"),
    ("a domain includes the command line", {"src/archive/x.cc": '#include "cli/y.h"\n', "src/cli/y.h": ""}, "archive may include"),
    ("a public header shows the inside", {"include/litewright/x.h": '#include "base/error.h"\n'}, "nothing of the house"),
    ("sqlite3.h outside sqlite/", {"src/archive/x.cc": "#include <sqlite3.h>\n"}, "sqlite3.h"),
    ("sqlite3.h in a domain's test", {"src/archive/x_test.cc": "#include <sqlite3.h>\n"}, "sqlite3.h"),
    ("sqlite3.h with spaces", {"src/format/x.cc": "  #  include  <sqlite3.h>\n"}, "sqlite3.h"),
    ("libpq outside postgres/", {"src/move/x.cc": "#include <libpq-fe.h>\n"}, "libpq-fe.h"),
    ("curl outside its two places", {"src/base/clock.cc": "#include <curl/curl.h>\n"}, "curl/curl.h"),
    ("CLI11 outside cli/", {"src/archive/x.cc": "#include <CLI/CLI.hpp>\n"}, "CLI/CLI.hpp"),
    ("CLI11 in too many files", {f"src/cli/{n}.cc": "#include <CLI/CLI.hpp>\n" for n in "abc"}, "at most 2"),
    ("toml++ outside config/", {"src/cli/x.cc": "#include <toml++/toml.h>\n"}, "toml++/toml.h"),
    ("the HTTP server outside serve/", {"src/cli/x.cc": "#include <microhttpd.h>\n"}, "microhttpd.h"),
    ("gtest in the program", {"src/base/x.cc": "#include <gtest/gtest.h>\n"}, "gtest/gtest.h"),
    ("an unknown library", {"src/base/x.cc": "#include <boost/any.hpp>\n"}, "does not know"),
    ("an include without its folder", {"src/base/x.cc": '#include "error.h"\n'}, "with its folder"),
    ("an include of nothing", {"src/base/x.cc": '#include "base/gone.h"\n'}, "not in the tree"),
    ("a circle", {"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/a.h"\n'}, "circle"),
    ("an unknown folder", {"src/engine/x.cc": ""}, "no folder"),
    ("a file in no folder", {"src/x.cc": ""}, "no folder"),
    ("a file too long", {"src/base/x.cc": "\n" * 601}, "601 lines"),
    ("a name that says nothing", {"src/base/file_utils.cc": ""}, "says nothing"),
    ("a folder that says nothing", {"src/base/common/x.h": ""}, "says nothing"),
]


def found_in(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return breaches(root)[1]


def self_test():
    failed = 0
    clean = found_in(CLEAN)
    if clean:
        failed += 1
        print("a clean tree is found broken:", *clean, sep="\n  ")
    for what, files, words in BROKEN:
        found = found_in({**CLEAN, **files})
        if len(found) != 1 or words not in found[0]:
            failed += 1
            print(f"{what}: expected one breach with '{words}', found {found}")
    print(f"{len(BROKEN) + 1 - failed} passed, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    root = pathlib.Path(sys.argv[1]) if sys.argv[1:] else pathlib.Path(__file__).resolve().parent.parent
    count, found = breaches(root)
    for breach in found:
        print(breach)
    print(f"{count - len({b.split(':')[0] for b in found})} passed, {len(found)} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
