/**
 * Whatever a cell does to its interpreter, the next cell either runs with its variables, or the answer says that the
 * interpreter was lost. An answer never says "ok" for a cell that did not run.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ending } from '../../src/protocol/messages.ts';
import { hostileCells, type HostileCell } from './hostile-cells.ts';
import { SandboxdProcess, buildSandboxd, ending, python, shown } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

const run = async (sandboxd: SandboxdProcess, code: string): Promise<Ending> =>
  ending(await sandboxd.call(python(code), { timeoutMs: 15_000 }));

/** What is known of the variable `keep`: its value, or null where no interpreter has one. */
type Kept = number | null;

const said = (end: Ending): boolean => end.interpreter !== 'kept';

/** Two cells after a hostile one: the first counts `keep` up and shows it, the second fails. Both must be true. */
async function follow(sandboxd: SandboxdProcess, kept: Kept, lost: boolean): Promise<Kept> {
  const end = await run(sandboxd, 'keep = keep + 1\nkeep');
  const { out, err } = shown(end);
  const value = kept === null || lost || said(end) ? null : kept + 1;
  if (end.interpreter === 'lost') return null;
  if (value === null) expect([end.raised, out], err).toEqual([true, '']);
  else expect([out, end.raised], err).toEqual([`${String(value)}\n`, false]);
  const failing = await run(sandboxd, '1 // 0');
  if (failing.interpreter === 'lost') return null;
  expect(shown(failing).err).toContain('ZeroDivisionError');
  expect(failing.raised).toBe(true);
  return said(failing) ? null : value;
}

async function prepare(sandboxd: SandboxdProcess): Promise<Kept> {
  for (let tries = 0; tries < 3; tries += 1) {
    const end = await run(sandboxd, 'keep = 100\nkeep');
    if (end.interpreter !== 'lost' && shown(end).out === '100\n') return 100;
    expect(said(end), shown(end).err).toBe(true);
  }
  throw new Error('no interpreter');
}

async function suffer(sandboxd: SandboxdProcess, cell: HostileCell, kept: Kept): Promise<Kept> {
  const end = await run(sandboxd, cell.code);
  const { out, err } = shown(end);
  expect(out + err).not.toMatch(/interpreter\.py|<interpreter>|faultline/);
  if (cell.may === 'nothing') expect(end.interpreter, `${out}${err}`).toBe('kept');
  const after = await follow(sandboxd, kept, said(end));
  if (cell.may === 'nothing' && kept !== null) expect(after).toBe(kept + 1);
  return after;
}

describe('after a hostile cell the next cells run with their variables, or the loss is said', () => {
  it.concurrent.each(hostileCells.map((cell) => [cell.name, cell] as const))('%s', async (_name, cell) => {
    await using sandboxd = await SandboxdProcess.start();
    await suffer(sandboxd, cell, await prepare(sandboxd));
    await prepare(sandboxd);
  });

  it('where a signal handler of the model raises all the time', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await run(
      sandboxd,
      'import signal\nours = globals()\nkeep = 0\ndef h(n, f):\n  if f.f_globals is not ours: raise TimeoutError("outside")\n' +
        'signal.signal(signal.SIGALRM, h)\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)',
    );
    let kept: Kept = 0;
    for (let cells = 0; cells < 60; cells += 1) {
      const end = await run(sandboxd, 'keep += 1\nprint(keep)');
      const { out, err } = shown(end);
      if (said(end)) kept = null;
      if (end.raised) expect(err).toMatch(kept === null ? /NameError|outside/ : /TimeoutError: outside/);
      if (kept === null) expect(end.raised || said(end)).toBe(true);
      else if (end.raised && out === '') continue;
      else expect(out).toBe(`${String((kept += 1))}\n`);
    }
    expect(kept, 'the handler cost the interpreter').not.toBeNull();
  });

  it('in any order', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.constantFrom(...hostileCells), { minLength: 2, maxLength: 6 }),
      async (cells) => {
        await using sandboxd = await SandboxdProcess.start();
        let kept: Kept = await prepare(sandboxd);
        for (const cell of cells) kept = await suffer(sandboxd, { ...cell, may: 'interpreter' }, kept);
      },
    );
    await fc.assert(property, { numRuns: Number(process.env['HOSTILE_RUNS'] ?? 15) });
  }, 300_000);
});
