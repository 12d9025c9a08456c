import { percentile } from '../../src/cli/demo/report.ts';
import type { Load } from './load.ts';

export const WAYS = {
  http: 'shell through HTTP, evidence and flushed journal',
  agent: 'bare agent call',
  exec: "docker exec (the engine's API)",
  bash: 'fork and exec of bash alone, no container',
} as const;

type WayName = keyof typeof WAYS;

interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly calls: number;
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
  readonly load: { readonly sandboxes: number; readonly callsPerSecond: number } & Spread & {
      readonly p99Ms: number;
    };
  readonly goals: readonly Goal[];
}

export function summary(durations: Readonly<Record<WayName, readonly number[]>>, load: Load): Figures {
  const ways = {
    http: spread(durations.http),
    agent: spread(durations.agent),
    exec: spread(durations.exec),
    bash: spread(durations.bash),
  };
  const [overAgent, underExec] = [ways.http.p50Ms / ways.agent.p50Ms, ways.exec.p50Ms / ways.http.p50Ms];
  const p99Ms = percentile(load.durations, 0.99);
  const { sandboxes, callsPerSecond } = load;
  return {
    ways,
    load: { sandboxes, callsPerSecond, ...spread(load.durations), p99Ms },
    goals: [
      {
        what: 'HTTP over the bare agent, p50',
        value: overAgent,
        unit: '×',
        goal: '≤ 3',
        met: overAgent <= 3,
      },
      { what: 'docker exec over HTTP, p50', value: underExec, unit: '×', goal: '≥ 10', met: underExec >= 10 },
      {
        what: 'calls per second',
        value: callsPerSecond,
        unit: '/s',
        goal: '≥ 700',
        met: callsPerSecond >= 700,
      },
      { what: 'p99 under that load', value: p99Ms, unit: 'ms', goal: '≤ 150', met: p99Ms <= 150 },
    ],
  };
}

function spread(durations: readonly number[]): Spread {
  return { p50Ms: percentile(durations, 0.5), p95Ms: percentile(durations, 0.95), calls: durations.length };
}

export function renderTable({ ways, load, goals }: Figures): string {
  const lines = (Object.keys(WAYS) as WayName[]).map((name) => spreadLine(WAYS[name], ways[name]));
  return [
    spreadLine('`true`, one call at a time, all ways in turn', null),
    ...lines,
    '',
    spreadLine(`${String(load.sandboxes)} sandboxes, all at once, through HTTP`, load),
    '',
    ...goals.map(goalLine),
  ].join('\n');
}

function spreadLine(label: string, values: Spread | null): string {
  const cells =
    values === null ? ['p50', 'p95', 'calls'] : [ms(values.p50Ms), ms(values.p95Ms), String(values.calls)];
  return label.padEnd(50) + cells.map((cell) => cell.padStart(11)).join('');
}

function goalLine({ what, value, unit, goal, met }: Goal): string {
  return `${what.padEnd(50)}${`${value.toFixed(1)} ${unit}`.padStart(11)}   goal ${goal}: ${met ? 'met' : 'MISSED'}`;
}

const ms = (value: number): string => `${value.toFixed(2)} ms`;
