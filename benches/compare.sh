#!/bin/bash
# Whole processes on a real image: the scan beside what any tool would have to do with the same bytes.
#
# Takes an OCI layout folder or a docker-archive, runs each command in turn (A B C A B C ...), and prints medians of wall
# time, processor time and peak memory as a Markdown table. The ratio is to the first command of the table. What it
# cannot know: what else the machine does meanwhile, which is why times stand beside each other and never alone.
#
# Usage: benches/compare.sh IMAGE [RUNS]
# Needs: GNU time, openssl, gzip, and target/release/layersift (or LAYERSIFT=path). libdeflate-gunzip if there is one.
set -euo pipefail

image=${1:?usage: $0 IMAGE [RUNS]}
runs=${2:-5}
layersift=${LAYERSIFT:-$(dirname "$0")/../target/release/layersift}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

names=() commands=()
add() { names+=("$1"); commands+=("$2"); }

export image layersift work
scan='"$layersift" scan --quiet --no-progress --format json --output "$work/report.json"'

if [ -d "$image" ]; then
  # The blobs that are compressed tars, each as a file of its own.
  find "$image/blobs" -type f | while read -r blob; do
    case $(head -c 4 "$blob" | od -An -tx1 | tr -d ' ') in
      1f8b08*) echo "$blob" >> "$work/gzip" ;;
      28b52ffd) echo "$blob" >> "$work/zstd" ;;
    esac
  done
  archive='tar -C "$image" -c .'
  [ ! -s "$work/gzip" ] || add '`gzip -dc` of the layers' 'xargs -n1 gzip -dc < "$work/gzip" > /dev/null'
  [ ! -s "$work/gzip" ] || ! command -v libdeflate-gunzip > /dev/null ||
    add '`libdeflate-gunzip -c` of the layers' 'xargs -n1 libdeflate-gunzip -c < "$work/gzip" > /dev/null'
  [ ! -s "$work/zstd" ] || ! command -v zstd > /dev/null ||
    add '`zstd -dc` of the layers' 'xargs -n1 zstd -dcq < "$work/zstd" > /dev/null'
else
  archive='cat "$image"'
fi
# Not into /dev/null, which `tar` and `cat` may notice and then read nothing.
add 'reading (`cat`)' "$archive | cat > /dev/null"
add '`openssl dgst -sha256` of the archive' "$archive | openssl dgst -sha256 > /dev/null"
add '`layersift scan`, 1 job' "$scan --jobs 1 \"\$image\""
add '`layersift scan`, 2 jobs' "$scan --jobs 2 \"\$image\""
add '`layersift scan -` from a pipe, 1 job' "$archive | $scan --jobs 1 -"
add '`layersift scan -` from a pipe, 2 jobs' "$archive | $scan --jobs 2 -"

# Wall seconds, processor seconds and peak KiB (of the largest process) of one run.
measure() {
  local status=0
  command time -f '%e %U %S %M' -o "$work/time" bash -c "$2" || status=$?
  # A scan that finds something ends with 1.
  if [ "$status" -gt 1 ]; then
    echo "exit code $status: $2" >&2
    exit "$status"
  fi
  awk 'NF == 4 { print $1, $2 + $3, $4 }' "$work/time" >> "$work/$1.runs"
}

median() { sort -n | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

for run in $(seq 0 "$runs"); do
  for index in "${!commands[@]}"; do
    measure "$index" "${commands[$index]}"
    # The first round fills the page cache and does not count.
    [ "$run" -gt 0 ] || rm "$work/$index.runs"
  done
  echo "round $run of $runs" >&2
done

echo "| command | wall, s | fastest | ratio | processor, s | peak, MB |"
echo "|---|---:|---:|---:|---:|---:|"
for index in "${!commands[@]}"; do
  wall=$(cut -d' ' -f1 "$work/$index.runs" | median)
  base=${base:-$wall}
  fastest=$(cut -d' ' -f1 "$work/$index.runs" | sort -n | head -1)
  processor=$(cut -d' ' -f2 "$work/$index.runs" | median)
  peak=$(cut -d' ' -f3 "$work/$index.runs" | sort -n | tail -1)
  awk -v name="${names[$index]}" -v wall="$wall" -v base="$base" -v fastest="$fastest" -v cpu="$processor" \
    -v peak="$peak" 'BEGIN {
      printf "| %s | %.2f | %.2f | %.2f | %.2f | %.0f |\n", name, wall, fastest, wall / base, cpu, peak * 1024 / 1e6 }'
done
