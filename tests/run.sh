#!/usr/bin/env bash
# Runs the tests in stages, each with a budget in seconds; what CI runs, in at most 25 minutes on 2 cores.
#   run.sh [STAGE...]                the stages named, by default all of CI's; --list prints them
#   run.sh --files "a.cc b.cc" tidy  tidy over these files instead of what changed
# A stage whose part of the tree is not there yet is left out. A stage over its budget is marked; one that
# takes three times its budget is ended and counts as failed. JOBS limits the compilers at work.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${JOBS:=$(nproc)}"
export JOBS

# name, budget in seconds, the file without which it is left out
stages="format 15 .clang-format
rules 10 tests/include_rules.py
unit 540 tests/CMakeLists.txt
tidy 120 .clang-tidy
release 410 CMakeLists.txt
readme 60 tests/readme_commands.py
docs 10 docs/commands.md
e2e 220 tests/e2e/run.py
fuzz 90 tests/fuzz/run.sh"
# Only by name: the long loops of `make soak`.
long_stages="soak 130000 tests/e2e/run.py"

sources() { git ls-files -co --exclude-standard -- '*.h' '*.cc'; }

build() {  # PRESET [TARGET...]
  local preset=$1
  shift
  cmake --preset "$preset" >/dev/null && cmake --build "build/$preset" -j "$JOBS" ${1:+--target "$@"}
}

stage_format() {
  local log status total bad
  log=$(mktemp)
  sources | xargs -P "$JOBS" -n 40 clang-format-19 --dry-run -Werror >"$log" 2>&1
  status=$?
  cat "$log"
  total=$(sources | wc -l)
  bad=$(sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error: .*/\1/p' "$log" | sort -u | wc -l)
  rm -f "$log"
  [ $status = 0 ] || echo "hint: make format"
  echo "$((total - bad)) passed, $bad failed"
  return $status
}

stage_rules() {
  tests/include_rules.py --self-test | tail -n 5 && tests/include_rules.py
}

# The fuzz targets' build serves the unit tests too: clang with ASan and UBSan. g++ sees every source in stage release.
# RC_PARAMS: rapidcheck's cases a property, other ones each time.
unit_tests() {  # SECONDS, the most that one shard may take
  build fuzz unit_tests || return 1
  local log status
  log=$(mktemp)
  ctest --test-dir build/fuzz --output-on-failure --verbose --timeout "$1" -j "$JOBS" >"$log" 2>&1
  status=$?
  [ $status = 0 ] || grep -vE '^ *[0-9]+: \[( +OK|-+|=+| RUN)' "$log" | tail -n 80
  # ctest counts test programs; the figure that matters is the tests inside them.
  awk '/\[  PASSED  \] [0-9]+ test/ { for (i = 1; i < NF; i++) if ($i == "]") passed += $(i + 1) }
       /\[  SKIPPED \] [0-9]+ test/ { for (i = 1; i < NF; i++) if ($i == "]") skipped += $(i + 1) }
       /\[  FAILED  \] [0-9]+ test/ { for (i = 1; i < NF; i++) if ($i == "]") failed += $(i + 1) }
       END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
  rm -f "$log"
  return $status
}

stage_unit() { RC_PARAMS=${RC_PARAMS:-max_success=35} unit_tests 300; }

# The .cc files that this line of work touched: against where it left origin/main, or the last commit where it
# has not left it. A changed header is tidied through the .cc of its name.
changed_sources() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null) || base=
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then base=$(git rev-parse -q --verify HEAD~1) || return 0; fi
  git diff --name-only --diff-filter=d "$base" -- src tests include |
    sed -n -e 's/\.h$/.cc/' -e '/\.cc$/p' | sort -u | while read -r file; do [ -f "$file" ] && echo "$file"; done
}

tidy_one() {  # FILE; what it has to say in one piece, for others are at work beside it
  local said status
  said=$(clang-tidy-19 --quiet -p build/tidy "$1" 2>&1)
  status=$?
  grep -vE '^$|warnings? generated' <<<"$said"
  return $status
}

