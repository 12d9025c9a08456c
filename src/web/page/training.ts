import type { ChartOptions } from 'chart.js';
import type { Diagnostics, RowDelta, RowSignal, StepFigures } from '../../report/diagnostics.ts';
import { axis, lines, Plot, quiet, stepLine, tint } from './charts.ts';
import { el, panel, table } from './dom.ts';
import { count, figure, percent, span } from './format.ts';
import { reportView } from './reports.ts';

const ROWS_SHOWN = 20;

const SHADES: Readonly<Record<RowDelta['quadrant'], string>> = {
  'better, fewer calls': 'ok',
  'better, more calls': 'model',
  'worse, fewer calls': 'task',
  'worse, more calls': 'infra',
  unchanged: 'muted',
};

/** Is there a signal to learn from, and does the model get better or only busier? */
export function trainingView(root: HTMLElement): () => void {
  return reportView(root, 'diagnostics', (found) => {
    const { rows, steps } = found;
    const reward = stepPlot(steps, 'reward', ({ reward: value }) => value, figure);
    const calls = stepPlot(steps, 'tool calls per rollout', (step) => step.calls_per_rollout, figure);
    const tokens = stepPlot(steps, 'tokens per call', (step) => step.tokens_per_call, figure);
    const latency = stepPlot(steps, 'latency', (step) => step.latency_ms, span);
    const errors = stepPlot(steps, 'tool errors', (step) => step.tool_errors, percent);
    const signal = signalPlot(rows.list);
    const change = changePlot(found);
    return {
      plots: [reward, calls, tokens, latency, errors, signal, change],
      children: [
        el(
          'div',
          { class: 'small-multiples' },
          panel('Reward', reward.element),
          panel('Tool calls per rollout', calls.element),
          panel('Tokens per call', tokens.element),
          panel('Latency of a call', latency.element),
          panel('Tool errors', errors.element),
        ),
        el(
          'div',
          { class: 'columns' },
          panel(
            'Dataset rows: mean score against its spread',
            el('p', { class: 'note' }, signalNote(rows)),
            signal.element,
          ),
          panel(changeTitle(found), quadrants(found), change.element),
        ),
        panel('Rows with the least spread', rowTable(rows.list)),
      ],
    };
  });
}

function stepPlot(
  steps: readonly StepFigures[],
  label: string,
  of: (step: StepFigures) => number | null,
  unit: (value: number) => string,
): Plot<'line'> {
  const plot = stepLine(`${label} by step`, unit);
  const jobs = [...Map.groupBy(steps, ({ job }) => job)];
  const shades = ['model', 'warm', 'task', 'undetermined', 'ok'];
  const all = jobs.map(([job, its], index) => ({
    label: jobs.length > 1 ? job : label,
    colour: shades[index % shades.length] ?? 'model',
    points: its.map((step) => ({ x: step.step, y: of(step) })),
    dotted: its.length < 40,
  }));
  plot.show(lines(all));
  return plot;
}

function signalNote({ total, without_spread: flat, all_zero: zero }: Diagnostics['rows']): string {
  return `${count(total)} rows. ${count(flat)} have the same score every time: nothing can be learned from them. ${count(zero)} never scored above zero.`;
}

function signalPlot(rows: readonly RowSignal[]): Plot<'scatter'> {
  const data = {
    datasets: [
      {
        label: 'row',
        data: rows.map(({ mean, spread }) => ({ x: mean, y: spread })),
        backgroundColor: rows.map(({ spread }) => tint(spread === 0 ? 'infra' : 'model', 0.7)),
        pointRadius: 3.5,
        pointHoverRadius: 5,
      },
    ],
  };
  const says = (index: number): string => {
    const row = rows[index];
    return row === undefined
      ? ''
      : `${row.row}: mean ${figure(row.mean)}, spread ${figure(row.spread)}, best ${figure(row.best)}, ${count(row.rollouts)} rollouts`;
  };
  return scatter(data, { x: 'mean score', y: 'spread', says });
}

function changePlot({ deltas }: Diagnostics): Plot<'scatter'> {
  const rows = deltas?.kept.rows ?? [];
  const data = {
    datasets: [
      {
        label: 'row',
        data: rows.map((row) => ({ x: row.calls_delta, y: row.reward_delta })),
        backgroundColor: rows.map(({ quadrant }) => tint(SHADES[quadrant], 0.75)),
        pointRadius: 3.5,
        pointHoverRadius: 5,
      },
    ],
  };
  const says = (index: number): string => {
    const row = rows[index];
    return row === undefined
      ? ''
      : `${row.row}: ${figure(row.reward_delta)} reward, ${figure(row.calls_delta)} calls; ${row.quadrant}`;
  };
  return scatter(data, { x: 'more tool calls →', y: 'more reward →', says });
}

function scatter(
  data: {
    datasets: {
      label: string;
      data: { x: number; y: number }[];
      backgroundColor: string[];
      pointRadius: number;
      pointHoverRadius: number;
    }[];
  },
  { x, y, says }: { readonly x: string; readonly y: string; readonly says: (index: number) => string },
): Plot<'scatter'> {
  const options = quiet({
    interaction: { mode: 'nearest', intersect: false },
    scales: {
      x: axis({ origin: 0, titled: x }),
      y: axis({ origin: 0, titled: y }),
    },
    plugins: {
      legend: { display: false },
      tooltip: { callbacks: { label: ({ dataIndex }) => says(dataIndex) } },
    },
  });
  const points = data.datasets[0]?.data.length ?? 0;
  return new Plot(
    { type: 'scatter', data, options: options as ChartOptions<'scatter'> },
    { height: 'middle', says: `${y} against ${x}, ${String(points)} rows` },
  );
}

function changeTitle({ deltas }: Diagnostics): string {
  if (deltas === null) return 'Between two steps';
  return `From step ${count(deltas.from)} to step ${count(deltas.to)}: reward against tool calls`;
}

function quadrants({ deltas }: Diagnostics): HTMLElement {
  if (deltas === null) return el('p', { class: 'note' }, 'There is only one step with scores.');
  const items = Object.entries(deltas.kept.quadrants).map(([name, rows]) => {
    const all = deltas.with_excluded.quadrants[name as RowDelta['quadrant']];
    const note = all === rows ? '' : ` (${count(all)} with excluded rollouts)`;
    return el(
      'li',
      { class: SHADES[name as RowDelta['quadrant']] },
      el('b', {}, count(rows)),
      ` ${name}${note}`,
    );
  });
  return el('ul', { class: 'quadrants' }, ...items);
}

function rowTable(rows: readonly RowSignal[]): HTMLElement {
  return table<RowSignal>(
    [
      { title: 'row', cell: ({ row }) => el('span', { class: 'id' }, row) },
      { title: 'rollouts', cell: ({ rollouts }) => count(rollouts), number: true },
      { title: 'mean', cell: ({ mean }) => figure(mean), number: true },
      { title: 'spread', cell: ({ spread }) => figure(spread), number: true },
      { title: 'best', cell: ({ best }) => figure(best), number: true },
    ],
    rows.slice(0, ROWS_SHOWN),
    'No rollout was scored: the platform must grade through POST /v1/grade.',
  );
}
