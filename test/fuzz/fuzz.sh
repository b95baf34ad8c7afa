#!/usr/bin/env bash
# Fuzzes parsers until each has had its share of processor time, whatever else the machine does meanwhile: in turns of half a minute, so that one that is ended early was fair.
#
#   test/fuzz/fuzz.sh --build DIR [--cpu-seconds N] [PARSER ...]
#
# DIR has the programs that the Makefile makes; corpora grow in DIR/corpus/PARSER, from those beside this file, and what a parser fails at lies in DIR/found. After each turn, and at the
# end, a line a parser: `PARSER: N CPU seconds, N runs`. Ends with status 1 at the first finding, whose report goes to standard error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build= limit=600
while (($#)); do
  case $1 in
    --build) build=$2; shift 2 ;;
    --cpu-seconds) limit=$2; shift 2 ;;
    *) break ;;
  esac
done
[[ -n $build ]] || { echo 'fuzz: --build names no folder' >&2; exit 2; }
(($#)) || set -- $(ls "$here/corpus")

mkdir -p "$build/found"
child=
trap 'if [[ -n $child ]]; then kill "$child" 2>/dev/null || :; fi; exit 143' TERM INT
declare -A spent runs # milliseconds; inputs tried
for parser; do
  spent[$parser]=0 runs[$parser]=0
  mkdir -p "$build/corpus/$parser"
  cp -n "$here/corpus/$parser/"* "$build/corpus/$parser/"
done

# One turn, at most $2 milliseconds of processor time: what the kernel counted for it, of the program and of the shell that waits for it.
turn() {
  local parser=$1 seconds=$((($2 + 999) / 1000)) before after status=0 log=$build/$1.log
  before=$(children_ms)
  "$build/$parser" -max_total_time=$((seconds < 30 ? seconds : 30)) -timeout=20 -max_len=20000 -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="$build/found/$parser-" "$build/corpus/$parser" >/dev/null 2>"$log" &
  child=$!
  wait "$child" || status=$?
  child=
  after=$(children_ms)
  spent[$parser]=$((spent[$parser] + after - before))
  runs[$parser]=$((runs[$parser] + $(sed -n 's/^stat::number_of_executed_units: *//p' "$log")))
  ((status == 0)) || { tail -n 60 "$log" >&2; exit 1; }
}

# Processor time of all programs that have ended below this one, user and system: fields 16 and 17 of its stat, in hundredths of a second.
children_ms() { local fields; read -r -a fields <"/proc/$$/stat"; echo $(((fields[15] + fields[16]) * 10)); }

for ((more = 1; more; )); do
  more=0
  for parser; do
    left=$((limit * 1000 - spent[$parser]))
    ((left > 0)) || continue
    turn "$parser" "$left"
    echo "$parser: $((spent[$parser] / 1000)).$((spent[$parser] / 100 % 10)) CPU seconds, ${runs[$parser]} runs"
    more=1
  done
done
