#!/usr/bin/env bash
# Lays the content of Debian packages out below a folder without installing them: programs that tests use, and that
# would start as daemons where they are installed. Needs no root. Does nothing, and says nothing, when they are there.
#   unpack_packages.sh FOLDER PACKAGE...     then FOLDER/usr/bin/... ; no dependencies, no scripts are run
# Ends with 1 and a line that says why where they can't be had. OFFLINE=1: the network is left alone.
set -euo pipefail
folder=${1:?usage: unpack_packages.sh FOLDER PACKAGE...}
shift
can_not() { echo "note: not unpacked: $*" >&2; exit 1; }

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/.lock"
flock 9 # tests run side by side
missing=()
for package; do [ -e "$folder/.unpacked-$package" ] || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0

[ -z "${OFFLINE:-}" ] || can_not "${missing[*]}: OFFLINE is set"
command -v apt-get dpkg-deb >/dev/null || can_not "${missing[*]}: no apt-get and dpkg-deb here"
work=$(mktemp -d "$folder/.work-XXXXXX")
trap 'rm -rf "$work"' EXIT
apt=(apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o APT::Sandbox::User=)
if ! apt-cache show --no-all-versions "${missing[@]}" >/dev/null 2>&1; then
  # Lists of our own, so that no root is needed and nothing of the machine's changes.
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  apt+=(-o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache")
  "${apt[@]}" update >"$work/log" 2>&1 9>&- || can_not "${missing[*]}: apt-get update: $(tail -n 1 "$work/log")"
fi
(cd "$work" && "${apt[@]}" download "${missing[@]}" >log 2>&1 9>&-) ||
  can_not "${missing[*]}: apt-get download: $(tail -n 1 "$work/log")"
for package in "${missing[@]}"; do
  dpkg-deb -x "$work/${package}"_*.deb "$folder"
  touch "$folder/.unpacked-$package"
done
echo "unpacked ${missing[*]}"
