"""`serve`: runs by schedule; killed, stopped, with a store that hangs."""
import calendar
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import time

import application_database as application
from application_database import newest_equals
from followed_load import ack, figures, load, new_database
from http_client import ask
from program import COMMAND_SECONDS, Serve, Skip, Test, check, send, wait_until_gone
from served_database import make, write


def runs(context, database, job="daily"):
    """Oldest first."""
    return context.command("runs", database, "--job", job, "--count", "1000", "--json").json["runs"][::-1]


def wait_until(holds, what):
    end = time.monotonic() + COMMAND_SECONDS
    while not holds():
        check(time.monotonic() < end, f"not within {COMMAND_SECONDS} s: {what}")
        time.sleep(.05)


def runs_by_schedule(context):
    """A plan runs at its hour; the daemon is killed in the midst of one: it is recorded so, and done again once."""
    app = make(context, "app.db")
    toml = f"""
[[database]]
path = "{app}"
schedule.daily = "every 1s"
"""
    served = Serve(context, toml)
    served.wait_following("app.db")
    served.wait_event("run.ended", timeout=COMMAND_SECONDS)
    done = runs(context, app)
    check(done and done[0]["result"] in ("done", "warnings"), f"the first run: {done[:1]}")
    seen = len(served.events)
    begun = served.wait_event("run.began", timeout=COMMAND_SECONDS, after=seen)["run"]
    served.kill_all()
    after = Serve(context, toml.replace("every 1s", "0 0 1 1 *"))
    after.wait_following("app.db")
    again = lambda: [run for run in runs(context, app) if run["due"] == begun["due"]]
    wait_until(lambda: len(again()) > 1 or again()[0]["result"] in ("done", "warnings"), "the run was done again")
    wait_until(lambda: all(run["result"] != "running" for run in again()), "it ended")
    result = [(run["attempt"], run["result"]) for run in again()]
    # The kill may have come when the command was done already.
    check(result[0][1] in ("interrupted", "done", "warnings", "failed"), f"{result}")
    check(len(result) <= 2 and (len(result) == 1 or result[0][1] == "interrupted"), f"{result}")
    write(app)
    context.sync(app)
    newest_equals(context, app)
    after.kill_all()
    third = Serve(context, toml.replace("every 1s", "0 0 1 1 *"))
    third.wait_following("app.db")
    time.sleep(.5)
    check([(run["attempt"], run["result"]) for run in again()] == result, "it was run a third time")
    third.stop()
    context.verify_is_clean(app)
    return f"{len(done)} runs before, then {result}"


