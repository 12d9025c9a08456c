import { beforeAll, describe, expect, it } from 'vitest';
import {
  SandboxdProcess,
  buildSandboxd,
  ending,
  exec,
  out,
  python,
  shell,
  shown,
  until,
} from './sandboxd-process.ts';

beforeAll(buildSandboxd);

describe('the interpreter’s end', () => {
  it.each([
    ['os._exit', 'import os; print("x"); os._exit(9)', 9 << 8],
    ['SIGKILL', 'import os; os.kill(os.getpid(), 9)', 9],
    ['a segmentation fault', 'import ctypes; ctypes.string_at(0)', 11],
  ])(
    'by %s is reported by its wait status, and the next call has a fresh one (H11)',
    async (_name, code, status) => {
      await using sandboxd = await SandboxdProcess.start();
      await sandboxd.call(python('x = 1'));
      const end = ending(await sandboxd.call(python(code)));
      expect(end.waitStatus & ~0x80).toBe(status);
      expect(end).toMatchObject({ interpreter: 'lost', killReason: 'none', raised: false });
      expect(ending(await sandboxd.call(python('x')))).toMatchObject({ raised: true, interpreter: 'kept' });
    },
  );

  it('between calls is reported in the next one', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const pid = (await out(sandboxd, python('x = 1\nimport os\nos.getpid()'))).trim();
    await sandboxd.call(exec('kill', '-9', pid));
    const end = ending(await sandboxd.call(python('1 + 1')));
    expect(end).toMatchObject({ interpreter: 'replaced', waitStatus: 0 });
    expect(shown(end).out).toBe('2\n');
    expect(ending(await sandboxd.call(python('1'))).interpreter).toBe('kept');
  });

  it('is not caused by threads and forks that hold its descriptors (H13)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code =
      'import os, threading, time\nfor i in range(3): threading.Thread(target=time.sleep, args=(30,)).start()\nfor i in range(3):\n  if os.fork() == 0:\n    time.sleep(30)\nprint("done")';
    const begun = Date.now();
    const end = ending(await sandboxd.call(python(code)));
    expect(Date.now() - begun).toBeLessThan(2000);
    expect(end).toMatchObject({ interpreter: 'kept', waitStatus: 0, raised: false });
    expect(await out(sandboxd, python('"still " + "here"'))).toBe("'still here'\n");
  });

  it('is not caused by a forked child that reaches the cell’s end', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(
      await out(
        sandboxd,
        python('import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint("p" if pid else "c")'),
      ),
    ).toBe('c\np\n');
    expect(await out(sandboxd, python('pid > 0'))).toBe('True\n');
  });

  it.each([
    [
      'a task',
      'import asyncio, os\nasync def later():\n  await asyncio.sleep(0.1)\n  os.fork()\n  await asyncio.sleep(60)\nx = 1\ntask = asyncio.ensure_future(later())\nawait asyncio.sleep(0)',
    ],
    [
      'a signal handler',
      'import os, signal\nx = 1\ndef later(*_):\n  os.fork()\nsignal.signal(signal.SIGALRM, later)\n_ = signal.setitimer(signal.ITIMER_REAL, 0.1)',
    ],
  ])('is not caused by a child that %s forks between cells, which takes no cell', async (_name, code) => {
    await using sandboxd = await SandboxdProcess.start();
    const pid = Number(await out(sandboxd, python(`${code}\nos.getpid()`)));
    await until(sandboxd, `grep -l "^PPid:.${String(pid)}$" /proc/[0-9]*/status 2>/dev/null | wc -l`, '1');
    for (let cell = 2; cell < 6; cell += 1)
      expect(await out(sandboxd, python('x += 1\nos.getpid(), x'))).toBe(
        `(${String(pid)}, ${String(cell)})\n`,
      );
  });

  it('after it has read a cell and before it has begun gives the whole cell to a fresh one', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code =
      'import sys, threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nseen = 0\ndef hook(name, _):\n  global seen\n  seen += name == "sys._current_frames"\n  if seen > 1: raise RuntimeError\nsys.addaudithook(hook)';
    expect(ending(await sandboxd.call(python(code)))).toMatchObject({ interpreter: 'kept', raised: false });
    const end = ending(await sandboxd.call(python('"ran"')));
    expect([end.interpreter, shown(end).out]).toEqual(['replaced', "'ran'\n"]);
  });

  it('is not caused by files of its directory that are named like modules', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const names = 'traceback linecache tokenize token fcntl types enum re select mine';
    await sandboxd.call(shell(`for name in ${names}; do echo 'mine = 1' >$name.py; done`));
    expect(await out(sandboxd, python('import mine\nmine.mine'))).toBe('1\n');
    expect(shown(await sandboxd.call(python('1 // 0'))).err).toContain('ZeroDivisionError');
  });

  it('follows when it is stopped and does not answer: timeout, then a fresh one (H07)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(python('x = 1'));
    expect(shown(await sandboxd.call(exec('bash', '-c', 'kill -STOP -1'))).code).toBe(0);
    const end = ending(await sandboxd.call(python('x'), { timeoutMs: 400 }));
    expect(end).toMatchObject({ killReason: 'timeout', interpreter: 'lost', waitStatus: 9 });
    expect(await out(sandboxd, python('2'))).toBe('2\n');
  });

  it('is avoided at a time limit where it can stop: KeyboardInterrupt, state kept, its children killed', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(python('import subprocess, time\nx = 1\nold = subprocess.Popen(["sleep", "9998"])'));
    await sandboxd.call(shell('sleep 0.05'));
    const end = ending(
      await sandboxd.call(
        python('new = subprocess.Popen(["setsid", "sleep", "9999"])\nwhile True: time.sleep(0.01)'),
        { timeoutMs: 500 },
      ),
    );
    expect(end).toMatchObject({
      killReason: 'timeout',
      interpreter: 'kept',
      raised: true,
      waitStatus: 0,
      killReach: 'tree',
    });
    expect(shown(end).err).toContain('KeyboardInterrupt');
    expect(shown(end).err).not.toContain('interpreter.py');
    expect(await out(sandboxd, python('x, old.poll(), new.wait()'))).toBe('(1, None, -9)\n');
  });

  it('follows a time limit that it ignores', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code = 'import time\nwhile True:\n  try: time.sleep(0.01)\n  except KeyboardInterrupt: pass';
    const end = ending(await sandboxd.call(python(code), { timeoutMs: 300 }));
    expect(end).toMatchObject({
      killReason: 'timeout',
      interpreter: 'lost',
      waitStatus: 9,
      killReach: 'tree',
    });
    expect(end.exitedAtMs - end.startedAtMs).toBeLessThan(3000);
  });

  it('follows when the code closes its control socket', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(ending(await sandboxd.call(python('import os; os.closerange(3, 70000)')))).toMatchObject({
      interpreter: 'lost',
    });
    expect(await out(sandboxd, python('3'))).toBe('3\n');
  });

  it('in an image without python is a failed start', async () => {
    await using sandboxd = await SandboxdProcess.start({
      environment: { PATH: '/nowhere' },
    });
    expect(sandboxd.reports[0]).toMatchObject({ python: null, shell: null });
    expect(await sandboxd.call(python('1'))).toMatchObject({ type: 'start-failed', errno: 2, stage: 'exec' });
  });

  it('cannot be forged by another call: a second answer is counted and ignored (H52)', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const forge =
      'import os\ns = [d for d in map(int, os.listdir("/proc/self/fd")) if "socket:" in os.path.realpath(f"/proc/self/fd/{d}")][0]\nos.write(s, b"D" + b"x" * 17)\nprint("mine")';
    expect(await out(sandboxd, python(forge))).toBe('mine\n');
    expect(await out(sandboxd, python('os.write(s, b"D" + b"y" * 17); "next"'))).toBe("'next'\n");
    expect((await sandboxd.resume()).refusedFrames).toBe(2);
  });

  it('is avoided at the output limit: a flood is cut off', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const end = ending(
      await sandboxd.call(python('while True: print("x" * 1000)'), { outputBytes: 3_000_000 }),
    );
    expect(end).toMatchObject({ killReason: 'output', interpreter: 'kept', raised: true });
  });
});
