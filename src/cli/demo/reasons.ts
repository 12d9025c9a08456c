import type { Seen } from './compare.ts';

/** A difference that two kinds of container have by nature. It counts only if nothing differs once `mask` is applied. */
interface Reason {
  readonly text: string;
  readonly commands: RegExp;
  readonly mask: (output: string) => string;
}

const MONTHS_AND_DAYS =
  /\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\b/g;

const numbers = (output: string): string => output.replace(/\d+/g, '#').replace(/[ \t]+/g, ' ');
const clock = (output: string): string => numbers(output.replace(MONTHS_AND_DAYS, '@'));
const nothing = (): string => '';

export const reasons: readonly Reason[] = [
  {
    text: 'prints a clock or a time stamp of the run',
    commands:
      /\b(?:date|cal|ncal|uptime|who|w|last|stat|time|touch)\b|\bls\b[^|;&]*\s-\w*l|-(?:ls|printf|newer)\b|\btar\b.*v/,
    mask: clock,
  },
  {
    text: 'prints load, memory or disk use of the machine',
    commands: /\b(?:uptime|free|top|vmstat|df|iostat)\b|\/proc\/(?:loadavg|meminfo|stat|uptime)/,
    mask: numbers,
  },
  {
    text: 'prints a process id',
    commands: /\$\$|\bP?PID\b|\$!|BASHPID|\bp?pid\b|\b(?:pgrep|pidof|jobs|set)\b|&\s*$/,
    mask: numbers,
  },
  {
    text: 'lists processes: PID 1 is our agent, not sleep',
    commands: /\b(?:ps|pstree|top|pgrep|lsof|fuser)\b|\/proc\b/,
    mask: nothing,
  },
  {
    text: 'walks /proc, whose entries are the processes of the moment',
    commands: /\b(?:find|ls|du|tree|grep)\b.*\s\/(?:\s|$|proc)/,
    mask: (output) =>
      clock(
        output
          .split('\n')
          .filter((line) => !line.includes('/proc/'))
          .join('\n'),
      ),
  },
  {
    text: 'prints how long it waited for a network that is not there',
    commands: /\b(?:ping|curl|wget|dig|nslookup|host)\b/,
    mask: numbers,
  },
];

/** Why the two may differ, or null. The exit code has no excuse. */
export function explain(command: string, ours: Seen, plain: Seen): string | null {
  if (ours.exitCode !== plain.exitCode) return null;
  const found = reasons.find(
    ({ commands, mask }) =>
      commands.test(command) &&
      mask(ours.stdout) === mask(plain.stdout) &&
      mask(ours.stderr) === mask(plain.stderr),
  );
  return found?.text ?? null;
}