def begins_without_its_history(context):
    """The run history is no database, or a folder: databases are guarded, the file is moved away, and plans are run."""
    app, history = make(context, "app.db"), pathlib.Path(context.path("state/runs.db"))
    history.parent.mkdir(exist_ok=True)
    for damage in (lambda: history.write_bytes(context.random.randbytes(20_000)), history.mkdir):
        damage()
        said = context.command("runs", status=65).stderr
        check(str(history) in said and "CREATE" not in said and "litewright serve" in said, said)
        served = Serve(context, f'[[database]]\npath = "{app}"\nschedule.hourly = "every 1s"\n')
        served.wait_following("app.db")
        aside = served.wait_event("history.damaged")["file"]
        check(os.path.exists(aside), f"{aside} is not there")
        served.wait_finding("jobs.history-damaged")
        served.wait_event("run.ended", timeout=COMMAND_SECONDS)
        served.stop()
        for file in history.parent.glob("runs.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()


def tried_again_after_a_kill(context):
    """A run fails, the daemon is killed in the pause before the next attempt: the next daemon makes it, and no more when it was well."""
    app = make(context, "app.db")
    toml = f'[[database]]\npath = "{app}"\nschedule.hourly = "every 1s"\n'
    served = Serve(context, toml)
    served.wait_following("app.db")
    os.rename(app, app + ".away")
    failed = served.wait_event("run.ended", timeout=COMMAND_SECONDS, that=lambda event: event["run"]["result"] == "failed")["run"]
    served.kill_all()
    os.rename(app + ".away", app)
    yearly = toml.replace("every 1s", "0 0 1 1 *")
    of_it = lambda: [(run["attempt"], run["result"]) for run in runs(context, app, "hourly") if run["due"] == last["due"]]
    last = runs(context, app, "hourly")[-1]
    if last["result"] == "running":  # killed when it had just begun
        context.command("runs", app)
        last = runs(context, app, "hourly")[-1]
    # Two minutes pass.
    history = sqlite3.connect(context.path("state/runs.db"), isolation_level=None)
    history.execute("UPDATE runs SET ended = ended - 120000000000")
    history.close()
    for _ in range(2):
        served = Serve(context, yearly)
        served.wait_following("app.db")
        wait_until(lambda: len(of_it()) > 1 and of_it()[-1][1] in ("done", "warnings"), "it was tried again")
        time.sleep(.5)
        check([attempt for attempt, _ in of_it()] == [1, 2], f"{of_it()}")
        served.stop()
    return f"{failed['summary']}; then {of_it()}"


def killed_at_any_moment(context):
    """kill -9 of all its processes again and again, with commits and runs under way: no job lost, none done a third time,
    and what somebody asked for, too, has its turn. Every other kill is aimed at a run that has just begun, and takes the
    process of that with it; the others' runs outlive the daemon."""
    app, other = make(context, "app.db"), make(context, "other.db")
    jobs = f"""
[jobs]
at_once = 2
[[database]]
path = "{app}"
schedule.hourly = "every 1s"
[[database]]
path = "{other}"
schedule.daily = "every 2s"
"""
    rounds, asked = 30 if context.long else 2, set()
    for number in range(rounds):
        served = Serve(context, jobs)
        end = time.monotonic() + context.random.uniform(0, 3)
        for _ in range(3):
            wish = ask(served.address, "/api/v1/databases/other.db/jobs", "POST", {"Content-Type": "application/json"}, '{"job": "hourly"}')
            # Before the database has joined it is not there to be asked of.
            check(wish.status in (202, 404), f"{wish}")
            if wish.status == 202:
                asked.add(wish.json["run"])
        while time.monotonic() < end:
            write(app)
            time.sleep(.02)
        if number % 2:
            served.wait_event("run.began", after=len(served.events))
            time.sleep(context.random.uniform(0, .2))
        served.kill_all(and_runs=number % 2)
    served = Serve(context, jobs.replace("every 1s", "0 0 1 1 *").replace("every 2s", "0 0 1 1 *"))
    served.wait_following("app.db", "other.db")
    every = lambda: runs(context, app, "hourly") + runs(context, other, "daily") + runs(context, other, "hourly")
    going = lambda: any(run["result"] in ("running", "waiting") for run in every())
    wait_until(lambda: not going(), "all runs ended")
    time.sleep(1)  # the last interrupted one begins again
    wait_until(lambda: not going(), "all runs ended")
    had_turn = {run["id"]: run["result"] for run in runs(context, other, "hourly")}
    check(set(had_turn) == asked, f"asked for: {sorted(asked)}, run: {had_turn}")
    check(set(had_turn.values()) <= {"done", "warnings", "interrupted"}, f"{had_turn}")
    interrupted = 0
    for database, job, pace in ((app, "hourly", 1), (other, "daily", 2)):
        by_due = {}
        for run in runs(context, database, job):
            by_due.setdefault(run["due"], []).append(run)
        for due, tries in by_due.items():
            results = [run["result"] for run in sorted(tries, key=lambda run: run["id"])]
            # At most 1 + retries attempts; after a second interruption it is not done again.
            check(all(result in ("interrupted", "failed") for result in results[:-1]), f"{due} of {job}: {results}")
            check(len(results) <= 3 and results[:-1].count("interrupted") <= 1, f"{due} of {job}: {results}")
            interrupted += results.count("interrupted")
        dues = sorted(int(calendar.timegm(time.strptime(due[:19], "%Y-%m-%dT%H:%M:%S"))) for due in by_due)
        gaps = [(a, b) for a, b in zip(dues, dues[1:]) if b - a != pace]
        check(not gaps, f"{job}: due times neither run nor recorded as skipped: {gaps}")
    context.sync(app)
    newest_equals(context, app)
    served.stop()
    context.verify_is_clean(app)
    asked_interrupted = sum(result == "interrupted" for result in had_turn.values())
    check(not context.long or interrupted + asked_interrupted >= rounds / 3, "hardly a kill came in the midst of a run")
    return f"{rounds} kills, {interrupted} runs interrupted; of {len(asked)} asked for {asked_interrupted}"


def hangs_at(context, folder):
    """The environment in which archives below a folder hang, and the file as long as which they do."""
    flag = context.path("hangs")
    return context.environment | {"LD_PRELOAD": context.tool("hung_folder.so"), "LITEWRIGHT_HUNG_FOLDER": context.path(folder),
                                  "LITEWRIGHT_HUNG_WHILE": flag}, flag


def hung_store(context):
    """Some stores hang: the other databases' commits are archived while they do; their own when they are back."""
    many, ill, seconds = (1000, 10, 60) if context.long else (12, 2, 2)
    names = [f"d{number:04}.db" for number in range(many)]
    environment, flag = hangs_at(context, "hung")
    first = make(context, "data/" + names[0])
    for name in names[1:]:
        shutil.copyfile(first, context.path("data/" + name))
    third = make(context, "third.db")
    toml = "".join(f'[[database]]\npath = "{context.path("data/" + name)}"\narchive = "{context.path("hung/" + name)}"\n' for name in names[:ill])
    served = Serve(context, f'{toml}[[database]]\ndirectory = "{context.path("data")}"\n'
                            f'[[database]]\npath = "{context.path("missing.db")}"\n', environment=environment)
    for name in names:
        served.wait_event("following", timeout=COMMAND_SECONDS, that=lambda event: event["database"] == name)
    served.wait_finding("guard.waiting", database="missing.db")
    pathlib.Path(flag).touch()
    slowest, syncs, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for name in names[:ill]:
            write(context.path("data/" + name))
        quick = context.path("data/" + context.random.choice(names[ill:]))
        write(quick)
        began = time.monotonic()
        context.sync(quick)
        slowest, syncs = max(slowest, time.monotonic() - began), syncs + 1
    newest_equals(context, quick)
    for name in names[:ill]:
        served.wait_finding("archive.unwritable", database=name)
    # Another one joins meanwhile, and what is asked of the daemon is done.
    os.rename(third, context.path("missing.db"))
    served.wait_following("missing.db")
    threads = len(os.listdir(f"/proc/{served.children()[0]}/task"))
    others = [event for event in served.events if event.get("event") in ("warning", "finding") and event["database"] in names[ill:]]
    check(not others, f"the others have trouble: {others[:3]}")
    os.unlink(flag)
    for name in names[:ill]:
        served.wait_finding("archive.unwritable", "cleared", database=name)
        context.command("sync", context.path("data/" + name), "--archive", context.path("hung/" + name))
    served.stop()
    for name in names[:ill]:
        commits = context.command("log", context.path("data/" + name), "--archive", context.path("hung/" + name), "--all", "--json").json["commits"]
        check(len(commits) == syncs + 1, f"{name}: {len(commits)} commits of {syncs + 1} are points of their own")
    return f"{syncs} syncs of the others among {many}, the slowest {slowest * 1000:.0f} ms, {threads} threads"


def leaves(context):
    """SIGTERM while a store hangs: the daemon leaves without it, and nothing is lost; the other database is archived."""
    slow, quick = make(context, "slow.db"), make(context, "quick.db")
    environment, flag = hangs_at(context, "slow.db-archive")
    toml = f'[[database]]\npath = "{slow}"\n[[database]]\npath = "{quick}"\n'
    served = Serve(context, toml, environment=environment)
    served.wait_following("slow.db", "quick.db")
    pathlib.Path(flag).touch()
    for _ in range(3):
        write(slow)
        write(quick)
        context.sync(quick)
    write(quick)
    archivers = served.children()
    began = time.monotonic()
    served.stop(status=1)
    took = time.monotonic() - began
    check(served.wait_event("stopped")["stores_not_back"] == ["slow.db"], f"{served.events[-3:]}")
    wait_until_gone(archivers)
    newest_equals(context, quick)
    os.unlink(flag)
    write(slow)  # nobody holds it
    again = Serve(context, toml)
    again.wait_following("slow.db")
    context.sync(slow)
    newest_equals(context, slow)
    # What was captured went through the spool as it was: each commit is a point of its own, and so is the one of meanwhile.
    check(len(context.log(slow)) == 5, f"{context.log(slow)}")
    again.stop()
    return f"it left after {took:.1f} s"


def leaves_at_once(context):
    """A second SIGTERM waits for nothing; the database is left in order."""
    path = make(context, "slow.db")
    environment, flag = hangs_at(context, "slow.db-archive")
    served = Serve(context, f'[[database]]\npath = "{path}"\n', environment=environment)
    served.wait_following("slow.db")
    pathlib.Path(flag).touch()
    write(path)
    served.process.send_signal(signal.SIGTERM)
    served.wait_event("stopping")
    archivers = served.children()
    served.process.send_signal(signal.SIGTERM)
    served.wait_until_it_ends(COMMAND_SECONDS)
    check(not served.running, "a second SIGTERM did not end it")
    wait_until_gone(archivers)
    os.unlink(flag)
    write(path)  # nobody holds it
    again = Serve(context, f'[[database]]\npath = "{path}"\n')
    again.wait_following("slow.db")
    context.sync(path)
    newest_equals(context, path)
    again.stop()


def begins_again(context):
    """The process that guards is killed: another one takes its place, and goes on."""
    path = make(context, "app.db")
    served = Serve(context, f'[[database]]\npath = "{path}"\nwal_limit = "64KiB"\n')
    served.wait_following("app.db")
    seen = len(served.events)
    send(served.children(), signal.SIGKILL)
    served.wait_following("app.db", after=seen)
    check("starting another" in served.errors, served.errors)
    write(path)
    context.sync(path)
    newest_equals(context, path)
    served.stop()


def stopped_in_the_gate(context):
    """Stopped while one of two guards keeps writers out: the watchdog ends the process, writers go on, and all is guarded again."""
    path, other = new_database(context), make(context, "other.db")
    served = Serve(context, f'[[database]]\npath = "{path}"\nwal_limit = "256KiB"\n[[database]]\npath = "{other}"\n')
    served.wait_following("app.db", "other.db")
    writer = load(context, path, COMMAND_SECONDS)
    held = lambda pids: pids & application.lock_holders(path, application.WRITE, application.WRITE)
    tries = 0
    while True:
        pids = set(served.children())
        if not held(pids):
            continue
        tries += 1
        send(pids, signal.SIGSTOP)
        time.sleep(.05)  # until all its threads stand still
        if held(pids):
            break
        send(pids, signal.SIGCONT)
    seen = len(served.events)
    time.sleep(.1)  # for the acknowledgement of a commit from before the gate
    acks = os.path.getsize(ack(context, 1))
    wait_until(lambda: os.path.getsize(ack(context, 1)) > acks, "the writer goes on")
    check("stood still while it kept writers out" in served.errors, f"the writer went on by itself; {served.errors!r}")
    served.wait_following("app.db", "other.db", after=seen)
    writer.terminate()
    figures(writer)
    write(other)
    for database in (path, other):
        context.sync(database)
        newest_equals(context, database)
    application.has_all_acknowledged(path, [ack(context, 1)])
    served.stop()
    return f"at the {tries}. try"


def sandbox(context):
    """The service's unit is one that systemd reads, and is shut in well."""
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze here")
    unit = pathlib.Path(__file__).resolve().parents[2] / "deploy/systemd/litewright.service"
    said = context.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)])
    found = re.search(r"Overall exposure level for litewright.service: ([0-9.]+)", said.stdout)
    check(said.status == 0 and found, f"exit {said.status}: {said.stderr}")
    check(float(found[1]) <= 2.5, f"exposure {found[1]}")
    return f"exposure {found[1]}"


