import type { ChartData, ChartOptions } from 'chart.js';
import { ATTRIBUTIONS, axis, colour, lines, Plot, quiet, timeAxis, timeTitle } from './charts.ts';
import type { Sample } from './live.ts';

export interface Bin extends Sample {
  readonly seconds: number;
}

/** Within a bin counts are summed, and of gauges the highest value is shown. */
export function binned(samples: readonly Sample[], start: number, width: number): Bin[] {
  const groups = Map.groupBy(
    samples.filter(({ at }) => at > start),
    ({ at }) => Math.floor((at - start) / width),
  );
  return [...groups].map(([index, group]) => {
    const most = (key: keyof Sample): number => Math.max(...group.map((one) => one[key]));
    const sum = (key: keyof Sample): number => group.reduce((total, one) => total + one[key], 0);
    const counts = Object.fromEntries(ATTRIBUTIONS.map((one) => [one, sum(one)])) as Pick<
      Sample,
      (typeof ATTRIBUTIONS)[number]
    >;
    return {
      at: start + (index + 0.5) * width,
      seconds: group.length,
      ...counts,
      waiting: most('waiting'),
      starting: most('starting'),
      live: most('live'),
      warm: most('warm'),
    };
  });
}

export function callsPlot(): Plot<'bar'> {
  const options = quiet({
    scales: { x: timeAxis({ stacked: true }), y: axis({ stacked: true }) },
    plugins: { tooltip: timeTitle },
  });
  return new Plot(
    { type: 'bar', data: { datasets: [] }, options: options as ChartOptions<'bar'> },
    { height: 'middle', says: 'Calls per second by attribution' },
  );
}

export function callBars(bins: readonly Bin[]): ChartData<'bar'> {
  const shown = ATTRIBUTIONS.filter(
    (one) => one === 'ok' || one === 'infra' || bins.some((bin) => bin[one] > 0),
  );
  return {
    datasets: shown.map((one) => ({
      label: one,
      data: bins.map((bin) => ({ x: bin.at, y: bin[one] / bin.seconds })) as never,
      backgroundColor: colour(one),
      barPercentage: 0.9,
      categoryPercentage: 1,
    })),
  };
}

export function loadPlot(): Plot<'line'> {
  const options = quiet({
    scales: { x: timeAxis(), y: axis() },
    plugins: { tooltip: timeTitle },
  });
  return new Plot(
    { type: 'line', data: { datasets: [] }, options: options as ChartOptions<'line'> },
    { height: 'middle', says: 'Live and warm sandboxes, waiting starts and starts in progress' },
  );
}

export function loadLines(bins: readonly Bin[]): ChartData<'line'> {
  const along = (key: 'live' | 'warm' | 'waiting' | 'starting') =>
    bins.map((bin) => ({ x: bin.at, y: bin[key] }));
  return lines([
    { label: 'live', colour: 'ok', points: along('live'), filled: true },
    { label: 'warm', colour: 'warm', points: along('warm') },
    { label: 'waiting', colour: 'infra', points: along('waiting') },
    { label: 'starting', colour: 'task', points: along('starting') },
  ]);
}
