import type { Burst } from './burst-meter.ts';

const COLUMNS = [
  'n',
  'side',
  'wall s',
  'ms each',
  'p50 s',
  'p95 s',
  'p99 s',
  'failed',
  'CPU s',
  'machine MB',
  'engine MB',
  'ours MB',
];

/** Published figures of hosted services for 100 at once, on other hardware and under other conditions. */
const HOSTED = `published for 100 at once, on other hardware: Daytona 0.28 s median, 0.57 s wall; E2B 0.60 s, 1.55 s; Modal 1.85 s`;

export function renderBursts(bursts: readonly Burst[]): string {
  const rows = bursts.toSorted((a, b) => a.count - b.count).map(cells);
  const widths = COLUMNS.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(COLUMNS), ...rows.map(line), HOSTED].join('\n');
}

function cells(burst: Burst): string[] {
  const seconds = (ms: number): string => (ms / 1000).toFixed(3);
  const mb = (value: number | null): string => (value === null ? '' : value.toFixed(0));
  const { count, side, wallMs, p50, p95, p99, failed, cpuSeconds } = burst;
  const memory = [burst.machineMb, burst.engineMb, burst.controllerMb].map(mb);
  return [
    String(count),
    side,
    seconds(wallMs),
    (wallMs / count).toFixed(1),
    ...[p50, p95, p99].map(seconds),
    String(failed),
    cpuSeconds.toFixed(1),
    ...memory,
  ];
}

/** The goals for the largest size, each with the measured value of this run. */
export function goals(bursts: readonly Burst[]): string {
  const largest = Math.max(...bursts.map(({ count }) => count));
  const best = (side: string): number =>
    Math.min(
      ...bursts
        .filter((burst) => burst.count === largest && burst.side.startsWith(side))
        .map(({ wallMs }) => wallMs),
    );
  const [warm, cold, loop, sandboxd, run] = [
    'ours, warm',
    'ours, cold',
    'dockerode loop',
    'sandboxd alone',
    'docker run',
  ].map(best) as [number, number, number, number, number];
  const failed = bursts
    .filter(({ side }) => side.startsWith('ours'))
    .reduce((sum, burst) => sum + burst.failed, 0);
  return [
    `goals at n = ${String(largest)} (best of each side)`,
    `  warm, all answered: ${(warm / 1000).toFixed(3)} s; goal: at most 0.5 s; sandboxd alone took ${(sandboxd / 1000).toFixed(3)} s`,
    `  cold against the best dockerode loop: ${(cold / loop).toFixed(2)} ×; goal: at most 1.15 ×`,
    `  docker run against cold: ${(run / cold).toFixed(2)} ×; goal: at least 3 ×`,
    `  failures of ours: ${String(failed)}; goal: 0`,
  ].join('\n');
}
