#!/bin/bash
# Make leaky.tar.gz anew from leaky.toml: what `docker save shop | gzip` of Docker 25 would give.
set -euo pipefail
cd "$(dirname "$0")/../.."
LAYERSIFT_MAKE_DEMO=1 cargo test --quiet --test it demo::the_committed_archive_is_what_its_recipe_says
