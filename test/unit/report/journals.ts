import { seeded } from '../support/seeded.ts';
import { attribute } from '../../../src/outcome/attribute.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { causes } from '../../../src/outcome/causes.ts';
import { evidenceCorpus } from '../outcome/evidence-corpus.ts';

type Line = Readonly<Record<string, unknown>> & { readonly type: string };
type Chance = () => number;

const corpus = evidenceCorpus().filter(({ kind }) => kind !== 'lost_before' && kind !== 'queue_expired');
const harmless = corpus.filter((evidence) => !causes[attribute(evidence).cause].excludes);
const WAITED: Evidence = { kind: 'queue_expired' };
const sha = 'f'.repeat(64);

function pick<Item>(chance: Chance, list: readonly [Item, ...Item[]] | readonly Item[]): Item {
  return list[Math.floor(chance() * list.length)] as Item;
}

/**
 * A journal as servers write it, from a seed: rollouts side by side, in several jobs and with ids of calls that repeat in
 * other rollouts; calls that wait in vain and come again, run in several sandboxes, are left without an ending; losses,
 * faulty requests, restarts. Clocks stand still and are set back. Each entry is one file.
 */
export function generatedJournal(seed: number, size: number): Line[][] {
  const chance = seeded(seed);
  const lives = Array.from({ length: size }, (_, index) => life(index, chance));
  const files: Line[][] = [[start()]];
  let clock = Date.parse('2026-06-01T00:00:00Z');
  while (lives.length > 0) {
    if (files.length < 4 && chance() < 0.01) files.push([]);
    if (chance() < 0.004) files.at(-1)?.push(stamp(start()));
    const index = Math.floor(chance() * lives.length);
    const step = lives[index]?.next();
    if (step?.done !== false) lives.splice(index, 1);
    else files.at(-1)?.push(stamp(step.value));
  }
  return files;

  function stamp(line: Line): Line {
    clock += chance() < 0.6 ? 0 : chance() < 0.3 ? -Math.floor(chance() * 9000) : Math.floor(chance() * 4000);
    return { at: new Date(clock).toISOString(), ...line };
  }
}

const start = (): Line => ({
  at: '2026-06-01T00:00:00.000Z',
  type: 'controller_started',
  controller: 'c',
  version: '0.2.0',
  pid: 1,
});

/** The lines of one rollout, one at a time. */
function* life(index: number, chance: Chance): Generator<Line> {
  const rollout = `r-${String(index)}`;
  const job = pick(chance, ['job-1', 'job-2', 'swe']);
  const names = { task: 'swe', image: 'base', policy: 'default' };
  const item = chance() < 0.5 ? { item: pick(chance, [{ id: 'row-1' }, { q: 'text' }, [1], 'x']) } : {};
  yield { type: 'rollout_opened', rollout, ...names, job, ...item };
  const calls = new Calls(rollout, chance);
  for (let steps = Math.floor(chance() * 12); steps > 0; steps -= 1) {
    yield* calls.step();
    if (chance() < 0.03)
      yield { type: 'call_refused', rollout, cause: pick(chance, ['bad_request', 'conflicting_repeat']) };
    if (chance() < 0.04) yield calls.lose();
  }
  if (chance() < 0.5)
    yield { type: 'rollout_ended', rollout, how: 'deleted', verdict: 'valid', reasons: [], counts: {} };
}

class Calls {
  readonly #rollout: string;
  readonly #chance: Chance;
  readonly #waited: string[] = [];
  #made = 0;
  #number = 0;
  #lost: string | null = null;

  constructor(rollout: string, chance: Chance) {
    this.#rollout = rollout;
    this.#chance = chance;
  }

  lose(): Line {
    const evidence = pick(this.#chance, corpus);
    const { cause } = attribute(evidence);
    this.#lost ??= cause;
    return { type: 'rollout_lost', rollout: this.#rollout, cause, evidence, rules: 1 };
  }

  *step(): Generator<Line> {
    const again = this.#waited.length > 0 && this.#chance() < 0.6 ? this.#waited.shift() : undefined;
    const call = again ?? `call_${String((this.#made += 1))}`;
    if (again !== undefined) yield { type: 'call_reopened', rollout: this.#rollout, call };
    if (this.#chance() < 0.15) return; // Left as it is: reopened and not continued, or never heard of.
    if (this.#lost !== null) {
      yield this.#finished(call, 0, { kind: 'lost_before', cause: this.#lost as keyof typeof causes });
      return;
    }
    if (this.#chance() < 0.2) {
      this.#waited.push(call);
      yield this.#finished(call, 0, WAITED);
      return;
    }
    yield* this.#run(call);
  }

  *#run(call: string): Generator<Line> {
    const sandboxes = this.#chance() < 0.15 ? 2 : 1;
    for (let sandbox = 1; sandbox <= sandboxes; sandbox += 1) {
      this.#number += 1;
      yield {
        ...{ type: 'call_intended', rollout: this.#rollout, call, number: this.#number, tool: 'shell' },
        ...{ sandbox: `s-${String(sandbox)}`, arguments: '{"command":"git clone x"}', argumentsSha256: sha },
      };
    }
    if (this.#chance() < 0.05) return;
    yield this.#finished(call, sandboxes, pick(this.#chance, this.#chance() < 0.85 ? harmless : corpus));
  }

  #finished(call: string, attempts: number, evidence: Evidence): Line {
    const outcome = attribute(evidence);
    const { status } = causes[outcome.cause];
    return {
      ...{ type: 'call_finished', rollout: this.#rollout, call, tool: 'shell', argumentsSha256: sha },
      ...{
        number: attempts === 0 ? null : this.#number,
        outcome,
        evidence,
        rules: 1,
        status,
        output: 'text',
      },
      ...{ result: null, durationMs: Math.floor(this.#chance() * 500) },
      ...(attempts > 1 && { attempts }),
    };
  }
}
