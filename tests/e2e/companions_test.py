"""Files that are kept with a named point: as they were, or not at all, whatever lies in their way."""
import os
import sqlite3
import stat
import threading

from program import Test, check


def make(path, sql):
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(a); " + sql)
    connection.close()


def prepared(context):
    database = context.path("app.db")
    make(database, "INSERT INTO t VALUES(1);")
    os.makedirs(context.path("etc/app"))
    key, state = context.path("etc/app/key.pem"), context.path("etc/app/oauth state.json")
    with open(key, "wb") as file:
        file.write(os.urandom(3000))
    os.chmod(key, 0o600)
    os.utime(key, (1_700_000_000, 1_700_000_000))
    with open(state, "w") as file:
        file.write("")  # empty files count too
    os.chmod(state, 0o640)
    return database, key, state


def content(path):
    with open(path, "rb") as file:
        return file.read()


def kept_and_restored(context):
    database, key, state = prepared(context)
    os.symlink(key, context.path("current.pem"))
    before = content(key)
    answer = context.command("backup", database, "--name", "v1", "--file", context.path("current.pem"), "--file", state, "--json").json
    check(answer["files"] == 2, answer)
    row = context.command("log", database, "--json").json["commits"][-1]
    check([file["path"] for file in row["files"]] == sorted([key, state]), f"not what the links mean: {row}")
    check("v1 with 2 files" in context.command("log", database).stdout, "log does not tell")
    objects = context.command("verify", database, "--json").json["objects"]

    # Below a folder, by their whole paths, with mode and time.
    out = context.path("look")
    context.command("restore", database, "--point", "v1", "-o", context.path("look.db"), "--with-files", out)
    there = out + key
    check(content(there) == before and content(out + state) == b"", "other content")
    status = os.stat(there)
    check(stat.S_IMODE(status.st_mode) == 0o600 and status.st_mtime == 1_700_000_000, f"mode or time: {status}")

    # In place: the old one kept aside, the same one left alone.
    with open(key, "wb") as file:
        file.write(b"rotated")
    os.remove(state)
    files = context.command("restore", database, "--point", "v1", "--files-in-place", "--json").json["files"]
    check(content(key) == before and content(state) == b"" and len(files) == 2, files)
    kept = next(file["kept"] for file in files if file["path"] == key)
    check(content(kept) == b"rotated" and os.path.islink(context.path("current.pem")), "the old key is gone")
    again = context.command("restore", database, "--point", "v1", "--files-in-place", "--json").json["files"]
    check(all(file["unchanged"] and "kept" not in file for file in again), again)

    # Damage is found, and nothing of it restored.
    manifest = database + "-archive/files/v1/manifest.json"
    objects_there = sorted(os.listdir(os.path.dirname(manifest)))
    check(objects_there == ["0000.zst", "0001.zst", "manifest.json"] and objects >= 6, (objects_there, objects))
    for victim in objects_there:
        path = os.path.join(os.path.dirname(manifest), victim)
        whole = content(path)
        for harm in (None, whole[:-1], bytes([whole[0] ^ 1]) + whole[1:]):
            os.remove(path) if harm is None else open(path, "wb").write(harm)
            damage = context.command("verify", database, "--json", status=2).json["damage"]
            check([row["object"] for row in damage] == [f"files/v1/{victim}"], f"{victim}: {damage}")
            context.command("restore", database, "--point", "v1", "-o", context.path("no.db"), "--with-files", context.path("no"),
                            status=65 if victim == "manifest.json" or harm is not None else 66)
            check(not os.path.exists(context.path("no.db")), "the database was restored without its files")
            open(path, "wb").write(whole)
    context.command("verify", database)


def bad_days(context):
    database, key, state = prepared(context)
    os.mkfifo(context.path("pipe"))
    other = context.path("other.db")
    make(other, "")
    big = context.path("big")
    with open(big, "wb") as file:
        file.truncate((16 << 20) + 1)
    for status, paths in ((66, [key, context.path("missing")]), (64, [context.path("etc")]), (64, [context.path("pipe")]),
                          (64, [other]), (64, [big]), (64, [key, context.path("etc/../etc/app/key.pem")])):
        arguments = [word for path in paths for word in ("--file", path)]
        context.command("backup", database, "--name", "v1", *arguments, status=status)
        left = database + "-archive/files/v1"
        check(not os.path.exists(left) or not os.listdir(left), f"{paths}: something was kept")
    context.command("backup", database, "--file", key, status=64)  # with no name it would never be found again
    check('"v1"' not in context.run([context.litewright, "log", database, "--json"]).stdout, "a point was made")

    # It changes all the time: told, not torn.
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            with open(state, "r+b") as file:
                file.write(b"%d" % number * 2000)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        answer = context.run([context.litewright, "backup", database, "--name", "v1", "--file", state])
    finally:
        stop.set()
        writer.join()
    check(answer.status in (0, 75), answer)
    if answer.status == 0:
        context.command("verify", database)  # a moment of quiet was met
    name = "v1" if answer.status == 75 else "v2"
    context.command("backup", database, "--name", name, "--file", key)
    context.command("backup", database, "--name", name, "--file", key, status=73)  # it has its files


def links_lead_nowhere(context):
    database, key, _ = prepared(context)
    context.command("backup", database, "--name", "v1", "--file", key)
    # A folder on the way is somebody's link to elsewhere.
    out, elsewhere = context.path("out"), context.path("elsewhere")
    os.mkdir(elsewhere)
    first, *rest = key.strip("/").split("/")
    os.mkdir(out)
    os.symlink(elsewhere, os.path.join(out, first))
    context.command("restore", database, "--point", "v1", "-o", context.path("a.db"), "--with-files", out, status=77)
    check(os.listdir(elsewhere) == [] and not os.path.exists(context.path("a.db")), "a link was followed")
    # The file itself is one, in place.
    victim = context.path("victim")
    open(victim, "w").write("mine")
    os.remove(key)
    os.symlink(victim, key)
    context.command("restore", database, "--point", "v1", "--files-in-place", status=77)
    check(open(victim).read() == "mine" and os.path.islink(key), "a link was followed, or replaced")
    # Its folder is one now.
    os.remove(key)
    os.rename(context.path("etc/app"), context.path("moved"))
    os.symlink(context.path("moved"), context.path("etc/app"))
    answer = context.command("restore", database, "--point", "v1", "--files-in-place", status=77)
    check("/proc/self" not in answer.stderr and not os.path.exists(context.path("moved/key.pem")), answer.stderr)


TESTS = [Test("files kept with a point come back as they were, and damage to them is found", kept_and_restored, 15),
         Test("a file that can't be kept whole makes no point", bad_days, 15),
         Test("restored files follow no link out of their folder", links_lead_nowhere, 10)]
