#!/usr/bin/env bash
# Writes a backup of the record (Postgres) and of Redis, with what is needed to check a restore:
#
#   DATABASE_URL=… REDIS_URL=… ops/backup.sh DIRECTORY
#
# Needs pg_dump, psql (not older than the server) and redis-cli. The files hold personal data: keep them encrypted, and
# no longer than the retention you promise candidates.
set -euo pipefail

fail() {
  printf 'backup: %s\n' "$*" >&2
  exit 1
}

[[ $# == 1 ]] || fail "usage: DATABASE_URL=… REDIS_URL=… $0 DIRECTORY"
: "${DATABASE_URL:?backup: DATABASE_URL is not set}" "${REDIS_URL:?backup: REDIS_URL is not set}"
for program in pg_dump psql redis-cli sha256sum; do
  command -v "$program" >/dev/null || fail "$program is not installed"
done

directory=$1
[[ ! -e $directory ]] || fail "$directory exists already"
umask 077
mkdir -p "$directory"

# One session holds one moment of the database: the dump and the counts both see exactly that.
coproc SESSION { psql --dbname="$DATABASE_URL" --no-psqlrc --quiet --tuples-only --no-align --field-separator=' ' 2>&1; }
# shellcheck disable=SC2153 # bash sets it
session_pid=$SESSION_PID
trap 'kill "$session_pid" 2>/dev/null || true' EXIT
ask() { # ask SQL: its answer, line by line
  local line
  printf '%s\n\\echo :end:\n' "$1" >&"${SESSION[1]}"
  while IFS= read -r line <&"${SESSION[0]}"; do
    [[ $line != :end: ]] || return 0
    printf '%s\n' "$line"
  done
  fail "the connection to the database broke"
}
snapshot=$(ask "begin isolation level repeatable read read only; select pg_export_snapshot();")
[[ $snapshot =~ ^[0-9A-F-]+$ ]] || fail "the database did not give a snapshot: $snapshot"

echo "record: dumping schemas public, desk and supabase_migrations"
pg_dump --dbname="$DATABASE_URL" --snapshot="$snapshot" --format=custom --no-owner --file="$directory/record.dump" \
  --schema=public --schema=desk --schema=supabase_migrations

echo "record: counting rows"
for table in $(ask "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1;"); do
  ask "select '$table', count(*) from public.\"$table\";"
done >"$directory/rows.txt"

echo "redis: fetching a snapshot"
redis-cli -u "$REDIS_URL" --no-auth-warning --rdb "$directory/redis.rdb" >"$directory/redis.log" 2>&1 ||
  fail "redis-cli could not fetch a snapshot; see $directory/redis.log"
redis-cli -u "$REDIS_URL" --no-auth-warning dbsize >"$directory/keys.txt"

(cd "$directory" && sha256sum record.dump redis.rdb >SHA256SUMS)
echo "done: $(du -sh "$directory" | cut -f1) in $directory"
