import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/kernel/clock.ts';
import { plainTranscript } from '../../../src/outcome/transcript.ts';
import { fitByBytes } from '../../../src/tokens/fit-bytes.ts';
import { fitByTokens } from '../../../src/tokens/fit-tokens.ts';
import { decodeOutput } from '../../../src/outcome/text.ts';
import { TokenBudget } from '../../../src/tokens/token-budget.ts';
import { tokensUpTo } from '../../../src/tokens/token-count.ts';

const tokensOf = (text: string): number => countTokens(text, { disallowedSpecial: new Set() });
const plain = (text: string) => plainTranscript([text]);

const words = fc.stringMatching(/^[a-z]{1,12}$/);
const anything = fc.oneof(
  fc.uint8Array({ maxLength: 4000 }).map(decodeOutput),
  fc
    .array(fc.constantFrom('a', 'é', '漢', '👩‍👩‍👧', 'e\u0301', '\t'), { maxLength: 2000 })
    .map((all) => all.join('')),
  fc
    .array(fc.oneof(words, fc.constantFrom('\n', '  ', '<|endoftext|>', '0x1f', '🙂', '\0')), {
      maxLength: 900,
    })
    .map((all) => all.join(' ')),
  fc
    .tuple(fc.constantFrom('a', '1', '\n', ' ', '=', '🙂', 'ß', 'Ab1'), fc.nat(3000))
    .map(([unit, times]) => unit.repeat(times)),
);

describe.each([
  ['by tokens', fitByTokens],
  ['by bytes', fitByBytes],
])('cutting %s', (_how, fit) => {
  test('never gives more tokens than the budget, nor half a character, nor bytes that add up wrongly', () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 600 }), (raw, budget) => {
        const text = raw.toWellFormed();
        const { text: shown, omittedBytes } = fit(plain(text), budget);
        expect(tokensOf(shown)).toBeLessThanOrEqual(budget);
        expect(shown.isWellFormed()).toBe(true);
        expect(omittedBytes).toBeGreaterThanOrEqual(0);
        if (omittedBytes === 0 && fit === fitByTokens) expect(shown).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the count', () => {
  test('is exact for words and never too low for anything', () => {
    fc.assert(
      fc.property(fc.array(words, { minLength: 100, maxLength: 900 }), (all) => {
        expect(tokensUpTo(all.join(' '), Infinity)).toBe(tokensOf(all.join(' ')));
      }),
      { numRuns: 50 },
    );
    fc.assert(
      fc.property(anything, (text) => {
        expect(tokensUpTo(text.toWellFormed(), Infinity)).toBeGreaterThanOrEqual(
          tokensOf(text.toWellFormed()),
        );
      }),
    );
  });
});

const budgets: TokenBudget[] = [];
const open = (options: Partial<ConstructorParameters<typeof TokenBudget>[0]> = {}): TokenBudget => {
  const budget = new TokenBudget({ clock: systemClock, ...options });
  budgets.push(budget);
  return budget;
};
afterEach(async () => {
  for (const budget of budgets.splice(0)) await budget[Symbol.asyncDispose]();
});

/** A clock whose alarms ring at once. */
const hurried: Clock = {
  ...systemClock,
  alarm: (_ms, wake) => {
    queueMicrotask(wake);
    return () => undefined;
  },
};
/** A clock whose alarms never ring. */
const patient: Clock = { ...systemClock, alarm: () => () => undefined };
const program = (source: string): URL => new URL(`data:text/javascript,${encodeURIComponent(source)}`);
const LOG = Array.from({ length: 20_000 }, (_, line) => `line ${String(line)}`).join('\n');

describe('the worker', () => {
  test('shows beginning and end of a long log and says what is missing', async () => {
    const { text, omittedBytes } = await open().fitToBudget(plain(LOG), 400);
    expect(text).toMatch(/^line 0\nline 1\n[^]*\n\[[\d,]+ bytes omitted\]\n[^]*line 19999$/);
    expect(tokensOf(text)).toBeLessThanOrEqual(400);
    expect(tokensOf(text)).toBeGreaterThan(380);
    const shownBytes = Buffer.byteLength(text.replace(/^\[[\d,]+ bytes omitted\]\n/m, ''));
    expect(shownBytes + omittedBytes).toBe(LOG.length);
  });

  test.each([
    ['a text within the budget by its bytes', 'x'.repeat(400)],
    ['a text within the budget by its tokens', 'hello world '.repeat(100)],
    ['a control token as text', '<|endoftext|>'],
  ])('leaves %s alone', async (_what, text) => {
    expect(await open().fitToBudget(plain(text), 400)).toEqual({ text, omittedBytes: 0 });
  });

  test('a megabyte of one letter does not hold up the answers behind it', async () => {
    const budget = open({ clock: patient });
    const answers = await Promise.all(
      ['a', ' ', '🙂', '9'].map((one) => budget.fitToBudget(plain(one.repeat(1e6)), 4000)),
    );
    for (const { text } of answers) expect(tokensUpTo(text, 4000)).toBeLessThanOrEqual(4000);
  }, 30_000); // Uncut, one of them alone would take minutes.

  test('an answer that waits too long is cut by bytes', async () => {
    const stuck = open({ clock: hurried, program: program('setInterval(() => {}, 1e9)') });
    const { text } = await stuck.fitToBudget(plain(LOG), 400);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(400);
    expect(text).toMatch(/^line 0\n[^]*bytes omitted[^]*line 19999$/);
  });

  test.each([
    ['that throws', 'throw new Error("broken")'],
    ['that exits', 'process.exit(1)'],
    ['that cannot be loaded', 'import "file:///nowhere.js"'],
  ])(
    'a thread %s costs precision, not the answer, and the next request gets a new one',
    async (_what, source) => {
      const broken = open({ program: program(source) });
      for (const budgetTokens of [400, 500]) {
        const { text } = await broken.fitToBudget(plain(LOG), budgetTokens);
        expect(text).toContain('bytes omitted');
      }
    },
  );

  test('does not keep a process alive that is otherwise done', () => {
    const url = new URL('../../../src/tokens/token-budget.ts', import.meta.url).href;
    const clock = new URL('../../../src/kernel/clock.ts', import.meta.url).href;
    const transcript = new URL('../../../src/outcome/transcript.ts', import.meta.url).href;
    const script = `const { TokenBudget } = await import(${JSON.stringify(url)});
      const { systemClock: clock } = await import(${JSON.stringify(clock)});
      const { plainTranscript } = await import(${JSON.stringify(transcript)});
      const text = plainTranscript(['word '.repeat(1000)]);
      const { omittedBytes } = await new TokenBudget({ clock }).fitToBudget(text, 100);
      console.log(omittedBytes > 0);`;
    const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(done).toMatchObject({ status: 0, signal: null, stdout: 'true\n' });
  }, 40_000);
});
