#!/bin/bash
# Write a root file system with this machine's PostgreSQL that takes the variables of the official image, for `docker import`.
#
# usage: postgres-image.sh OUT.tar
#
# The entry point does what that of the official image does with POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and PGDATA: a new
# database is made by a server that listens at its socket alone, and who runs it is not root.
set -euo pipefail

out=$(realpath -m "$1")
programs=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || { echo "PostgreSQL is needed: run tests/install.sh" >&2; exit 1; }
version=$(basename "$(dirname "$programs")")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root"/{bin,etc,tmp,run,var/lib/postgresql}
chmod 1777 "$root/tmp"
ln -s ../run "$root/var/run"
cp "$(command -v busybox)" "$root/bin/busybox"
for name in sh id mkdir chown chmod rm cat; do ln -s busybox "$root/bin/$name"; done
printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
cat > "$root/entry" << 'END'
#!/bin/sh
set -e
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /run/postgresql
  chown -R postgres "$PGDATA" /run/postgresql
  chmod 700 "$PGDATA"
  # By its path: the shell prefers that of busybox.
  exec /usr/bin/setpriv --reuid=postgres --regid=postgres --clear-groups "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-locale
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl -o '-c listen_addresses=' -w start
  createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -m fast -w stop
fi
exec postgres -c 'listen_addresses=*'
END
chmod 755 "$root/entry"

setpriv=/usr/bin/setpriv
lib=/usr/lib/postgresql/$version/lib
# Without the compiler of queries, which is larger than all the rest, and which it does without.
libraries=$(ldd "$programs"/* "$lib"/[!l]*.so "$lib"/libpq*.so "$setpriv" 2> /dev/null | grep -o '/[^ ]* (0x' | sed 's, .*,,' | sort -u)
files=("${programs#/}" "${lib#/}" "usr/share/postgresql/$version" usr/share/zoneinfo "${setpriv#/}")
while read -r library; do files+=("${library#/}"); done <<< "$libraries"

# Folders come first, so that everybody may enter them; then files by the names that are asked for, whatever they are links to.
for file in "${files[@]}"; do mkdir -p "$root/$(dirname "$file")"; done
find "$root" -type d ! -path "$root/tmp" -exec chmod 755 {} +
tar --create --file "$out" --directory "$root" --owner=0 --group=0 bin entry etc lib lib64 run tmp usr var
tar --append --file "$out" --directory / --dereference --hard-dereference --exclude '*/bitcode' --exclude '*/llvmjit*' "${files[@]}"
echo "$programs"
