/** The Python tool as a model meets it, through the server and real containers; tasks that say where Python starts. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import { World, type Server } from './support/server.ts';

let world: World;
let server: Server;

beforeAll(async () => {
  world = new World();
  appendFileSync(
    join(world.folder, 'policies/tasks.yaml'),
    '  apart: { image: base, python_start: image, when: [{ pointer: /python, equals: apart }] }\n',
  );
  server = await world.start();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

type Step = readonly [tool: 'python' | 'shell', text: string, sees: RegExp];

let rollouts = 0;

async function play(steps: readonly Step[], item?: object): Promise<string> {
  const rollout = `p-${String((rollouts += 1))}`;
  for (const [index, [tool, text, sees]] of steps.entries()) {
    const args = tool === 'shell' ? { command: text } : { code: text };
    const reply = await server.tool(
      tool,
      rollout,
      `c${String(index)}`,
      args,
      item === undefined ? {} : { item },
    );
    expect(reply.status).toBe(200);
    expect(reply.output, text).toMatch(sees);
    expect(reply.output).not.toMatch(/interpreter\.py|<interpreter>/);
  }
  expect(await server.verdict(rollout)).toMatchObject({ verdict: 'valid' });
  return rollout;
}

const cases: readonly [name: string, ...steps: Step[]][] = [
  [
    'open(0).read() costs nothing beyond its cell',
    ['python', 'keep = 1\ndata = open(0).read()\nprint(len(data))', /^0\n/],
    ['python', 'open("/tmp/ran2", "w").write("x")\nprint("two", keep)', /^two 1\n/],
    ['shell', 'ls /tmp/ran2', /^\/tmp\/ran2/],
    ['python', '1/0', /ZeroDivisionError/],
  ],
  [
    'the idiom that wraps sys.stdout.detach() works, and so do the next cells',
    ['python', 'import sys, io\nkeep = 7\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")\nprint("wrapped é")', /^wrapped é\n/],
    ['python', 'print("next", keep)', /^next 7\n/],
    ['python', 'import codecs, sys\nsys.stderr = codecs.getwriter("utf-8")(sys.stderr.detach())\nprint("b", keep)', /^b 7\n/],
    ['python', 'print("c", keep)', /^c 7\n/],
  ],
  [
    'closing every descriptor is told, and never an answer without a run',
    ['python', 'import os\nh = 6\nos.closerange(3, 1024)\nprint("closed")', /^closed\n/],
    ['python', 'print(h)', /^6\n/],
    ['python', 'os.closerange(0, 65536)', /interpreter died; state reset/],
    ['python', 'print("h" in globals())', /^False\n/],
  ],
  [
    'Python starts in the shell’s directory with its exports, and keeps its own',
    ['shell', 'mkdir -p /tmp/proj && cd /tmp/proj && export FROM_SHELL=yes && echo data > here.txt && pwd', /^\/tmp\/proj/],
    ['python', 'import os\nprint(os.getcwd(), os.environ.get("FROM_SHELL"), os.path.exists("here.txt"))', /^\/tmp\/proj yes True\n/],
    ['shell', 'cd / && export FROM_SHELL=no', /^/],
    ['python', 'print(os.getcwd(), os.environ.get("FROM_SHELL"))', /^\/tmp\/proj yes\n/],
  ],
  [
    'a working directory that is gone',
    ['shell', 'mkdir -p /tmp/gone/in && cd /tmp/gone/in && pwd', /^\/tmp\/gone\/in/],
    ['shell', 'rm -rf /tmp/gone; echo removed', /removed/],
    ['python', 'import os\nprint(os.getcwd())', /^\/tmp\n/],
  ],
  [
    'notebook habits',
    ['python', 'import asyncio\nasync def g():\n    return 7\nr = await g()\nprint(r)', /^7\n/],
    ['python', '    x = 3\n    print(x)', /^3\n/],
    ['python', '5;', /^(?!5)/],
    ['python', 'display(5)', /^5\n/],
    ['python', '!ls', /SyntaxError[\s\S]*use subprocess.run/],
    ['python', '```python\nprint(1)\n```', /^1\n/],
    ['python', 'print(1)\0', /null byte/],
    ['python', 'from unittest.mock import MagicMock\nMagicMock(name="svc")', /^<MagicMock name='svc' id=/],
  ],
  [
    'a thread of an earlier cell is not heard in a later one',
    ['python', 'import threading, time\nstop = False\ndef w():\n    while not stop:\n        print("THREAD-LINE")\n        time.sleep(0.05)\nthreading.Thread(target=w, daemon=True).start()\ntime.sleep(0.2)\nprint("cell one")', /cell one/],
    ['python', 'time.sleep(0.4)\nprint("cell two")', /^cell two\n(?![\s\S]*THREAD)/],
    ['python', 'stop = True\nprint("stopped")', /^stopped\n/],
  ],
]; // prettier-ignore

describe('a model that uses Python', () => {
  it.each(cases)('%s', async (_name, ...steps) => {
    await play(steps);
  });
});

describe('a task with python_start: image', () => {
  const steps: readonly Step[] = [
    ['shell', 'mkdir -p /tmp/proj && cd /tmp/proj && export FROM_SHELL=yes', /^/],
    ['python', 'import os\nprint(os.getcwd(), os.environ.get("FROM_SHELL"))', /^\/ None\n/],
  ];

  it('starts Python in the image’s directory with its environment', async () => {
    await play(steps, { python: 'apart' });
  });

  it('does not tell the model that Python starts as the shell', async () => {
    const described = async (task: string): Promise<string> =>
      await (await server.request('GET', `/v1/tasks/${task}/tools`)).text();
    expect(await described('apart')).not.toContain("in the shell's working directory");
    expect(await described('base')).toContain("in the shell's working directory with its exported variables");
  });
});

describe('a replay', () => {
  it('starts Python where it was started', async () => {
    const rollout = await play([
      ['shell', 'mkdir -p /tmp/a /tmp/b && cd /tmp/a && export V=1', /^/],
      ['python', 'import os\nprint(os.getcwd(), os.environ["V"])', /^\/tmp\/a 1\n/],
      ['shell', 'cd /tmp/b && export V=2', /^/],
      ['python', 'os._exit(0)', /interpreter died/],
      ['python', 'import os\nprint(os.getcwd(), os.environ["V"])', /^\/tmp\/b 2\n/],
    ]);
    await docker('kill', String(world.claims(rollout)[0]));
    const reply = await server.tool('python', rollout, 'after', {
      code: 'print(os.getcwd(), os.environ["V"])',
    });
    expect(reply.output).toBe('/tmp/b 2\n');
    expect(await server.verdict(rollout)).toMatchObject({ verdict: 'valid', recovered: 'replay' });
  });
});
