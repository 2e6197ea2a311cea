"""Damage: objects of an archive flipped, cut, swapped, deleted, replaced by older ones. Every harm is found by `verify`,
which names the object and the commits that are lost; every other commit is restored as it was, and none of them wrong."""
import hashlib
import os
import pathlib
import shutil

import application_database as application
import history
from program import Failed, Test, check

PAGE_SIZES = (512, 1024, 4096)
DAMAGED, NO_SUCH = 65, 66
WARNING, CRITICAL = 1, 2  # of verify: its verdict
NAMED = 3            # points named by hand in each stay
SINGLE_COMMITS = 12
SECTOR = 512         # bytes
RESTORES_A_HARM = 3  # beside the commits at the harm's own edges
SHORT_HARMS, LONG_HARMS = 96, 2000
MOST_REPORTED = 20


class Archive:
    """An archive's folder, its objects in memory, and what each of its commits was."""

    def __init__(self, context, database):
        self.context, self.database = context, database
        self.folder = pathlib.Path(database + "-archive")
        self.objects = {name: (self.folder / name).read_bytes() for name in self.names()}
        self.txids = [commit["txid"] for commit in context.log(database)]
        self.content = {txid: self.restored(txid)[0] for txid in self.txids}

    def names(self):
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != "lock")
        return sorted(str(path.relative_to(self.folder)) for path in files)

    def segments(self):
        return [name for name in self.objects if name.startswith("segments/")]

    def points(self):
        return [name for name in self.objects if name.startswith("points/")]

    def put(self, name, content):
        path = self.folder / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    def mend(self):
        for name in set(self.names()) - set(self.objects):
            self.put(name, None)
        for name, content in self.objects.items():
            if not (self.folder / name).exists() or (self.folder / name).read_bytes() != content:
                self.put(name, content)

    def restored(self, *point):
        """(hash of the restored file or None, exit status)."""
        words = ["--tx", point[0]] if point and isinstance(point[0], int) else point
        out = self.context.path("restored.db")
        answer = self.context.command("restore", self.database, *words, "-o", out, "--json", status=None)
        if answer.status != 0:
            check(not os.path.exists(out), f"restore {point} failed with {answer.status} and left {out}")
            check("litewright: " in answer.stderr, f"restore {point} said nothing: {answer.stderr!r}")
            return None, answer.status
        digest = hashlib.blake2b(pathlib.Path(out).read_bytes(), digest_size=16).hexdigest()
        os.unlink(out)
        return digest, 0


def held(name):
    """The commits (first, last) that a segment's name stands for."""
    base, last = name.removeprefix("segments/").removesuffix(".lws").split("-")
    return int(base) + 1, int(last)


def write(context, path, log, commits, seed):
    """More of the history, by several processes; gives its entries."""
    connection = history.connect(path)
    goal = history.counter(connection) + commits
    connection.close()
    return history.run(path, log, goal, 2, seed)


