#!/bin/bash
# Build one small leaking image with real builders and save it in every format that they have.
#
# usage: build-fixtures.sh [OUTDIR]      default: target/fixtures
#
# Writes OUTDIR/expected.json (the credentials and where each of them stands) and OUTDIR/inputs.tsv (path, builder,
# format, how it was made). tests/it/builders.rs scans what is listed there. Needs root and the packages that
# tests/install.sh installs, pulls nothing, and leaves a finished OUTDIR alone. testdata/README.md says more.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../target/fixtures}
mkdir -p "$out"
out=$(cd "$out" && pwd)

stamp=$(cat "$0" "$here/made-up.py" "$here/fixture/Dockerfile" | sha256sum)
if [ "$(cat "$out/complete" 2>/dev/null || true)" = "$stamp" ]; then
  echo "fixtures: $out is complete"
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo "fixtures: the builders need root" >&2; exit 1; }
for tool in dockerd buildah podman skopeo umoci busybox python3 gzip bzip2 xz zstd; do
  command -v "$tool" > /dev/null || { echo "fixtures: no $tool here; run tests/install.sh" >&2; exit 1; }
done

find "$out" -mindepth 1 -delete
work=$(mktemp -d)
dockerd_pid=
log=$out/build.log

# Ends what was started here and nothing else.
clean_up() {
  status=$?
  if [ -n "$dockerd_pid" ]; then
    kill "$dockerd_pid" 2>/dev/null || true
    wait "$dockerd_pid" 2>/dev/null || true
  fi
  # Mounts that engines leave behind, deepest first.
  awk -v dir="$work/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" || true; done
  rm -rf "$work" || true
  if [ "$status" != 0 ]; then
    echo "fixtures: failed; the end of $log:" >&2
    tail -n 30 "$log" >&2 || true
  fi
}
trap clean_up EXIT

say() { echo "fixtures: $*"; }
# Notes an input: path below OUTDIR, builder, format, how.
made() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >> "$out/inputs.tsv"; }

# --- what leaks ---------------------------------------------------------------------------------------------------

github='ghp_{base62:30}{github-crc32}'
python3 "$here/made-up.py" layersift-fixtures \
  "build=$github" "env=$github" "label=$github" "file=$github" "run=$github" "health=$github" "config=$github" \
  "key={openssh}" "npm=npm_{base62:30}{github-crc32}" > "$work/secrets.json"
secret() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]], end="")' "$work/secrets.json" "$1"; }

context=$work/context
mkdir -p "$context/app"
cp "$(command -v busybox)" "$context/busybox"
printf 'GITHUB_TOKEN=%s\n' "$(secret file)" > "$context/app/.env"
printf '[github]\ntoken = %s\n' "$(secret config)" > "$context/app/config.ini"
printf '//registry.npmjs.org/:_authToken=%s\n' "$(secret npm)" > "$context/app/.npmrc"
secret key > "$context/app/id_ed25519"
chmod 600 "$context/app/id_ed25519"
find "$context" -exec touch -d '2024-01-01T00:00:00Z' {} +
sed -e "s|@ENV_TOKEN@|$(secret env)|" -e "s|@LABEL_TOKEN@@|$(secret label)@|" -e "s|@RUN_TOKEN@|$(secret run)|" \
  -e "s|@HEALTH_TOKEN@|$(secret health)|" "$here/fixture/Dockerfile" > "$context/Dockerfile"

# Where each of them stands. `docker-only` places exist only where the config keeps Docker's own members.
python3 - "$work/secrets.json" > "$out/expected.json" <<'PY'
import json, sys
secrets = json.load(open(sys.argv[1]))
file = lambda path, state, **more: {"kind": "file", "path": path, "state": state, "instruction": "COPY", **more}
places = {
    "build": [{"kind": "build-arg", "name": "BUILD_TOKEN", "instruction": "RUN"}],
    "env": [{"kind": "env", "name": "API_TOKEN"}, {"kind": "history", "instruction": "ENV"}],
    "label": [{"kind": "label", "name": "org.example.checkout"}, {"kind": "history", "instruction": "LABEL"}],
    "run": [{"kind": "history", "instruction": "RUN"}],
    "health": [{"kind": "history", "instruction": "HEALTHCHECK"}, {"kind": "healthcheck", "docker-only": True}],
    "file": [file("app/.env", "deleted", by="RUN")],
    "config": [file("app/config.ini", "visible")],
    "npm": [file("app/.npmrc", "visible")],
    "key": [file("app/id_ed25519", "visible")],
}
rules = {"npm": "npm-access-token", "key": "private-key-openssh"}
print(json.dumps([{"name": name, "secret": secrets[name].strip(), "rule": rules.get(name, "github-pat"), "places": places[name]}
                  for name in places], indent=2))
