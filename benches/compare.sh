#!/bin/bash
# Whole processes on a real image: the scan beside what any tool would have to do with the same bytes.
#
# Takes an OCI layout folder or a docker-archive, runs each command in turn (A B C A B C ...), and prints a Markdown table:
# medians of processor and wall time, the fastest wall time, the highest peak of memory. The ratio is that of processor
# times, to the first command: on a machine that does other things too, wall times say more about those.
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
# Through a pipe, because `tar` does not read what it would write to /dev/null.
add '`openssl dgst -sha256` of the archive' "$archive | openssl dgst -sha256 > /dev/null"
add 'reading it through a pipe (`cat`)' "$archive | cat > /dev/null"
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

median() { awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

# Fills the page cache, so that no run measures the disk.
bash -c "$archive | cat > /dev/null"
for run in $(seq "$runs"); do
  for index in "${!commands[@]}"; do
    measure "$index" "${commands[$index]}"
  done
  echo "round $run of $runs" >&2
done

column() { cut -d' ' -f"$2" "$work/$1.runs" | sort -n; }

echo "| command | processor, s | ratio | wall, s | fastest, s | peak, MB |"
echo "|---|---:|---:|---:|---:|---:|"
for index in "${!commands[@]}"; do
  processor=$(column "$index" 2 | median)
  base=${base:-$processor}
  awk -v name="${names[$index]}" -v processor="$processor" -v base="$base" -v wall="$(column "$index" 1 | median)" \
    -v fastest="$(column "$index" 1 | head -n 1)" -v peak="$(column "$index" 3 | tail -n 1)" 'BEGIN {
      printf "| %s | %.2f | %.2f | %.2f | %.2f | %.0f |\n",
        name, processor, processor / base, wall, fastest, peak * 1024 / 1e6 }'
done
