"""Prometheus, promtool and Alertmanager, real: Debian's, installed or unpacked below build/tools."""
import os
import pathlib
import shutil
import subprocess

from program import Skip

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "build/tools"
PACKAGES = {"prometheus": "prometheus", "promtool": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}


def prometheus_program(name):
    """The program's path; Skip, saying why, where it can't be had."""
    found = shutil.which(name) or shutil.which(name, path=str(TOOLS / "usr/bin"))
    if found:
        return found
    unpacked = subprocess.run([ROOT / "tests/unpack_packages.sh", TOOLS, PACKAGES[name]], capture_output=True, text=True)
    if unpacked.returncode != 0:
        raise Skip(f"no {name} here: {unpacked.stderr.strip()}")
    return str(TOOLS / "usr/bin" / name)


def alertmanager_command():
    """The words that start it. Debian's reads /usr/share/prometheus: one that is not installed is shown the unpacked one there."""
    program = prometheus_program("prometheus-alertmanager")
    if pathlib.Path("/usr/share/prometheus/alertmanager/default.tmpl").exists():
        return [program]
    in_its_place = ["unshare", "--mount", "--propagation", "slave", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c",
                    'mount --bind "$0" /usr/share && exec "$@"', str(TOOLS / "usr/share")]
    tried = subprocess.run([*in_its_place, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise Skip(f"Alertmanager is not installed, and a mount of its own is not to be had: {tried.stderr.strip()}")
    return [*in_its_place, program]
