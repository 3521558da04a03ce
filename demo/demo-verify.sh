#!/usr/bin/env bash
# Compares source and sink of the demo that runs in this repository, table by table. Exits 0 only if they are equal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ENV_FILE=.dbmazz/demo.env

if [ ! -f "$ENV_FILE" ]; then
  echo "demo-verify: no demo is running ($ENV_FILE is not there); start one with ./demo/demo-start.sh" >&2
  exit 78
fi
if [ ! -x node_modules/.bin/node ]; then
  echo "demo-verify: the dependencies are not installed; run: npm ci" >&2
  exit 78
fi

# What the demo recorded counts, not a variable of the same name in this shell: node lets those win.
while IFS= read -r name; do
  unset "$name"
done < <(sed -nE 's/^([A-Za-z_][A-Za-z0-9_]*)=.*/\1/p' "$ENV_FILE")

exec node_modules/.bin/node --env-file="$ENV_FILE" src/programs/Main.ts verify "$@"