PY

# --- Docker engine, both builders ---------------------------------------------------------------------------------

socket=$work/docker.sock
export DOCKER_HOST=unix://$socket DOCKER_CONFIG=$work/docker-config
mkdir -p "$DOCKER_CONFIG"
echo '{}' > "$DOCKER_CONFIG/config.json"
# Debian's client: another on the PATH may refuse this engine's BuildKit.
docker=/usr/bin/docker

start_docker() {
  dockerd --storage-driver=vfs --iptables=false --ip6tables=false --bridge=none --data-root "$work/docker" \
    --exec-root "$work/docker-exec" --host "$DOCKER_HOST" --pidfile "$work/docker.pid" >> "$log" 2>&1 &
  dockerd_pid=$!
  for _ in $(seq 100); do
    "$docker" version > /dev/null 2>&1 && return
    sleep 0.3
  done
  echo "fixtures: the Docker engine does not answer" >&2
  return 1
}

docker_builds() {
  local builder buildkit
  for builder in docker-classic docker-buildkit; do
    buildkit=$([ "$builder" = docker-buildkit ] && echo 1 || echo 0)
    DOCKER_BUILDKIT=$buildkit "$docker" build --network=host --no-cache --build-arg "BUILD_TOKEN=$(secret build)" \
      -t "$builder:latest" "$context" >> "$log" 2>&1
    mkdir -p "$out/$builder"
    "$docker" save -o "$out/$builder/save.tar" "$builder:latest"
    made "$builder/save.tar" "$builder" docker-archive "docker save ($("$docker" version -f '{{.Server.Version}}'))"
  done
  "$docker" save -o "$out/docker-classic/two-images.tar" docker-classic:latest docker-buildkit:latest
  made docker-classic/two-images.tar docker-classic docker-archive "docker save of two images"
}

# --- skopeo: from one archive to all formats ----------------------------------------------------------------------

skopeo_copies() {
  local from=docker-archive:$out/docker-buildkit/save.tar to=$out/skopeo name compression
  mkdir -p "$to"
  copy() { skopeo --insecure-policy copy --quiet "$@" >> "$log" 2>&1; }
  copy "$from" "docker-archive:$to/docker-archive.tar:leaky:latest"
  made skopeo/docker-archive.tar skopeo docker-archive "skopeo copy … docker-archive:"
  copy "$from" "dir:$to/dir"
  made skopeo/dir skopeo dir "skopeo copy … dir:"
  copy --dest-compress "$from" "dir:$to/dir-compressed"
  made skopeo/dir-compressed skopeo dir "skopeo copy --dest-compress … dir:"
  for compression in gzip zstd; do
    name=oci-$compression
    copy --format oci --dest-compress-format "$compression" "$from" "oci:$to/$name:latest"
    made "skopeo/$name" skopeo oci-layout "skopeo copy --dest-compress-format $compression … oci:"
    copy "oci:$to/$name:latest" "oci-archive:$to/$name.tar:latest"
    made "skopeo/$name.tar" skopeo oci-archive "skopeo copy oci: … oci-archive: ($compression)"
  done
  for compression in gzip bzip2 xz zstd; do
    "$compression" -c < "$to/docker-archive.tar" > "$to/docker-archive.tar.$compression"
    made "skopeo/docker-archive.tar.$compression" skopeo docker-archive "$compression of the docker-archive"
  done
}

# --- buildah and podman -------------------------------------------------------------------------------------------

