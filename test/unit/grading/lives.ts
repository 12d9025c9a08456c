import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { GraderGate } from '../../../src/grading/gate.ts';
import { GraderClient } from '../../../src/grading/grader-client.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import type { Catalog } from '../../../src/policy/schema.ts';
import { SandboxFault } from '../../../src/sandbox/sandbox.ts';
import { authorized, testServer, type TestServer } from '../support/http-server.ts';
import { temporaryFolder } from '../journal/temporary.ts';
import { answers, fakeGrader, type FakeGrader } from './fake-grader.ts';

/** Servers one after the other on the same data folder, and what a platform sends them. All end with the test. */

const open: (AsyncDisposable | Disposable)[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse())
    if (Symbol.asyncDispose in one) await one[Symbol.asyncDispose]();
    else one[Symbol.dispose]();
});

interface Life {
  readonly dataDir: string;
  readonly catalog?: Catalog;
  readonly unknown?: 'withhold' | 'forward';
  readonly firstStart?: boolean;
}

export async function graderFor(): Promise<FakeGrader> {
  const grader = await fakeGrader(answers(200, '{"score": 1}'));
  open.push(grader);
  return grader;
}

/** A server on a data folder that stays, so that the next one finds what this one left. */
export async function live(
  grader: FakeGrader,
  { dataDir, unknown = 'withhold', ...life }: Life,
): Promise<TestServer> {
  const server = await testServer({
    ...life,
    keep: dataDir,
    gate: (parts) => {
      const client = new GraderClient({ url: grader.url, token: null, requestMs: 5_000, clock: systemClock });
      const excluded = { kind: 'withhold' } as const;
      return new GraderGate({
        ...parts,
        grader: client,
        excluded,
        recovered: 'forward',
        unknown,
        pendingMs: 50,
      });
    },
  });
  open.push(server);
  return server;
}

export async function stop(server: TestServer): Promise<void> {
  open.splice(open.indexOf(server), 1);
  await server[Symbol.asyncDispose]();
}

export const SAMPLE = { output_text: 'done', choices: [{ message: { role: 'assistant', content: 'done' } }] };
export const CALLED = {
  choices: [
    {
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'shell', arguments: '{"command":"ls"}' } },
        ],
      },
    },
  ],
};

export const named = (job?: string): Record<string, string> => (job === undefined ? {} : { 'x-job-id': job });
export const call = async (
  server: TestServer,
  rollout: string,
  id = 'call_1',
  job?: string,
  command = 'ls',
) =>
  await server.app.inject({
    method: 'POST',
    url: '/v1/tools/shell',
    headers: authorized(named(job)),
    payload: { arguments: { command }, call_id: id, trace_id: rollout },
  });
export const grade = async (server: TestServer, rollout: string, sample: unknown = SAMPLE, job?: string) =>
  await server.app.inject({
    method: 'POST',
    url: '/v1/grade',
    headers: authorized(named(job)),
    payload: { sample, item: { id: 'row-1' }, trace_id: rollout },
  });
export async function verdict(server: TestServer, rollout: string, job?: string) {
  const reply = await server.app.inject({
    url: `/v1/rollouts/${rollout}/verdict`,
    headers: authorized(named(job)),
  });
  return reply.json<{ verdict: string; reasons: string[]; unknown_because: string | null }>();
}
export const alarms = async (server: TestServer) => {
  const { body } = await server.app.inject({ url: '/metrics' });
  return /^faultline_alarm\{alarm="(?:calls_never_arrived|verdict_unknown)"\} 1$/gm.exec(body)?.[0] ?? null;
};

export const broken = (): SandboxFault => new SandboxFault('image_missing', 'no such image');

/** A rollout of each sort, on the first server of a data folder. */
export async function firstLife(server: TestServer): Promise<void> {
  await call(server, 'good');
  server.engine.startFault = broken;
  await call(server, 'hit');
  server.engine.startFault = () => null;
}

export const folder = (): string => {
  const made = temporaryFolder();
  open.push(made);
  return made.path;
};

/** As the reaper does a day after the end. */
export function forget({ rollouts }: TestServer): void {
  for (const rollout of rollouts.all()) {
    rollout.markEnded({ how: 'idle' });
    rollout.lastActivityAt = 0;
  }
  rollouts.forgetOld();
  expect([...rollouts.all()]).toEqual([]);
}

export const firstFile = (dataDir: string): string => readdirSync(join(dataDir, 'journal')).sort()[0] ?? '';

export function renamed(): Catalog {
  const files = { policiesDir: 'policies', imagesDir: 'images', taskFile: 'policies/tasks.yaml' };
  const catalog = loadCatalog(files);
  const task = { ...catalog.defaultTask, name: 'renamed' as never };
  return { ...catalog, defaultTask: task, tasks: new Map([[task.name, task]]) };
}
