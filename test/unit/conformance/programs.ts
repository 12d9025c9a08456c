import { COMMANDS, type CommandName } from '../../conformance/commands.ts';
import type { FakeProcess, Program } from '../support/fake-process.ts';

const KILLED = 9;
const FAILED = 1 << 8;
const NEVER = (): boolean => false;
const MEBIBYTE = 2 ** 20;

const RUNS = '/tmp/runs';

/** The suite's commands as functions. */
const PROGRAMS: Record<CommandName, Program> = {
  nothing: () => 0,
  fail: () => 7 << 8,
  killItself: () => KILLED,
  speak: (process) => {
    process.print('out');
    process.print('err', 'stderr');
    return 0;
  },
  numbers: (process) => {
    for (let nth = 1; nth <= 2_000; nth += 1) process.print(`${String(nth)}\n`);
    return 0;
  },
  flood: (process) => {
    for (;;) process.print(`${'0123456789'.repeat(100)}\n`);
  },
  sleep: (process) => sleep(process),
  count: (process) => {
    append(process, RUNS, 'run\n');
    return printLines(process, RUNS);
  },
  countOnGo: async (process) => {
    append(process, RUNS, 'run\n');
    append(process, '/tmp/begun', '');
    await process.until(() => process.container.files.has('/tmp/go'));
    return printLines(process, RUNS);
  },
  untilBegun: async (process) => {
    await process.until(() => process.container.files.has('/tmp/begun'));
    return 0;
  },
  go: (process) => append(process, '/tmp/go', ''),
  runs: (process) => printLines(process, RUNS),
  leave: (process) => append(process, '/tmp/mine', 'mine\n'),
  look: (process) => {
    process.print(process.container.files.get('/tmp/mine')?.toString() ?? 'nothing\n');
    return 0;
  },
  lengthOfFile: (process) => {
    process.print(`${String(process.container.files.get('/tmp/folder/file')?.length)}\n`);
    return 0;
  },
  fillMemory: (process) => {
    for (;;) process.allocate(MEBIBYTE);
  },
  fillProcesses: (process) => {
    while (process.fork());
    return FAILED;
  },
  fillDisk: (process) =>
    process.container.write('/tmp/fill', new Uint8Array(96 * MEBIBYTE)) === 0 ? 0 : FAILED,
  user: (process) => {
    process.print(`${String(process.container.user)}\n`);
    return 0;
  },
  ulimits: (process) => {
    const { open_files: files, file_size: size } = process.container.spec.policy.limits;
    process.print(`${String(files)}\n${String(size / 512)}\n0\n`);
    return 0;
  },
  writeRoot: (process) => {
    if (process.container.spec.policy.read_only_root) return FAILED;
    return append(process, '/mine', 'mine\n');
  },
  exposeFirst: () => FAILED,
  interfaces: (process) => {
    const { network } = process.container.spec.policy;
    process.print(network === 'none' || typeof network !== 'string' ? 'lo\n' : 'eth0\nlo\n');
    return 0;
  },
  connect: (process) => {
    const { egress } = process.container;
    egress.connections += 1;
    egress.denied += 1;
    return FAILED;
  },
};

async function sleep(process: FakeProcess): Promise<number> {
  await process.until(NEVER);
  return 0;
}

function append({ container }: FakeProcess, path: string, text: string): number {
  const before = container.files.get(path) ?? Buffer.alloc(0);
  return container.write(path, Buffer.concat([before, Buffer.from(text)])) === 0 ? 0 : FAILED;
}

function printLines(process: FakeProcess, path: string): number {
  const lines = (process.container.files.get(path)?.toString() ?? '').split('\n').length - 1;
  process.print(`${String(lines)}\n`);
  return 0;
}

export const FAKE_PROGRAMS: ReadonlyMap<string, Program> = new Map(
  Object.entries(PROGRAMS).map(([name, program]) => [COMMANDS[name as CommandName], program]),
);
