import type { ChartOptions } from 'chart.js';
import type { Comparison } from '../../report/comparison.ts';
import type { SpokenRisk } from '../../report/report-process.ts';
import type { RiskFinding, StepRate } from '../../report/risk.ts';
import { axis, colour, Plot, quiet, tint } from './charts.ts';
import { el, panel, rolloutLink, table } from './dom.ts';
import { count, figure, percent } from './format.ts';
import { reportView } from './reports.ts';

const LEVELS_SHOWN = 24;
/** Limits of the axis of ratios. */
const LEAST_RATIO = 0.05;
const MOST_RATIO = 100;

/** The view `Risk`: whether infrastructure failures may teach the model something wrong. */
export function riskView(root: HTMLElement): () => void {
  return reportView(root, 'risk', (found) => {
    const levels = shown(found);
    const ratios = ratioPlot(levels, found);
    const steps = stepPlot(found.steps);
    return {
      plots: [ratios, steps],
      children: [
        panel(
          'Summary',
          el(
            'ul',
            { class: `sentences ${found.findings.length > 0 ? 'found' : ''}` },
            ...found.sentences.map((one) => el('li', {}, one)),
          ),
        ),
        panel(
          'How much more often infrastructure fails each behaviour than the rest, with 95 % intervals',
          levels.length === 0
            ? el('p', { class: 'empty' }, 'Too few failures for a comparison.')
            : ratios.element,
        ),
        el(
          'div',
          { class: 'columns' },
          panel('Rollouts by step: excluded, undetermined', steps.element),
          panel('Steps with most excluded rollouts', worst(found)),
        ),
        panel('Findings', findings(found.findings)),
      ],
    };
  });
}

/** First the findings, then the levels with the highest ratios. */
function shown({ levels, findings: found }: SpokenRisk): readonly Comparison[] {
  const isFound = (one: Comparison): boolean => found.some((finding) => same(finding, one));
  return levels
    .toSorted((a, b) => Number(isFound(b)) - Number(isFound(a)) || a.p - b.p)
    .slice(0, LEVELS_SHOWN)
    .toSorted((a, b) => b.ratio - a.ratio);
}

const same = (a: Comparison, b: Comparison): boolean => a.dimension === b.dimension && a.level === b.level;
const clamp = (ratio: number): number => Math.min(MOST_RATIO, Math.max(LEAST_RATIO, ratio));

function ratioPlot(levels: readonly Comparison[], { findings: found }: SpokenRisk): Plot<'bar'> {
  const isFound = (one: Comparison): boolean => found.some((finding) => same(finding, one));
  const data = {
    labels: levels.map(({ dimension, level }) => `${dimension} ${level}`),
    datasets: [
      {
        label: '95 % interval',
        data: levels.map(({ interval }) => [clamp(interval.low), clamp(interval.high)] as [number, number]),
        backgroundColor: levels.map((one) => (isFound(one) ? tint('infra', 0.55) : tint('muted', 0.35))),
        barThickness: 5,
        borderRadius: 3,
        borderSkipped: false as const,
        grouped: false,
      },
      {
        label: 'ratio',
        data: levels.map(({ ratio }) => [clamp(ratio) / 1.025, clamp(ratio) * 1.025] as [number, number]),
        backgroundColor: levels.map((one) => colour(isFound(one) ? 'infra' : 'text')),
        barThickness: 11,
        borderRadius: 2,
        borderSkipped: false as const,
        grouped: false,
      },
    ],
  };
  const options = quiet({
    indexAxis: 'y',
    interaction: { mode: 'index', axis: 'y', intersect: false },
    scales: {
      x: axis({
        type: 'logarithmic',
        origin: 1,
        fromZero: false,
        min: LEAST_RATIO,
        max: MOST_RATIO,
        unit: ratioTick,
      }),
      y: axis({ bare: true, everyLabel: true }),
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        filter: ({ datasetIndex }) => datasetIndex === 1,
        callbacks: { label: ({ dataIndex }) => said(levels[dataIndex]) },
      },
    },
  });
  const says = found.map((one) => said(one)).join('; ') || 'Nothing stands out';
  return new Plot({ type: 'bar', data, options: options as ChartOptions<'bar'> }, { height: 'tall', says });
}

