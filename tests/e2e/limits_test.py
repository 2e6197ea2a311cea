"""Limits: the archive's disk is full, gone, read-only or hangs; the database's own disk runs full. Each asks the same: did
the application notice, was it said, does nothing local grow without bound, and is the archive whole when the disk is back?
What users of others report is here: WAL without bound (Litestream #1536, #473), the local disk runs full (#784, #927, #976),
replication stops and nobody is told (#1083, #1310)."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import application_database as application
import history
from program import Skip, Test, check

STEP = 64 << 10             # bytes, of the tmpfs
PATIENCE = 60               # seconds until what must come is called missing; how long it takes is not judged here
MIB = 1 << 20


# Disks

@contextlib.contextmanager
def mounted(folder, *words):
    """A mount at `folder` for as long as the block lasts; Skip where this machine mounts nothing."""
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["mount", *words, folder], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"mounting needs root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        while subprocess.run(["umount", "-l", folder], capture_output=True).returncode == 0:
            pass


def tmpfs(folder, size):
    return mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "litewright-test")


def resize(folder, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def fill(folder, leave=0):
    """Takes all the room there is below `folder` but `leave` bytes; gives the file that took it."""
    filler = os.path.join(folder, "filler")
    space = os.statvfs(folder)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(space.f_bavail * space.f_frsize - leave, 4096))
    return filler


def bytes_below(folder):
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(path, name)).st_blocks * 512
    return total


class Peak:
    """The most that a reading reached, looked at every 20 ms."""

    def __init__(self, reading):
        self._reading, self.most, self._stop = reading, 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(.02):
            self.most = max(self.most, self._reading())

    def end(self):
        self._stop.set()
        self._thread.join()
        return self.most


def wal_bytes(path):
    try:
        return os.stat(path + "-wal").st_size
    except FileNotFoundError:
        return 0


# The application and its follower

def new_database(context, name="app.db"):
    path = context.path(name)
    check(context.run([context.tool("commit_load"), path, 0.05]).status == 0, "commit_load failed")
    return path


def load(context, path, seconds, *words):
    """A writer whose rows hardly compress, 24 KB a commit. It waits for the write lock for two seconds, then fails."""
    return context.start([context.tool("commit_load"), path, seconds, "--body", 8000, "--keep", 60, "--busy-timeout", 2000,
                          "--ack", context.path("ack"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def unhurt(process):
    """The application's commits: none failed, and so none found the write lock held against it."""
    out, err = process.communicate(timeout=300)
    check(process.returncode == 0, f"the application failed: {err.strip()}")
    seen = json.loads(out)
    check(seen["commits"] > 0, "the application committed nothing")
    return seen


def findings(protected, identity):
    return [event["finding"] for event in list(protected.events)
            if event.get("event") == "finding" and event["finding"]["id"] == identity]


def wait_until(holds, missing):
    """Gives what `holds` gives once that is true; `missing` says what never came."""
    end = time.monotonic() + PATIENCE
    while not (seen := holds()):
        check(time.monotonic() < end, missing())
        time.sleep(.02)
    return seen


def wait_finding(protected, identity, severity):
    return wait_until(
        lambda: next((found for found in findings(protected, identity) if found["severity"] == severity), None),
        lambda: f"no {severity} finding {identity}; events {protected.events[-4:]}, stderr {protected.errors[-300:]!r}")


def sync(context, path, archive, timeout):
    """The txid, or None when it was not archived in time."""
    answer = context.command("sync", path, "--archive", archive, "--timeout", f"{int(timeout * 1000)}ms", "--json", status=None)
    return answer.json["txid"] if answer.status == 0 else None


def wait_until_archived(context, path, archive):
    """All that is committed now; the txid."""
    return wait_until(lambda: sync(context, path, archive, PATIENCE / 4), lambda: "not archived")


def commits_made(path, first):
    """Those of the application since `first`: (txid, counter)."""
    return application.value(path, "SELECT n FROM litewright_test_counter") - first[1]


def wait_until_spooled(context, path, first):
    """All that is committed now lies in the spool: its newest object ends with the newest commit."""
    newest = first[0] + commits_made(path, first)

    def spooled():
        objects = pathlib.Path(context.path("state")).rglob("*.lws")
        return max((int(object.stem.rpartition("-")[2]) for object in objects), default=0)

    wait_until(lambda: spooled() == newest, lambda: f"the spool ends at tx {spooled()}, not {newest}")


