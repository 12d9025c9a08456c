import { expect, test } from 'vitest';
import { GraderClient } from '../../../src/grading/grader-client.ts';
import { Deadline } from '../../../src/kernel/deadline.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { readConfig } from '../../../src/config.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { answers, fakeGrader, hangs } from './fake-grader.ts';

const HEADERS_MS = 500;

/** What `fetch` of this process uses; its class has the limits. */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');
type Dispatcher = new (limits: { headersTimeout: number; bodyTimeout: number }) => { close(): Promise<void> };

test('a judge is waited for as long as configured, past the 300 s of fetch', async () => {
  const { grader: config } = readConfig({
    FAULTLINE_GRADER_URL: 'http://judge/',
    FAULTLINE_GRADER_TIMEOUT_MS: '540000',
  });
  expect(config?.requestMs).toBe(540_000);
  await using grader = await fakeGrader(hangs);
  const clock = new ManualClock();
  const client = new GraderClient({ url: grader.url, token: null, requestMs: 540_000, clock });
  let ended = null as string | null;
  const asked = client.ask('{}', Deadline.after(clock, 'grading', 570_000));
  void asked.then(({ ending }) => (ended = ending.code));
  await expect.poll(() => grader.asked.length).toBe(1);
  await clock.advance(539_999);
  expect(ended).toBeNull();
  await clock.advance(1);
  expect(await asked).toMatchObject({ ending: { code: 'timed_out' }, tries: 1 });
});

/** The limits of `fetch` are 300 s each; here they are shortened for the whole process, which nothing of ours may feel. */
test('neither late headers nor a pause in the body ends a request before its time', async () => {
  await fetch('data:,'); // Makes the dispatcher.
  const holder = globalThis as unknown as Record<symbol, { constructor: Dispatcher }>;
  const before = holder[DISPATCHER];
  if (before === undefined) throw new Error('this version of Node keeps the dispatcher elsewhere');
  const short = new before.constructor({ headersTimeout: HEADERS_MS, bodyTimeout: HEADERS_MS });
  holder[DISPATCHER] = short as never;
  try {
    await using grader = await fakeGrader(
      (response) => {
        systemClock.alarm(5 * HEADERS_MS, () => {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.write('{"score":');
          systemClock.alarm(5 * HEADERS_MS, () => response.end('1}'));
        });
      },
      answers(200, '{"score":0}'),
    );
    const client = new GraderClient({ url: grader.url, token: null, requestMs: 20_000, clock: systemClock });
    const { ending, tries } = await client.ask('{}', Deadline.after(systemClock, 'grading', 20_000));
    expect([ending, tries]).toMatchObject([{ code: 'scored', score: 1 }, 1]);
  } finally {
    holder[DISPATCHER] = before;
    await short.close();
  }
}, 30_000);
