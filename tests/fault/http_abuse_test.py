"""Slow and malformed clients: `serve` keeps answering others, keeps its memory, and does not fall.

All connections go to the test's own daemon at 127.0.0.1, and their number is bounded."""
import pathlib
import resource
import sqlite3
import threading
import time

from http_client import SlowClients, ask, exchange
from program import Serve, Test, check

SLOW, SLOW_SHORT = 1000, 250
MALFORMED, MALFORMED_SHORT = 10_000, 400
PROBES, PROBES_SHORT = 400, 40
ROUNDS = 5
MOST_GROWN = 24 << 20     # bytes of memory, from before the first round to after any
MOST_AFTER_TWO = 1 << 20  # from after the second round to after any
P99_MS = 250           # asserted in the long form: the short one runs beside other tests

BROKEN = [
    b"", b"\r\n\r\n", b"\x00" * 100, b"\xff\xfe\xfd\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n", b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /% HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /" + b"../" * 200 + b"etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"z" * 100_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\nHost: localhost\n\n", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZZ\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/databases/app.db/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"job\":",
    b"POST /api/v1/databases/app.db/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40000\r\n\r\n" + b"[" * 40_000,
    b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /?" + b"a=b&" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"q" * 300,
    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
]


def malformed(random):
    """One of the list, cut, flipped or as it is."""
    data = bytearray(random.choice(BROKEN))
    how = random.randrange(3)
    if how == 1 and data:
        del data[random.randrange(len(data)):]
    if how == 2 and data:
        for _ in range(random.randrange(1, 4)):
            data[random.randrange(min(len(data), 300))] = random.randrange(256)
    return bytes(data)


def memory_of(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def abuse(context, address, count, requests, probes):
    """One round. Gives what the probes waited, the answers by status, and how many slow clients were ended."""
    slow = SlowClients(address, count)
    over = threading.Event()
    dripping = threading.Thread(target=lambda: [slow.drip() for _ in iter(lambda: over.wait(.2), True)], daemon=True)
    dripping.start()
    waits, statuses = [], {}

    def probe():
        for _ in range(probes):
            began = time.monotonic()
            answer = ask(address, "/health/live")
            waits.append(time.monotonic() - began)
            check(answer.status == 200, f"health under abuse: {answer}")
            time.sleep(.02)

    prober = threading.Thread(target=probe)
    prober.start()
    for _ in range(requests):
        heard = exchange(address, malformed(context.random))
        status = heard[9:12].decode("latin-1") if heard.startswith(b"HTTP/1.") else "none"
        statuses[status] = statuses.get(status, 0) + 1
    prober.join()
    over.set()
    dripping.join()
    slow.leave()
    check(len(waits) == probes, f"{len(waits)} of {probes} probes were answered")
    check("500" not in statuses, f"answers by status: {statuses}")
    return waits, statuses, slow.ended


def abused(context):
    """Rounds of abuse: its memory comes to a level in the second and stays there."""
    count, requests, probes, rounds = (SLOW, MALFORMED, PROBES, ROUNDS) if context.long else (SLOW_SHORT, MALFORMED_SHORT, PROBES_SHORT, 2)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * SLOW), most))
    path = context.path("app.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t(x)")
    served = Serve(context, f'[[database]]\npath = "{path}"\n')
    served.wait_following("app.db")
    address, daemon = served.address, served.children()[0]
    waits, statuses, ended, memory = [], {}, 0, [memory_of(daemon)]
    for _ in range(rounds):
        waited, answered, slow_ended = abuse(context, address, count, requests, probes)
        waits += waited
        ended += slow_ended
        for status, number in answered.items():
            statuses[status] = statuses.get(status, 0) + number
        check(served.running and served.children() == [daemon], "the daemon fell")
        memory.append(memory_of(daemon))
    shown = ", ".join(f"{bytes / 2**20:.1f}" for bytes in memory)
    check(max(memory[1:]) - memory[0] < MOST_GROWN, f"memory grew: {shown} MiB")
    check(not context.long or max(memory[3:]) - memory[2] <= MOST_AFTER_TWO, f"memory grows on and on: {shown} MiB")
    waits.sort()
    p99 = waits[int(len(waits) * .99)] * 1000
    check(not context.long or p99 < P99_MS, f"health p99 {p99:.0f} ms beside {count} slow clients")
    connection.close()
    served.stop()
    by_status = ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items()))
    return (f"{rounds} rounds of {count} slow clients ({ended} ended by the daemon) and {requests} malformed requests ({by_status}): "
            f"health p50 {waits[len(waits) // 2] * 1000:.1f} ms, p99 {p99:.1f} ms, longest {waits[-1] * 1000:.1f} ms; memory {shown} MiB")


TESTS = [Test("slow and malformed clients keep nobody waiting", abused, 10, 700)]
