import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { systemClock } from '../kernel/clock.ts';
import type { Catalog, Task } from '../policy/schema.ts';
import { checkTaskInSandbox, type CheckStep } from '../preflight/task-check.ts';
import { DockerEngine } from '../sandbox/docker/docker-engine.ts';
import { referenceCalls } from '../preflight/reference-calls.ts';
import { readConfigured } from './configuration.ts';
import { printJson } from './options.ts';
import { table } from './terminal.ts';

/** Log lines of the engine would break the table. */
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface TaskCheck {
  readonly task: string;
  readonly steps: readonly CheckStep[];
  readonly warnings: readonly string[];
}

export function tasksCommand(): Command {
  const check = new Command('check')
    .description('Try each task in a sandbox: image, sandboxd, set-up, one reference call per tool')
    .argument('[name...]', 'only these tasks')
    .option('--json', 'JSON instead of tables')
    .action(async (names: string[], { json }: { json?: true }) => {
      const checks = await checkTasks(names);
      if (json === true) printJson(checks);
      else print(checks);
      if (checks.some(({ steps }) => steps.some(({ problem }) => problem !== null))) process.exitCode = 1;
    });
  return new Command('tasks').description('The configured tasks').addCommand(check);
}

async function checkTasks(names: readonly string[]): Promise<TaskCheck[]> {
  const { catalog, ...configured } = readConfigured();
  const tasks = chosen(catalog, names);
  await using engine = await DockerEngine.connect({
    controllerId: `check-${randomBytes(4).toString('hex')}`,
    dockerHost: process.env['DOCKER_HOST'],
    clock: systemClock,
    log: silent,
    ...configured,
  });
  const parts = { engine, images: engine.images, clock: systemClock };
  const checks: TaskCheck[] = [];
  for (const task of tasks) {
    const steps = await checkTaskInSandbox(task, referenceCalls(task), parts);
    checks.push({ task: task.name, steps, warnings: warningsOf(task) });
  }
  return checks;
}

function chosen({ tasks }: Catalog, names: readonly string[]): Task[] {
  if (names.length === 0) return [...tasks.values()];
  return names.map((name) => {
    const task = tasks.get(name);
    if (task === undefined)
      throw new Error(`there is no task "${name}"; there are ${[...tasks.keys()].join(', ')}`);
    return task;
  });
}

const SHELL = /(^|\/)(ba|da|z|k)?sh$/;

/** Warnings about what works but is probably a mistake: a parameter inside a shell's command line. */
function warningsOf({ tools }: Task): string[] {
  return tools.flatMap((tool) => {
    if (typeof tool === 'string') return [];
    const [program = '', flag = '', line = ''] = tool.command;
    const spliced = SHELL.test(program) && flag.includes('c') && /\{[A-Za-z_]\w*\}/.test(line);
    return spliced
      ? [`${tool.name}: a shell reads a parameter as part of its command line; pass it as $1, or read stdin`]
      : [];
  });
}

function print(checks: readonly TaskCheck[]): void {
  const rows = checks.flatMap(({ task, steps }) =>
    steps.map(({ step, ms, problem }, index) => [
      index === 0 ? task : '',
      step,
      ms === null ? null : Math.round(ms),
      problem ?? (ms === null ? 'not tried: the tool has no example' : 'ok'),
    ]),
  );
  console.log(table(['task', 'step', 'ms', ''], rows));
  const failed = checks.filter(({ steps }) => steps.some(({ problem }) => problem !== null));
  for (const { task, warnings } of checks) for (const warning of warnings) console.log(`${task}: ${warning}`);
  console.log(
    `\n${String(checks.length - failed.length)} of ${String(checks.length)} tasks work${failed.length > 0 ? `; failed: ${failed.map(({ task }) => task).join(', ')}` : ''}.`,
  );
}