def make_archive(context):
    """Snapshot, segments wide and narrow, a gap, named points; held against what the history wrote."""
    path = context.path("app.db")
    history.create(path, context.random.choice(PAGE_SIZES))
    hashes = {}
    for stay in range(2):  # the second begins with a gap
        if stay > 0:
            write(context, path, context.path("log.gap"), 10, context.seed % 1000 + 50)
        protected = context.protect(path)
        for part in range(NAMED):
            entries = write(context, path, context.path(f"log.{stay}.{part}"), 12, context.seed % 1000 + 10 * stay + part)
            hashes |= {entry["counter"]: entry["hash"] for entry in entries}
            context.command("backup", path, "--name", f"point-{stay}-{part}", "--json")
        protected.stop()
    fork = context.log(path)[-1]["txid"]
    copy = copy_of(context, path)
    lines = []
    for line in (path, copy):  # from here on two archives of one past, with objects of the same names
        single_commits(context, line)
        lines.append(Archive(context, line))
    archive, other = lines
    compare_with_history(archive, [txid for txid in archive.txids if txid <= fork], hashes)
    shared = [name for name in archive.segments() if name in other.objects and other.objects[name] != archive.objects[name]]
    check(len(shared) >= SINGLE_COMMITS // 2, f"after tx {fork} only {len(shared)} objects of the two lines have the same name")
    return archive, {name: other.objects[name] for name in shared}


def copy_of(context, path):
    copy = context.path("copy.db")
    shutil.copytree(path + "-archive", copy + "-archive")
    context.restore(path, copy)
    history.connect(copy, journal_mode="WAL").close()
    return copy


def single_commits(context, path):
    """Commits that are each archived in a segment of their own."""
    connection = history.connect(path)
    protected = context.protect(path)
    for _ in range(SINGLE_COMMITS):
        connection.execute("INSERT INTO t0(a, b) VALUES(1, randomblob(100))")
        context.sync(path)
    protected.stop()
    connection.close()


def compare_with_history(archive, txids, hashes):
    """The undamaged archive gives what the history wrote."""
    compared = 0
    for txid in archive.context.random.sample(txids, 12):
        out = archive.context.restore(archive.database, archive.context.path("oracle.db"), "--tx", txid)
        counter = application.value(out, "SELECT n FROM litewright_test_counter")
        if counter in hashes:
            check(application.content(out) == hashes[counter], f"undamaged, tx {txid} is not what was written")
            compared += 1
        os.unlink(out)
    check(compared >= 3, f"only {compared} commits could be compared")


class Harms:
    """Each method gives what to put where: {object: content, None where it is to be deleted}."""

    def __init__(self, archive, other_line, random):
        self.archive, self.other_line, self.random = archive, other_line, random
        self.objects = archive.objects

    def any_object(self):
        # Documents are few and small: a third of the harms is theirs.
        documents = [name for name in self.objects if not name.startswith("segments/")]
        return self.random.choice(documents if self.random.random() < .33 else self.archive.segments())

    def flip(self):
        name = self.any_object()
        content = bytearray(self.objects[name])
        content[self.random.randrange(len(content))] ^= 1 << self.random.randrange(8)
        return {name: bytes(content)}

    def flip_several(self):
        name = self.any_object()
        content = bytearray(self.objects[name])
        for _ in range(self.random.randint(2, 20)):
            content[self.random.randrange(len(content))] = self.random.randrange(256)
        return {name: bytes(content)}

    def sector(self):
        """A sector of zeros, of noise, or of another object."""
        name = self.any_object()
        content = bytearray(self.objects[name])
        at = self.random.randrange(len(content)) // SECTOR * SECTOR
        size = min(SECTOR, len(content) - at)
        other = self.objects[self.random.choice(self.archive.segments())]
        content[at:at + size] = self.random.choice((bytes(size), self.random.randbytes(size), other.ljust(size, b"x")[:size]))
        return {name: bytes(content)}

    def cut(self):
        name = self.any_object()
        return {name: self.objects[name][:self.random.choice((0, self.random.randrange(len(self.objects[name])), -1))]}

    def grow(self):
        name = self.any_object()
        content = self.objects[name]
        return {name: self.random.choice((content + bytes(1), content + self.random.randbytes(300), content + content))}

    def swap(self):
        one, two = self.random.sample(sorted(self.objects), 2)
        return {one: self.objects[two], two: self.objects[one]}

    def swap_segments(self):
        one, two = self.random.sample(self.archive.segments(), 2)
        return {one: self.objects[two], two: self.objects[one]}

    def delete(self):
        """Not the newest segment, nor a point: that these ever were is told by nothing in the archive."""
        return {self.random.choice(self.archive.segments()[:-1] + ["archive.json"]): None}

    def delete_several(self):
        segments = self.archive.segments()
        at = self.random.randrange(len(segments) - 2)
        return {name: None for name in segments[at:min(at + self.random.randint(2, 9), len(segments) - 1)]}

    def replay_older(self):
        """An older object put back under a newer one's name."""
        segments = self.archive.segments()
        newer = self.random.randrange(1, len(segments))
        return {segments[newer]: self.objects[segments[self.random.randrange(newer)]]}

    def replay_other_line(self):
        """An object of the same name from another line of the same past, the first after the fork as well. Not the
        newest: no object tells what it should be."""
        names = [name for name in self.other_line if name != self.archive.segments()[-1]]
        return {name: self.other_line[name] for name in self.random.sample(names, self.random.randint(1, 3))}

    def rename(self):
        """An object under a name that no object has."""
        name = self.random.choice(self.archive.segments()[:-1])
        first, last = held(name)
        return {name: None, f"segments/{first - 1:016d}-{last + 1:016d}.lws": self.objects[name]}

    ALL = (flip, flip_several, sector, cut, grow, swap, swap_segments, delete, delete_several, replay_older,
           replay_other_line, rename)


def verify(archive):
    """What `verify` says is damaged, and the commits that it says are lost."""
    answer = archive.context.command("verify", archive.database, "--json", status=None)
    check(answer.status in (0, WARNING, CRITICAL, DAMAGED), f"verify ended with {answer.status}: {answer.stderr.strip()!r}")
    if not answer.stdout.strip().startswith('{"schema":"litewright/verify'):  # a future format is refused as a whole
        return {"archive.json"}, set(archive.txids)
    report = answer.json
    found = {damage["object"] for damage in report["damage"]}
    lost = set()
    for damage in report["damage"]:
        if damage["first_lost"] > 0:
            lost |= set(range(damage["first_lost"], damage["last_lost"] + 1))
    for gap in report["missing"]:
        lost |= set(range(gap["first"], gap["last"] + 1))
    verdict = CRITICAL if lost else WARNING if found else 0
    check(answer.status == verdict, f"verify ended with {answer.status}: {report}")
    return found, lost


def one_harm(archive, harms, kind):
    """Does it, and holds verify and restore against it. Gives the number of commits lost."""
    change = kind(harms)
    if all(archive.objects.get(name) == content for name, content in change.items()):
        return None
    for name, content in change.items():
        archive.put(name, content)
    what = f"{kind.__name__} of {', '.join(sorted(change))}"
    try:
        found, lost = verify(archive)
        check(found, f"{what}: verify found nothing")
        for name in change:
            # What lies behind a break can't be judged: that all its commits are lost says enough.
            told = name in found or name not in archive.objects or \
                name.startswith("segments/") and set(range(held(name)[0], held(name)[1] + 1)) <= lost
            check(told, f"{what}: verify names {sorted(found)} only")
        for txid in probes(archive, change):
            digest, status = archive.restored(txid)
            if digest is None:
                check(status in (DAMAGED, NO_SUCH), f"{what}: restore --tx {txid} ended with {status}")
                check(txid in lost, f"{what}: tx {txid} can't be restored, and verify does not name it among {ranges(lost)}")
            else:
                # A commit called lost may come back whole: not every byte of an object is needed for each commit.
                check(digest == archive.content[txid], f"{what}: restore --tx {txid} is not that commit")
        newest, _ = archive.restored()
        check(newest is None or newest in archive.content.values(), f"{what}: the newest restored is no commit that ever was")
    finally:
        archive.mend()
    return len(lost & set(archive.txids))


def probes(archive, change):
    """Commits at the harm's edges, and some others."""
    random, txids = archive.context.random, archive.txids
    chosen = set(random.sample(txids, RESTORES_A_HARM))
    for name in change:
        if name.startswith("segments/") and name in archive.objects:
            first, last = held(name)
            chosen |= {first - 1, random.randint(first, last), last + 1} & set(txids)
    return sorted(chosen)


def ranges(numbers):
    """{1, 2, 3, 7} as "1-3 7"."""
    numbers, text = sorted(numbers), []
    for number in numbers:
        if text and text[-1][1] == number - 1:
            text[-1][1] = number
        else:
            text.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in text) or "none"


