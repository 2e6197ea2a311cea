#!/usr/bin/env python3
"""How soon `protect` follows again after it was killed under full load, and how large the difference is that it archives.

  resume_after_kill.py DATABASE [--program build/litewright] [--folder DIR] [--rounds 3] [--away 1]

DATABASE is copied. Each round: write_load.py at full rate, `protect` killed (SIGKILL, its watchdog and all), --away
seconds later started again while the load goes on. Printed: seconds from the start until it says that it follows (all
that was committed up to then is archived), the objects of the difference, and what of the database differed.
"""
import argparse, json, os, pathlib, shutil, signal, statistics, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
LOAD_SECONDS = 3600  # ended by hand
PATIENCE = 120


class Protect:
    def __init__(self, program, database):
        self.began = time.monotonic()
        self.process = subprocess.Popen([program, "protect", database, "--json"], stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        for line in self.process.stdout:
            event = json.loads(line)
            if event.get("event") == "following":
                break
        else:
            sys.exit("protect ended before it followed: %s" % self.process.wait())
        self.seconds = time.monotonic() - self.began
        self.txid = event["txid"]

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # our own group
        self.process.wait()


def objects(database):
    return {path.name: path.stat().st_size for path in pathlib.Path(str(database) + "-archive", "segments").glob("*.lws")}


def newest(names):
    return max(int(name[:-4].split("-")[1]) for name in names)


def log(program, database):
    return json.loads(subprocess.run([program, "log", database, "--json"], check=True, capture_output=True, text=True).stdout)["commits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=pathlib.Path)
    parser.add_argument("--program", default=str(HERE.parent / "build" / "litewright"))
    parser.add_argument("--folder", help="where the copy goes (default: a temporary one)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--away", type=float, default=1, help="seconds between the kill and the start")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix="resume-") as folder:
        database = pathlib.Path(folder) / "shop.db"
        shutil.copyfile(args.database, database)
        os.sync()
        protect = Protect(args.program, database)
        print("first snapshot of %.2f GB: %.1f s" % (database.stat().st_size / 1e9, protect.seconds))
        load = subprocess.Popen([sys.executable, HERE / "write_load.py", database, str(LOAD_SECONDS)], stdout=subprocess.DEVNULL)
        times = []
        try:
            for round_number in range(args.rounds):
                time.sleep(2)
                protect.kill()
                before, acked = objects(database), os.path.getsize(str(database) + ".acked")
                wal = os.path.getsize(str(database) + "-wal")
                time.sleep(args.away)
                protect = Protect(args.program, database)
                gap = newest(before) + 1
                delta = [size for name, size in objects(database).items()
                         if name not in before and int(name[:-4].split("-")[0]) + 1 <= gap <= int(name[:-4].split("-")[1])]
                with open(str(database) + ".acked") as file:
                    file.seek(acked)
                    commits = file.read().count("\n")
                times.append(protect.seconds)
                print("round %d: follows after %.2f s; the difference is commit %d, %.2f MB; %d commits since the kill, WAL %.0f MB at the kill" % (
                    round_number + 1, protect.seconds, gap, sum(delta) / 1e6, commits, wal / 1e6), flush=True)
        finally:
            load.kill()
            load.wait()
            protect.kill()
        print("median %.2f s of %d rounds, %d CPUs" % (statistics.median(times), len(times), os.cpu_count()))


if __name__ == "__main__":
    main()
