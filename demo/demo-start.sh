#!/usr/bin/env bash
# Installs what is missing, then runs the demo with the given arguments: ./demo/demo-start.sh --seconds 20 --rate 500
# Standard output belongs to the demo alone; everything said here goes to standard error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lacks() {
  echo "demo-start: $1" >&2
  exit 78
}

command -v node >/dev/null || lacks "Node.js is missing; install version 20 or newer from https://nodejs.org"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  lacks "Node.js 20 or newer is needed; this is $(node --version)"
command -v npm >/dev/null || lacks "npm is missing; it comes with Node.js"

# npm leaves node_modules/.package-lock.json behind when an installation is complete.
installed=node_modules/.package-lock.json
if [ ! -x node_modules/.bin/node ] || [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  # npm ci empties the directory first, and whose it is that a link leads to is not known here.
  [ ! -L node_modules ] ||
    lacks "node_modules is a link to $(readlink node_modules), where the dependencies are missing or older than package-lock.json; run npm ci there, or remove the link"
  echo "demo-start: installing the dependencies with npm ci" >&2
  npm ci --loglevel=error >&2 || lacks "npm ci failed; its messages are above"
fi

exec node_modules/.bin/node src/programs/Main.ts demo "$@"
