import {
  BarController, BarElement, Chart, Filler, Legend, LinearScale, LineController, LineElement, LogarithmicScale, CategoryScale,
  PointElement, ScatterController, Tooltip,
  type ChartConfiguration, type ChartData, type ChartOptions, type TooltipItem,
} from 'chart.js'; // prettier-ignore
import { el } from './dom.ts';
import { clock, figure } from './format.ts';

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
  Tooltip,
);

export const ATTRIBUTIONS = ['ok', 'model', 'infra', 'task', 'client', 'undetermined'] as const;

/** A colour of the style sheet in the current theme. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The same colour with an opacity. The style sheet writes colours as #rrggbb. */
export function tint(name: string, alpha: number): string {
  return `${colour(name)}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')}`;
}

export type Kind = 'line' | 'bar' | 'scatter';

/** A chart in its frame. `says` is its text for screen readers. */
export class Plot<Which extends Kind> {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #chart: Chart<Which>;

  constructor(
    configuration: ChartConfiguration<Which>,
    options: { readonly height: 'low' | 'middle' | 'tall'; readonly says: string },
  ) {
    this.#canvas = el('canvas', { role: 'img', 'aria-label': options.says });
    this.element = el('div', { class: `plot ${options.height}` }, this.#canvas);
    this.#chart = new Chart<Which>(this.#canvas, configuration);
  }

  show(data: ChartData<Which>, says?: string): void {
    this.#chart.data = data;
    if (says !== undefined) this.#canvas.setAttribute('aria-label', says);
    this.#chart.update('none');
  }

  /** Bounds of the time axis, in epoch milliseconds. */
  from(start: number, end: number): void {
    const scale = (this.#chart.options as ChartOptions).scales?.['x'];
    if (scale === undefined) return;
    scale.min = start;
    scale.max = end;
  }

  dispose(): void {
    this.#chart.destroy();
  }
}

type Scale = NonNullable<NonNullable<ChartOptions['scales']>[string]>;

/** Options of all charts: no animation, thin grid lines, the theme's colours. */
export function quiet(options: ChartOptions): ChartOptions {
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    normalized: true,
    interaction: { mode: 'index', intersect: false },
    color: colour('text'),
    font: { family: FONT, size: 11 },
    ...options,
    plugins: {
      legend: {
        position: 'top',
        align: 'end',
        labels: {
          color: colour('muted'),
          boxWidth: 8,
          boxHeight: 8,
          useBorderRadius: true,
          borderRadius: 2,
          padding: 10,
          font: { family: FONT, size: 11 },
        },
      },
      tooltip: {
        backgroundColor: colour('overlay'),
        titleColor: colour('text'),
        bodyColor: colour('text'),
        borderColor: colour('line'),
        borderWidth: 1,
        padding: 8,
        boxWidth: 8,
        boxHeight: 8,
        boxPadding: 4,
        titleFont: { family: FONT, size: 11, weight: 'bold' },
        bodyFont: { family: FONT, size: 11 },
      },
      ...options.plugins,
    },
  };
}

const FONT = 'system-ui, sans-serif';

export interface Axis {
  readonly type?: 'linear' | 'logarithmic' | 'category';
  /** Title of the axis, where the panel's title doesn't name the quantity. */
  readonly titled?: string;
  readonly unit?: (value: number) => string;
  /** Without grid lines. */
  readonly bare?: boolean;
  /** The grid line at this value is emphasised. */
  readonly origin?: number;
  readonly fromZero?: boolean;
  readonly stacked?: boolean;
  readonly everyLabel?: boolean;
  readonly min?: number;
  readonly max?: number;
}

export function axis({ type, titled, unit, bare, origin, fromZero, everyLabel, ...rest }: Axis = {}): Scale {
  const grid = ({ tick }: { tick: { value: number } }): string =>
    colour(tick.value === origin ? 'muted' : 'grid');
  return {
    ...(type === undefined ? {} : { type }),
    ...rest,
    beginAtZero: fromZero ?? true,
    border: { display: false },
    grid: { display: bare !== true, color: origin === undefined ? colour('grid') : grid, drawTicks: false },
    title: {
      display: titled !== undefined,
      text: titled ?? '',
      color: colour('muted'),
      font: { family: FONT, size: 11 },
    },
    ticks: {
      color: colour('muted'),
      padding: 6,
      maxTicksLimit: 7,
      maxRotation: 0,
      includeBounds: false,
      font: { family: FONT, size: 10 },
      ...(everyLabel === true ? { autoSkip: false } : {}),
      ...(unit === undefined ? {} : { callback: (value: string | number) => unit(Number(value)) }),
    },
  };
}

/** A horizontal time axis, in epoch milliseconds. */
export const timeAxis = (more: Axis = {}): Scale =>
  axis({ type: 'linear', fromZero: false, bare: true, unit: clock, ...more });

/** Formats the titles of tooltips over a time axis. */
export const timeTitle = {
  callbacks: {
    title: ([item]: TooltipItem<Kind>[]) => (item === undefined ? '' : clock(item.parsed.x ?? 0)),
  },
};

export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly { x: number; y: number | null }[];
  readonly filled?: boolean;
  /** Marks each value with a point. */
  readonly dotted?: boolean;
}

export function lines(all: readonly Line[]): ChartData<'line'> {
  return {
    datasets: all.map(({ label, points, filled, dotted, ...line }) => ({
      label,
      data: points as { x: number; y: number }[],
      borderColor: colour(line.colour),
      backgroundColor: filled === true ? tint(line.colour, 0.16) : colour(line.colour),
      fill: filled === true,
      borderWidth: 1.5,
      pointRadius: dotted === true ? 2 : 0,
      pointHitRadius: 8,
      tension: 0,
    })),
  };
}

/** A value by training step. */
export function stepLine(says: string, unit: (value: number) => string = figure): Plot<'line'> {
  const options = quiet({
    scales: { x: axis({ type: 'linear', fromZero: false, bare: true, titled: 'step' }), y: axis({ unit }) },
    plugins: {
      legend: { display: false },
      tooltip: {
        callbacks: {
          title: ([item]) => `step ${String(item?.parsed.x ?? '')}`,
          label: (item) => `${item.dataset.label ?? ''} ${unit(item.parsed.y ?? 0)}`,
        },
      },
    },
  });
  return new Plot(
    { type: 'line', data: { datasets: [] }, options: options as ChartOptions<'line'> },
    { height: 'low', says },
  );
}
