/** What models expect of a Python tool: await, notebook habits, threads, and where it starts. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SandboxdProcess, buildSandboxd, ending, out, python, shell, shown } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

async function err(sandboxd: SandboxdProcess, code: string): Promise<string> {
  const end = ending(await sandboxd.call(python(code)));
  expect(end).toMatchObject({ raised: true, interpreter: 'kept' });
  return shown(end).err.replace(/^ +[~^]+\n/gm, '');
}

describe('top-level await', () => {
  it('works in statements and in the last expression, with one event loop for all cells', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const first =
      'import asyncio\nasync def g():\n    return 7\nr = await g()\nprint(r)\nloop = asyncio.get_running_loop()';
    expect(await out(sandboxd, python(first))).toBe('7\n');
    expect(await out(sandboxd, python('asyncio.get_running_loop() is loop, await g()'))).toContain('7');
    expect(await out(sandboxd, python('await asyncio.sleep(0, "x")'))).toBe("'x'\n");
    expect(await out(sandboxd, python('async def a():\n    yield 1\nasync for i in a(): print(i)'))).toBe(
      '1\n',
    );
    expect(await out(sandboxd, python('async with asyncio.Lock() as l: print("in")'))).toBe('in\n');
    expect(await out(sandboxd, python('[i async for i in a()]'))).toBe('[1]\n');
    expect(await out(sandboxd, python('asyncio.run(g())'))).toBe('7\n');
    expect(await out(sandboxd, python('await g();'))).toBe('');
  });

  it('keeps tasks, which go on between cells', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const start =
      'import asyncio\nticks = []\nasync def tick():\n    while True:\n        ticks.append(1); print("TICK")\n        await asyncio.sleep(0.01)\ntask = asyncio.create_task(tick())\nawait asyncio.sleep(0)';
    expect(await out(sandboxd, python(start))).toBe('TICK\n');
    await sandboxd.call(shell('sleep 0.3'));
    expect(await out(sandboxd, python('len(ticks) > 5, task.done()'))).toBe('(True, False)\n');
    expect(await out(sandboxd, python('await asyncio.sleep(0.1)\nprint("mine")'))).toBe('mine\n');
    expect(await err(sandboxd, 'task.cancel()\nawait task')).toContain('CancelledError');
  });

  it('shows the lines of the cell where it fails, and no event loop', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await err(sandboxd, 'async def f():\n    1 / 0\nawait f()')).toBe(
      'Traceback (most recent call last):\n  File "<cell 1>", line 3, in <module>\n    await f()\n' +
        '  File "<cell 1>", line 2, in f\n    1 / 0\nZeroDivisionError: division by zero\n',
    );
    expect(await err(sandboxd, 'def f():\n    await g()')).toContain(
      "SyntaxError: 'await' outside async function",
    );
  });

  it('ends at a time limit with the interpreter kept, where it waits and where it computes', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(python('x = 1\nimport asyncio'));
    for (const code of ['await asyncio.sleep(60)', 'async def f():\n    while True: pass\nawait f()']) {
      const end = ending(await sandboxd.call(python(code), { timeoutMs: 500 }));
      expect(end).toMatchObject({ killReason: 'timeout', interpreter: 'kept', raised: true });
      expect(shown(end).err).toMatch(/<cell \d>", line \d[\s\S]*KeyboardInterrupt\n$/);
      expect(shown(end).err).not.toMatch(/base_events|runners|selectors|interpreter/);
    }
    expect(await out(sandboxd, python('await asyncio.sleep(0, x)'))).toBe('1\n');
  });
});

describe('code as models write it', () => {
  it.each([
    ['    x = 3\n    print(x)', '3\n'],
    ['    # first\n    def f():\n        return """a\n    b"""\n    f()', "'a\\n    b'\n"],
    ['\n\n    x = 5\n\n    x', '5\n'],
    ['```python\nprint(1)\n```', '1\n'],
    ['```\n5\n```\n', '5\n'],
    ['5;', ''],
    ['5 ; # comment', ''],
    ['(\n5\n);', ''],
    ['"a;b"', "'a;b'\n"],
    ['5 # ;', '5\n'],
    ['x = 1; x', '1\n'],
    ['', ''],
    ['# only a comment', ''],
    ['   \n\t\n', ''],
    ['display(5, "a", None)', "5\n'a'\nNone\n"],
    ['print(1)\r\nprint(2)\r\n', '1\n2\n'],
    ['\ufeffprint(3)', '3\n'],
  ])('%j prints %j', async (code, text) => {
    await using sandboxd = await SandboxdProcess.start();
    const end = ending(await sandboxd.call(python(code)));
    expect([shown(end).out, shown(end).err, end.raised]).toEqual([text, '', false]);
  });

  it.each([
    ['!ls /etc/hostname', 'work only in notebooks'],
    ['x = 1\n%timeit 1+1', 'work only in notebooks'],
    ['%%bash\nls', 'work only in notebooks'],
    ['print(1)\0', 'null byte'],
    ['print(2***2)', 'File "<cell 1>", line 1\n    print(2***2)\n'],
    ['    x = 1\n    y = = 2', 'line 2\n    y = = 2\n'],
    ['def f():\nreturn 1', 'IndentationError'],
    ['    x = 1\nelse:\n    y = 2', 'IndentationError'],
    ['```python\nx = = 1\n```', 'line 2\n    x = = 1\n'],
  ])('%j is an error that shows the line: %j', async (code, text) => {
    await using sandboxd = await SandboxdProcess.start();
    const shownText = await err(sandboxd, code);
    expect(shownText).toContain(text);
    expect(shownText).not.toMatch(/Traceback|interpreter/);
  });

  it('that is indented keeps its line numbers', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await err(sandboxd, '    x = 1\n    1 / 0')).toContain(
      'File "<cell 1>", line 2, in <module>\n    1 / 0\n',
    );
  });
});

describe('what threads of earlier cells print', () => {
  it('is not output of a later cell, while its own threads are heard', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const spin =
      'import threading, time\nstop = False\ndef w():\n    while not stop:\n        print("THREAD-LINE")\n        time.sleep(0.002)\nthreading.Thread(target=w, daemon=True).start()\ntime.sleep(0.05)\nprint("cell one")';
    expect(await out(sandboxd, python(spin))).toMatch(/THREAD-LINE[\s\S]*cell one/);
    for (let cells = 0; cells < 20; cells += 1)
      expect(await out(sandboxd, python('time.sleep(0.02)\nprint("cell two")'))).toBe('cell two\n');
    const own = 't = threading.Thread(target=print, args=("own",)); t.start(); t.join()';
    for (let cells = 0; cells < 20; cells += 1) expect(await out(sandboxd, python(own))).toBe('own\n');
    expect(await out(sandboxd, python('stop = True\nprint("stopped")'))).toBe('stopped\n');
  });

  it('is heard where a pool works for a later cell', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      python(
        'from concurrent.futures import ThreadPoolExecutor\nimport queue, threading\npool = ThreadPoolExecutor(2)\nlist(pool.map(abs, [1, 2]))\nq = queue.Queue()\ndef w():\n  while True: print("got", q.get()); q.task_done()\nthreading.Thread(target=w, daemon=True).start()',
      ),
    );
    await sandboxd.call(shell('sleep 0.1'));
    expect(await out(sandboxd, python('_ = list(pool.map(print, "ab"))'))).toMatch(/^[ab]\n?[ab]\n/);
    expect(await out(sandboxd, python('q.put(1); q.join()'))).toBe('got 1\n');
  });

  it('reaches log handlers of earlier cells', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      python(
        'import logging, sys\nlogging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")',
      ),
    );
    await sandboxd.call(python('import sys\nsys.stdout = None'));
    expect(await out(sandboxd, python('logging.info("second")'))).toBe('second\n');
  });
});

describe('the interpreter starts', () => {
  const place = 'import os\nprint(os.getcwd(), os.environ.get("FROM_SHELL"))';
  const prepare = shell('mkdir -p sub && cd sub && export FROM_SHELL=yes');

  it('in the shell’s directory with its exports, and keeps its own', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const asShell = { ...python(place), asShell: true };
    await sandboxd.call(prepare);
    expect(await out(sandboxd, asShell)).toBe(`${sandboxd.folder}/sub yes\n`);
    await sandboxd.call(shell('cd .. && export FROM_SHELL=later'));
    expect(await out(sandboxd, asShell)).toBe(`${sandboxd.folder}/sub yes\n`);
    await sandboxd.call(python('os._exit(0)'));
    expect(await out(sandboxd, asShell)).toBe(`${sandboxd.folder} later\n`);
  });

  it('in the image’s where the task says so', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(prepare);
    expect(await out(sandboxd, python(place))).toBe(`${sandboxd.folder} None\n`);
  });
});
