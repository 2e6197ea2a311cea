"""HTTP as the tests ask for it: whole answers, raw bytes, many connections at once."""
import dataclasses
import http.client
import json
import socket
import time
import urllib.parse

SECONDS = 30  # until an answer is there


@dataclasses.dataclass
class Reply:
    status: int
    type: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def place_of(address):
    parts = urllib.parse.urlsplit(address)
    return parts.hostname, parts.port


def ask(address, target, method="GET", headers=None, body=None):
    connection = http.client.HTTPConnection(*place_of(address), timeout=SECONDS)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers.get("Content-Type", ""), dict(answer.headers), answer.read())
    finally:
        connection.close()


def exchange(address, data, patience=.01):
    """Sends bytes as they are and hangs up; gives the beginning of the answer, empty where none came for a moment."""
    with socket.create_connection(place_of(address), timeout=SECONDS) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(patience)
            return connection.recv(65536)
        except OSError:  # it was closed before all was sent, or nothing came
            return b""


class SlowClients:
    """So many connections that each send a byte of a request now and then, and come again when they are ended."""

    def __init__(self, address, count):
        self._place = place_of(address)
        self._connections = []
        self.ended = 0
        for _ in range(count):
            self._connections.append(self._connect())

    def _connect(self):
        connection = socket.create_connection(self._place, timeout=SECONDS)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        connection.setblocking(False)
        return connection

    def drip(self):
        for at, connection in enumerate(self._connections):
            try:
                connection.send(b"a")
                if connection.recv(1) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                self.ended += 1
                connection.close()
                self._connections[at] = self._connect()

    def leave(self):
        for connection in self._connections:
            connection.close()


def events(address, target, count, headers=None, seconds=SECONDS):
    """The first `count` server-sent events as (id, name, data)."""
    with socket.create_connection(place_of(address), timeout=seconds) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        found, event, end = [], {}, time.monotonic() + seconds
        stream = connection.makefile("rb")
        while len(found) < count and time.monotonic() < end:
            line = stream.readline().decode().rstrip("\r\n")
            name, colon, value = line.partition(": ")
            if colon and name in ("id", "event", "data"):
                event[name] = value
            elif not line and "data" in event:
                found.append((event["id"], event["event"], json.loads(event["data"])))
                event = {}
        return found
