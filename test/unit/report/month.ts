import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { seeded } from '../support/seeded.ts';
import { attribute } from '../../../src/outcome/attribute.ts';
import type { Evidence } from '../../../src/outcome/evidence.ts';
import { RULES } from '../../../src/outcome/rules.ts';
import { ended, lost as sandboxLost, notStarted } from '../outcome/evidence-of.ts';

/** EINVAL: an errno that says nothing of the cause. */
const INVALID = 22;

/**
 * A month of training as a journal, from a seed: steps of rollouts, each a handful of calls; a low rate of failures
 * everywhere, incidents that hit whatever runs at that moment, one of them a single image; and, where planted, one
 * command family that infrastructure fails more often than the rest, in every step.
 */
export interface Month {
  readonly seed: number;
  readonly steps: number;
  readonly rollouts: number;
  readonly planted: { readonly family: string; readonly hazard: number } | null;
}

const BASE_HAZARD = 0.0005;
const STEP_MS = 7 * 3_600_000;
const START = Date.parse('2026-06-01T00:00:00Z');

const COMMANDS = {
  swe: [
    ['ls', 'ls -la src', 20], ['cat', 'cat src/main.c', 25], ['grep', 'grep -rn TODO .', 15], ['git clone', 'cd /w && git clone https://x/y', 10],
    ['git diff', 'git diff', 12], ['pytest', 'python -m pytest -q', 18], ['pip install', 'pip install numpy', 8], ['sed', 'sed -i s/a/b/ f', 15],
  ],
  data: [
    ['ls', 'ls', 20], ['head', 'head -5 data.csv', 20], ['awk', "awk '{print $1}' data.csv", 15], ['git clone', 'git clone https://x/z', 2],
    ['pip install', 'pip install pandas', 10], ['wc', 'wc -l data.csv', 10],
  ],
} as const; // prettier-ignore
type Task = keyof typeof COMMANDS;

interface Incident {
  readonly step: number;
  readonly fromS: number;
  readonly toS: number;
  readonly image: string | null;
}

export async function writeMonth(dataDir: string, month: Month): Promise<{ calls: number }> {
  mkdirSync(join(dataDir, 'journal'), { recursive: true });
  const file = createWriteStream(join(dataDir, 'journal', '20260601T000000000Z-000001.jsonl'));
  const chance = seeded(month.seed);
  const incidents: Incident[] = Array.from({ length: 6 }, (_, index) => {
    const fromS = Math.floor(chance() * 200);
    return {
      step: Math.floor(chance() * month.steps),
      fromS,
      toS: fromS + 60,
      image: index === 0 ? 'data' : null,
    };
  });
  let calls = 0;
  for (let step = 0; step < month.steps; step += 1) {
    const lines: string[] = [];
    for (let index = 0; index < month.rollouts; index += 1) {
      const rollout = new GeneratedRollout(
        month,
        incidents.filter((one) => one.step === step),
        chance,
        step,
        index,
      );
      calls += rollout.write(lines);
    }
    if (!file.write(`${lines.join('\n')}\n`)) await once(file, 'drain');
  }
  await new Promise<void>((resolve) => file.end(resolve));
  return { calls };
}

class GeneratedRollout {
  readonly id: string;
  readonly task: Task;
  readonly row: number;

  readonly month: Month;
  readonly incidents: readonly Incident[];
  readonly chance: () => number;
  readonly step: number;

  constructor(
    month: Month,
    incidents: readonly Incident[],
    chance: () => number,
    step: number,
    index: number,
  ) {
    this.month = month;
    this.incidents = incidents;
    this.chance = chance;
    this.step = step;
    this.row = index % 60;
    this.id = `trace_${String(step)}_${String(index)}`;
    this.task = this.row < 40 ? 'swe' : 'data';
  }

