"""`serve` and its configuration: what it means as it changes, reloads, refusals, folders that can't be read, --check-config."""
import os
import pathlib
import signal

from application_database import newest_equals
from program import Serve, Skip, Test, check, send
from served_database import make, write


def guards(context):
    """Two are guarded, a third joins, a fourth is deleted; SIGHUP takes over what changed, and refuses what is wrong."""
    app, first, second = make(context, "app.db"), make(context, "tenants/a.db"), make(context, "tenants/b.db")
    toml = f"""
[[database]]
path = "{app}"
archive = "{context.path('backup')}"
[[database]]
glob = "{context.path('tenants')}/*.db"
"""
    served = Serve(context, toml)
    served.wait_following("app.db", "a.db", "b.db")
    for path in (app, first, second):
        write(path)
        context.sync(path) if path != app else context.command("sync", app, "--archive", context.path("backup"))
    newest_equals(context, first)
    third = make(context, "tenants/c.db")
    served.wait_following("c.db")
    os.unlink(second)
    served.wait_finding("database.deleted")
    seen = len(served.events)
    served.reload(toml + "archiv = 1\n")
    refused = served.wait_event("reload.refused", after=seen)
    check("unknown key 'archiv'" in refused["message"], f"{refused}")
    served.wait_finding("config.refused", after=seen)
    write(app)
    context.command("sync", app, "--archive", context.path("backup"))
    seen = len(served.events)
    served.reload(toml.replace(context.path("backup"), context.path("elsewhere")))
    served.wait_event("configured", after=seen)
    served.wait_finding("config.refused", "cleared", after=seen)
    served.wait_following("app.db", after=seen)
    context.command("sync", app, "--archive", context.path("elsewhere"))
    others = [event for event in served.events[seen:] if event["event"] == "following" and event["database"] != "app.db"]
    check(not others, f"others began anew: {others}")
    write(third)
    served.stop()
    newest_equals(context, third)
    context.command("restore", app, "--archive", context.path("elsewhere"), "-o", context.path("back.db"))


def begins_again_as_it_was(context):
    """The process that guards is killed after a reload: the next one goes by what the file says now; where that is refused, by what was
    in force, though the file said something else at the start."""
    app, joined, later = (make(context, name) for name in ("app.db", "joined.db", "later.db"))
    one = lambda path: f'[[database]]\npath = "{path}"\n'
    served = Serve(context, one(app))
    served.wait_following("app.db")
    served.reload(one(app) + one(joined))
    served.wait_following("joined.db")
    served.wait_event("configured", that=lambda event: event["databases"] == 2)

    def next_one(*names):
        seen = len(served.events)
        send(served.children(), signal.SIGKILL)
        served.wait_following(*names, after=seen)
        return seen

    seen = next_one("app.db", "joined.db")
    served._write("")
    seen = next_one("app.db", "joined.db")
    refused = served.wait_event("reload.refused", after=seen)
    check("no [[database]]" in refused["message"], f"{refused}")
    served.wait_finding("config.refused", after=seen)
    served._write(one(app) + one(joined) + one(later))
    seen = next_one("app.db", "joined.db", "later.db")
    for path in (app, joined, later):
        write(path)
        context.sync(path)
        newest_equals(context, path)
    check(not [event for event in served.events[seen:] if event["event"] == "reload.refused"], "the last one is no longer refused")
    served.stop()


def refuses_a_file_without_databases(context):
    """An editor that writes in place has the file empty for a moment: a reload then leaves all under guard."""
    app = make(context, "app.db")
    toml = f'[[database]]\npath = "{app}"\n'
    served = Serve(context, toml)
    served.wait_following("app.db")
    for text in ("", '[jobs]\nat_once = 1\n'):
        seen = len(served.events)
        pathlib.Path(served.file).write_text(text)
        served.process.send_signal(signal.SIGHUP)
        refused = served.wait_event("reload.refused", after=seen)
        check("no [[database]]" in refused["message"], f"{refused}")
    served.wait_finding("config.refused")
    write(app)
    context.sync(app)
    seen = len(served.events)
    served.reload(toml)
    served.wait_event("configured", after=seen)
    served.wait_finding("config.refused", "cleared", after=seen)
    check(not [event for event in served.events if event["event"] == "left"], "a guard left")
    served.stop()
    newest_equals(context, app)


