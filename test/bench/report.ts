import { execFile } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ledger } from '../../src/report/ledger.ts';
import { overview } from '../../src/report/overview.ts';

/**
 * Generates a million calls and reports on them twice, each time in a separate process, as an engineer does. The first
 * report has to make the copies of the journal's closed files. CPU time is printed too, for busy machines.
 */
const CALLS = Number(process.argv[2] ?? 1_000_000);
const CALLS_PER_ROLLOUT = 20;
const FILE_BYTES = 64 * 2 ** 20;
const GOAL_S = 5;

const COUNTERS = { oomKills: 0, memoryPeakBytes: 12_345_678, memoryLimitBytes: 2 ** 29, pidsLimitHits: 0 };
const OUTPUT = 'drwxr-xr-x 2 root root 4096 Jun  1 00:00 src\n'.repeat(3);

const reported = process.argv[3];
if (reported === undefined) await compare();
else await report(reported);

async function compare(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'faultline-bench-'));
  try {
    const bytes = await generate(dataDir);
    console.log(
      `${CALLS.toLocaleString('en-US')} calls, ${(bytes / 2 ** 20).toFixed(0)} MiB of journal; ${String(cpus().length)} cores, load ${loadavg()[0]?.toFixed(1) ?? '?'}`,
    );
    for (const which of ['first', 'again']) {
      const began = performance.now();
      const { stdout } = await promisify(execFile)(process.execPath, [
        import.meta.filename,
        String(CALLS),
        dataDir,
      ]);
      const seconds = (performance.now() - began) / 1000;
      console.log(
        `${which.padEnd(6)} ${seconds.toFixed(2)} s with the start of the process, ${stdout.trim()}`,
      );
      if (which === 'again') console.log(`goal ${String(GOAL_S)} s: ${seconds <= GOAL_S ? 'met' : 'missed'}`);
    }
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

async function report(dataDir: string): Promise<void> {
  using ledger = await Ledger.open(dataDir, 'light');
  const { identity } = await overview(ledger, {});
  if (identity.calls !== CALLS || !identity.holds)
    throw new Error(`${String(identity.calls)} calls reported`);
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cpu = (userCPUTime + systemCPUTime) / 1e6;
  console.log(`CPU ${cpu.toFixed(2)} s, peak ${(maxRSS / 1024).toFixed(0)} MiB`);
}

async function generate(dataDir: string): Promise<number> {
  mkdirSync(join(dataDir, 'journal'));
  let total = 0;
  let index = 0;
  for (let number = 1; index < CALLS; number += 1) {
    const file = createWriteStream(
      join(dataDir, 'journal', `20260601T000000000Z-${String(number).padStart(6, '0')}.jsonl`),
    );
    let bytes = 0;
    for (; index < CALLS && bytes < FILE_BYTES; index += 1) {
      const lines = linesOf(index);
      bytes += lines.length;
      if (!file.write(lines)) await once(file, 'drain');
    }
    await new Promise<void>((resolve) => file.end(resolve));
    total += bytes;
  }
  return total;
}

/** The journal lines of one call, as the server writes them. */
function linesOf(index: number): string {
  const at = new Date(Date.parse('2026-06-01T00:00:00Z') + index * 100).toISOString();
  const rollout = `trace_${String(Math.floor(index / CALLS_PER_ROLLOUT))}`;
  const call = {
    rollout,
    call: `call_${String(index)}`,
    number: (index % CALLS_PER_ROLLOUT) + 1,
    tool: 'shell',
    argumentsSha256: 'a'.repeat(64),
  };
  const infra = index % 1000 === 999;
  const opened = {
    at,
    type: 'rollout_opened',
    rollout,
    task: 'swe',
    image: 'base',
    policy: 'default',
    job: 'job-1',
    item: { id: `row-${String(index % 64)}`, question: 'x'.repeat(100) },
  };
  const intended = {
    at,
    type: 'call_intended',
    ...call,
    sandbox: 'c'.repeat(64),
    arguments: JSON.stringify({ command: `ls -la /tmp/${String(index)}` }),
  };
  const finished = {
    at, type: 'call_finished', ...call, durationMs: 13 + (index % 50), status: infra ? 503 : 200, output: OUTPUT,
    outcome: infra ? { attribution: 'infra', cause: 'sandbox_killed', executed: 'unknown' } : { attribution: 'ok', cause: 'completed', executed: 'yes' },
    evidence: { kind: 'ended', need: 'shell', record: { waitStatus: 0, killReason: 'none', killReach: 'none', interpreter: 'kept', before: COUNTERS, after: COUNTERS } },
    result: { exit_code: 0, signal: null, stdout: OUTPUT, stderr: '', truncated: false, notice: null, duration_ms: 12 },
  }; // prettier-ignore
  const events = index % CALLS_PER_ROLLOUT === 0 ? [opened, intended, finished] : [intended, finished];
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}