  write(lines: string[]): number {
    const began = START + this.step * STEP_MS + Math.floor(this.chance() * 1500);
    const job = 'ftjob-1';
    const row = `row-${String(this.row)}`;
    const event = (at: number, fields: object): number =>
      lines.push(JSON.stringify({ at: new Date(at).toISOString(), ...fields }));
    event(began, {
      type: 'rollout_opened',
      rollout: this.id,
      task: this.task,
      image: this.task,
      policy: 'default',
      job,
      item: { id: row },
    });
    const count = 3 + Math.floor(this.chance() * 5);
    let at = began;
    let lost = false;
    for (let n = 1; n <= count; n += 1) {
      at += Math.floor(this.chance() * 60_000);
      lost = this.#call(event, n, at, began, lost);
    }
    const verdict = lost ? 'exclude' : 'valid';
    const score = lost
      ? null
      : Math.min(1, Math.max(0, this.row / 60 + this.step / 400 + (this.chance() - 0.5) / 2));
    event(at + 5000, {
      type: 'graded',
      rollout: this.id,
      job,
      row,
      verdict,
      reasons: lost ? ['sandbox_killed'] : [],
      ending: lost ? 'withheld' : 'scored',
      score,
      tries: 1,
      durationMs: 900,
    });
    return count;
  }

  /** Returns whether the sandbox is lost now. */
  #call(
    event: (at: number, fields: object) => number,
    n: number,
    at: number,
    began: number,
    lost: boolean,
  ): boolean {
    const [family, command] = this.#choose();
    const call = `call_${String(n)}`;
    const tool = this.chance() < 0.3 ? 'python' : 'shell';
    const fails = lost || this.chance() < this.#hazard(tool === 'shell' ? family : null, (at - began) / 1000);
    const base = { rollout: this.id, call, tool, argumentsSha256: 'f'.repeat(64) };
    if (!lost)
      event(at, {
        type: 'call_intended',
        ...base,
        number: n,
        sandbox: 's',
        arguments: JSON.stringify(tool === 'shell' ? { command } : { code: 'print(1)' }),
      });
    const evidence = this.#evidence(lost, fails);
    const outcome = attribute(evidence);
    const durationMs = 20 + Math.floor(this.chance() * 400);
    event(at + durationMs, {
      type: 'call_finished',
      ...base,
      number: lost ? null : n,
      outcome,
      evidence,
      rules: RULES,
      status: fails ? 503 : 200,
      output: fails ? '' : 'some output\n',
      result: null,
      durationMs,
    });
    return fails;
  }

  #evidence(lost: boolean, fails: boolean): Evidence {
    if (lost) return { kind: 'lost_before', cause: 'sandbox_killed' };
    if (fails) return sandboxLost({ container: 'gone', foreignKill: true });
    if (this.chance() < 0.03) return ended({ killReason: 'timeout' });
    return this.chance() < 0.001 ? notStarted(INVALID, 'exec', true, 'shell') : ended({});
  }

  /** The model comes to like some commands more and others less as training goes on; the planted one less. */
  #choose(): readonly [string, string] {
    const all = COMMANDS[this.task];
    const progress = this.step / this.month.steps;
    const weights = all.map(
      ([family, , weight]) =>
        weight * (family === 'git clone' ? 1 - 0.5 * progress : family === 'pytest' ? 1 + progress : 1),
    );
    let left = this.chance() * weights.reduce((sum, one) => sum + one, 0);
    const index = weights.findIndex((weight) => (left -= weight) < 0);
    const [family, command] = all[index] ?? all[0];
    return [family, command];
  }

  #hazard(family: string | null, sinceS: number): number {
    const { planted } = this.month;
    const inIncident = this.incidents.some(
      (one) => sinceS >= one.fromS && sinceS < one.toS && (one.image === null || one.image === this.task),
    );
    return (
      BASE_HAZARD +
      (inIncident ? 0.3 : 0) +
      (planted !== null && family === planted.family ? planted.hazard : 0)
    );
  }
}
