"""Readings of running programs: time, memory, CPU, the size of a WAL, and when objects appear in a folder."""
import os, pathlib, re, statistics, subprocess, threading, time

MIB = 1 << 20


def run(*command, env=None):
    """Runs a command to its end and gives its output; on failure the error carries what it wrote."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError("%s: status %d\n%s" % (" ".join(map(str, command)), done.returncode, done.stderr[-2000:]))
    return done.stdout


def timed(action):
    """Seconds that action() takes, with nothing of ours left to be written before it begins."""
    os.sync()
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def family(pid):
    """A process and its descendants: `protect` runs the work in a child that it watches over."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path("/proc/%d/task" % parent).glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue  # it ended meanwhile
    return found


def peak_rss(pid):
    """The most memory (bytes) that process pid ever held, its living descendants' added; None when it is gone."""
    total = 0
    for member in family(pid):
        try:
            match = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/%d/status" % member).read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(match.group(1)) * 1024 if match else 0
    return total or None


def cpu_seconds(pid):
    """User and system time so far of process pid and its living descendants, ended children included."""
    ticks = 0
    for member in family(pid):
        fields = pathlib.Path("/proc/%d/stat" % member).read_text().rsplit(")", 1)[1].split()
        ticks += sum(int(f) for f in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def size_of(path):
    """Bytes of a file, or of all files below a folder; 0 where there is none."""
    path = pathlib.Path(path)
    if path.is_dir():
        return sum(size_of(entry) for entry in path.iterdir())
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def warm(path):
    """Puts a file's pages into the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(8 * MIB):
            pass


def fresh_copy(source, target):
    """A copy of a database that is on disk and in the page cache, without left-overs of an earlier one."""
    for suffix in ("", "-wal", "-shm", ".acked"):
        pathlib.Path(str(target) + suffix).unlink(missing_ok=True)
    run("cp", "--reflink=auto", source, target)
    os.sync()
    warm(target)
    return target


class Sampler:
    """Calls step() every `interval` seconds in a thread, from entering to leaving the with block."""

    def __init__(self, interval):
        self.interval, self._stop = interval, threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def _loop(self):
        while not self._stop.wait(self.interval):
            self.step()

    def __enter__(self):
        self.step()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.step()


class LargestFile(Sampler):
    """The largest size that a file reaches (bytes)."""

    def __init__(self, path):
        super().__init__(0.01)
        self.path, self.bytes = path, 0

    def step(self):
        self.bytes = max(self.bytes, size_of(self.path))


class Arrivals(Sampler):
    """When each object first appears below a folder: a list of (time.time_ns(), path). Half-written files
    (.tmp) do not count. A folder is read again only when its own mtime moved, so watching costs little."""

    def __init__(self, folder):
        super().__init__(0.002)
        self.folder, self.seen, self._names, self._mtimes = pathlib.Path(folder), [], set(), {}

    def step(self):
        self._look(str(self.folder))

    def _look(self, folder):
        try:
            mtime = os.stat(folder).st_mtime_ns
        except FileNotFoundError:
            return
        known = self._mtimes.get(folder)
        if known and known[0] == mtime and time.time_ns() - mtime > 50_000_000:
            for child in known[1]:
                self._look(child)
            return
        children = []
        try:
            for entry in os.scandir(folder):
                if entry.is_dir():
                    children.append(entry.path)
                elif not entry.name.endswith(".tmp") and not entry.name.startswith(".") and entry.path not in self._names:
                    self._names.add(entry.path)
                    self.seen.append((time.time_ns(), entry.path))
        except FileNotFoundError:
            return
        self._mtimes[folder] = (mtime, children)
        for child in children:
            self._look(child)

    def newest(self):
        """time.time_ns() of the newest object, 0 where there is none."""
        return self.seen[-1][0] if self.seen else 0

    def wait_quiet(self, seconds, limit, after=0):
        """Returns when something came after `after` (time.time_ns()) and then nothing for `seconds`. After `limit`
        seconds it gives up: a follower that never archives the last commit has no figure."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.newest() > after and time.time_ns() - self.newest() > seconds * 1e9:
                return
            time.sleep(0.05)
        raise RuntimeError("%s: nothing new within %d s" % (self.folder, limit))


def middle(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None
