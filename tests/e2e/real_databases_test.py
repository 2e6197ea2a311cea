"""Databases that other programs wrote, of their own schemas and settings: `check` raises no alarm, and in a copy of each it
finds a live page that is damaged. Only in the long form; a program that is not installed is left out and named.

Debian's packages: firefox-esr chromium rpm createrepo-c fossil subversion libnss3-tools nix-bin vnstat newsboat; Python's
coverage, diskcache and IPython (LITEWRIGHT_PYTHON names an interpreter that has them); better-sqlite3 as locks_test has it."""
import bz2
import os
import pathlib
import shutil
import sqlite3
import subprocess

from check_test import CALM
from locks_test import CACHE
from program import Skip, Test, check

PYTHON = os.environ.get("LITEWRIGHT_PYTHON", "python3")
LEAST = 10  # databases of different programs


class Missing(Exception):
    """The program is not here."""


class Maker:
    """A folder of its own, and programs that run in it."""

    def __init__(self, folder, environment):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.environment = environment | {"HOME": str(folder), "USER": "somebody"}

    def path(self, name):
        return self.folder / name

    def write(self, name, text):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)
        return self.path(name)

    def run(self, *words, must=True, timeout=60, **environment):
        if shutil.which(words[0]) is None:
            raise Missing(words[0])
        done = subprocess.run([str(word) for word in words], cwd=self.folder, env=self.environment | environment, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True)
        check(not must or done.returncode == 0, f"{words}: {done.returncode} {done.stderr[-300:]}")

    def python(self, module, script):
        if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, env=self.environment).returncode:
            raise Missing(f"Python's {module}")
        self.run(PYTHON, self.write("made.py", script))


def page(maker):
    return maker.write("page.html", "<html><title>a page</title><a href='page.html?2'>itself</a></html>").as_uri()


def firefox(maker):
    maker.path("profile").mkdir()
    maker.run("firefox-esr", "--headless", "--no-remote", "--profile", maker.path("profile"), "--screenshot", maker.path("x.png"), page(maker),
              must=False)
    return [maker.path("profile") / name for name in ("places.sqlite", "cookies.sqlite", "favicons.sqlite", "permissions.sqlite")]


def chromium(maker):
    maker.run("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={maker.path('profile')}",
              f"--screenshot={maker.path('x.png')}", page(maker), must=False)
    return [maker.path("profile/Default") / name for name in ("History", "Favicons", "Cookies", "Web Data", "Login Data", "Top Sites")]


def package_of_rpm(maker):
    maker.write("x.spec", "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%files\n")
    maker.run("rpmbuild", "-bb", "--define", f"_topdir {maker.path('top')}", "x.spec")
    return maker.path("top/RPMS/noarch/x-1-1.noarch.rpm")


def rpm(maker):
    package = package_of_rpm(maker)
    maker.run("rpm", "--dbpath", maker.path("db"), "--initdb")
    maker.run("rpm", "--dbpath", maker.path("db"), "-i", "--justdb", "--nodeps", package)
    return [maker.path("db/rpmdb.sqlite")]


def createrepo(maker):
    package_of_rpm(maker)
    maker.run("createrepo_c", "-q", "--database", maker.path("top/RPMS"))
    packed = list(maker.path("top/RPMS/repodata").glob("*.sqlite.bz2"))
    for file in packed:
        file.with_suffix("").write_bytes(bz2.decompress(file.read_bytes()))
    return [file.with_suffix("") for file in packed]


def nix(maker):
    maker.run("nix-store", "--add", maker.write("thing", "content"), NIX_STORE_DIR=str(maker.path("store")),
              NIX_STATE_DIR=str(maker.path("var")), NIX_LOG_DIR=str(maker.path("log")))
    return [maker.path("var/db/db.sqlite")]


def fossil(maker):
    maker.run("fossil", "new", "repo.fossil")
    maker.path("tree").mkdir()
    maker.run("fossil", "open", "--workdir", maker.path("tree"), maker.path("repo.fossil"))
    maker.write("tree/file", "content\n" * 1000)
    maker.run("sh", "-c", "cd tree && fossil add file && fossil commit -m one --no-warnings")
    return [maker.path("repo.fossil"), maker.path("tree/.fslckout")]


