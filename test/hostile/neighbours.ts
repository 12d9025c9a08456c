/** `npm run hostile:neighbours`: what a quiet rollout and the controller notice while others misbehave. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Arena, type Ground } from './arena.ts';

/** Long enough for hundreds of calls: of fewer the 99th percentile is but the second worst. */
const CANARY_MS = 10_000;
const TROUBLE_MS = 15_000;
const ROUNDS = 3;
const FLOODERS = 50;
const FLOOD_MS = 10_000;
const GROUND: Ground = { policy: 'strict', runtime: 'auto' };

/** What each troublemaker runs, until it is ended. */
const TROUBLE: Readonly<Record<string, string>> = {
  processes: 'while :; do (sleep 0.01 &) ; done',
  processor: 'for i in 1 2 3 4; do (while :; do :; done) & done; wait',
  memory: 'python3 -c "\nwhile True:\n  x = bytearray(300*2**20)\n"',
  output: 'yes',
  files: 'cd /work; while :; do head -c 50M /dev/zero > big; rm big; done',
  descriptors: 'while :; do ls -R / >/dev/null 2>&1; done',
};

await using arena = await Arena.open([GROUND], []);
const { server } = arena;
const call = (rollout: string, id: string, command: string, timeout_ms = 60_000) =>
  server.tool('shell', rollout, id, { command, timeout_ms });

await arena.rollout('canary', GROUND);
await call('canary', 'first', 'true');
const names = Object.keys(TROUBLE);
for (const name of names) {
  await arena.rollout(name, GROUND);
  await call(name, 'first', 'true');
}
for (let round = 1; round <= ROUNDS; round += 1) {
  const quiet = await canary(`quiet-${String(round)}`);
  const trouble = names.map((name) =>
    call(name, `trouble-${String(round)}`, TROUBLE[name] ?? '', TROUBLE_MS),
  );
  await pause(1_000);
  const disturbed = await canary(`disturbed-${String(round)}`);
  await Promise.all(trouble);
  const ratio = (at: number) => (percentile(disturbed, at) / percentile(quiet, at)).toFixed(2);
  console.log(
    `canary, round ${String(round)}: quiet ${shown(quiet)}; with ${names.join(', ')}: ${shown(disturbed)};` +
      ` ratio p50 ${ratio(0.5)}, p99 ${ratio(0.99)}`,
  );
}
console.log(await flood());

/** Durations of one quiet call after the other, ms. */
async function canary(run: string): Promise<number[]> {
  const took: number[] = [];
  const until = performance.now() + CANARY_MS;
  for (let n = 0, began = 0; (began = performance.now()) < until; n += 1) {
    const { output } = await call('canary', `${run}-${String(n)}`, 'echo $((6*7))');
    if (output !== '42\n') throw new Error(`the canary says ${String(output)}`);
    took.push(performance.now() - began);
  }
  return took;
}

/** Output without end from many at once, while the controller's memory and its health are watched. */
async function flood(): Promise<string> {
  const flooders = Array.from({ length: FLOODERS }, (_, n) => `flood-${String(n)}`);
  for (const name of flooders) await arena.rollout(name, GROUND);
  await Promise.all(flooders.map((name) => call(name, 'first', 'true')));
  const over = new AbortController();
  const floods = Promise.all(flooders.map((name) => call(name, 'flood', 'yes', FLOOD_MS))).finally(() => {
    over.abort();
  });
  let mostBytes = 0;
  const health: number[] = [];
  while (!over.signal.aborted) {
    const began = performance.now();
    const { status } = await fetch(`${server.url}/healthz`);
    if (status !== 200) throw new Error(`/healthz: ${String(status)}`);
    health.push(performance.now() - began);
    mostBytes = Math.max(mostBytes, residentBytes());
    await pause(100);
  }
  const replies = await floods;
  const refused = replies.filter(({ status }) => status !== 200).length;
  const memory = `${(mostBytes / 2 ** 20).toFixed(0)} MiB`;
  const slowest = `${Math.max(...health).toFixed(0)} ms`;
  return `${String(FLOODERS)} flooding: controller at most ${memory}, slowest /healthz of ${String(health.length)}: ${slowest}, not answered 200: ${String(refused)}`;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${String(server.process.pid)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

function percentile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? 0;
}

function shown(values: readonly number[]): string {
  return `n ${String(values.length)}, p50 ${percentile(values, 0.5).toFixed(1)} ms, p99 ${percentile(values, 0.99).toFixed(1)} ms`;
}
