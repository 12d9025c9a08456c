import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../../src/policy/configuration-error.ts';
import { loadCatalog } from '../../../src/policy/load.ts';
import { BUILT_IN_TOOLS } from '../../../src/policy/schema.ts';

const POLICY = readFileSync('policies/default.yaml', 'utf8');
const IMAGE = 'reference: faultline/base:1\n';
const TASKS = 'default: base\ntasks:\n  base:\n    image: base\n';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'faultline-policy-'));
  write('policies/default.yaml', POLICY);
  write('policies/seccomp/sandbox.json', '{}');
  write('images/base/image.yaml', IMAGE);
  write('policies/tasks.yaml', TASKS);
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const load = () =>
  loadCatalog({
    policiesDir: join(root, 'policies'),
    imagesDir: join(root, 'images'),
    taskFile: join(root, 'policies/tasks.yaml'),
  });

/** The problems as an operator reads them, one a line, without the temporary folder. */
function mistakes(): string[] {
  try {
    load();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message
      .replaceAll(`${root}/`, '')
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

const tool = (lines: string): string =>
  `${TASKS}    tools:\n      - name: find\n        description: Finds\n${lines.replace(/^/gm, '        ')}\n`;

describe('what is right', () => {
  test('quantities are milliseconds and bytes, defaults are filled in', () => {
    const { defaultTask } = load();
    expect(defaultTask.policy.times.call_max).toBe(300_000);
    expect(defaultTask.policy.limits.memory).toBe(512 * 2 ** 20);
    expect(defaultTask).toMatchObject({ name: 'base', tools: [...BUILT_IN_TOOLS], setup: [], when: [] });
  });

  test('nobody can change a loaded task by accident', () => {
    const { defaultTask } = load();
    expect(Object.isFrozen(defaultTask.policy.limits)).toBe(true);
    expect(() => {
      (defaultTask.policy.limits as { cpus: number }).cpus = 8;
    }).toThrow(TypeError);
  });

  test('tasks stay in file order, even where a name looks like a number', () => {
    write('policies/tasks.yaml', `${TASKS}  7:\n    image: base\n  1:\n    image: base\n`);
    expect([...load().tasks.keys()]).toEqual(['base', '7', '1']);
  });

  test('braces that hold no identifier stay text', () => {
    write('policies/tasks.yaml', tool(`parameters: {}\ncommand: [awk, '{ print $1 }']`));
    expect(mistakes()).toEqual([]);
  });
});

describe('what is wrong in a policy', () => {
  test.each([
    [
      'an unknown field',
      'cpus: 1',
      'cpus: 1\n  gpus: 1',
      'policies/default.yaml:21: limits.gpus: unknown field',
    ],
    ['a number without unit', 'memory: 512MiB', 'memory: 512', 'policies/default.yaml:19: limits.memory: '],
    [
      'a unit that is none',
      'memory: 512MiB',
      'memory: 512MB',
      'expected a quantity such as 512MiB, got "512MB"',
    ],
    ['a capability that leads out', '- CHOWN', '- SYS_ADMIN', 'policies/default.yaml:8: capabilities[0]: '],
    [
      'a default above the maximum',
      'call_default: 60s',
      'call_default: 6m',
      'times.call_default: is longer than call_max',
    ],
    ['a call longer than the platform waits', 'call_max: 300s', 'call_max: 9m', 'at most 480s remain'],
    [
      'an idle time above the life',
      'rollout_life: 4h',
      'rollout_life: 10m',
      'times.rollout_idle: is longer than',
    ],
    ['more kept than allowed', 'output_kept: 64KiB', 'output_kept: 2GiB', 'limits.output_kept: is more than'],
    [
      'replay of parallel calls',
      'recovery: replay',
      'recovery: replay\nparallel_calls: 4',
      'recovery: replay needs',
    ],
    [
      'more files in memory than memory',
      'shm: 64MiB',
      'shm: 64MiB\n  tmp: 512MiB',
      'limits.memory: must be more than tmp and work together',
    ],
    ['a user who is no number', '{ uid: 0, gid: 0 }', 'root', 'user: expected uid and gid, or own'],
    [
      'a seccomp profile that is missing',
      'seccomp: sandbox',
      'seccomp: missing',
      'seccomp: the profile cannot be read',
    ],
    ['broken YAML', 'cpus: 1', 'cpus: [1', 'policies/default.yaml:'],
    [
      'the same field twice',
      'cpus: 1',
      'cpus: 1\n  cpus: 2',
      'policies/default.yaml:21: Map keys must be unique',
    ],
    ['an unknown YAML tag', 'cpus: 1', 'cpus: !gpu 1', 'policies/default.yaml:20: Unresolved tag'],
  ])('%s', (_what, from, to, message) => {
    expect(POLICY).toContain(from);
    write('policies/default.yaml', POLICY.replace(from, to));
    expect(mistakes().join('\n')).toContain(message);
  });

  test('a missing field is reported at what it is missing from', () => {
    write('policies/default.yaml', POLICY.replace(/ {2}memory: .*\n/, ''));
    expect(mistakes()).toEqual([
      expect.stringMatching(/^policies\/default.yaml:18: limits.memory: is missing$/),
    ]);
  });

  test('a file name that can be no name', () => {
    write('policies/Big One.yaml', POLICY);
    expect(mistakes()).toEqual([expect.stringContaining('the name "Big One" is not allowed')]);
  });
});

describe('what is wrong in tasks and images', () => {
  test.each([
    [
      'an unknown image',
      TASKS.replace('image: base', 'image: bose'),
      'tasks.base.image: there is no image "bose"; there are base',
    ],
    ['an unknown policy', `${TASKS}    policy: lax\n`, 'tasks.base.policy: there is no sandbox policy "lax"'],
    [
      'an unknown default',
      TASKS.replace('default: base', 'default: other'),
      ':1: default: there is no task "other"',
    ],
    [
      'an unknown tool',
      `${TASKS}    tools: [shel]\n`,
      'tasks.base.tools[0]: Invalid option: expected one of "shell"',
    ],
    [
      'a tool twice',
      `${TASKS}    tools: [shell, shell]\n`,
      'tasks.base.tools[1]: the tool "shell" is listed twice',
    ],
    ['no tool at all', `${TASKS}    tools: []\n`, 'tasks.base.tools: '],
    [
      'a pointer without slash',
      `${TASKS}    when:\n      - { pointer: lang, equals: c }\n`,
      ':6: tasks.base.when[0].pointer: ',
    ],
    [
      'a pointer with a lone tilde',
      `${TASKS}    when:\n      - { pointer: /a~b, equals: c }\n`,
      '"~" is written "~0"',
    ],
    [
      'a regex that does not compile',
      `${TASKS}    when:\n      - { pointer: /a, matches: "(" }\n`,
      ':6: tasks.base.when[0].matches: Invalid regular',
    ],
    [
      'a rule with two conditions',
      `${TASKS}    when:\n      - { pointer: /a, equals: 1, exists: true }\n`,
      'exactly one of',
    ],
    ['a rule without condition', `${TASKS}    when:\n      - { pointer: /a }\n`, 'exactly one of'],
    [
      'an unknown parameter',
      tool('parameters: {}\ncommand: [cat, "{path}"]'),
      'command[1]: there is no parameter "path"',
    ],
    [
      'an inherited name as parameter',
      tool('parameters: {}\ncommand: [cat, "{constructor}"]'),
      'there is no parameter "constructor"',
    ],
    [
      'a parameter that is no identifier',
      tool('parameters: { a-b: { type: string } }\ncommand: [cat]'),
      'a parameter name has letters',
    ],
    [
      'an enum of another type',
      tool('parameters: { a: { type: integer, enum: [x] } }\ncommand: [cat]'),
      'has a value that is not of type integer',
    ],
    [
      'a custom tool named as a built-in',
      tool('parameters: {}\ncommand: [cat]').replace('name: find', 'name: shell'),
      'the name of a built-in tool',
    ],
    ['a custom tool without command', tool('parameters: {}'), 'tasks.base.tools[0].command: '],
    [
      'a custom tool slower than its policy',
      tool('parameters: {}\ncommand: [cat]\ntimeout: 8m'),
      'timeout: is longer than call_max',
    ],
    ['a task name in capitals', TASKS.replace('  base:', '  Base:'), 'tasks.Base: expected lower-case'],
  ])('%s', (_what, text, message) => {
    write('policies/tasks.yaml', text);
    expect(mistakes().join('\n')).toContain(message);
  });

  test('Python tools in an image without Python', () => {
    write('images/base/image.yaml', `${IMAGE}python: false\n`);
    expect(mistakes()).toEqual([
      expect.stringContaining('"python" needs Python'),
      expect.stringContaining('"code_interpreter" needs Python'),
    ]);
  });

  test('a build folder without Dockerfile', () => {
    write('images/base/image.yaml', `${IMAGE}build: .\n`);
    expect(mistakes()).toEqual([expect.stringMatching(/^images\/base\/image.yaml:2: build: there is no/)]);
  });

  test('a missing task file and a missing folder are named', () => {
    rmSync(join(root, 'images'), { recursive: true });
    rmSync(join(root, 'policies/tasks.yaml'));
    expect(mistakes()).toHaveLength(2);
  });

  test('mistakes of all files come together, and a broken image is not called unknown as well', () => {
    write('policies/default.yaml', POLICY.replace('cpus: 1', 'cpus: -1'));
    write('images/base/image.yaml', 'reference: ""\n');
    expect(mistakes().map((line) => line.split(':')[0])).toEqual([
      'policies/default.yaml',
      'images/base/image.yaml',
    ]);
  });
});
