#!/usr/bin/env bash
# Proves that a backup of ops/backup.sh can be restored, without touching what is in use:
#
#   RESTORE_DATABASE_URL=… ops/rehearse-restore.sh DIRECTORY
#
# RESTORE_DATABASE_URL is an empty scratch database, which ops/restore-record.sh fills as it would for real. Redis is
# restored into a server of its own on a socket; REDIS_SERVER is how to start one with JSON and Search (default:
# redis-server; elsewhere add --loadmodule …).
set -euo pipefail

fail() {
  printf 'rehearsal: %s\n' "$*" >&2
  exit 1
}

[[ $# == 1 ]] || fail "usage: RESTORE_DATABASE_URL=… $0 DIRECTORY"
: "${RESTORE_DATABASE_URL:?rehearsal: RESTORE_DATABASE_URL is not set}"
command -v redis-cli >/dev/null || fail "redis-cli is not installed"
read -r -a redis_server <<<"${REDIS_SERVER:-redis-server}"
directory=$(cd "$1" && pwd)

"$(dirname "$0")/restore-record.sh" "$directory"

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
