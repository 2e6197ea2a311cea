"""The oracle: a random history of several writing processes; the archive has each commit, at its place, as it was."""
import os

import application_database as application
import history
from program import Test, check

# page size, auto_vacuum, writing processes, commits (short, long), restores (short, long)
HISTORIES = (
    (512, "full", 4, 550, 4200, 14, 170),
    (4096, "none", 3, 550, 4200, 14, 170),
    (65536, "incremental", 2, 400, 2600, 12, 160),
)


def follows(page_size, auto_vacuum, writers, short, long, restores, long_restores):
    def run(context):
        database = context.path("app.db")
        history.create(database, page_size, auto_vacuum)
        empty = application.content(database)
        protect = context.protect(database)
        first = protect.following["txid"]
        entries = history.run(database, context.path("history.log"), long if context.long else short, writers, context.seed,
                              auto_vacuum)
        newest = context.sync(database)
        commits = context.log(database)
        txids = [commit["txid"] for commit in commits]
        check(txids == list(range(txids[0], txids[-1] + 1)), "txids are not dense")
        check(newest == txids[-1], f"sync says tx {newest}, log's newest is {txids[-1]}")
        times = [commit["time"] for commit in commits]
        check(times == sorted(times), "times run backwards")
        check(not any(commit["reconciled"] for commit in commits[1:]), "a commit was reconciled while protect ran")
        archived = txids[-1] - first
        check(archived == len(entries), f"{archived} commits archived, {len(entries)} were made "
                                        f"({sum(e['kind'] != 'rows' for e in entries)} without the counter)")

        expected = {first: {"counter": 0, "kind": "rows", "hash": empty, "pages": None}}
        expected |= {first + 1 + i: entry for i, entry in enumerate(entries)}
        alone = [txid for txid, entry in expected.items() if entry["kind"] != "rows"]
        chosen = {first, txids[-1], *alone[:6]}
        wanted = min(len(expected), long_restores if context.long else restores)
        while len(chosen) < wanted:
            chosen.add(context.random.randrange(first, txids[-1] + 1))
        for number, txid in enumerate(sorted(chosen)):
            out = context.restore(database, context.path("restored.db"), "--tx", txid)
            entry = expected[txid]
            got = application.value(out, "SELECT n FROM litewright_test_counter")
            check(got == entry["counter"], f"tx {txid} has counter {got}, not {entry['counter']}")
            check(application.content(out) == entry["hash"], f"tx {txid} (counter {got}, {entry['kind']}) has another content")
            if entry["pages"] is not None:
                pages = application.value(out, "PRAGMA page_count")
                check(pages == entry["pages"], f"tx {txid} ({entry['kind']}) has {pages} pages, not {entry['pages']}")
            if number % 4 == 0:
                application.is_sound(out)
            os.unlink(out)
        context.verify_is_clean(database)
        check(protect.running, f"protect ended by itself: {protect.errors}")
        protect.stop()
        application.is_sound(database)
        check(application.content(database) == entries[-1]["hash"], "the application's database is not what it wrote last")
        return f"{len(entries)} commits, {len(alone)} of them without the counter, {len(chosen)} restores"

    return run


TESTS = [Test(f"each commit of a random history can be restored, {row[0]}-byte pages, auto_vacuum {row[1]}", follows(*row), 25, 300)
         for row in HISTORIES]
