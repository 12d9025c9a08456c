import { percentile } from '../demo/report.ts';
import type { Load, Loads } from './load.ts';

export const WAYS = {
  http: 'shell through HTTP, evidence and flushed journal',
  flushed: 'the same without HTTP',
  forgotten: 'and without a journal',
  sandboxd: 'sandboxd alone, nothing judged',
  crun: 'docker exec, container run by crun',
  runc: "docker exec, by runc (Docker's default)",
  bash: 'fork and exec of bash alone, no container',
} as const;

type WayName = keyof typeof WAYS;

interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly calls: number;
}

interface LoadSpread extends Spread {
  readonly p99Ms: number;
  readonly callsPerSecond: number;
}

interface Goal {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly goal: string;
  readonly met: boolean;
}

export interface Figures {
  readonly ways: Readonly<Record<WayName, Spread>>;
  readonly sandboxes: number;
  readonly shell: LoadSpread;
  readonly python: LoadSpread;
  readonly bashPerSecond: number;
  readonly goals: readonly Goal[];
}

export function summary(durations: Readonly<Record<WayName, readonly number[]>>, loads: Loads): Figures {
  const names = Object.keys(WAYS) as WayName[];
  const ways = Object.fromEntries(names.map((name) => [name, spread(durations[name])])) as Figures['ways'];
  const [shell, python] = [loadSpread(loads.shell), loadSpread(loads.python)];
  const { sandboxes, bashPerSecond } = loads;
  return { ways, sandboxes, shell, python, bashPerSecond, goals: goals(ways, shell) };
}

function goals(ways: Figures['ways'], { callsPerSecond, p99Ms }: LoadSpread): Goal[] {
  const ratio = (
    what: string,
    over: number,
    under: number,
    bound: (value: number) => boolean,
    goal: string,
  ): Goal => {
    const value = over / under;
    return { what, value, unit: '×', goal, met: bound(value) };
  };
  const { http, sandboxd, crun, runc, forgotten } = ways;
  const atLeast10 = (value: number): boolean => value >= 10;
  return [
    ratio('HTTP ÷ sandboxd alone, p50', http.p50Ms, sandboxd.p50Ms, (value) => value <= 3, '≤ 3'),
    ratio('docker exec (runc) ÷ HTTP, p50', runc.p50Ms, http.p50Ms, atLeast10, '≥ 10'),
    ratio('docker exec (crun) ÷ HTTP, p50', crun.p50Ms, http.p50Ms, atLeast10, '≥ 10'),
    ratio(
      'evidence and judgement, share of p50',
      forgotten.p50Ms - sandboxd.p50Ms,
      http.p50Ms,
      (value) => value <= 0.15,
      '≤ 0.15',
    ),
    {
      what: 'shell calls per second',
      value: callsPerSecond,
      unit: '/s',
      goal: '≥ 700',
      met: callsPerSecond >= 700,
    },
    { what: 'their p99', value: p99Ms, unit: 'ms', goal: '≤ 150', met: p99Ms <= 150 },
  ];
}

function loadSpread({ durations, callsPerSecond }: Load): LoadSpread {
  return { ...spread(durations), p99Ms: percentile(durations, 0.99), callsPerSecond };
}

function spread(durations: readonly number[]): Spread {
  return { p50Ms: percentile(durations, 0.5), p95Ms: percentile(durations, 0.95), calls: durations.length };
}

export function renderTable(figures: Figures): string {
  const { ways, sandboxes, shell, python, bashPerSecond } = figures;
  return [
    row('`true`, one call at a time, all ways interleaved', ['p50', 'p95', 'calls']),
    ...(Object.keys(WAYS) as WayName[]).map((name) => row(WAYS[name], spreadCells(ways[name]))),
    '',
    row(`${String(sandboxes)} sandboxes, all at once, through HTTP`, ['p50', 'p99', 'per s']),
    row('shell: true', loadCells(shell)),
    row('python: pass (no process to start)', loadCells(python)),
    row('bash alone on this machine, as many at once', ['', '', bashPerSecond.toFixed(0)]),
    '',
    ...figures.goals.map(goalLine),
  ].join('\n');
}

const spreadCells = ({ p50Ms, p95Ms, calls }: Spread): string[] => [ms(p50Ms), ms(p95Ms), String(calls)];
const loadCells = (load: LoadSpread): string[] => [
  ms(load.p50Ms),
  ms(load.p99Ms),
  load.callsPerSecond.toFixed(0),
];

function row(label: string, cells: readonly string[]): string {
  return label.padEnd(50) + cells.map((cell) => cell.padStart(11)).join('');
}

function goalLine({ what, value, unit, goal, met }: Goal): string {
  return `${what.padEnd(50)}${`${value.toFixed(1)} ${unit}`.padStart(11)}   goal ${goal}: ${met ? 'met' : 'MISSED'}`;
}

const ms = (value: number): string => `${value.toFixed(2)} ms`;
