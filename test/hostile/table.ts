import Table from 'cli-table3';
import { causes } from '../../src/outcome/causes.ts';
import type { Played } from './play.ts';

/** One row per case and ground, and the sums that decide. */
export function table(all: readonly Played[]): string {
  const groups = Map.groupBy(all, ({ id, ground }) => `${id} ${ground.policy} ${ground.runtime}`);
  const rows = [...groups.values()].map((runs) => {
    const [first] = runs;
    const kinds = new Set(runs.map(({ causes: codes }) => attributions(codes)));
    const passed = runs.filter(({ problems }) => problems.length === 0).length;
    const slowest = Math.max(...runs.map(({ durationMs }) => durationMs));
    const { id = '', ground } = first ?? {};
    return [
      id,
      ground?.policy,
      ground?.runtime,
      `${String(passed)}/${String(runs.length)}`,
      [...kinds].join(' | '),
      slowest,
    ];
  });
  const made = new Table({
    head: ['case', 'policy', 'runtime', 'passed', 'attributions', 'slowest ms'],
    style: { head: [], border: [], compact: true },
  });
  made.push(...rows);
  const codes = all.flatMap(({ causes: some }) => some);
  const wrong = codes.filter((code) => causes[code].attribution === 'infra').length;
  const failed = all.filter(({ problems }) => problems.length > 0).length;
  return [
    made.toString(),
    `${String(all.length)} runs, ${String(failed)} failed; ${String(codes.length)} calls, wrong infra: ${String(wrong)}`,
  ].join('\n');
}

/** ok and model are equal where only the program's own exit ended the call, so a row shows them as one. */
function attributions(codes: Played['causes']): string {
  return (
    [...new Set(codes.map((code) => causes[code].attribution).filter((kind) => kind !== 'ok'))]
      .sort()
      .join('+') || 'ok'
  );
}
