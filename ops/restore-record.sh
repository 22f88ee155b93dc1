#!/usr/bin/env bash
# Restores the record of a backup of ops/backup.sh into a database that has no tables yet, and compares the rows:
#
#   RESTORE_DATABASE_URL=… ops/restore-record.sh DIRECTORY
#
# The database is a new Supabase project's, or any Postgres. Needs pg_restore and psql, not older than the server.
set -euo pipefail

fail() {
  printf 'restore: %s\n' "$*" >&2
  exit 1
}

[[ $# == 1 ]] || fail "usage: RESTORE_DATABASE_URL=… $0 DIRECTORY"
: "${RESTORE_DATABASE_URL:?restore: RESTORE_DATABASE_URL is not set}"
[[ ${RESTORE_DATABASE_URL} != "${DATABASE_URL:-}" ]] || fail "RESTORE_DATABASE_URL is the database in use"
for program in pg_restore psql sha256sum; do
  command -v "$program" >/dev/null || fail "$program is not installed"
done
directory=$(cd "$1" && pwd)
query() {
  psql --dbname="$RESTORE_DATABASE_URL" --no-psqlrc --quiet --tuples-only --no-align --field-separator=' ' \
    --set=ON_ERROR_STOP=1 "$@"
}

echo "files: checking sums"
(cd "$directory" && sha256sum --check --quiet SHA256SUMS) || fail "a file of the backup is damaged"

tables=$(query --command="select count(*) from pg_tables where schemaname in ('public', 'desk', 'supabase_migrations')") ||
  fail "the database at RESTORE_DATABASE_URL cannot be asked"
[[ $tables == 0 ]] || fail "the database at RESTORE_DATABASE_URL is not empty"

echo "record: preparing"
# The backup grants rights to roles that every Supabase project has; a bare Postgres lacks them, and each GRANT would
# fail. The schemas are in the backup, so that even an empty one would be in its way.
query <<'SQL' || fail "the user of RESTORE_DATABASE_URL may not prepare the database: it must own it and may make roles"
set client_min_messages = warning;
do $$
begin
  if to_regrole('anon') is null then create role anon nologin noinherit; end if;
  if to_regrole('authenticated') is null then create role authenticated nologin noinherit; end if;
  if to_regrole('service_role') is null then create role service_role nologin noinherit bypassrls; end if;
end
$$;
drop schema if exists public, desk, supabase_migrations cascade;
-- From the first migration; a backup of schemas does not hold what counts for the whole database.
alter default privileges revoke execute on functions from public;
SQL

echo "record: restoring"
contents=$(mktemp)
trap 'rm -f "$contents"' EXIT
# Not what Supabase's administrator grants on tables of the future: only that role may repeat it, and every migration
# grants for itself.
pg_restore --list "$directory/record.dump" | grep --invert-match ' DEFAULT ACL ' >"$contents"
pg_restore --dbname="$RESTORE_DATABASE_URL" --no-owner --exit-on-error --single-transaction --use-list="$contents" \
  "$directory/record.dump"

echo "record: comparing rows"
while read -r table expected; do
  found=$(query --command="select count(*) from public.\"$table\"")
  [[ $found == "$expected" ]] || fail "table $table has $found rows, the backup had $expected"
done <"$directory/rows.txt"
echo "record: restored"
