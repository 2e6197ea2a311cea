#!/usr/bin/env bash
# Runs every fuzz target of BUILD_DIR for SECONDS each, $JOBS (by default 2) at a time, one line a target; status 1 if
# any has a finding.
# Seeds: files that the sqlite3 shell makes here, and tests/fuzz/seeds/<target>/ where there is one.
# What libFuzzer discovers is kept in BUILD_DIR/fuzz-corpus/<target>, findings in BUILD_DIR/fuzz-findings.
set -eu
if [ $# -lt 2 ]; then
  echo "usage: $0 BUILD_DIR SECONDS [TARGET...]" >&2
  exit 64
fi
build=$1 seconds=$2
shift 2
here=$(dirname "$0")
seeds=$build/fuzz-seeds findings=$build/fuzz-findings
rm -rf "$seeds"
mkdir -p "$seeds" "$findings"

# A database with its log, index and journal as they are amid a transaction, and its first pages one by one.
make_seeds() {
  scratch=$(mktemp -d)
  sqlite3 "$scratch/app.db" >"$scratch/output" <<SQL
PRAGMA page_size=512;
CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL, c BLOB);
CREATE INDEX i ON t(a);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  INSERT INTO t SELECT i, 'name ' || i, i * 1.5, zeroblob(i * i % 300) FROM n;
DELETE FROM t WHERE id % 3 = 0;
.system cp $scratch/app.db $seeds/database
PRAGMA cache_size=2;
BEGIN;
UPDATE t SET a = 'other ' || id;
.system cp $scratch/app.db-journal $seeds/journal
ROLLBACK;
PRAGMA journal_mode=WAL;
UPDATE t SET b = 0 WHERE id < 5;
UPDATE t SET b = 1 WHERE id < 3;
.system cp $scratch/app.db-wal $seeds/wal
.system head -c 136 $scratch/app.db-shm > $seeds/wal-index
SQL
  for page in 0 1 2 3 4 5 6 7 8; do
    dd if="$seeds/database" of="$seeds/page-$page" bs=512 skip=$page count=1 status=none
  done
  head -c 100 "$seeds/database" >"$seeds/header"
  rm -rf "$scratch"
}

run_target() {
  name=$(basename "$1")
  corpus=$build/fuzz-corpus/$name
  own=$here/seeds/$name
  mkdir -p "$corpus"
  log=$build/$name.log
  set -- "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=20000 -print_final_stats=1 \
    -artifact_prefix="$findings/$name-" "$corpus" "$seeds"
  if [ -d "$own" ]; then set -- "$@" "$own"; fi
  if "$@" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "$name: $seconds s, $runs runs, $covered edges, no finding"
  else
    echo "$name: FINDING, see $log and $findings/$name-*"
    return 1
  fi
}

make_seeds
if [ $# -eq 0 ]; then
  for target in "$build"/fuzz_*; do
    if [ -x "$target" ] && [ -f "$target" ]; then set -- "$@" "$(basename "$target")"; fi
  done
fi
if [ $# -eq 0 ]; then
  echo "no fuzz targets in $build" >&2
  exit 66
fi
verdicts=$(mktemp -d)
trap 'rm -rf "$verdicts"' EXIT
remaining=${JOBS:-2}
for target in "$@"; do
  if [ "$remaining" = 0 ]; then
    wait -n
  else
    remaining=$((remaining - 1))
  fi
  { run_target "$build/$target" || : >"$verdicts/$target"; } &
done
wait
[ -z "$(ls "$verdicts")" ]
