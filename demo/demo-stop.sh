#!/usr/bin/env bash
# Stops the demo that runs in this repository, and waits until it has drained.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PID_FILE=.dbmazz/demo.pid
WAIT_SECONDS=60

pid=$(tr -d '[:space:]' 2>/dev/null <"$PID_FILE") || {
  echo "demo-stop: no demo is running ($PID_FILE is not there)"
  exit 0
}
# A process id is used again by the system, so the process must also look like the demo.
is_demo() { ps -p "$pid" -o args= 2>/dev/null | grep -Eq '(Main\.(ts|js)|dbmazz(\.js)?) demo( |$)'; }

if ! [[ "$pid" =~ ^[1-9][0-9]*$ ]] || ! is_demo; then
  echo "demo-stop: the demo of $PID_FILE (process $pid) is no longer running"
  rm -f "$PID_FILE"
  exit 0
fi

kill -TERM "$pid"
for ((tick = 0; tick < WAIT_SECONDS * 5; tick++)); do
  if ! is_demo; then
    echo "demo-stop: stopped (process $pid)"
    exit 0
  fi
  sleep 0.2
done
echo "demo-stop: process $pid is still running after $WAIT_SECONDS s; end it with: kill -9 $pid" >&2
exit 1
