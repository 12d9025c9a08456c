import assert from 'node:assert/strict';
import { Deadline } from '../../src/kernel/deadline.ts';
import type { Policy } from '../../src/policy/schema.ts';
import type { CallLimits, Counters, Ending, Work } from '../../src/protocol/messages.ts';
import {
  SandboxFault,
  type CallReport,
  type Sandbox,
  type SandboxEngine,
  type SandboxSpec,
} from '../../src/sandbox/sandbox.ts';
import { COMMANDS, type CommandName } from './commands.ts';
import { specOf } from './spec.ts';
import type { Subject } from './subject.ts';

/** What the checks have in common: specs, sandboxes that are gone after a check, calls. */

const OTHER_IDS = 100;
const CALL: CallLimits = { timeoutMs: 30_000, keepBytes: 65_536, outputBytes: 2 ** 20 };

/** Starts get their own clock's name, as from admission. */
export const soon = ({ clock }: Subject, ms = 60_000): Deadline => Deadline.after(clock, 'sandbox_start', ms);

/** A sandbox of one check, removed behind the engine's back at its end: how the engine removes is checked elsewhere. */
export interface Made extends AsyncDisposable {
  readonly sandbox: Sandbox;
}

export async function started(
  subject: Subject,
  spec: SandboxSpec = specOf(subject.images.shell),
  engine: SandboxEngine = subject.engine,
): Promise<Made> {
  return made(subject, await engine.start(spec, soon(subject)));
}

/** The same for a sandbox of an earlier engine. */
export async function adopted(subject: Subject, earlier: Sandbox): Promise<Made> {
  return made(subject, await subject.engine.adopt(earlier.handle, soon(subject)));
}

function made(subject: Subject, sandbox: Sandbox): Made {
  const dispose = async (): Promise<void> => {
    sandbox.detach();
    await subject.operator.remove(sandbox.handle);
  };
  return { sandbox, [Symbol.asyncDispose]: dispose };
}

let lastNumber = OTHER_IDS;
/** A call number that no sandbox of the suite has seen. */
export function newNumber(): number {
  lastNumber += 1;
  return lastNumber;
}

export const shellWork = (command: CommandName): Work => ({ kind: 'shell', command: COMMANDS[command] });

/** Runs a command of the suite under a number of its own, acknowledges its ending, and gives that. */
export async function call(
  sandbox: Sandbox,
  command: CommandName,
  limits: Partial<CallLimits> = {},
): Promise<CallReport & Ending> {
  const number = newNumber();
  const report = await runAs(sandbox, number, command, limits);
  sandbox.acknowledge(number);
  return report;
}

/** The same under a given number, without acknowledging. */
export async function runAs(
  sandbox: Sandbox,
  number: number,
  command: CommandName,
  limits: Partial<CallLimits> = {},
): Promise<CallReport & Ending> {
  const report = await sandbox.run(number, shellWork(command), { ...CALL, ...limits });
  assert(report.type === 'exited', `${command} did not start: ${JSON.stringify(report)}`);
  return report;
}

export const work = (sandbox: Sandbox, what: Work): Promise<CallReport> =>
  sandbox.run(newNumber(), what, CALL);

/** What a command of the suite printed on stdout, without white space around it. */
export async function said(sandbox: Sandbox, command: CommandName): Promise<string> {
  return textOf(await call(sandbox, command));
}

export const textOf = ({ stdout: { head, tail } }: Ending): string =>
  Buffer.concat([head, tail]).toString().trim();

/** A call that waits for `go`; this resolves once it runs. */
export async function begun(
  sandbox: Sandbox,
  number = newNumber(),
): Promise<{ readonly ending: Promise<CallReport & Ending> }> {
  const ending = runAs(sandbox, number, 'countOnGo');
  // Who wants to know awaits it.
  ending.catch(() => undefined);
  await call(sandbox, 'untilBegun');
  return { ending };
}

/** The fault that a promise rejects with; anything else is a breach. */
export async function faultOf(promise: Promise<unknown>): Promise<SandboxFault> {
  const ended = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  assert('error' in ended, 'it was expected to fail, and did not');
  assert(ended.error instanceof SandboxFault, `not a SandboxFault: ${String(ended.error)}`);
  return ended.error;
}

/** Refused in words: the operator is told which key of the sandbox policy this engine can't do. */
export async function refusal(subject: Subject, policy: Partial<Policy>, key: RegExp): Promise<void> {
  const starting = subject.engine.start(specOf(subject.images.shell, policy), soon(subject));
  const { code, message } = await faultOf(starting);
  assert.equal(code, 'engine_error');
  assert.match(message, key);
}

/** Counters that this engine has no source for. */
export function assertUncounted({ before, after }: Ending, ...names: (keyof Counters)[]): void {
  for (const name of names) assert.deepEqual([name, before[name], after[name]], [name, -1, -1]);
}

/** Resolves once the engine has noticed what an operator did to the sandbox: a call in it has failed. */
export async function noticed(sandbox: Sandbox, deed: () => Promise<unknown>): Promise<void> {
  const { ending } = await begun(sandbox);
  await deed();
  await ending.then(
    () => assert.fail('a call outlived its sandbox'),
    () => undefined,
  );
}

/** Resolves where the promise is still open after everything that is under way has happened. */
export async function assertOpen(promise: Promise<unknown>, what: string): Promise<void> {
  const open = Symbol('open');
  const turn = new Promise((resolve) => setImmediate(resolve, open));
  assert.equal(await Promise.race([promise, turn]), open, what);
}
