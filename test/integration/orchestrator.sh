#!/usr/bin/env bash
# What an orchestrator does with one job: starts it on the port GRPC_PORT, waits until it replicates, watches its metrics,
# pauses, resumes and reloads it, drains it, and expects exit code 0. The job's configuration is in the environment.
#
# Each answer is a line on standard output: the rpc's name, a tab, the message as JSON. The job's log is on standard error.
# The client is buf, which learns every message from the server's reflection; grpcurl takes the same addresses and messages.
set -euo pipefail

: "${GRPC_PORT:?set it to a free port}"
WAIT_SECONDS=${WAIT_SECONDS:-30}
SAMPLES=3

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
buf=$root/node_modules/.bin/buf
# buf takes the folder it runs in for a module of its own.
work=$(mktemp -d)
cd "$work"

job=
cleanup() {
  [ -z "$job" ] || kill -KILL "$job" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  echo "orchestrator: $1" >&2
  exit 1
}

# call <service>/<rpc> [<message>]: the answer on one line
call() {
  local message='{}'
  [ $# -lt 2 ] || message=$2
  "$buf" curl --protocol grpc --http2-prior-knowledge --emit-defaults --data "$message" \
    "http://127.0.0.1:$GRPC_PORT/dbmazz.$1" | tr -d '\n'
}

# show <service>/<rpc> [<message>] <extended regular expression>: prints the answer, which must be like this
show() {
  local answer
  answer=$(call "${@:1:$#-1}") || fail "$1 was not answered"
  printf '%s\t%s\n' "${1#*/}" "$answer"
  grep -Eq "${@: -1}" <<<"$answer" || fail "$1 answered otherwise than ${*: -1}: $answer"
}

# until_true <what> <command…>: tries until it succeeds, while the job lives
until_true() {
  local what=$1 end=$((SECONDS + WAIT_SECONDS))
  shift
  until "$@"; do
    kill -0 "$job" 2>/dev/null || fail "the job ended while $what was waited for"
    [ $SECONDS -lt "$end" ] || fail "no $what within $WAIT_SECONDS s"
    sleep 0.1
  done
}

replicates() {
  local health
  health=$(call HealthService/Check 2>/dev/null) &&
    grep -q '"STAGE_CDC"' <<<"$health" && grep -q '"SERVING"' <<<"$health"
}

has_samples() { [ "$(grep -c '"replicationLagMs"' samples)" -ge $SAMPLES ]; }

"$root/node_modules/.bin/node" "$root/src/programs/Main.ts" run &
job=$!

until_true "health SERVING at STAGE_CDC" replicates
show HealthService/Check '"SERVING"'

"$buf" curl --protocol grpc --http2-prior-knowledge --emit-defaults --data '{"interval_ms": 200}' \
  "http://127.0.0.1:$GRPC_PORT/dbmazz.CdcMetricsService/StreamMetrics" >samples &
stream=$!
until_true "sample number $SAMPLES" has_samples
kill "$stream"
wait "$stream" 2>/dev/null || true
# The last message may have been cut off.
tr -d '\n' <samples | sed 's/}{/}\n{/g' | head -n $SAMPLES | sed 's/^/StreamMetrics\t/'
echo

show CdcControlService/Pause '"success": *true'
show CdcStatusService/GetStatus '"PAUSED"'
show CdcControlService/Resume '"success": *true'
show CdcControlService/ReloadConfig '{"flush_size": "50", "flush_interval_ms": 200}' '"success": *true'
show CdcStatusService/GetStatus '"RUNNING"'
show CdcControlService/DrainAndStop '"success": *true'

drained=0
wait "$job" || drained=$?
job=
[ $drained -eq 0 ] || fail "the job ended with exit code $drained"
printf 'exit\t%s\n' "$drained"
