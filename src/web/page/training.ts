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

/** The view `Training`: whether scores differ enough to learn from, and whether they or only the calls increase. */
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
  return scatter(rows, {
    x: 'mean score',
    y: 'spread',
    at: ({ mean, spread }) => ({ x: mean, y: spread }),
    shade: ({ spread }) => tint(spread === 0 ? 'infra' : 'model', 0.7),
    says: ({ row, mean, spread, best, rollouts }) =>
      `${row}: mean ${figure(mean)}, spread ${figure(spread)}, best ${figure(best)}, ${count(rollouts)} rollouts`,
  });
}

function changePlot({ deltas }: Diagnostics): Plot<'scatter'> {
  return scatter(deltas?.kept.rows ?? [], {
    x: 'more tool calls →',
    y: 'more reward →',
    at: ({ calls_delta: x, reward_delta: y }) => ({ x, y }),
    shade: ({ quadrant }) => tint(SHADES[quadrant], 0.75),
    says: ({ row, reward_delta: reward, calls_delta: calls, quadrant }) =>
      `${row}: ${figure(reward)} reward, ${figure(calls)} calls; ${quadrant}`,
  });
}

/** How one row becomes a point: position, colour and tooltip. */
interface Points<Row> {
  readonly x: string;
  readonly y: string;
  readonly at: (row: Row) => { x: number; y: number };
  readonly shade: (row: Row) => string;
  readonly says: (row: Row) => string;
}

function scatter<Row>(rows: readonly Row[], { x, y, at, shade, says }: Points<Row>): Plot<'scatter'> {
  const data = {
    datasets: [
      {
        label: 'row',
        data: rows.map(at),
        backgroundColor: rows.map(shade),
        pointRadius: 3.5,
        pointHoverRadius: 5,
      },
    ],
  };
  const label = ({ dataIndex }: { readonly dataIndex: number }): string => {
    const row = rows[dataIndex];
    return row === undefined ? '' : says(row);
  };
  const options = quiet({
    interaction: { mode: 'nearest', intersect: false },
    scales: {
      x: axis({ origin: 0, titled: x }),
      y: axis({ origin: 0, titled: y }),
    },
    plugins: {
      legend: { display: false },
      tooltip: { callbacks: { label } },
    },
  });
  return new Plot(
    { type: 'scatter', data, options: options as ChartOptions<'scatter'> },
    { height: 'middle', says: `${y} against ${x}, ${String(rows.length)} rows` },
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
    'No rollout was scored. Scores are recorded when the platform grades through POST /v1/grade.',
  );
}
