#!/bin/bash
# Run all tests: install what they need, build the fixtures, test, and measure memory, instructions and the image with a release build.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/install.sh

# The release, as it is shipped: most of its build is one step for one core, so it goes beside the tests. What it says is shown if it fails.
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
mkdir -p "$target"
setsid .ci/image "$target/layersift.tar" > "$target/layersift.log" 2>&1 &
release=$!
trap 'kill -- "-$release" 2> /dev/null || true' EXIT

testdata/build-fixtures.sh target/fixtures
cargo test --lib --bins
# Memory is measured with the release below, on images 16 times as large.
cargo test --test it -- --skip memory::
cargo test --doc

wait "$release" || { cat "$target/layersift.log" >&2; exit 1; }
trap - EXIT
export LAYERSIFT_RELEASE=$target/${LAYERSIFT_TARGET:-$(uname -m)-unknown-linux-gnu}/release/layersift
cargo test --test it -- --include-ignored memory:: packaged:: cost::
