import type { ChartOptions } from 'chart.js';
import type { Overview } from '../../report/overview.ts';
import { axis, colour, Plot, quiet } from './charts.ts';
import { chip, el, panel, rolloutLink, table } from './dom.ts';
import { count, percent, span, utc } from './format.ts';
import { reportView } from './reports.ts';

/** The view `Overview`: the first one for an engineer on call. */
export function overviewView(root: HTMLElement): () => void {
  return reportView(root, 'overview', (found) => {
    const rate = ratePlot(found);
    return {
      plots: [rate],
      children: [
        summary(found),
        el(
          'div',
          { class: 'columns' },
          panel('Infra rate over time', rate.element),
          panel('Calls by cause', causes(found)),
        ),
        panel('Top causes', topCauses(found)),
        el(
          'div',
          { class: 'columns' },
          panel('Slowest phases', phases(found)),
          panel('Failed steps that were retried, unseen by the model', retries(found)),
        ),
      ],
    };
  });
}

function summary({ rollouts, identity, replayed }: Overview): HTMLElement {
  const share = rollouts.total === 0 ? 0 : rollouts.exclude / rollouts.total;
  const tile = (title: string, value: string, note: string): HTMLElement =>
    el('div', { class: 'tile' }, el('h3', {}, title), el('strong', {}, value), el('span', {}, note));
  return el(
    'div',
    { class: 'tiles' },
    tile('Rollouts', count(rollouts.total), `${count(rollouts.pending)} pending`),
    tile('Valid', count(rollouts.valid), 'may be trained on'),
    tile('Excluded', count(rollouts.exclude), percent(share)),
    tile(
      'Calls',
      count(identity.calls),
      identity.holds ? 'the sum of all attributions' : `but ${count(identity.sum)} by attribution: a bug`,
    ),
    tile('More than one attempt', count(replayed), 'unseen by the model'),
  );
}

function ratePlot({ over_time: periods }: Overview): Plot<'bar'> {
  const options = quiet({
    scales: {
      x: axis({ bare: true }),
      y: axis({ unit: percent }),
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        callbacks: {
          label: ({ dataIndex }) =>
            `${percent(periods[dataIndex]?.rate ?? 0)} of ${count(periods[dataIndex]?.calls ?? 0)} calls`,
        },
      },
    },
  });
  const data = {
    labels: periods.map(({ from }) => from.slice(5, 16)),
    datasets: [
      {
        label: 'infra',
        data: periods.map(({ rate }) => rate),
        backgroundColor: colour('infra'),
        maxBarThickness: 28,
        borderRadius: 2,
      },
    ],
  };
  const worst = Math.max(0, ...periods.map(({ rate }) => rate));
  return new Plot(
    { type: 'bar', data, options: options as ChartOptions<'bar'> },
    { height: 'middle', says: `Share of calls that infrastructure failed, at most ${percent(worst)}` },
  );
}

function causes({ calls, identity }: Overview): HTMLElement {
  return table<Overview['calls'][number]>(
    [
      { title: 'ended', cell: ({ attribution, cause }) => chip(attribution, cause) },
      { title: 'attribution', cell: ({ attribution }) => attribution, minor: true },
      { title: 'calls', cell: (one) => count(one.calls), number: true },
      { title: 'share', cell: (one) => percent(one.calls / Math.max(1, identity.calls)), number: true },
    ],
    calls,
    'No calls.',
  );
}

function topCauses({ top_causes: top }: Overview): HTMLElement {
  return table<Overview['top_causes'][number]>(
    [
      { title: 'cause', cell: ({ attribution, cause }) => chip(attribution, cause) },
      { title: 'rollouts', cell: ({ rollouts }) => count(rollouts), number: true },
      { title: 'first', cell: ({ first }) => utc(first), minor: true },
      { title: 'last', cell: ({ last }) => utc(last) },
      { title: 'images', cell: ({ images }) => images, minor: true },
      {
        title: 'for example',
        cell: ({ examples }) => el('span', { class: 'examples' }, ...examples.map(rolloutLink)),
      },
    ],
    top,
    'No call failed.',
  );
}

function phases({ phases: all }: Overview): HTMLElement {
  return table<Overview['phases'][number]>(
    [
      { title: 'phase', cell: ({ phase }) => phase },
      { title: 'calls', cell: (one) => count(one.calls), number: true, minor: true },
      { title: 'p50', cell: (one) => span(one.p50_ms), number: true },
      { title: 'p95', cell: (one) => span(one.p95_ms), number: true },
      { title: 'p99', cell: (one) => span(one.p99_ms), number: true },
      { title: 'longest', cell: (one) => span(one.max_ms), number: true, minor: true },
    ],
    all,
    'No calls.',
  );
}

function retries({ retries: all }: Overview): HTMLElement {
  return table<Overview['retries'][number]>(
    [
      { title: 'phase', cell: ({ phase }) => phase },
      { title: 'code', cell: ({ code }) => code },
      { title: 'attempts', cell: ({ attempts }) => count(attempts), number: true },
      { title: 'rollouts', cell: ({ rollouts }) => count(rollouts), number: true },
    ],
    all,
    'None.',
  );
}
