# shellcheck shell=sh
# What every set-up step shares; sourced, POSIX sh. Steps speak on stderr only, so that `npm run … | jq` stays
# clean, and say nothing when there is nothing to do.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools=$root/.tools
logs=$tools/log
mkdir -p "$logs"

say() { printf 'setup: %s\n' "$*" >&2; }

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

# fail LINE...: what went wrong, what to do. Ends the step.
fail() {
  broken_off
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# bounded SECONDS COMMAND...: macOS has no `timeout`; there the command runs without a deadline.
bounded() {
  seconds=$1
  shift
  if command -v timeout >/dev/null 2>&1; then timeout -k 5 "$seconds" "$@"; else "$@"; fi
}

# logged NAME SECONDS COMMAND...: its output goes to .tools/log/NAME.log; if it fails, the last lines of that
# are shown and the step ends.
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

# can_install: whether this user can install Debian's packages here.
can_install() { [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; }

# apt_install WHY PACKAGE...: installs what is missing of Debian's packages; where that can't be done, says how.
apt_install() {
  why=$1
  shift
  installed=" $(dpkg-query -W -f '${Package}:${db:Status-Abbrev} ' "$@" 2>/dev/null || :)"
  missing=
  for package; do
    case $installed in *" $package:ii"*) ;; *) missing="$missing $package" ;; esac
  done
  [ -n "$missing" ] || return 0
  can_install || fail "$why: missing$missing; only root on a machine with apt can install that here. Please run:" \
    "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
  begin "apt-get install$missing ($why)"
  export DEBIAN_FRONTEND=noninteractive
  logged apt-update 180 apt-get -q update
  # shellcheck disable=SC2086  # a list of package names
  logged apt-install 420 apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
  finish
}

# One set-up at a time on this machine: two at once would start two engines. Whoever holds the lock tells the
# steps it calls by FAULTLINE_SETUP_LOCKED; descriptor 9 is the lock and must not reach what outlives the set-up.
if [ -z "${FAULTLINE_SETUP_LOCKED:-}" ] && command -v flock >/dev/null 2>&1; then
  lock=$tools/setup.lock
  if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/lock && lock=/run/lock/faultline-setup.lock; fi
  exec 9>"$lock"
  flock -n 9 || { say 'another set-up is running, waiting for it' && flock -w 1200 9; } || fail "$lock is still held"
  export FAULTLINE_SETUP_LOCKED=1
fi
