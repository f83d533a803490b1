#!/bin/sh
# Runs the tests: all of them, behind every check, or the layers that are named (unit, sim, boot). Sets up and builds first, so that a
# fresh clone needs nothing else. The last line is `N passed, N failed`.
set -eu
cd "$(dirname "$0")/.."

./setup.sh </dev/null
PATH=$PWD/node_modules/.bin:$PATH
# Hundreds of short processes load the same modules: Node keeps what it has made of them.
export NODE_COMPILE_CACHE=$PWD/build/node-cache
npm run -s build
if [ $# -eq 0 ]; then
  npm run -s lint
  npm run -s check
  set -- unit sim boot
fi

for layer; do
  set -- "$@" "test/$layer/**/*.test.ts"
  shift
done
exec node --test --test-concurrency=2 --test-timeout=300000 --test-reporter=./test/reporter.ts "$@"