stage_tidy() {
  local limit=8 files file deadline begun=0 passed=0 failed=0 left=0
  cmake --preset tidy >/dev/null || return 1
  if [ -n "${TIDY_FILES:-}" ]; then
    read -r -a files <<<"$TIDY_FILES"
    limit=${#files[@]}
  else
    mapfile -t files < <(changed_sources)
  fi
  deadline=$((SECONDS + 110))
  for file in "${files[@]}"; do
    grep -q "/$file\"" build/tidy/compile_commands.json || continue  # belongs to no target of this preset
    if [ $begun -ge "$limit" ] || { [ -z "${TIDY_FILES:-}" ] && [ $SECONDS -ge $deadline ]; }; then
      left=$((left + 1))
      continue
    fi
    if [ $begun -ge "$JOBS" ]; then wait -n && passed=$((passed + 1)) || failed=$((failed + 1)); fi
    tidy_one "$file" &
    begun=$((begun + 1))
  done
  while [ $((passed + failed)) -lt $begun ]; do wait -n && passed=$((passed + 1)) || failed=$((failed + 1)); done
  [ $left = 0 ] || echo "$left more files changed; not looked at here (make tidy FILES=\"…\")"
  echo "$passed passed, $failed failed, $left skipped"
  [ $failed = 0 ]
}

stage_release() {
  # Not the unit tests: those run sanitized (stage unit).
  build release litewright tests/harness/all || return 1
  if [ -x build/release/litewright ]; then ln -sfn release/litewright build/litewright; fi
}

stage_readme() { tests/readme_commands.py README.md; }

stage_docs() {
  [ -x build/release/litewright ] || { echo "no program to hold the documents against"; return 1; }
  diff -u docs/commands.md <(build/release/litewright help --markdown) ||
    { echo "hint: build/litewright help --markdown > docs/commands.md"; return 1; }
}

stage_e2e() { tests/e2e/run.py build/release; }
stage_fuzz() { build fuzz fuzzers && tests/fuzz/run.sh build/fuzz 10; }
# More than a day. Fewer: LITEWRIGHT_KILLS=200 LITEWRIGHT_CUTS=200 make soak
stage_soak() {
  export LITEWRIGHT_KILLS=${LITEWRIGHT_KILLS:-10000} LITEWRIGHT_CUTS=${LITEWRIGHT_CUTS:-10000}
  LITEWRIGHT_LONG=1 RC_PARAMS=max_success=1000 unit_tests 36000
  local status=$?
  build release litewright tests/harness/all && tests/e2e/run.py build/release --long && return $status
}

case ${1:-} in
  --stage) "stage_$2"; exit ;;
  --list) cut -d' ' -f1 <<<"$stages"; exit ;;
  --files) export TIDY_FILES=$2; shift 2 ;;
esac
chosen=("$@")
for name in "${chosen[@]}"; do
  grep -q "^$name " <<<"$stages"$'\n'"$long_stages" || { echo "error: no stage '$name' (run.sh --list)" >&2; exit 64; }
done

passed=0 failed=0 skipped=0 summary=
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
while read -r name budget needs <&3; do
  if [ ${#chosen[@]} -gt 0 ]; then
    [[ " ${chosen[*]} " == *" $name "* ]] || continue
  elif [[ $'\n'$long_stages == *$'\n'"$name "* ]]; then
    continue
  fi
  [ -e "$needs" ] || { summary+="$(printf '%-8s left out: no %s' "$name" "$needs")"$'\n'; continue; }
  echo "== $name (budget ${budget} s)"
  began=$SECONDS
  timeout --foreground $((budget * 3)) "$0" --stage "$name" </dev/null 2>&1 | tee "$logs/$name"
  status=${PIPESTATUS[0]}
  took=$((SECONDS - began))
  # A stage that counts ends with 'N passed, N failed'; another is one test.
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$logs/$name" | tr -d ',' |
    awk '{ p += $1; f += $3; s += $5 } END { if (NR) print p, f, s + 0 }')
  read -r p f s <<<"${counts:-$((status == 0)) 0 0}"
  if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi  # ended early, out of time, or failed before it counted
  if [ "$status" = 124 ]; then echo "ended after $((budget * 3)) s"; fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  summary+="$(printf '%-8s %-6s %4d s of %4d s%s  %d passed, %d failed, %d skipped' "$name" \
    "$([ "$f" = 0 ] && echo ok || echo FAILED)" "$took" "$budget" "$([ $took -le "$budget" ] || echo ' OVER')" "$p" "$f" "$s")"$'\n'
done 3<<<"$stages"$'\n'"$long_stages"

echo "== all ($SECONDS s)"
printf '%s' "$summary"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
