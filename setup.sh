#!/bin/sh
# Sets up what building and running Hyper-LITE needs: the Debian packages of setup/packages.txt and the npm packages of
# package-lock.json. Does nothing, fast, when all is there. Says what it does on stderr. Exits with 4 when something is missing that
# it may not install itself, after printing the command that does.
set -eu
cd "$(dirname "$0")"

say() { echo "setup: $*" >&2; }

missing_packages() {
  # shellcheck disable=SC2046 # one word for each package
  set -- $(cat setup/packages.txt)
  # A package is there if dpkg says so for any architecture of it.
  present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p')
  for package; do
    printf '%s\n' "$present" | grep -qx "$package" || printf ' %s' "$package"
  done
}

# How to become root: nothing to add, `sudo -n` without a question, or `sudo` where there is a terminal to ask on.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
  elif command -v sudo >/dev/null && (: </dev/tty) 2>/dev/null; then sudo "$@"
  else return 4
  fi
}

install_packages() {
  install="apt-get install -y --no-install-recommends$1"
  say "installing$1"
  # The package lists of a fresh machine are empty, and those of an old one out of date.
  if as_root sh -c "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && $install" >&2; then return; fi
  say "could not install them (that takes root, or sudo); run this, then try again:"
  if command -v sudo >/dev/null
  then echo "  sudo sh -c 'apt-get update && $install'" >&2
  else echo "  su -c 'apt-get update && $install'" >&2
  fi
  exit 4
}

command -v dpkg-query >/dev/null || { say "this machine has no dpkg: Debian 12 is needed"; exit 4; }
missing=$(missing_packages)
[ -z "$missing" ] || install_packages "$missing"

# The stamp is a copy of the lock file that node_modules was made from.
stamp=node_modules/.hyper-lite-lock
if ! cmp -s package-lock.json "$stamp"; then
  command -v npm >/dev/null || { say "npm is missing: install Node 20 or later, with npm"; exit 4; }
  say "installing npm packages"
  npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi
