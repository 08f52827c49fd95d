#!/bin/bash
# Install what the tests need and is not there yet. Debian and its descendants; needs root only if something is missing.
set -euo pipefail

# A command or a file, and the package that has it.
needed="
cc:build-essential
javac:default-jdk-headless
go:golang-go
git:git
openssl:openssl
python3:python3
skopeo:skopeo
podman:podman
buildah:buildah
umoci:umoci
dockerd:docker.io
runc:runc
busybox:busybox-static
xz:xz-utils
zstd:zstd
lz4:lz4
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
rpmbuild:rpm
vim:vim
redis-server:redis-server
ldb:rocksdb-tools
/lib/systemd/systemd-journal-remote:systemd-journal-remote
/usr/lib/python3/dist-packages/plyvel/__init__.py:python3-plyvel
"

missing=()
for row in $needed; do
  # Engines live in /usr/sbin, which is not on everybody's path.
  PATH=$PATH:/usr/sbin:/sbin command -v "${row%%:*}" > /dev/null || [ -e "${row%%:*}" ] || missing+=("${row#*:}")
done
# A busybox with shared libraries does not run in an empty image.
if command -v busybox > /dev/null && ldd "$(command -v busybox)" > /dev/null 2>&1; then
  missing+=(busybox-static)
fi
if [ ${#missing[@]} = 0 ]; then
  echo "install: everything is there"
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "install: missing ${missing[*]}; install them, or run this as root on Debian" >&2
  exit 1
fi
echo "install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" < /dev/null
