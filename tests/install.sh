#!/bin/bash
# Install what the tests need and is not there yet, of Debian and its descendants, npm and PyPI; needs root only if something is missing.
set -euo pipefail

# A command or a file, and the package that has it.
needed="
cc:build-essential
javac:default-jdk-headless
go:golang-go
git:git
openssl:openssl
curl:curl
python3:python3
pip3:python3-pip
skopeo:skopeo
docker-registry:docker-registry
psql:postgresql-client
pg_ctlcluster:postgresql
htpasswd:apache2-utils
podman:podman
buildah:buildah
umoci:umoci
dockerd:docker.io
docker-compose:docker-compose
runc:runc
busybox:busybox-static
xz:xz-utils
zstd:zstd
lz4:lz4
lzip:lzip
compress:ncompress
bzip2:bzip2
jq:jq
gzip:gzip
tar:tar
zip:zip
7z:p7zip-full
ar:binutils
bsdtar:libarchive-tools
cpio:cpio
gcab:gcab
mksquashfs:squashfs-tools
dpkg-deb:dpkg
npm:npm
makeself:makeself
rpmbuild:rpm
valgrind:valgrind
vim:vim
redis-server:redis-server
ldb:rocksdb-tools
chromium:chromium
zsh:zsh
fish:fish
mandoc:mandoc
/lib/systemd/systemd-journal-remote:systemd-journal-remote
/usr/lib/python3/dist-packages/plyvel/__init__.py:python3-plyvel
"

# A command, and the package of npm or of Python that has it.
from_npm="
asar:@electron/asar@3.4.1
"
from_python="
pyinstaller:pyinstaller==6.22.3
check-jsonschema:check-jsonschema==0.39.0
"

# What Rust needs to make WebAssembly.
if command -v rustup > /dev/null; then
  rustup --quiet target add wasm32-unknown-unknown 2> /dev/null ||
    echo "install: rustup cannot add the target wasm32-unknown-unknown; the test of WebAssembly will fail" >&2
fi

missing=()
for row in $needed; do
  # Engines live in /usr/sbin, which is not on everybody's path.
  PATH=$PATH:/usr/sbin:/sbin command -v "${row%%:*}" > /dev/null || [ -e "${row%%:*}" ] || missing+=("${row#*:}")
done
# A busybox with shared libraries does not run in an empty image.
if command -v busybox > /dev/null && ldd "$(command -v busybox)" > /dev/null 2>&1; then
  missing+=(busybox-static)
fi
missing_npm=()
for row in $from_npm; do
  command -v "${row%%:*}" > /dev/null || missing_npm+=("${row#*:}")
done
missing_python=()
for row in $from_python; do
  command -v "${row%%:*}" > /dev/null || missing_python+=("${row#*:}")
done
all=("${missing[@]}" "${missing_npm[@]}" "${missing_python[@]}")
if [ ${#all[@]} = 0 ]; then
  echo "install: everything is there"
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "install: missing ${all[*]}; install them, or run this as root on Debian" >&2
  exit 1
fi
echo "install: ${all[*]}"
export DEBIAN_FRONTEND=noninteractive
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" < /dev/null
fi
if [ ${#missing_npm[@]} -gt 0 ]; then
  npm install --global --silent "${missing_npm[@]}"
fi
if [ ${#missing_python[@]} -gt 0 ]; then
  python3 -m pip install --quiet --break-system-packages --root-user-action=ignore "${missing_python[@]}"
fi
