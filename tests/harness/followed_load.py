"""A followed database under load: the writers beside `protect`, and what must hold for both when they are silent."""
import json
import os
import pathlib
import subprocess

import application_database as application
from program import check

WAL_LIMIT = "1MiB"           # small, so that an attack of seconds meets many gates
LONGEST_STALL_SECONDS = 5.0  # of a writer, whatever happens to our process


def new_database(context, writers=1):
    """A database with commit_load's tables; gives its path."""
    path = context.path("app.db")
    for writer in range(1, writers + 1):
        check(context.run([context.tool("commit_load"), path, 0.05, "--writer", writer]).status == 0, "commit_load failed")
    return path


def load(context, path, seconds, writer=1, *options):
    """A commit_load at work in the background."""
    return context.start([context.tool("commit_load"), path, seconds, "--writer", writer, "--ack", ack(context, writer), *options],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ack(context, writer):
    return context.path(f"ack.{writer}")


def figures(process):
    """What a load printed; it must have ended well."""
    out, err = process.communicate(timeout=120)
    check(process.returncode == 0, f"a writer failed: {err.strip()}")
    return json.loads(out)


def protect(context, path, *words):
    """`protect` and (txid, counter) where it begins. Nobody may write meanwhile."""
    following = context.protect(path, "--wal-limit", WAL_LIMIT, *words)
    return following, (following.following["txid"], application.value(path, "SELECT n FROM litewright_test_counter"))


def both_are_right(context, path, first, writers=(1,), points=3):
    """The application's database and the archive, once all writers are silent."""
    application.is_sound(path)
    count = application.has_all_acknowledged(path, [ack(context, w) for w in writers])
    application.archive_follows_counter(context, path, first, points)
    return count


def leave(protected, path):
    """`protect` leaves as the last; what it leaves behind is whole."""
    check(protected.running, f"protect ended by itself with {protected.process.poll()}: {protected.errors}")
    before = application.content(path)
    protected.stop()
    check(application.content(path) == before, "the database's content changed when protect left")
    application.is_sound(path)


def archiver_pids(protected, path):
    """The processes of ours that hold locks of the database: those whose standstill an application can feel."""
    ours = {protected.pid}
    children = pathlib.Path(f"/proc/{protected.pid}/task/{protected.pid}/children")
    if protected.running:
        ours |= {int(pid) for pid in children.read_text().split()}
    return ours & application.lock_holders(path, application.WRITE, 128)


def signal_all(pids, how):
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass
