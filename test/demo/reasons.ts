import type { Seen } from './seen.ts';

/** An expected difference between the two kinds of container. It applies only if nothing differs after `mask`. */
interface Reason {
  readonly text: string;
  readonly commands: RegExp;
  readonly mask: (output: string) => string;
  /** The one difference in the exit code that is expected with it. */
  readonly exitCode?: { readonly commands: RegExp; readonly ours: number; readonly plain: number };
}

/** A recursive search of the file contents below `.` or `/`. */
export const READS_ALL_OF_PROC = /\bgrep\s+-\w*r\w*\s+\S+\s+[./](?:\s|$)|\bfind\s+[./]\s.*-exec\s+z?grep\b/;
export const PAGE_MAPS = 'reads the page maps in /proc, which does not end; those of sandboxd cannot be read';
export const NO_END = 'reaches the time limit in both; how much it has printed by then depends on speed';

const MONTHS_AND_DAYS =
  /\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\b/g;

const numbers = (output: string): string => output.replace(/\d+/g, '#').replace(/[ \t]+/g, ' ');
const clock = (output: string): string => numbers(output.replace(MONTHS_AND_DAYS, '@'));
const nothing = (): string => '';

/** Removes lines that name an entry of a process in /proc. */
export const withoutProcesses = (output: string): string =>
  output
    .split('\n')
    .filter((line) => !/\bproc\/\d+/.test(line))
    .join('\n');

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
    commands: /\$\$|\bP?PID\b|\$!|BASHPID|\bp?pid\b|\b(?:pidof|jobs|set)\b|&\s*$/,
    mask: numbers,
  },
  {
    text: 'lists processes: PID 1 is sandboxd instead of sleep, and the parent process is in the container',
    commands: /\b(?:ps|pstree|top|pgrep|lsof|fuser)\b/,
    mask: nothing,
  },
  {
    text: 'walks /proc: the running processes differ, and entries of sandboxd cannot be read (find then returns 1)',
    commands: /\b(?:find|grep|du|tree|ls)\b/,
    mask: (output) => numbers(withoutProcesses(output)),
    exitCode: { commands: /\bfind\s+(?:\/|\.|\$\w+)\s/, ours: 1, plain: 0 },
  },
  {
    text: 'prints how long it waited for a network, which does not exist',
    commands: /\b(?:ping|curl|wget|dig|nslookup|host)\b/,
    mask: numbers,
  },
];

/** Why the two may differ, or null if no reason applies. */
export function explain(command: string, ours: Seen, plain: Seen): string | null {
  const found = reasons.find(
    (reason) =>
      reason.commands.test(command) &&
      reason.mask(ours.stdout) === reason.mask(plain.stdout) &&
      reason.mask(ours.stderr) === reason.mask(plain.stderr) &&
      exitCodesFit(reason, command, ours, plain),
  );
  return found?.text ?? null;
}

function exitCodesFit({ exitCode }: Reason, command: string, ours: Seen, plain: Seen): boolean {
  if (ours.exitCode === plain.exitCode) return true;
  if (exitCode === undefined || !exitCode.commands.test(command)) return false;
  return ours.exitCode === exitCode.ours && plain.exitCode === exitCode.plain;
}
