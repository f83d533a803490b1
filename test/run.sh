#!/bin/sh
# Runs the tests: all of them, behind every check and before 10^8 exits of random systems and the measure of what is covered, or the layers
# that are named (unit, sim, boot). Sets up and builds first, so that a fresh clone needs nothing else. The last line is `N passed, N failed`.
set -eu
cd "$(dirname "$0")/.."

./setup.sh </dev/null
PATH=$PWD/node_modules/.bin:$PATH
# Hundreds of short processes load the same modules: Node keeps what it has made of them.
export NODE_COMPILE_CACHE=$PWD/build/node-cache
npm run -s build
all=$((! $#))
if [ "$all" = 1 ]; then
  npm run -s lint
  npm run -s check
  set -- unit sim boot
fi

# File by file, for none has a space in its name.
files=$(node test/groups.ts "$@")
# The tests' outcome is told last.
{
  # shellcheck disable=SC2086
  node --test --test-concurrency=2 --test-timeout=300000 --test-reporter=./test/reporter.ts $files && status=0 || status=$?
  echo "$status" >build/test-status
} | tee build/test-output
status=$(cat build/test-status)
if [ "$all" = 1 ]; then
  npm run -s sim -- --soak --seed 1 --exits 100000000 --inside 0.01 || status=1
  npm run -s coverage || status=1
  tail -n 1 build/test-output
fi
exit "$status"
