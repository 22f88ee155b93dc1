#!/usr/bin/env bash
# Proves that a backup of ops/backup.sh can be restored, without touching what is in use:
#
#   RESTORE_DATABASE_URL=… ops/rehearse-restore.sh DIRECTORY
#
# RESTORE_DATABASE_URL is an empty scratch database. Redis is restored into a server of its own on a socket; REDIS_SERVER
# is how to start one with JSON and Search (default: redis-server; elsewhere add --loadmodule …).
set -euo pipefail

fail() {
  printf 'rehearsal: %s\n' "$*" >&2
  exit 1
}

[[ $# == 1 ]] || fail "usage: RESTORE_DATABASE_URL=… $0 DIRECTORY"
: "${RESTORE_DATABASE_URL:?rehearsal: RESTORE_DATABASE_URL is not set}"
[[ ${RESTORE_DATABASE_URL} != "${DATABASE_URL:-}" ]] || fail "RESTORE_DATABASE_URL is the database in use"
for program in pg_restore psql redis-cli sha256sum; do
  command -v "$program" >/dev/null || fail "$program is not installed"
done
read -r -a redis_server <<<"${REDIS_SERVER:-redis-server}"
directory=$(cd "$1" && pwd)
query() { psql --dbname="$RESTORE_DATABASE_URL" --no-psqlrc --tuples-only --no-align --field-separator=' ' "$@"; }

echo "files: checking sums"
(cd "$directory" && sha256sum --check --quiet SHA256SUMS) || fail "a file of the backup is damaged"

[[ $(query --command="select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'") == 0 ]] ||
  fail "the database at RESTORE_DATABASE_URL is not empty"
echo "record: restoring"
# The roles of Supabase exist in every project; in a bare Postgres they have to be made before.
query --quiet --command="drop schema public cascade"
pg_restore --dbname="$RESTORE_DATABASE_URL" --no-owner --exit-on-error --single-transaction "$directory/record.dump"

echo "record: comparing rows"
while read -r table expected; do
  found=$(query --command="select count(*) from public.\"$table\"")
  [[ $found == "$expected" ]] || fail "table $table has $found rows, the backup had $expected"
done <"$directory/rows.txt"

echo "redis: restoring"
scratch=$(mktemp -d)
server=""
finish() {
  [[ -z $server ]] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT
cp "$directory/redis.rdb" "$scratch/dump.rdb"
"${redis_server[@]}" --port 0 --unixsocket "$scratch/redis.sock" --dir "$scratch" --dbfilename dump.rdb --save '' \
  --appendonly no >"$scratch/log" 2>&1 &
server=$!
for _ in $(seq 300); do
  [[ $(redis-cli -s "$scratch/redis.sock" ping 2>/dev/null || true) != PONG ]] || break
  kill -0 "$server" 2>/dev/null || fail "the scratch Redis could not load the snapshot: $(tail -2 "$scratch/log")"
  sleep 0.1
done
found=$(redis-cli -s "$scratch/redis.sock" dbsize)
expected=$(<"$directory/keys.txt")
# Keys expire between the snapshot and the count, and while it is loaded.
((found <= expected && found * 100 >= expected * 95)) || fail "redis has $found keys, the backup had about $expected"

echo "done: the record and $found Redis keys can be restored"