def every_harm_is_found(context):
    archive, other_line = make_archive(context)
    found, _ = verify(archive)
    check(not found, f"undamaged, verify finds {found}")
    harms = Harms(archive, other_line, context.random)
    rounds = int(os.environ.get("LITEWRIGHT_HARMS", LONG_HARMS if context.long else SHORT_HARMS))
    done, costly, most, failed = 0, 0, 0, []
    while done < rounds and len(failed) < MOST_REPORTED:
        try:
            lost = one_harm(archive, harms, Harms.ALL[done % len(Harms.ALL)])
        except Failed as failure:
            failed.append(str(failure))
            lost = 0
        if lost is None:
            continue
        done += 1
        costly += lost > 0
        most = max(most, lost)
    check(not failed, "\n".join([f"{len(failed)} of {done} harms"] + failed))
    return f"{done} harms of {len(archive.objects)} objects, {len(archive.txids)} commits: all found; " \
           f"{costly} cost commits, at most {most}"


def cut_newest(folder, segments):
    os.truncate(folder / segments[-1], 300)


def delete_newest(folder, segments):
    """That it ever was tells the point that names its commit."""
    (folder / segments[-1]).unlink()


def spoil_tables(folder, segments):
    """Header, run table and footer are whole (docs/formats/segment.md); what the ledger is made of is not."""
    content = bytearray((folder / segments[-2]).read_bytes())
    content[56:-416] = bytes(byte ^ 0xff for byte in content[56:-416])
    (folder / segments[-2]).write_bytes(content)


def delete_snapshot(folder, segments):
    (folder / segments[0]).unlink()


def empty_all(folder, segments):
    for name in segments:
        os.truncate(folder / name, 0)


