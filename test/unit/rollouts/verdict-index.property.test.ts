import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jobId, rolloutId } from '../../../src/kernel/ids.ts';
import { causes, type CauseCode } from '../../../src/outcome/causes.ts';
import { Life, loseFile, prune, removeIndex, replyOf } from './verdict-history.ts';

/**
 * Histories of calls, losses, ends, kills between journal and index, pruning, lost files, a lost index and renamed tasks. After
 * every step, each rollout's verdict is compared with what really happened to it.
 */

const IDS = ['r1', 'r2', 'r3'] as const;
const JOBS = ['a', 'b'] as const;
const ENDINGS = [
  'completed',
  'bad_arguments',
  'memory_limit',
  'engine_down',
  'conflicting_repeat',
  null,
] as const;

const who = { id: fc.constantFrom(...IDS), job: fc.constantFrom(...JOBS) };
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('call'), ...who, cause: fc.constantFrom(...ENDINGS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose'), ...who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end'), ...who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('forget', 'commit') }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('kill'),
      renamed: fc.boolean(),
      damage: fc.constantFrom('none', 'none', 'prune', 'prune', 'index', 'file', 'prune and index'),
      nth: fc.nat(3),
    }),
  },
);
type Step = { do: string } & Partial<Record<'id' | 'job' | 'damage', string>> & {
    cause?: CauseCode | null;
    renamed?: boolean;
    nth?: number;
  };

/** What really happened to one rollout. */
interface Truth {
  endings: (CauseCode | null)[];
  loss: CauseCode | null;
}

class Model {
  readonly truths = new Map<string, Truth>();
  /** Records are gone that nothing else has. */
  lossy = false;

  of(job: string, id: string): Truth {
    const key = `${job}/${id}`;
    const truth = this.truths.get(key) ?? { endings: [], loss: null };
    this.truths.set(key, truth);
    return truth;
  }

  /** Only the table of causes is shared with what is tested. */
  verdict(job: string, id: string): { verdict: string; reasons: string[]; calls: number } {
    const truth = this.truths.get(`${job}/${id}`);
    if (truth === undefined) return { verdict: 'no_tool_call', reasons: [], calls: 0 };
    const all = [...truth.endings, truth.loss].filter((cause) => cause !== null);
    const reasons = [...new Set(all.filter((cause) => causes[cause].excludes))].sort();
    const calls = truth.endings.length;
    if (reasons.length > 0) return { verdict: 'exclude', reasons, calls };
    return { verdict: truth.endings.includes(null) ? 'pending' : 'valid', reasons, calls };
  }
}

const isForwarded = (verdict: string): boolean => verdict === 'valid' || verdict === 'no_tool_call';

function check(life: Life, model: Model): void {
  for (const job of JOBS)
    for (const id of [...IDS, 'never']) {
      const { verdict } = life.rollouts.standing(rolloutId(id), jobId(job));
      const truth = model.verdict(job, id);
      if (truth.verdict === 'exclude') expect(isForwarded(verdict.verdict)).toBe(false);
      if (id === 'never') expect(verdict.verdict).toBe(model.lossy ? 'unknown' : 'no_tool_call');
      if (model.lossy) continue;
      const { verdict: state, reasons, counts } = verdict;
      expect({ verdict: state, reasons: [...reasons].sort(), calls: counts.calls }).toEqual(truth);
    }
}

async function play(steps: readonly Step[]): Promise<void> {
  const model = new Model();
  let life = await Life.first();
  try {
    for (const [nth, one] of steps.entries()) {
      life = await take(life, model, one, nth);
      check(life, model);
    }
  } finally {
    await life.end();
  }
}

async function take(life: Life, model: Model, one: Step, nth: number): Promise<Life> {
  const { id = '', job = '' } = one;
  await life.clock.advance(1_000);
  if (one.do === 'forget') life.forget();
  if (one.do === 'commit') await life.index.count();
  if (one.do === 'kill') return await restarted(life, model, one);
  if (id === '') return life;
  const truth = model.truths.get(`${job}/${id}`);
  if (one.do !== 'call' && truth === undefined) return life;
  const rollout = await life.rollout(id, job);
  const known = model.of(job, id);
  known.loss = rollout.lossCause; // Where it is lost on its return, because its records or its task are gone.
  if (one.do === 'call')
    known.endings.push(await life.call(rollout, `call-${String(nth)}`, one.cause ?? null));
  if (one.do === 'lose') await life.lose(rollout, 'sandbox_killed');
  if (one.do === 'end') await life.finish(rollout, 'deleted');
  known.loss = rollout.lossCause;
  return life;
}

async function restarted(
  life: Life,
  model: Model,
  { renamed = false, damage = '', nth = 0 }: Step,
): Promise<Life> {
  const next = await life.killed(renamed, (dataDir) => {
    if (damage.startsWith('prune')) prune(dataDir);
    if (damage === 'file') loseFile(dataDir, nth);
    if (damage.endsWith('index')) removeIndex(dataDir);
  });
  if (!next.index.status.complete) model.lossy = true;
  if (damage === 'none' || damage === 'prune') expect(next.index.status.complete).toBe(!model.lossy);
  // As the controller does with interrupted calls: they end. Those without a task have ended already.
  for (const { call } of next.interrupted) await call.finish(next.journal, replyOf('completed'));
  for (const [key, truth] of model.truths) {
    const [job = '', id = ''] = key.split('/');
    const held = next.rollouts.get(rolloutId(id), jobId(job));
    const { pending } = next.rollouts.standing(rolloutId(id), jobId(job)).verdict.counts;
    // Where its intent was pruned or lost nobody can end it: it stays pending, which is withheld.
    const ending = held === undefined ? (pending > 0 ? null : 'task_removed') : 'completed';
    if (!model.lossy) truth.endings = truth.endings.map((cause) => cause ?? ending);
  }
  return next;
}

test('whatever happened, the verdict is the true one; where records are lost, none that excludes is forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), (steps) => play(steps as Step[])),
    { numRuns: Number(process.env['HISTORIES'] ?? 120) },
  );
}, 300_000);