def commits_of(context, path, archive):
    return sorted(context.command("log", path, "--archive", archive, "--all", "--json").json["commits"], key=lambda c: c["txid"])


def archive_is_whole(context, path, archive, gaps=0):
    """The newest restore is the live database; every object is right; so many gaps are listed (None: any). Gives the commits."""
    commits = commits_of(context, path, archive)
    txids = [commit["txid"] for commit in commits]
    check(txids == list(range(txids[0], txids[-1] + 1)), "txids are not dense")
    reconciled = [commit for commit in commits if commit["reconciled"]]
    check(gaps is None or len(reconciled) == gaps, f"{len(reconciled)} gaps are listed, not {gaps}")
    out = context.path("restored.db")
    context.command("restore", path, "--archive", archive, "-o", out, "--json")
    check(application.content(out) == application.content(path), "the newest restore is not the live database")
    application.is_sound(out)
    os.unlink(out)
    report = context.command("verify", path, "--archive", archive, "--json").json
    check(report["damage"] == [] and report["missing"] == [], f"verify: {report}")
    application.is_sound(path)
    application.has_all_acknowledged(path, [context.path("ack")], kept=10)
    return commits


def every_commit_is_there(context, path, archive, first):
    """No gap, and each commit that the application made is one in the archive. first: (txid, counter)."""
    commits = archive_is_whole(context, path, archive)
    made = commits_made(path, first)
    check(commits[-1]["txid"] == first[0] + made, f"the archive ends at tx {commits[-1]['txid']}, not {first[0] + made}")
    return made


def follow(context, path, archive, *words, **options):
    """`protect`, and (txid, counter) where it begins."""
    protected = context.protect(path, "--archive", archive, *words, **options)
    return protected, (protected.following["txid"], application.value(path, "SELECT n FROM litewright_test_counter"))


@contextlib.contextmanager
def followed_until_full(context):
    """`protect`, whose archive has a disk of its own that has just run full: (path, archive, protected, first, filler)."""
    path, disk = new_database(context), context.path("disk")
    archive = os.path.join(disk, "archive")
    with tmpfs(disk, 64 * MIB):
        protected, first = follow(context, path, archive)
        yield path, archive, protected, first, fill(disk)


def leave(protected, status=0):
    check(protected.running, f"protect ended by itself with {protected.process.poll()}: {protected.errors}")
    protected.stop(status=status)


# Tests

def one_full_disk(context, disk, size):
    """A tmpfs of `size` bytes is the archive's. Gives whether it was too small for what was written."""
    for name in os.listdir(context.folder):
        if name.startswith(("app.db", "ack")):
            os.unlink(context.path(name))
    path, archive = new_database(context), os.path.join(disk, "archive")
    first = (0, 0)
    with tmpfs(disk, size):
        protected = context.protect(path, "--archive", archive, follow=False)
        application_at_work = load(context, path, .4, "--pause-us", 500)
        unhurt(application_at_work)
        outcome = wait_until(lambda: "ended" if not protected.running else "said" if findings(protected, "archive.unwritable")
                             else sync(context, path, archive, .5) and "archived", lambda: "neither archived nor refused")
        full = outcome != "archived"
        if outcome == "ended":
            # Not even the owner's name had room: it says so, and begins when there is room.
            check(protected.process.returncode in (74, 77) and "No space left" in protected.errors,
                  f"protect ended with {protected.process.returncode}: {protected.errors!r}")
            resize(disk, 64 * MIB)
            protected = context.protect(path, "--archive", archive)
        elif full:
            wait_finding(protected, "archive.unwritable", "warning")
            resize(disk, 64 * MIB)
        wait_until_archived(context, path, archive)
        protected.wait_event("following")
        if full and findings(protected, "archive.unwritable"):
            wait_finding(protected, "archive.unwritable", "ok")
        archive_is_whole(context, path, archive)
        leave(protected)
    return full


def disk_full(context):
    """A tmpfs archive of each size in steps of 64 KiB, 200 of them in the long form."""
    sizes = range(1, 201) if context.long else sorted({1, 4, 200} | {context.random.randint(2, 199) for _ in range(2)})
    full = sum(one_full_disk(context, context.path("disk"), steps * STEP) for steps in sizes)
    check(full > 0, "none of the disks was too small: nothing was tested")
    return f"{len(sizes)} sizes, {full} of them too small"


