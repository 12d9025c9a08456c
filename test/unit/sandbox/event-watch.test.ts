import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DockerConnection } from '../../../src/sandbox/docker/docker-connection.ts';
import { EventWatch } from '../../../src/sandbox/docker/event-watch.ts';
import { ManualClock } from '../support/manual-clock.ts';

interface Subscription {
  readonly query: URLSearchParams;
  readonly reply: ServerResponse;
}

/** An engine that has events and nothing else. Its clock may differ from ours. */
class Events implements AsyncDisposable {
  readonly subscriptions: Subscription[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'faultline-events-'));
  readonly #server = createServer((request, reply) => {
    const query = new URL(request.url ?? '', 'http://engine').searchParams;
    reply.setHeader('date', new Date(clock.now() + aheadMs).toUTCString()).flushHeaders();
    this.subscriptions.push({ query, reply });
  });

  async listen(): Promise<string> {
    const socket = join(this.#folder, 'docker.sock');
    await new Promise<void>((resolve) => this.#server.listen(socket, resolve));
    return `unix://${socket}`;
  }

  async nth(number: number): Promise<Subscription> {
    await vi.waitUntil(() => this.subscriptions.length >= number);
    return this.subscriptions[number - 1] as Subscription;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }
}

let clock: ManualClock;
let aheadMs: number;
beforeEach(() => {
  clock = new ManualClock();
  aheadMs = 0;
});

let ends: AsyncDisposableStack;
beforeEach(() => {
  ends = new AsyncDisposableStack();
});
afterEach(() => ends.disposeAsync());

async function watching(): Promise<{ events: Events; connection: DockerConnection; watch: EventWatch }> {
  const events = ends.use(new Events());
  const connection = new DockerConnection(clock, await events.listen());
  return { events, connection, watch: ends.use(new EventWatch(connection, clock, 'c')) };
}

/** Moves on in small steps, with time for what really happens on the sockets. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const kill = (id: string, time: number): string =>
  `${JSON.stringify({ Action: 'kill', timeNano: time * 1e9, Actor: { ID: id, Attributes: { signal: '9' } } })}\n`;

it('a stream that ends when it should is renewed where it ended, and means nothing', async () => {
  const { events, connection } = await watching();
  const first = await events.nth(1);
  const until = first.query.get('until');
  await pass(20_000);
  first.reply.end();
  await pass(1_000);
  expect((await events.nth(2)).query.get('since')).toBe(until);
  expect(connection.disturbedSince(0)).toBe(false);
});

it('a stream that has died without a word is noticed, and what it missed is asked for', async () => {
  const { events, connection, watch } = await watching();
  const first = await events.nth(1);
  const seen = clock.now() / 1000 + 3;
  first.reply.write(kill('one', seen));
  await vi.waitUntil(() => watch.of('one').length === 1);
  await pass(29_000);
  expect(connection.disturbedSince(0)).toBe(false);
  await pass(4_000);
  expect(connection.disturbedSince(0)).toBe(true);
  const second = await events.nth(2);
  expect(Number(second.query.get('since'))).toBeCloseTo(seen, 3);
  second.reply.write(kill('two', seen + 1));
  await vi.waitUntil(() => watch.of('two').length === 1);
});

it('a stream that ends before its time means that the daemon went away', async () => {
  const { events, connection } = await watching();
  (await events.nth(1)).reply.end();
  await pass(1_000);
  await events.nth(2);
  expect(connection.disturbedSince(0)).toBe(true);
});

it.each([90_000, -90_000])(
  'an engine whose clock is off by %d ms is not taken for a dead one',
  async (off) => {
    aheadMs = off;
    const { events, connection } = await watching();
    const first = await events.nth(1);
    // As far as this clock goes, the first window may be over at once or be much longer.
    const length = Number(first.query.get('until')) * 1000 - (clock.now() + off);
    await pass(Math.max(0, length));
    first.reply.end();
    await pass(1_000);
    const second = await events.nth(2);
    const wanted = Number(second.query.get('until')) * 1000 - (clock.now() + off);
    expect(wanted).toBeGreaterThan(17_000);
    expect(wanted).toBeLessThan(21_000);
    expect(connection.disturbedSince(0)).toBe(false);
  },
);