def folder_without_rights(context):
    """A folder that can't be listed, and then not be searched: its databases stay guarded, with findings, and none is called deleted or
    missing; rights given back end them. As a user who is not root."""
    if os.geteuid() != 0:
        raise Skip("only root may become another user")
    nobody = 65534
    app, other = make(context, "tenants/a.db"), make(context, "more/x/b.db")
    places = [os.path.dirname(app), os.path.dirname(other)]
    for folder in (context.folder, context.path("more"), *places, app, other):
        os.chmod(folder, 0o755 if folder in (context.folder, context.path("more")) else 0o777)
    for name in ("state", "backup"):
        os.mkdir(context.path(name))
        os.chown(context.path(name), nobody, nobody)
    toml = "".join(f'[[database]]\n{what}\narchive = "{context.path("backup")}/{number}"\n' for number, what in
                   enumerate((f'directory = "{places[0]}"', f'glob = "{context.path("more")}/*/*.db"')))
    as_nobody = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    served = Serve(context, toml, before=as_nobody)
    served.wait_following("a.db", "x/b.db")
    objects = (places[0], context.path("more") + "/*/*.db")
    for rights in (0o311, 0o000):
        seen = len(served.events)
        for folder in places:
            os.chmod(folder, rights)
        of = lambda place, change: served.wait_event("finding", after=seen, that=lambda event: (event["finding"]["object"], event["change"])
                                                     == (place, change))["finding"]
        for place in objects:
            found = of(place, "appeared")
            check((found["id"], found["severity"]) == ("config.not-followed", "critical") and "Permission denied" in found["meaning"], f"{found}")
        served.reload(toml)  # takes no guard away either
        served.wait_event("configured", after=seen, that=lambda event: event["databases"] == 2)
        for name, path in (("a.db", app), ("x/b.db", other)) if rights == 0 else ():
            found = served.wait_finding("database.unreachable", database=name, after=seen)["finding"]
            check("Permission denied" in found["meaning"] and "restore" not in found["remedy"], f"{found}")
        for path in (app, other):
            write(path)
        for folder in places:
            os.chmod(folder, 0o777)
        for place in objects:
            of(place, "cleared")
        if rights == 0:
            served.wait_following("a.db", "x/b.db", after=seen)
    ids = {event["finding"]["id"] for event in served.events if event["event"] == "finding"}
    check(not ids & {"database.deleted", "database.missing"}, f"{ids}")
    check(not [event for event in served.events if event["event"] == "left"], "a guard left")
    for path, archive in ((app, "0/a.db"), (other, "1/x/b.db")):
        said = context.run([*as_nobody, context.litewright, "sync", path, "--archive", context.path("backup/" + archive)])
        check(said.status == 0, f"{said}")
    served.stop()
    return f"findings: {', '.join(sorted(ids))}"


def checks_its_configuration(context):
    """What is wrong is said with its line, and what is right with whom it means."""
    path, other = make(context, "app.db"), context.path("other.db")
    file = context.path("litewright.toml")

    def answer(toml, status):
        pathlib.Path(file).write_text(toml)
        return context.command("serve", "--check-config", "--config", file, status=status)

    for toml, words in ((f'[[database]]\npath = "{path}"\nschedul.daily = "0 2 * * *"\n', ("litewright.toml:3", "did you mean schedule?")),
                        (f'[[database]]\npath = "{path}"\nschedule.daily = "0 26 * * *"\n', ("litewright.toml:3", "daily")),
                        ('[jobs]\nat_once = 0\n', ("litewright.toml:2", "at_once")),
                        ('[jobs]\nat_once = 1\nzone = "Europe/Atlantis"\n', ("litewright.toml:3", "Europe/Atlantis")),
                        (f'[[database]]\npath = "{path}"\narchive = "/x"\n[[database]]\npath = "{other}"\narchive = "/x/"\n',
                         (path, other, "one archive")),
                        ('[[database]]\npath = "postgresql://host/app"\n', ("PostgreSQL",)),
                        (f'[[database]]\npath = "{path}"\narchive = "s3://b/app"\n', ("litewright.toml:3", "no driver for s3")),
                        (f'[[database]]\npath = "{path}"\narchive = ["{other}", "/x"]\n', ("litewright.toml:3", "one archive")),
                        (f'serve.state_folder = "{path}"\n[[database]]\npath = "{path}"\n', ("litewright.toml: state_folder", "no folder")),
                        ('[http]\nlisten = "127.0.0.1:7070"\n', ("no [[database]]",))):
        said = answer(toml, 78).stderr
        check(all(word in said for word in words), f"{toml}: {said}")
        check(answer(toml, 78).stderr and context.command("serve", "--config", file, status=78).stderr, "serve began")
    pathlib.Path(file).write_text(f'[[database]]\npath = "{path}"\nschedule.daily = "0 2 * * *"\n')
    fine = context.command("serve", "--check-config", "--config", file, "--json").json
    check([one["name"] for one in fine["databases"]] == ["app.db"] and fine["findings"] == [], f"{fine}")
    for place, words in ((f'directory = "{context.path("no")}"', "no such directory"), ('glob = "~/data/*.db"', "'~'"),
                         (f'glob = "{context.path("[.db")}"', "nothing matches")):
        said = answer(f'[[database]]\npath = "{path}"\n[[database]]\n{place}\n', 0).stdout
        check("config.matches-nothing" in said and words in said and "databases now: 1" in said, f"{place}: {said}")
    make(context, "one/same.db"), make(context, "two/same.db")
    both = "".join(f'[[database]]\ndirectory = "{context.path(folder)}"\narchive = "{context.path("backup")}"\n' for folder in ("one", "two"))
    said = answer(both, 0).stdout
    check("config.one-archive" in said and context.path("backup/same.db") in said, f"{said}")
    pathlib.Path(file).write_text(f'[[database]]\npath = "{path}"\n')
    check(not os.path.exists(path + "-archive"), "a check made an archive")
    os.mkdir(context.path("ours"))
    os.symlink("ours", context.path("link"))
    for state, status, words in ((path, 73, "no folder"), (context.path("link"), 0, "")):
        said = context.command("serve", "--check-config", "--config", file, status=status, env=context.environment | {"LITEWRIGHT_STATE": state})
        check(words in said.stderr, f"{state}: {said}")


TESTS = [
    Test("serve guards what the configuration means as it changes", guards, 10),
    Test("serve's process is killed after a reload", begins_again_as_it_was, 12),
    Test("serve refuses to reload a file without databases", refuses_a_file_without_databases, 6),
    Test("serve guards databases whose folder can't be read", folder_without_rights, 15),
    Test("serve --check-config", checks_its_configuration, 3),
]