def subversion(maker):
    maker.run("svnadmin", "create", "repo")
    maker.run("svn", "-q", "checkout", maker.path("repo").as_uri(), "copy")
    for number in range(200):
        maker.write(f"copy/file {number}", f"content {number}\n")
    maker.run("sh", "-c", "cd copy && svn -q add file* && svn -q commit -m one")
    return [maker.path("copy/.svn/wc.db"), maker.path("repo/db/rep-cache.db")]


def nss(maker):
    maker.path("db").mkdir()
    maker.run("certutil", "-N", "-d", f"sql:{maker.path('db')}", "--empty-password")
    maker.path("noise").write_bytes(os.urandom(200))
    maker.run("certutil", "-S", "-d", f"sql:{maker.path('db')}", "-n", "me", "-s", "CN=me", "-x", "-t", "C,,", "-z", "noise")
    return [maker.path("db/cert9.db"), maker.path("db/key4.db")]


def vnstat(maker):
    settings = maker.write("vnstat.conf", f'DatabaseDir "{maker.path("db")}"\n')
    maker.path("db").mkdir()
    maker.run("vnstatd", "--config", settings, "--initdb")
    maker.run("vnstat", "--config", settings, "--add", "-i", "lo")
    return [maker.path("db/vnstat.db")]


def newsboat(maker):
    item = "<item><title>a</title><link>http://localhost/%d</link><description>d</description></item>"
    feed = maker.write("feed.xml", "<rss version='2.0'><channel><title>t</title><link>http://localhost</link>"
                                   + "".join(item % n for n in range(300)) + "</channel></rss>")
    maker.run("newsboat", "-u", maker.write("urls", feed.as_uri() + "\n"), "-c", maker.path("cache.db"), "-C", "/dev/null", "-x", "reload")
    return [maker.path("cache.db")]


def coverage(maker):
    maker.python("coverage", "")
    maker.run(PYTHON, "-m", "coverage", "run", maker.write("program.py", "import json\nprint(json.dumps([1]))\n"))
    return [maker.path(".coverage")]


def diskcache(maker):
    maker.python("diskcache", "import diskcache\nc = diskcache.Cache('cache')\nfor i in range(3000): c.set(i, 'v' * (i % 500), tag='t')\n"
                              "for i in range(0, 3000, 3): del c[i]\nc.close()\n")
    return [maker.path("cache/cache.db")]


def ipython(maker):
    maker.python("IPython", "from IPython.core.history import HistoryManager\nh = HistoryManager(shell=None, hist_file='history.sqlite')\n"
                            "for i in range(300): h.store_inputs(i, f'print({i})')\nh.writeout_cache()\nh.end_session()\n")
    return [maker.path("history.sqlite")]


def node(maker):
    modules = CACHE / "better-sqlite3/node_modules"
    if not modules.exists():
        raise Missing("better-sqlite3")
    maker.run("node", "-e", """
      const db = new (require(process.argv[1] + '/better-sqlite3'))('app.db');
      db.pragma('journal_mode = WAL');
      db.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, j TEXT CHECK(json_valid(j)), g ANY AS (j ->> 'a') STORED) STRICT");
      db.exec("CREATE INDEX t_a ON t(j ->> '$.a'); CREATE UNIQUE INDEX t_g ON t(g, id) WHERE g IS NOT NULL");
      db.exec("CREATE VIRTUAL TABLE f USING fts5(words, tokenize='trigram'); CREATE VIRTUAL TABLE r USING rtree(id, a, b)");
      const add = db.prepare('INSERT INTO t(j) VALUES(?)'), word = db.prepare('INSERT INTO f VALUES(?)');
      db.transaction(() => { for (let i = 0; i < 3000; i++) { add.run(JSON.stringify({a: i % 7, b: 'x'.repeat(i % 90)})); word.run('word ' + i); } })();
    """, modules)
    return [maker.path("app.db")]


PROGRAMS = (firefox, chromium, rpm, createrepo, nix, fossil, subversion, nss, vnstat, newsboat, coverage, diskcache, ipython, node)


