"""A syslog daemon for one process: /dev/log is its socket there, in a mount namespace, and the machine's is left alone."""
import os
import re
import socket
import subprocess
import threading

from program import Skip

# $0: the /dev to be; $1: the socket.
PRIVATE_DEV = """
mount -t tmpfs none "$0" && mkdir "$0/shm" && ln -s "$1" "$0/log" || exit 1
for node in null zero full random urandom; do touch "$0/$node" && mount --bind "/dev/$node" "$0/$node" || exit 1; done
mount --rbind "$0" /dev && shift && exec "$@"
"""
LEVELS = {2: "crit", 4: "warning", 5: "notice"}
LOCAL0 = 16


class PrivateSyslog:
    """`lines` are ("local0", "crit", "text"); `before` are the words in front of a command that is to write there."""

    def __init__(self, context):
        folder, path = context.path("dev"), context.path("dev-log")
        os.makedirs(folder, exist_ok=True)
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.before = ["unshare", "--mount", "--propagation", "slave", *as_root, "sh", "-c", PRIVATE_DEV, folder, path]
        self.lines = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        tried = subprocess.run([*self.before, "test", "-S", "/dev/log"], capture_output=True, text=True)
        if tried.returncode != 0:
            raise Skip(f"no /dev of its own for a process: {tried.stderr.strip() or 'no socket there'}")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            packet = self._socket.recv(1 << 16).decode()
            priority, text = re.fullmatch(r"<(\d+)>litewright\[\d+\]: (.*)", packet).groups()
            facility, level = divmod(int(priority), 8)
            self.lines.append((f"local{facility - LOCAL0}", LEVELS[level], text))
