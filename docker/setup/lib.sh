# What every set-up step shares; sourced, POSIX sh. Steps speak on stderr only, so that
# `npm run … | jq` stays clean, and say nothing when there is nothing to do.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools=$root/.tools
logs=$tools/log
mkdir -p "$logs"

say() { printf 'setup: %s\n' "$*" >&2; }

# begin TEXT / finish: one line per thing done, with its duration.
began=
begin() {
  began=$(date +%s)
  printf 'setup: %s ... ' "$*" >&2
}
finish() {
  printf '%s s\n' "$(($(date +%s) - began))" >&2
  began=
}

fail() {
  [ -z "$began" ] || printf 'failed\n' >&2
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# bounded SECONDS COMMAND...: macOS has no `timeout`; there the command runs without a deadline.
bounded() {
  seconds=$1
  shift
  if command -v timeout >/dev/null 2>&1; then timeout -k 5 "$seconds" "$@"; else "$@"; fi
}

# logged NAME SECONDS COMMAND...: output into .tools/log/NAME.log; on failure its last lines and exit.
logged() {
  log=$logs/$1.log
  limit=$2
  shift 2
  code=0
  bounded "$limit" "$@" >"$log" 2>&1 </dev/null || code=$?
  [ "$code" -ne 0 ] || return 0
  why="exit status $code"
  [ "$code" -ne 124 ] || why="not done after $limit s"
  [ -z "$began" ] || printf 'failed\n' >&2
  began=
  tail -n 15 "$log" | sed 's/^/  | /' >&2
  fail "failed ($why): $*" "the whole output: $log"
}

# sha256 of stdin; of a folder: names, modes and contents of its files.
sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum | cut -d' ' -f1; else shasum -a 256 | cut -d' ' -f1; fi
}
folder_sha256() (
  cd "$1"
  { find . -type f -exec sh -c 'for f; do [ ! -x "$f" ] || echo "$f"; done' sh {} + | LC_ALL=C sort
    find . -type f | LC_ALL=C sort | while IFS= read -r file; do
      echo "$file"
      cat "$file"
    done; } | sha256
)

# apt_install WHY PACKAGE...: installs what is missing of Debian's packages; where that can't be done, says so.
apt_install() {
  why=$1
  shift
  missing=
  for package; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    fail "$why: missing$missing, and only root on a machine with apt can install packages here. Please run:" \
      "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
  fi
  begin "apt-get install$missing ($why)"
  export DEBIAN_FRONTEND=noninteractive
  logged apt-update 180 apt-get -q -o DPkg::Lock::Timeout=120 update
  # shellcheck disable=SC2086  # a list of package names
  logged apt-install 420 apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
  finish
}
