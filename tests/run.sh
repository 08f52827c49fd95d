#!/bin/bash
# Run all tests: install what they need, build the fixtures, test, and measure memory and instructions with a release build.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/install.sh
testdata/build-fixtures.sh target/fixtures

cargo build --release
cargo test --lib --bins --tests
cargo test --doc
target=$(realpath "${CARGO_TARGET_DIR:-target}")
export LAYERSIFT_RELEASE=$target/release/layersift
cargo test --test it memory
cargo test --test it cost -- --ignored
