/**
 * What the suite runs in sandboxes: lines for the image's shell (POSIX and the usual small programs, as in BusyBox). An
 * engine without a shell behind it has each of them as a function instead.
 */
export const COMMANDS = {
  nothing: ':',
  fail: 'exit 7',
  killItself: 'kill -9 $$',
  speak: 'printf out; printf err >&2',
  numbers: 'seq 1 2000',
  flood: 'while :; do echo 0123456789012345678901234567890123456789; done',
  sleep: 'sleep 600',
  /** Says how often it has run in this sandbox. */
  count: 'echo run >> /tmp/runs; cat /tmp/runs | wc -l',
  /** The same after somebody else has said `go`. */
  countOnGo:
    'echo run >> /tmp/runs; touch /tmp/begun; until [ -e /tmp/go ]; do sleep 0.05; done; cat /tmp/runs | wc -l',
  untilBegun: 'until [ -e /tmp/begun ]; do sleep 0.05; done',
  go: 'touch /tmp/go',
  runs: 'cat /tmp/runs | wc -l',
  leave: 'echo mine > /tmp/mine',
  look: 'cat /tmp/mine || echo nothing',
  lengthOfFile: 'cat /tmp/folder/file | wc -c',
  fillMemory: 'a=0123456789abcdef; while :; do a=$a$a; done',
  fillProcesses: 'n=0; while [ $n -lt 200 ]; do sleep 600 & n=$((n+1)); done',
  fillDisk: 'dd if=/dev/zero of=/tmp/fill bs=1048576 count=96',
  user: 'id -u',
  /** Open files, blocks of 512 bytes of one file, blocks of a core file. */
  ulimits: 'ulimit -n; ulimit -f; ulimit -c',
  writeRoot: 'echo mine > /mine',
  /** Succeeds where a command can make the kernel end the first process first. */
  exposeFirst: 'echo 1000 > /proc/1/oom_score_adj',
  interfaces: 'ls /sys/class/net',
  /** Succeeds where the proxy that the environment names gets an unlisted host's page. */
  connect:
    "p=${http_proxy#http://}; printf 'GET http://unlisted.test/ HTTP/1.0\\r\\n\\r\\n' | nc ${p%:*} ${p#*:} | grep -q '^HTTP/[0-9.]* 200'",
} as const;

export type CommandName = keyof typeof COMMANDS;

/** A program that no sandbox has. */
export const ABSENT_PROGRAM = '/no/such/program';