containers() {
  local tool=$1
  shift
  "$tool" --root "$work/containers" --runroot "$work/containers-run" --storage-driver vfs "$@"
}

buildah_builds() {
  mkdir -p "$out/buildah"
  containers buildah bud --layers --no-cache --isolation chroot --network host --format docker \
    --build-arg "BUILD_TOKEN=$(secret build)" -t buildah-leaky "$context" >> "$log" 2>&1
  push() {
    containers buildah push --quiet "$@" >> "$log" 2>&1
  }
  push buildah-leaky "docker-archive:$out/buildah/docker-archive.tar:leaky:latest"
  made buildah/docker-archive.tar buildah docker-archive "buildah push … docker-archive:"
  push --format oci buildah-leaky "oci:$out/buildah/oci:latest"
  made buildah/oci buildah oci-layout "buildah push … oci:"
  push --format oci buildah-leaky "oci-archive:$out/buildah/oci-archive.tar:latest"
  made buildah/oci-archive.tar buildah oci-archive "buildah push … oci-archive:"
  push buildah-leaky "dir:$out/buildah/dir"
  made buildah/dir buildah dir "buildah push … dir:"
}

podman_builds() {
  local format suffix
  mkdir -p "$out/podman"
  containers podman build --layers --no-cache --isolation chroot --network host --format docker \
    --build-arg "BUILD_TOKEN=$(secret build)" -t podman-leaky "$context" >> "$log" 2>&1
  for format in docker-archive oci-archive oci-dir docker-dir; do
    suffix=$(case $format in *-archive) echo .tar ;; esac)
    containers podman save --quiet --format "$format" -o "$out/podman/$format$suffix" podman-leaky >> "$log" 2>&1
    made "podman/$format$suffix" podman "$format" "podman save --format $format"
  done
  containers podman save --quiet --multi-image-archive -o "$out/podman/multi.tar" podman-leaky buildah-leaky >> "$log" 2>&1
  made podman/multi.tar podman docker-archive "podman save --multi-image-archive"
}

# --- umoci: layers made by hand, without a Dockerfile -------------------------------------------------------------

umoci_builds() {
  local layout=$out/umoci/oci image=$out/umoci/oci:latest bundle=$work/bundle
  mkdir -p "$out/umoci"
  umoci init --layout "$layout"
  umoci new --image "$image"
  empty() { umoci config --image "$image" --history.created_by "$@"; }
  repack() {
    umoci repack --image "$image" --history.created_by "$1" "$bundle" >> "$log" 2>&1
    rm -rf "$bundle"
  }
  unpack() { umoci unpack --image "$image" "$bundle" >> "$log" 2>&1; }
  empty "ENV API_TOKEN=$(secret env)" --config.env "API_TOKEN=$(secret env)"
  local checkout="https://x-access-token:$(secret label)@github.com/example/app"
  empty "LABEL org.example.checkout=$checkout" --config.label "org.example.checkout=$checkout"
  unpack
  cp -a "$context/app" "$bundle/rootfs/app"
  repack "COPY app /app # buildkit"
  empty "RUN |1 BUILD_TOKEN=$(secret build) /bin/sh -c echo \"fetched with $(secret run)\" > /dev/null # buildkit"
  unpack
  rm "$bundle/rootfs/app/.env"
  repack 'RUN /bin/sh -c rm /app/.env # buildkit'
  empty "HEALTHCHECK &{[\"CMD\" \"wget\" \"--header\" \"Authorization: Bearer $(secret health)\"]}"
  umoci gc --layout "$layout"
  made umoci/oci umoci oci-layout "umoci new, unpack, repack, config"
  tar -C "$layout" -cf "$out/umoci/oci.tar" .
  made umoci/oci.tar umoci oci-archive "tar of umoci's layout"
}

say "Docker engine"
start_docker
docker_builds
say "skopeo"
skopeo_copies
say "buildah"
buildah_builds
say "podman"
podman_builds
say "umoci"
umoci_builds
echo "$stamp" > "$out/complete"
say "$(wc -l < "$out/inputs.tsv") inputs in $out"
