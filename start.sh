#!/usr/bin/env bash
# The one launcher.
#
#   ./start.sh                 production: checks all variables, then serves the web (RAILWAY-DEPLOYMENT.md)
#   ./start.sh worker          production: checks all variables, then runs turns without a web server
#   ./start.sh local [--fresh] the whole platform on this machine; --fresh starts with empty data
#   ./start.sh chat [ARG…]     a candidate's phone in the terminal, while `local` runs in another
#   ./start.sh test [ARG…]     the test suite; arguments go to pytest
#   ./start.sh install         only what `local` and `test` install by themselves
#
# The last four need Python 3.11 or newer (PYTHON=/path chooses one) and a package index that pip can
# reach; they make .venv from requirements-dev.lock and renew it when the lock or the Python changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly lock=requirements-dev.lock
readonly venv=.venv
readonly work=.local # log and lock of the installation; the servers' data are here too
readonly log=$work/install.log
readonly guard=$work/install.lock
readonly stamp=$venv/.installed # what is installed: hash of the lock and the Python
readonly begun=$venv/.begun     # an installation began; gone once it is complete

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "start.sh: $*"
  exit 1
}

usage() {
  sed -n '4,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# --- Python -----------------------------------------------------------------------------------------------------------

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Sets `python` to a Python 3.11 or newer that can make virtual environments.
find_python() {
  local candidate seen=() without_venv=""
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if ! is_new_enough "$candidate"; then
      seen+=("$candidate is $("$candidate" -V 2>/dev/null || echo "not usable")")
    elif "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      python="$(command -v "$candidate")"
      return
    else
      without_venv="${without_venv:-$candidate}"
    fi
  done
  [[ -z $without_venv ]] ||
    fail "$without_venv cannot make virtual environments; install its venv package (Debian: apt install python3-venv)"
  local found="none found"
  ((${#seen[@]} == 0)) || found="$(printf '%s; ' "${seen[@]}")" && found="${found%; }"
  fail "Python 3.11 or newer is needed ($found); install one, or name it: PYTHON=/path/to/python ./start.sh …"
}

# What the environment must be made of; changes with the lock and with the Python.
fingerprint() {
  "$1" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest(), *sys.version_info)' \
    "$lock" 2>/dev/null
}

# --- Installation -----------------------------------------------------------------------------------------------------

pip_pid=""
progress_pid=""

stop_installing() {
  local pid
  for pid in $pip_pid $progress_pid; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$guard"
}

# One installation at a time, so that `local` and `test` may be started together on a fresh clone.
take_guard() {
  local holder told="" nameless=0
  mkdir -p "$work" 2>/dev/null && [[ -w $work ]] || fail "$PWD/$work cannot be written; run as the user who owns this folder"
  until mkdir "$guard" 2>/dev/null; do
    holder="$(cat "$guard/pid" 2>/dev/null || true)"
    [[ -n $holder ]] || nameless=$((nameless + 1))
    # Left by an installation that was killed: gone, without a name for 5 s, or of a container that counted like this one.
    if { [[ -n $holder ]] && { [[ $holder == "$$" ]] || ! kill -0 "$holder" 2>/dev/null; }; } || ((nameless > 10)); then
      rm -rf "$guard"
      continue
    fi
    [[ -n $told ]] || say "another start.sh is installing (process ${holder:-unknown}); waiting for it"
    told=yes
    sleep 0.5
  done
  echo $$ >"$guard/pid"
  trap stop_installing EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

release_guard() {
  rm -rf "$guard"
  trap - EXIT INT TERM HUP
}

# Makes .venv where there is none, or where an earlier one cannot be trusted.
make_venv() {
  if [[ -e $begun ]]; then
    say "an earlier installation was interrupted; starting over with what pip has kept"
  elif [[ -x $venv/bin/python ]] && is_new_enough "$venv/bin/python" &&
    [[ "$("$venv/bin/python" -V)" == "$("$python" -V)" ]]; then
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >>"$log" 2>&1
    return
  fi
  mkdir -p "$venv" && touch "$begun"
  "$python" -m venv --clear "$venv" >>"$log" 2>&1 || fail "$python could not make $venv; see $log"
}

# Shows how far pip is, on one line at a terminal and every ten seconds elsewhere.
show_progress() {
  local total="$1" said=0 count line
  while kill -0 "$pip_pid" 2>/dev/null; do
    count="$(grep -cE '^(Collecting|Requirement already satisfied)' "$log" || true)"
    line="  reading packages: $count of $total, $SECONDS s"
    ! grep -q '^Installing collected packages' "$log" || line="  installing $total packages, $SECONDS s"
    if [[ -t 2 ]]; then
      printf '\r%s   ' "$line" >&2
    elif ((SECONDS >= said + 10)); then
      say "$line"
      said=$SECONDS
    fi
    sleep 0.3
  done
  [[ ! -t 2 ]] || printf '\r\033[K' >&2
}

# One line that says why pip failed and what to do.
explain_failure() {
  local what unreachable='NewConnectionError|Connection refused|name resolution|unreachable|ProxyError|SSLError|timed out'
  if grep -qE "Could not find a version|No matching distribution|$unreachable" "$log"; then
    ! grep -qE "$unreachable" "$log" ||
      fail "no package index is reachable; check the network and pip's settings (pip config list), then start again (details: $log)"
    what="$(grep -oE 'No matching distribution found for .*' "$log" | tail -1)"
    fail "the package index has no file for this machine: ${what:-see the log}; check pip's settings (pip config list; details: $log)"
  fi
  ! grep -q 'DO NOT MATCH THE HASHES' "$log" ||
    fail "a downloaded package differs from its hash in $lock; do not use this package index (details: $log)"
  ! grep -q 'No space left on device' "$log" || fail "the disk is full; free about 1.5 GB and start again"
  what="$(grep -E '^ERROR' "$log" | tail -1)"
  fail "the installation failed: ${what:-pip said nothing} (details: $log)"
}

install_packages() {
  local total
  total="$(grep -cE '^[a-z0-9._-]+==' "$lock")"
  say "installing the packages of $lock into $venv (once; a minute or two)"
  touch "$begun"
  rm -f "$stamp"
  # pip's scratch files go where an interrupted run's are cleared away.
  mkdir -p "$venv/tmp"
  TMPDIR="$PWD/$venv/tmp" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore \
    "$venv/bin/python" -m pip install --require-hashes --progress-bar off -r "$lock" >>"$log" 2>&1 &
  pip_pid=$!
  # The shell itself only waits: a Ctrl-C that meets one of the progress's short commands at its end would be lost.
  show_progress "$total" &
  progress_pid=$!
  local failed=""
  wait "$pip_pid" || failed=yes
  pip_pid=""
  wait "$progress_pid" || true
  progress_pid=""
  [[ -z $failed ]] || explain_failure
  rm -rf "$venv/tmp"
}

ensure_venv() {
  local wanted
  if [[ -r $stamp && ! -e $begun && -x $venv/bin/python ]] && [[ "$(fingerprint "$venv/bin/python")" == "$(<"$stamp")" ]]; then
    return
  fi
  [[ -r $lock ]] || fail "$lock is missing; this is not a whole clone"
  find_python
  take_guard
  SECONDS=0
  wanted="$(fingerprint "$python")"
  if [[ ! -r $stamp || -e $begun || "$(<"$stamp")" != "$wanted" || ! -x $venv/bin/python ]]; then
    : >"$log"
    make_venv
    install_packages
    fingerprint "$venv/bin/python" >"$stamp"
    rm -f "$begun"
    say "installed in $SECONDS s"
  fi
  release_guard
}

# --- Commands ---------------------------------------------------------------------------------------------------------

# Production: refuse to start with faulty variables, then become the server, so that it receives the signals itself.
production() {
  local interpreter=python3
  [[ ! -x $venv/bin/python ]] || interpreter="$venv/bin/python"
  is_new_enough "$interpreter" || fail "Python 3.11 or newer is needed; $interpreter is not"
  [[ -n ${ENVIRONMENT:-}${RAILWAY_ENVIRONMENT_NAME:-}${RAILWAY_ENVIRONMENT:-} ]] || export ENVIRONMENT=production
  "$interpreter" -m app.cli_operations preflight || exit 1
  exec "$interpreter" -m app "$1"
}

command="${1:-web}"
(($# == 0)) || shift
case "$command" in
  web) production serve ;;
  worker) production worker ;;
  local | chat)
    ensure_venv
    exec "$venv/bin/python" -m app "$command" "$@"
    ;;
  test)
    ensure_venv
    # Without arguments the whole suite, on three processes: each has servers of its own, and many tests wait.
    (($# > 0)) || set -- -n 3
    exec "$venv/bin/python" -m pytest "$@"
    ;;
  install) ensure_venv ;;
  -h | --help | help) usage ;;
  *)
    usage >&2
    fail "unknown command: $command"
    ;;
esac
