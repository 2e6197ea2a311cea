"""Prometheus, promtool and Alertmanager, real: Debian's, installed or unpacked below build/tools."""
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