function ratioTick(value: number): string {
  return [0.1, 0.5, 1, 2, 5, 10, 20, 50, 100].includes(value) ? `${String(value)} ×` : '';
}

function said(one: Comparison | undefined): string {
  if (one === undefined) return '';
  const { dimension, level, failed, expected, ratio, interval } = one;
  return `${dimension} ${level}: ${figure(ratio)} times as often (${figure(interval.low)} to ${figure(interval.high)}), ${count(failed)} failures, ${figure(expected)} expected`;
}

function stepPlot(steps: readonly StepRate[]): Plot<'bar'> {
  const bars = (label: string, shade: string, of: (step: StepRate) => number) => ({
    label,
    data: steps.map((step) => of(step) / Math.max(1, step.rollouts)),
    backgroundColor: colour(shade),
    barPercentage: 1,
    categoryPercentage: 0.8,
  });
  const data = {
    labels: steps.map(({ step }) => String(step)),
    datasets: [
      bars('excluded', 'infra', ({ excluded }) => excluded),
      bars('undetermined', 'undetermined', ({ undetermined }) => undetermined),
    ],
  };
  const options = quiet({
    scales: {
      x: axis({ bare: true, titled: 'step' }),
      y: axis({ unit: percent }),
    },
    plugins: {
      tooltip: {
        callbacks: {
          title: ([item]) => `step ${item?.label ?? ''}`,
          label: (item) => `${item.dataset.label ?? ''} ${percent(Number(item.raw))}`,
        },
      },
    },
  });
  return new Plot(
    { type: 'bar', data, options: options as ChartOptions<'bar'> },
    { height: 'middle', says: 'Share of rollouts by step that were excluded or had an undetermined ending' },
  );
}

function worst({ worstSteps }: SpokenRisk): HTMLElement {
  return table<StepRate>(
    [
      { title: 'job', cell: ({ job }) => job },
      { title: 'step', cell: ({ step }) => step, number: true },
      { title: 'rollouts', cell: ({ rollouts }) => count(rollouts), number: true },
      { title: 'excluded', cell: ({ excluded }) => count(excluded), number: true },
      { title: 'share', cell: ({ excluded, rollouts }) => percent(excluded / rollouts), number: true },
    ],
    worstSteps,
    'No rollout was excluded.',
  );
}

function findings(all: readonly RiskFinding[]): HTMLElement {
  return table<RiskFinding>(
    [
      { title: 'by', cell: ({ dimension }) => dimension },
      { title: 'level', cell: ({ level }) => el('b', {}, level) },
      { title: 'failed', cell: ({ rate }) => `${count(rate.hits)} of ${count(rate.of)}`, number: true },
      { title: 'rate', cell: ({ rate }) => percent(rate.hits / rate.of), number: true },
      { title: 'the rest', cell: ({ rest }) => percent(rest.hits / Math.max(1, rest.of)), number: true },
      {
        title: 'times as often',
        cell: ({ ratio, interval }) =>
          `${figure(ratio)} (${figure(interval.low)} to ${figure(interval.high)})`,
        number: true,
      },
      {
        title: 'p, corrected',
        cell: ({ adjustedP }) => (adjustedP < 0.0001 ? '< 0.0001' : figure(adjustedP)),
        number: true,
        minor: true,
      },
      {
        title: 'its share of calls',
        cell: ({ usage }) => (usage === null ? '' : `${percent(usage.early)} → ${percent(usage.late)}`),
        number: true,
        minor: true,
      },
      {
        title: 'for example',
        cell: ({ examples }) => el('span', { class: 'examples' }, ...examples.map(rolloutLink)),
      },
    ],
    all,
    'None: in these calls infrastructure fails no behaviour more often than the others.',
  );
}
