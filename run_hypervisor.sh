#!/bin/sh
# Sets up, builds and boots a system of examples/ in QEMU: ./run_hypervisor.sh [NAME] [options]; the default is two-linux. The VMs' consoles
# share the terminal: Ctrl-A h helps, Ctrl-A x leaves. Options are those of `hyper-lite run` (see --help). Only what VMs print goes to stdout.
set -eu
root=$(cd "$(dirname "$0")" && pwd)

name=two-linux
case ${1-} in
  '' | -*) ;;
  # As completion has it: examples/mixed/.
  *) name=${1%/}; name=${name#"$root/"}; name=${name#./}; name=${name#examples/}; shift ;;
esac

if [ ! -f "$root/examples/$name/hyper-lite.config.ts" ]; then
  echo "run_hypervisor.sh: no example named '$name'; there are: $(cd "$root/examples" && echo *)" >&2
  exit 2
fi

# What comes on stdin is for the VMs.
"$root/setup.sh" </dev/null
PATH=$root/node_modules/.bin:$PATH
(cd "$root" && npm run -s build) </dev/null >&2
exec node "$root/tool/main.ts" run "$root/examples/$name" "$@"
