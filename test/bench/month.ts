import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { SpokenRisk } from '../../src/report/report-process.ts';
import { writeMonth } from '../unit/report/month.ts';

/**
 * Checks that the risk report finds the planted fault and nothing else. It generates a month of training: 100 steps of 300
 * rollouts, six incidents that affect everything that runs at that moment, and one command that infrastructure fails more
 * often than the others. Then it runs the report from the command line.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    /** Plants nothing; then the report must find nothing. */
    clean: { type: 'boolean', default: false },
    /** Folder in which the generated data is kept. */
    data: { type: 'string' },
  },
});

const FAMILY = 'git clone';
const HAZARD = 0.02;
const PROGRAM = join(import.meta.dirname, '../../src/cli/faultline.ts');

const dataDir = values.data ?? mkdtempSync(join(tmpdir(), 'faultline-month-'));
try {
  const planted = values.clean ? null : { family: FAMILY, hazard: HAZARD };
  const { calls } = await writeMonth(dataDir, {
    seed: Number(values.seed),
    steps: 100,
    rollouts: 300,
    planted,
  });
  console.log(
    `a month: 100 steps of 300 rollouts, ${calls.toLocaleString('en-US')} calls, six incidents, ${planted === null ? 'nothing planted' : `planted: ${FAMILY} fails in 2 % more of its calls`}\n`,
  );
  const began = performance.now();
  console.log(await faultline('report', '--risk', '--data', dataDir));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const { findings } = JSON.parse(
    await faultline('report', '--risk', '--data', dataDir, '--json'),
  ) as SpokenRisk;
  const found = findings.map(({ dimension, level }) => `${dimension} ${level}`);
  const wanted = planted === null ? [] : [`family ${FAMILY}`];
  const right = found.join() === wanted.join();
  console.log(
    `\nreported in ${seconds} s; found ${found.join(', ') || 'nothing'}: ${right ? 'what was planted, and nothing else' : `WRONG, planted was ${wanted.join() || 'nothing'}`}`,
  );
  process.exitCode = right ? 0 : 1;
} finally {
  if (values.data === undefined) rmSync(dataDir, { recursive: true });
}

async function faultline(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...words], { maxBuffer: 2 ** 26 });
  return stdout.trimEnd();
}
