#!/usr/bin/env bash
# Installs the Debian packages a list names and this machine lacks; does nothing, and says nothing, when all
# are there.
#   install_packages.sh LIST        one package a line, # begins a comment
# OFFLINE=1: the network is left alone; what is missing is named and the caller goes on with what there is.
set -euo pipefail
list=${1:?usage: install_packages.sh LIST}
command -v dpkg-query >/dev/null || {
  echo "note: no dpkg here; the packages of $list must be there under this system's own names" >&2
  exit 0
}

mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$list")
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) <(sort -u <<<"$installed"))
[ ${#missing[@]} -gt 0 ] || exit 0

if [ -n "${OFFLINE:-}" ]; then
  echo "note: OFFLINE is set, so these are not installed: ${missing[*]}" >&2
  exit 0
fi
if [ "$(id -u)" = 0 ]; then
  as_root=(env)
elif command -v sudo >/dev/null; then
  as_root=(sudo env)
else
  echo "error: these packages are missing and there is neither root nor sudo to install them: ${missing[*]}" >&2
  echo "hint: as root, run: apt-get install ${missing[*]}" >&2
  exit 1
fi

echo "installing ${#missing[@]} packages: ${missing[*]}"
apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "error: apt-get could not install them (its last lines are above)" >&2
  echo "hint: check the network and /etc/apt/sources.list, or install them by hand and run make with OFFLINE=1" >&2
  exit 1
fi