def checked(context, path, archive, status):
    report = context.command("check", path, "--archive", archive, "--only", "archive,locks", "--json", status=status).json
    return [finding for finding in report["findings"] if finding["id"] == "archive.unwritable"]


def full_while_following(context):
    """The disk fills under a follower: every commit waits, is said to wait, and arrives."""
    with followed_until_full(context) as (path, archive, protected, first, filler):
        application_at_work = load(context, path, 2, "--pause-us", 1000)
        found = wait_finding(protected, "archive.unwritable", "warning")
        check("No space left" in found["meaning"] and found["remedy"] == f"df -h {archive}", f"the finding: {found}")
        unhurt(application_at_work)
        refused = context.command("sync", path, "--archive", archive, "--timeout", "300ms", status=69)
        check("No space left" in refused.stderr, f"sync says {refused.stderr!r}")
        said = checked(context, path, archive, 1)
        check(said and "No space left" in said[0]["meaning"] and said[0]["figures"]["waiting_objects"] > 0, f"check says {said}")
        archived = commits_of(context, path, archive)[-1]["txid"]
        os.unlink(filler)
        wait_until_archived(context, path, archive)
        wait_finding(protected, "archive.unwritable", "ok")
        check(checked(context, path, archive, 0) == [], "check still says that the archive takes nothing")
        made = every_commit_is_there(context, path, archive, first)
        leave(protected)
    return f"{made} commits, {first[0] + made - archived} of them waited in the spool"


def backup_says_so(context):
    """A backup that waits for a full disk gives up after seconds and says why; Ctrl-C is answered with a word."""
    with followed_until_full(context) as (path, archive, protected, first, filler):
        unhurt(load(context, path, .3, "--pause-us", 1000))
        wait_finding(protected, "archive.unwritable", "warning")
        began = time.monotonic()
        refused = context.command("backup", path, "--archive", archive, "--name", "never", status=69)
        took = time.monotonic() - began
        check("No space left" in refused.stderr and took < 30, f"after {took:.1f} s backup says {refused.stderr!r}")
        waits = context.start([context.litewright, "backup", path, "--archive", archive], stderr=subprocess.PIPE)
        time.sleep(1)
        waits.send_signal(signal.SIGINT)
        said = waits.communicate(timeout=30)[1]
        check(waits.returncode == 75 and "stopped waiting" in said and "hint:" in said, f"{waits.returncode}: {said!r}")
        os.unlink(filler)
        wait_until_archived(context, path, archive)
        points = context.command("log", path, "--archive", archive, "--json").json
        check("never" not in json.dumps(points), "the point of the backup that failed is there")
        leave(protected)
    return f"said after {took:.1f} s"


def own_disk_full(context):
    """The database's own disk is full: that is a finding, said once; a checkpoint says so, too; it is over with room."""
    disk, archive = context.path("disk"), context.path("archive")
    with tmpfs(disk, 60 * MIB):
        path = os.path.join(disk, "app.db")
        check(context.run([context.tool("commit_load"), path, 0.05]).status == 0, "commit_load failed")
        protected, first = follow(context, path, archive, "--wal-limit", "1MiB")
        took = fill(disk, leave=8 * MIB)
        # Rows that stay: the file must grow, and can't.
        writer = load(context, path, 60, "--keep", 100000)
        writer.communicate(timeout=120)
        check(writer.returncode != 0, "the disk was large enough: nothing was tested")
        found = wait_finding(protected, "disk.full", "critical")
        check(found["remedy"].startswith("df -h ") and found["object"] == disk, f"the finding: {found}")
        refused = context.command("maintain", path, "checkpoint", "--archive", archive, status=74)
        check("disk is full" in refused.stderr, f"checkpoint says {refused.stderr!r}")
        time.sleep(3)
        check(len(findings(protected, "disk.full")) == 1, f"said {len(findings(protected, 'disk.full'))} times")
        os.unlink(took)
        wait_finding(protected, "disk.full", "ok")
        wait_until_archived(context, path, archive)
        archive_is_whole(context, path, archive, gaps=None)
        leave(protected)


