#!/usr/bin/env bash
# What `make run` shows.
#   live_demo.sh          a live shop database under protection, an accident, the restore to just before it; on a terminal
#                         then the daemon, until Ctrl-C
#   live_demo.sh DB       protects your own database until Ctrl-C
# LITEWRIGHT names the program. On a terminal the demo's folder is left for you to play with; else it is removed
# (KEEP=1 keeps it).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
litewright=$(realpath "${LITEWRIGHT:-$here/../build/litewright}")
[ -x "$litewright" ] || { echo "error: no program at $litewright" >&2; echo "hint: make build" >&2; exit 66; }

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
# Prints a command line as it can be pasted, then runs it; `litewright` in it is the program under test.
show() {
  echo "\$ $1"
  bash -c "litewright() { '$litewright' \"\$@\"; }; $1"
}

protect_yours() {
  local database=$1
  [ -f "$database" ] || { echo "error: no such file: $database" >&2; echo "hint: make run DB=/path/to/app.db" >&2; exit 66; }
  database=$(realpath "$database")
  cat <<END
Protecting $database
  The history of every commit goes to $database-archive/ (made if it is not there).
  Nothing is written to your database but SQLite's own checkpoints; your application need not know.
  Ctrl-C stops; what was committed until then stays in the archive. Meanwhile, in another terminal:

    $litewright log $database
    $litewright restore $database --at -5m -o before.db

END
  exec "$litewright" protect "$database"
}

[ -z "${1:-}" ] || protect_yours "$1"

folder=$(mktemp -d "${TMPDIR:-/tmp}/litewright-demo.XXXXXX")
protector= writer=
leave() {
  [ -z "$writer" ] || kill "$writer" 2>/dev/null || true
  [ -z "$protector" ] || kill "$protector" 2>/dev/null || true
  wait 2>/dev/null || true
  if [ -t 1 ] || [ -n "${KEEP:-}" ]; then
    echo "Everything is in $folder; try the commands above on it, then: rm -r $folder"
  else
    rm -rf "$folder"
  fi
}
trap leave EXIT
trap 'exit 130' INT TERM
cd "$folder"

wait_for() {  # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "error: no $what in time" >&2; cat protect.log >&2; exit 75; }
    sleep 0.05
  done
}
following() { kill -0 "$protector" && grep -q '"following"' protect.log; }

echo "The commands run in $folder; litewright is $litewright."
say "1. A shop's database (20,000 orders), protected while the shop is open"
"$here/../bench/make_shop_db.sh" app.db 20000 >/dev/null
echo '$ litewright protect app.db &'
export LITEWRIGHT_STATE="$folder/state"
"$litewright" protect app.db --json >protect.log 2>&1 &
protector=$!
wait_for 30 "first snapshot" following
python3 "$here/shop_app.py" run app.db shop.log before.json &
writer=$!

say "2. The accident, while orders come in"
wait "$writer" || { echo "error: the shop failed" >&2; exit 1; }
writer=
show "cat shop.log"
show "sqlite3 -readonly app.db \"SELECT count(*) || ' orders left' FROM orders\""

say "3. The timeline: every commit is a restore point"
at=$(sed -n 's/ clean-up: begins$//p' shop.log)
show "litewright sync app.db"
show "litewright log app.db --all | awk '\$3 < \"${at#* }\"' | tail -n 3    # before the clean-up began"
show "litewright log app.db --all | awk '\$1 + 0 && \$3 >= \"${at#* }\"' | sed -n '1,3p'  # the clean-up, and after"
show "litewright log app.db | tail -n 2"

say "4. Back to the second before the clean-up, into a new file; the shop stays open"
show "litewright restore app.db --at '$at' -o before.db"

say "5. The proof: every table against what the shop itself recorded just before the accident"
python3 "$here/shop_app.py" state before.db >restored.json
python3 - <<'END'
import json, sys
recorded, restored = json.load(open("before.json")), json.load(open("restored.json"))
for table in sorted(set(recorded) | set(restored)):
    same = recorded.get(table) == restored.get(table)
    rows, digest = restored.get(table, [0, "-"])
    print("  %-14s %7d rows  sha256 %s  %s" % (table, rows, digest[:16], "identical" if same else "DIFFERENT: recorded %s" % recorded.get(table)))
sys.exit(recorded != restored)
END
show "litewright verify app.db"
echo
echo "All rows are back and nothing else changed. $SECONDS s in all."
[ -t 1 ] || exit 0

say "6. The daemon: guards this database, and all that you name beside it, until Ctrl-C"
kill "$protector"
wait "$protector" || true
protector=
port=7070
! (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null || port=0  # taken: any
cat >litewright.toml <<END
[http]
listen = "127.0.0.1:$port"

[[database]]
path = "$folder/app.db"
schedule.hourly = "every 1h"
schedule.daily = "0 2 * * *"
END
cat litewright.toml
echo "\$ litewright serve"
trap : INT TERM  # Ctrl-C ends the daemon, and then this
"$litewright" serve || exit $?