def live_pages(path):
    """All that the freelist does not name; a file may go on behind the pages of its database, as Firefox's do."""
    content = pathlib.Path(path).read_bytes()
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else size
    number = lambda at: int.from_bytes(content[at:at + 4], "big")  # noqa: E731
    free, trunk = set(), number(32)
    while trunk:
        at = (trunk - 1) * size
        free |= {trunk} | {number(at + 8 + 4 * i) for i in range(number(at + 4))}
        trunk = number(at)
    return size, [page for page in range(1, number(28) + 1) if page not in free]


def alone(path, target):
    """A copy of what a checkpoint would leave, in one file."""
    for suffix in ("", "-wal"):
        if os.path.exists(str(path) + suffix):
            shutil.copy(str(path) + suffix, str(target) + suffix)
    db = sqlite3.connect(target, isolation_level=None)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    return target


def no_false_alarm(context, name, path):
    target = context.path("as-is.db")
    for suffix in ("", "-wal"):
        if os.path.exists(str(path) + suffix):
            shutil.copy(str(path) + suffix, target + suffix)
    answer = context.command("check", target, "--json", *CALM, status=None)
    alarms = [f for f in answer.json["findings"] if f["severity"] in ("warning", "critical")]
    # A program that does not enforce its foreign keys may well break them: then SQLite says so too.
    db = sqlite3.connect(target)
    broken = db.execute("PRAGMA foreign_key_check").fetchall()
    db.close()
    keys = [f for f in alarms if f["id"] == "foreign_keys.orphans"]
    check(sum(f["figures"]["orphans"] for f in keys) == len(broken), f"{name} {path.name}: {keys}, SQLite says {broken[:5]}")
    alarms = [f for f in alarms if f not in keys]
    check(not alarms and answer.status == (2 if broken else 0), f"{name} {path.name}: {alarms}")
    left_out = {c["name"]: c.get("why") for c in answer.json["checks"] if c["outcome"] != "done"}
    check(set(left_out) == {"bit-rot"}, f"{name} {path.name}: not done: {left_out}")
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(target + suffix).unlink(missing_ok=True)
    return [f"{f['object']}: {f['meaning']}" for f in answer.json["findings"] if f["id"] == "integrity.not_checked" or f in keys]


def damage_is_found(context, name, path, times):
    whole = alone(path, context.path("whole.db"))
    size, live = live_pages(whole)
    for _ in range(times):
        page_number = context.random.choice(live)
        target = context.path("damaged.db")
        shutil.copy(whole, target)
        with open(target, "r+b") as file:
            file.seek((page_number - 1) * size)
            file.write(context.random.randbytes(size))
        answer = context.command("check", target, "--json", *CALM, status=None)
        check(answer.status == (65 if page_number == 1 else 2), f"{name} {path.name}: page {page_number} of {len(live)}: exit {answer.status}")
    pathlib.Path(whole).unlink()
    return times


def databases(context):
    if not context.long:
        raise Skip("only in the long form")
    programs, files, damaged, missing, unchecked = [], 0, 0, [], []
    for program in PROGRAMS:
        try:
            paths = [p for p in program(Maker(context.path(program.__name__), context.environment)) if p.exists()]
        except Missing as reason:
            missing.append(str(reason))
            continue
        check(paths, f"{program.__name__} made no database")
        programs.append(program.__name__)
        for path in paths:
            files += 1
            unchecked += [f"{program.__name__} {path.name} {said}" for said in no_false_alarm(context, program.__name__, path)]
            damaged += damage_is_found(context, program.__name__, path, 5)
    for said in unchecked:
        print("worth knowing:", said)
    if len(programs) < LEAST:
        raise Skip(f"{len(programs)} of {LEAST} programs; without {', '.join(missing)}")
    return (f"{files} databases of {len(programs)} programs ({', '.join(programs)}), no alarm; {damaged} damaged pages, all found"
            + (f"; without {', '.join(missing)}" if missing else ""))


TESTS = [Test("databases of other programs raise no alarm, and a damaged page in each is found", databases, 2, 240)]