def tells_its_service_manager(context):
    """READY once it guards, RELOADING and READY again, WATCHDOG in time, STOPPING; its commands don't hear of it."""
    path, socket_path = make(context, "app.db"), context.path("notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(socket_path)
    manager.settimeout(COMMAND_SECONDS)

    def hear(word):
        while True:
            lines = manager.recv(4096).decode().split("\n")
            if any(line.startswith(word) for line in lines):
                return lines

    served = Serve(context, f'[[database]]\npath = "{path}"\n',
                   environment=context.environment | {"NOTIFY_SOCKET": socket_path, "WATCHDOG_USEC": "1500000"})
    hear("READY=1")
    hear("STATUS=databases guarded: 1 of 1")
    hear("WATCHDOG=1")
    served.process.send_signal(signal.SIGHUP)
    check(any(line.startswith("MONOTONIC_USEC=") for line in hear("RELOADING=1")), "RELOADING without its time")
    hear("READY=1")
    served.process.send_signal(signal.SIGTERM)
    hear("STOPPING=1")
    served.stop()


TESTS = [
    Test("serve's unit for systemd is sandboxed", sandbox, 3),
    Test("serve tells its service manager how it is", tells_its_service_manager, 5),
    Test("serve runs plans by schedule and is killed in the midst", runs_by_schedule, 15),
    Test("serve begins without its history", begins_without_its_history, 10),
    Test("serve tries again what failed before it was killed", tried_again_after_a_kill, 10),
    Test("serve is killed at any moment", killed_at_any_moment, 25, 200),
    Test("serve with stores that hang guards the others", hung_store, 15, 180),
    Test("serve leaves though a store hangs", leaves, 10),
    Test("serve leaves at once when it is told so again", leaves_at_once, 6),
    Test("serve's process is killed and begins again", begins_again, 6),
    Test("serve is stopped in the gate", stopped_in_the_gate, 10),
]