def followed_over(context, number, harm):
    """Protect begins on an archive with that harm, says so, loses nothing more, and has nothing to say the next time."""
    path = context.path(f"stepped{number}.db")
    history.create(path)
    folder = pathlib.Path(path + "-archive")
    for part in range(3):
        write(context, path, context.path(f"stepped{number}.{part}"), 3, context.seed % 1000 + part)
        context.command("backup", path, "--name", f"point-{part}")
    newest = context.log(path)[-1]["txid"]
    segments = sorted(str(file.relative_to(folder)) for file in (folder / "segments").iterdir())
    for name in segments:
        os.chmod(folder / name, 0o600)
    harm(folder, segments)
    protected = context.protect(path)
    said = [event["finding"]["severity"] for event in protected.events
            if event["event"] == "finding" and event["finding"]["id"] == "archive.damaged-end"]
    check(said == ["critical", "ok"], f"{harm.__name__}: protect said {said}, {protected.errors!r}")
    application.newest_equals(context, path)
    write(context, path, context.path(f"stepped{number}.more"), 3, context.seed % 1000 + 9)
    check(context.sync(path) > newest + 1, f"{harm.__name__}: numbers up to {newest} were in use")
    application.newest_equals(context, path)
    protected.stop()
    report = context.command("verify", path, "--json", status=CRITICAL).json
    lost = {txid for one in report["damage"] for txid in range(one["first_lost"], one["last_lost"] + 1)}
    check(lost and max(lost) <= newest, f"{harm.__name__}: up to {newest} was archived before, verify names {ranges(lost)}")
    again = context.protect(path)
    check(not any(event["event"] == "finding" for event in again.events), f"{harm.__name__}: said again, {again.events}")
    again.stop()
    return f"{harm.__name__} {len(lost)}"


def stepped_over(context):
    harms = (cut_newest, delete_newest, spoil_tables, delete_snapshot, empty_all)
    return "commits lost: " + ", ".join(followed_over(context, number, harm) for number, harm in enumerate(harms))


def made_anew(context):
    """A page's byte: only verify finds it, and names what ends it. With an archiver and without."""
    for number, follows in enumerate((True, False)):
        path = context.path(f"anew{number}.db")
        history.create(path)
        folder = pathlib.Path(path + "-archive")
        for part in range(3):
            write(context, path, context.path(f"anew{number}.{part}"), 3, context.seed % 1000 + part)
            context.command("backup", path)
        one = sorted((folder / "segments").iterdir())[1]
        content = bytearray(one.read_bytes())
        content[70] ^= 1
        os.chmod(one, 0o600)
        one.write_bytes(content)
        protected = context.protect(path) if follows else None
        found = context.command("verify", path, "--json", status=CRITICAL).json["findings"][0]
        check(found["remedy"].endswith(f"backup {path} --anew"), f"verify says {found}")
        newest = context.log(path)[-1]["txid"]
        check(context.command("restore", path, "-o", context.path("out.db"), status=None).status == DAMAGED, "restored over damage")
        made = context.command("backup", path, "--anew", "--json").json
        check(made["txid"] == newest + 1 and made["followed"] == follows, f"backup says {made} after {newest}")
        application.newest_equals(context, path)
        if follows:
            write(context, path, context.path(f"anew{number}.more"), 3, context.seed % 1000 + 9)
            context.sync(path)
            application.newest_equals(context, path)
            protected.stop()


def damaged_documents(context):
    """archive.json and owner.json have one name only: the owner writes them anew, and keeps what was there."""
    path = context.path("app.db")
    history.create(path)
    context.command("backup", path)
    folder = pathlib.Path(path + "-archive")
    for name in ("archive.json", "owner.json"):
        os.chmod(folder / name, 0o600)
        (folder / name).write_text("{ no document")
    protected = context.protect(path)
    check([event["finding"]["id"] for event in protected.events if event["event"] == "finding"] == ["archive.damaged-identity"],
          f"protect said {protected.events}")
    protected.stop(status=None)
    kept = [file.read_text() for file in (folder / "damaged").iterdir()]
    check(kept == ["{ no document"], f"what was set aside is {kept}")
    context.verify_is_clean(path)


TESTS = [
    Test("protect steps over damage in its archive, says so, and loses nothing more", stepped_over, 15),
    Test("after damage that only verify finds the whole database is archived anew", made_anew, 8),
    Test("damaged documents of an archive are written anew, the old ones kept", damaged_documents, 5),
    Test("every harm to an archive is found, named, and never restored", every_harm_is_found, 25, 400),
]