def vanished(context):
    """The archive's folder is renamed away: nothing is made in its place, and all arrives when it is back."""
    path, archive = new_database(context), context.path("archive")
    protected, first = follow(context, path, archive)
    os.rename(archive, archive + ".away")
    application_at_work = load(context, path, 2, "--pause-us", 1000)
    found = wait_finding(protected, "archive.unwritable", "warning")
    check("gone" in found["meaning"], f"the finding: {found}")
    unhurt(application_at_work)
    check(not os.path.exists(archive), "an archive was made where the vanished one had been")
    os.rename(archive + ".away", archive)
    wait_until_archived(context, path, archive)
    made = every_commit_is_there(context, path, archive, first)
    wait_finding(protected, "archive.unwritable", "ok")
    leave(protected)
    return f"{made} commits"


def unmounted(context):
    """The archive's disk is unmounted and mounted again: the empty folder below it stays empty."""
    path, disk, real = new_database(context), context.path("disk"), context.path("real")
    os.mkdir(real)
    archive = os.path.join(disk, "archive")
    with mounted(disk, "--bind", real):
        protected, first = follow(context, path, archive)
        subprocess.run(["umount", "-l", disk], check=True)
        application_at_work = load(context, path, 2, "--pause-us", 1000)
        wait_finding(protected, "archive.unwritable", "warning")
        unhurt(application_at_work)
        check(os.listdir(disk) == [], f"below the unmounted disk there is {os.listdir(disk)}")
        subprocess.run(["mount", "--bind", real, disk], check=True)
        wait_until_archived(context, path, archive)
        made = every_commit_is_there(context, path, archive, first)
        context.command("backup", path, "--archive", archive)  # it still answers as the owner
        leave(protected)
    return f"{made} commits"


