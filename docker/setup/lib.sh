# shellcheck shell=sh
# Functions shared by the set-up steps; sourced, POSIX sh. Steps write messages to stderr only, so that the output of
# `npm run … | jq` is not mixed with them, and print nothing when there is nothing to do.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools=$root/.tools
logs=$tools/log
mkdir -p "$logs"

say() { printf 'setup: %s\n' "$*" >&2; }

# A signal ends the step through `exit`, because dash runs EXIT traps for `exit` only: without this, Ctrl-C would leave
# /usr/sbin/policy-rc.d and temporary folders behind. The running command gets the same signal and is waited for first:
# apt-get must have finished before policy-rc.d is removed.
running=
end_by_signal() {
  if [ -n "$running" ]; then
    kill -s "$1" "$running" 2>/dev/null || :
    wait "$running" || :
  fi
  exit "$2"
}
trap 'end_by_signal HUP 129' HUP
trap 'end_by_signal INT 130' INT
trap 'end_by_signal TERM 143' TERM

# begin TEXT, then finish: one line per thing done, with its duration.
began=
begin() {
  began=$(date +%s)
  printf 'setup: %s ... ' "$*" >&2
}
finish() {
  printf '%s s\n' "$(($(date +%s) - began))" >&2
  began=
}
broken_off() {
  [ -z "$began" ] || printf 'failed\n' >&2
  began=
}

# fail LINE...: prints what failed and what to do, and ends the step.
fail() {
  broken_off
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# bounded SECONDS COMMAND...: exit status 124 after the deadline. Without `timeout` (macOS) there is no deadline.
# In the background, because `timeout` makes a process group of its own, which Ctrl-C does not reach, and a signal
# interrupts `wait` but not a command in the foreground. The command's stdin is empty. After the deadline or a signal the
# command has `grace` seconds to end.
grace=5
bounded() {
  seconds=$1
  shift
  if ! command -v timeout >/dev/null 2>&1; then
    "$@"
    return
  fi
  timeout -k "$grace" "$seconds" "$@" &
  running=$!
  bounded_code=0
  wait "$running" || bounded_code=$?
  running=
  return "$bounded_code"
}

# logged NAME SECONDS COMMAND...: writes the output to .tools/log/NAME.log. If the command fails, prints the last lines
# of that and ends the step.
logged() {
  output=$logs/$1.log
  logged_limit=$2
  shift 2
  logged_code=0
  bounded "$logged_limit" "$@" >"$output" 2>&1 </dev/null || logged_code=$?
  [ "$logged_code" -ne 0 ] || return 0
  why="exit status $logged_code"
  [ "$logged_code" -ne 124 ] || why="not done after $logged_limit s"
  broken_off
  tail -n 15 "$output" | sed 's/^/  | /' >&2
  fail "failed ($why): $*" "the whole output: $output"
}

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum | cut -d' ' -f1; else shasum -a 256 | cut -d' ' -f1; fi
}

# tree_sha256 DIR PATH...: over names, executable bits and contents of the files. Without GNU tar: over contents only.
tree_sha256() (
  cd "$1"
  shift
  case $(tar --version 2>/dev/null) in
    *GNU*) tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$@" ;;
    *) find "$@" -type f -exec cat {} + ;;
  esac | sha256
)

# Names under localhost/ belong to no registry, so an engine that lacks the image does not pull a foreign one.
node_image=localhost/faultline/node:24
controller_image=localhost/faultline/controller:latest

# build NAME TAG SOURCE FOLDER [OPTION...]: an image that carries SOURCE as its label `faultline.source`.
build() {
  name=$1 tag=$2 source=$3 folder=$4
  shift 4
  begin "image $name"
  old=$(docker image inspect -f '{{.Id}}' "$tag" 2>/dev/null || :)
  build_code=0
  bounded 600 docker build -t "$tag" --label "faultline.source=$source" "$@" "$folder" \
    >"$logs/image-$name.log" 2>&1 </dev/null || build_code=$?
  if [ "$build_code" -ne 0 ]; then
    broken_off
    tail -n 12 "$logs/image-$name.log" | sed 's/^/  | /' >&2
    [ "$build_code" -ne 124 ] || fail "image $name: not built within 600 s" "the whole output: $logs/image-$name.log"
    fail "image $name: failed at: $(grep -E '^(Step [0-9]+/|#[0-9]+ \[)' "$logs/image-$name.log" | tail -n 1)" \
      "image $name: the whole output is in $logs/image-$name.log"
  fi
  finish
  # The image that the tag named before, unless another tag or a container still holds it.
  if [ -n "$old" ] && [ "$(docker image inspect -f '{{len .RepoTags}}' "$old" 2>/dev/null)" = 0 ]; then
    docker image rm "$old" >/dev/null 2>&1 || :
  fi
}

# can_install: whether this user can install Debian packages here.
can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; }

# missing_packages PACKAGE...: prints those that are not installed, each after a space.
missing_packages() {
  installed=" $(dpkg-query -W -f '${Package}:${db:Status-Abbrev} ' "$@" 2>/dev/null || :)"
  for package; do
    case $installed in *" $package:ii"*) ;; *) printf ' %s' "$package" ;; esac
  done
}

# apt_install WHY PACKAGE...: installs the Debian packages that are missing and removes none: a conflict with what the
# machine has is an error. Where this user can't install packages, prints the command to run and ends the step.
apt_install() {
  why=$1
  shift
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  can_install || fail "$why: missing$missing; only root on a machine with apt can install that here. Please run:" \
    "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
  begin "apt-get install$missing ($why)"
  export DEBIAN_FRONTEND=noninteractive
  logged apt-update 180 apt-get -q update
  # Killed in the middle, dpkg leaves packages half configured.
  grace=120
  # shellcheck disable=SC2086  # a list of package names
  logged apt-install 420 apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-remove --no-install-recommends $missing
  grace=5
  finish
}

# apt_install_stopped WHY PACKAGE...: as apt_install, but the installation starts no service of the packages. A
# policy-rc.d that is there already is left as it is. Uses the EXIT trap.
apt_install_stopped() {
  if [ -n "$(shift && missing_packages "$@")" ] && can_install && [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    apt_install "$@"
    rm -f /usr/sbin/policy-rc.d
    trap - EXIT
  else
    apt_install "$@"
  fi
}

# One set-up at a time on this machine: two at once would start two engines. FAULTLINE_SETUP_LOCKED tells the steps that
# are called from here that the lock is held. Descriptor 9 is the lock; a process that outlives set-up must not have it.
if [ -z "${FAULTLINE_SETUP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
  lock=$tools/setup.lock
  if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/lock && lock=/run/lock/faultline-setup.lock; fi
  exec 9>"$lock"
  flock -n 9 || { say 'another set-up is running, waiting for it' && flock -w 1200 9; } || fail "$lock is still held"
  export FAULTLINE_SETUP_LOCKED=1
fi