def read_only(context):
    """The archive's disk turns read-only and back."""
    path, disk = new_database(context), context.path("disk")
    archive = os.path.join(disk, "archive")
    with tmpfs(disk, 64 * MIB):
        protected, first = follow(context, path, archive)
        subprocess.run(["mount", "--bind", disk, disk], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
        application_at_work = load(context, path, 2, "--pause-us", 1000)
        found = wait_finding(protected, "archive.unwritable", "warning")
        check("Read-only file system" in found["meaning"], f"the finding: {found}")
        unhurt(application_at_work)
        subprocess.run(["umount", disk], check=True)
        wait_until_archived(context, path, archive)
        made = every_commit_is_there(context, path, archive, first)
        leave(protected)
    return f"{made} commits"


def hangs(context):
    """A store that answers nothing for a while (three minutes in the long form) delays no commit, no pin and no gate."""
    path, archive, flag = new_database(context), context.path("archive"), context.path("hangs")
    environment = context.environment | {"LD_PRELOAD": context.tool("hung_folder.so"), "LITEWRIGHT_HUNG_FOLDER": archive,
                                         "LITEWRIGHT_HUNG_WHILE": flag}
    # What the application writes in three minutes packs badly, and is to fit into the spool.
    protected, first = follow(context, path, archive, "--wal-limit", "1MiB", "--spool", "4GiB", environment=environment)
    pathlib.Path(flag).touch()
    wal = Peak(lambda: wal_bytes(path))
    application_at_work = load(context, path, 600, "--pause-us", 5000)
    found = wait_finding(protected, "archive.unwritable", "warning")  # after the patience with a put
    time.sleep(180 if context.long else 1)
    application_at_work.terminate()
    check("within" in found["meaning"], f"the finding: {found}")
    seen = unhurt(application_at_work)
    check(wal.end() <= 16 * MIB, f"the WAL grew to {wal.most} bytes with a limit of 1 MiB")
    os.unlink(flag)
    wait_until_archived(context, path, archive)
    made = every_commit_is_there(context, path, archive, first)
    protected.stop()
    gates = protected.wait_event("stopped")["gates"]
    check(gates >= 3, f"{gates} gates: the WAL was not reset meanwhile")
    return f"{made} commits, longest {seen['max_us'] / 1000:.0f} ms, WAL {wal.most / MIB:.1f} MiB, {gates} gates"


def ceiling(context):
    """No archive and a small spool: the WAL stops at its ceiling, and so does all that we keep. Space returns: one gap."""
    path, disk = new_database(context), context.path("disk")
    archive = os.path.join(disk, "archive")
    with tmpfs(disk, 200 * MIB):
        protected, first = follow(context, path, archive, "--wal-limit", "1MiB", "--wal-ceiling", "8MiB", "--spool", "12MiB")
        filler = fill(disk)
        local = Peak(lambda: bytes_below(context.path("state")))
        wal = Peak(lambda: wal_bytes(path))
        unhurt(load(context, path, 120, "--pause-us", 500, "--commits", 15000 if context.long else 2500))
        wait_finding(protected, "archive.unwritable", "critical")
        found = wait_finding(protected, "wal.ceiling", "critical")
        made = commits_made(path, first)
        check(made * 24000 > 2 * (8 + 12) * MIB, f"only {made} commits: the ceiling would have held anyway")
        # What it is told of when it looks: a few steps at this speed.
        check(wal.end() <= (8 + 8) * MIB, f"the WAL grew to {wal.most} bytes with a ceiling of 8 MiB")
        check(4 * MIB <= local.end() <= 13 * MIB, f"the state folder grew to {local.most} bytes with a spool of 12 MiB")
        check(found["figures"]["wal_bytes"] >= 8 * MIB, f"the finding: {found}")
        context.command("sync", path, "--archive", archive, "--timeout", "300ms", status=69)
        os.unlink(filler)
        wait_until_archived(context, path, archive)
        wait_finding(protected, "wal.ceiling", "ok")
        unhurt(load(context, path, .5, "--pause-us", 500))
        wait_until_archived(context, path, archive)
        commits = archive_is_whole(context, path, archive, gaps=1)
        gap = next(commit for commit in commits if commit["reconciled"])
        before = [commit for commit in commits if commit["txid"] < gap["txid"]][-1]
        check(before["time"] <= gap["gap_since"] <= gap["time"], f"the gap's bounds: {before['time']}, {gap}")
        leave(protected)
    return f"{made} commits, WAL {wal.most / MIB:.1f} MiB, state folder {local.most / MIB:.1f} MiB"


def held_by_another(context):
    """A reader of somebody else's holds the WAL beyond the ceiling: letting go would not shorten it, and costs commits."""
    path, archive = new_database(context), context.path("archive")
    # At this pace the ceiling is more than a second of writing: a capture that is late for a moment is no reason.
    pace, limits = ("--pause-us", 1500), ("--wal-limit", "2MiB", "--wal-ceiling", "32MiB")
    protected, first = follow(context, path, archive, *limits)
    reader = history.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    while wal_bytes(path) < 40 * MIB:
        unhurt(load(context, path, .5, *pace))
    sync(context, path, archive, PATIENCE)
    protected.kill()
    again, _ = follow(context, path, archive, *limits)
    unhurt(load(context, path, .3, *pace))
    sync(context, path, archive, PATIENCE)
    reader.close()
    for process in (protected, again):
        check(not findings(process, "wal.ceiling"), "the WAL was let go")
    commits = every_commit_is_there(context, path, archive, first)
    leave(again)
    return f"{commits} commits, WAL {wal_bytes(path) / MIB:.0f} MiB"


def own_disk_low(context):
    """The database's disk runs full while the archive is away: the WAL is let go long before its ceiling."""
    disk, away = context.path("disk"), context.path("away")
    archive = os.path.join(away, "archive")
    with tmpfs(disk, 80 * MIB), tmpfs(away, 64 * MIB):
        path = os.path.join(disk, "app.db")
        check(context.run([context.tool("commit_load"), path, 0.05]).status == 0, "commit_load failed")
        protected, first = follow(context, path, archive, "--wal-limit", "1MiB", "--spool", "0")
        filler = fill(away)
        took = fill(disk, leave=24 * MIB)
        seen = unhurt(load(context, path, 60, "--pause-us", 500, "--commits", 2500))
        check(seen["commits"] * 24000 > 40 * MIB, f"only {seen['commits']} commits: the disk would have held them")
        found = wait_finding(protected, "wal.ceiling", "critical")
        check("disk is nearly full" in found["meaning"], f"the finding: {found}")
        check(found["figures"]["wal_bytes"] < 30 * MIB, f"the finding: {found}")
        os.unlink(filler)
        os.unlink(took)
        wait_until_archived(context, path, archive)
        archive_is_whole(context, path, archive, gaps=1)
        leave(protected)
    return f"{seen['commits']} commits, let go at {found['figures']['wal_bytes'] / MIB:.1f} MiB"


def spool_after_kill(context):
    """Killed with a full archive disk, at any moment: the spool is taken up again, and every commit is a restore point."""
    rounds, gaps = (20 if context.long else 2), 0
    path, disk = new_database(context), context.path("disk")
    archive = os.path.join(disk, "archive")
    with tmpfs(disk, 200 * MIB):
        for _ in range(rounds):
            protected, first = follow(context, path, archive)
            filler = fill(disk)
            unhurt(load(context, path, context.random.uniform(.2, 1), "--pause-us", 1000))
            wait_finding(protected, "archive.unwritable", "warning")
            settled = context.random.random() < .5
            if settled:  # then nothing may be lost
                wait_until_spooled(context, path, first)
            check(sync(context, path, archive, .3) is None, "sync took a spooled commit for archived")
            protected.kill()
            refused = context.protect(path, "--archive", archive, follow=False)
            check(refused.process.wait(20) == 74, f"protect on a full disk ended with {refused.process.returncode}: {refused.errors!r}")
            os.unlink(filler)
            again = context.protect(path, "--archive", archive)
            wait_until_archived(context, path, archive)
            commits = commits_of(context, path, archive)
            now = [commit for commit in commits if commit["reconciled"]]
            check(len(now) - gaps <= (0 if settled else 1), f"{len(now) - gaps} gaps after a kill; settled: {settled}")
            gaps = len(now)
            archive_is_whole(context, path, archive, gaps)
            leave(again)
    return f"{rounds} kills, {gaps} gaps, {commits[-1]['txid']} commits"


def spool_overtaken(context):
    """While its spool waited the archive went on under another state folder: the spool is dropped, and that is said."""
    with followed_until_full(context) as (path, archive, protected, first, filler):
        unhurt(load(context, path, .5, "--pause-us", 1000))
        wait_finding(protected, "archive.unwritable", "warning")
        wait_until_spooled(context, path, first)
        protected.kill()
        said = checked(context, path, archive, 1)
        check(said and said[0]["figures"]["waiting_objects"] > 0 and "no archiver runs" in said[0]["meaning"], f"check says {said}")
        os.unlink(filler)
        elsewhere = context.environment | {"LITEWRIGHT_STATE": context.path("another-state")}
        context.command("backup", path, "--archive", archive, env=elsewhere)
        again = context.protect(path, "--archive", archive)
        found = wait_finding(again, "spool.dropped", "warning")
        check(found["figures"]["objects"] > 0 and found["figures"]["first"] == first[0] + 1, f"the finding: {found}")
        unhurt(load(context, path, .3, "--pause-us", 1000))
        wait_until_archived(context, path, archive)
        archive_is_whole(context, path, archive, gaps=1)
        leave(again, status=1)
    return f"{found['figures']['objects']} segments dropped"


def still_said(context):
    """Trouble that lasts is said again each minute, and the exit status tells of it."""
    if not context.long:
        raise Skip("takes more than a minute: --long")
    path, archive = new_database(context), context.path("archive")
    protected, _ = follow(context, path, archive)
    os.rename(archive, archive + ".away")
    unhurt(load(context, path, .2))
    time.sleep(70)
    said = findings(protected, "archive.unwritable")
    check(len(said) == 2 and all(found["severity"] == "warning" for found in said), f"in 70 s it was said {len(said)} times")
    leave(protected, status=1)
    os.rename(archive + ".away", archive)
    return f"said {len(said)} times in 70 s"


TESTS = [
    Test("an archive's disk of any size runs full and nobody is hurt", disk_full, 40, 1800),
    Test("a disk that fills under a follower costs no commit", full_while_following, 12),
    Test("a backup that waits for a full disk says so, and Ctrl-C ends it with a word", backup_says_so, 15),
    Test("the database's own full disk is said once, and a checkpoint says so", own_disk_full, 40),
    Test("an archive that vanished is not made anew, and goes on when it is back", vanished, 12),
    Test("an archive's disk that was unmounted goes on when it is back", unmounted, 12),
    Test("an archive's disk that turns read-only goes on when it is back", read_only, 12),
    Test("a store that hangs delays no commit and no gate", hangs, 25, 220),
    Test("the WAL stops at its ceiling, the spool at its bound", ceiling, 20, 60),
    Test("a WAL that another reader holds is not let go", held_by_another, 20),
    Test("on a disk that runs full the WAL is let go before its ceiling", own_disk_low, 20),
    Test("a spool is taken up again after a kill", spool_after_kill, 40, 300),
    Test("a spool that the archive went on without is dropped", spool_overtaken, 15),
    Test("trouble that lasts is said again", still_said, 100),
]
