import { beforeAll, describe, expect, it } from 'vitest';
import {
  SandboxdProcess,
  buildSandboxd,
  ending,
  exec,
  out,
  python,
  shown,
  type CallEnd,
} from './sandboxd-process.ts';

beforeAll(buildSandboxd);

interface RichResult {
  readonly mime: string;
  readonly path: string | null;
  readonly bytes: number;
  readonly encoding: string;
  readonly data: string | null;
}

function rich(end: CallEnd): readonly RichResult[] {
  const payload = Buffer.from(ending(end).payload).toString();
  return payload === '' ? [] : (JSON.parse(payload) as { results: RichResult[] }).results;
}

describe('cells', () => {
  it('share one namespace, and show the value of the last expression', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await out(sandboxd, python('import os\nx = 20\nx + 1'))).toBe('21\n');
    expect(await out(sandboxd, python('x += 1; x'))).toBe('21\n');
    expect(await out(sandboxd, python('None'))).toBe('');
    expect(await out(sandboxd, python('print("a"); "b"'))).toBe("a\n'b'\n");
    expect(await out(sandboxd, python('for i in range(2): i'))).toBe('');
    expect(await out(sandboxd, python('_'))).toBe("'b'\n");
    expect(await out(sandboxd, python(''))).toBe('');
    expect(await out(sandboxd, python('# only a comment'))).toBe('');
    expect(await out(sandboxd, python('__name__, os.getcwd() == os.path.abspath("")'))).toBe(
      "('__main__', True)\n",
    );
  });

  it('fail with a traceback of the model’s own lines only', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(python('def f(n):\n    return 1 / n'));
    const end = ending(await sandboxd.call(python('x = 1\nf(0)')));
    expect(end).toMatchObject({ raised: true, interpreter: 'kept', waitStatus: 0 });
    const text = shown(end).err.replace(/^ +[~^]+\n/gm, '');
    expect(text).toBe(
      'Traceback (most recent call last):\n  File "<cell 2>", line 2, in <module>\n    f(0)\n' +
        '  File "<cell 1>", line 2, in f\n    return 1 / n\nZeroDivisionError: division by zero\n',
    );
    expect(await out(sandboxd, python('x'))).toBe('1\n');
  });

  it.each([
    ['def f(:', 'SyntaxError'],
    ['  x = 1\n y = 2', 'IndentationError'],
    ['x = 1\n  y = 2', 'IndentationError'],
    ['raise KeyError("k")', "KeyError: 'k'"],
    ['class R:\n  def __repr__(self): raise ValueError("in repr")\nR()', 'ValueError: in repr'],
    ['class E(Exception):\n  def __str__(self): raise ValueError()\nraise E()', 'E'],
    ['try:\n  1/0\nexcept Exception as e:\n  raise RuntimeError("second") from e', 'RuntimeError: second'],
    ['def r(): r()\nr()', 'RecursionError'],
    ['import sys\nsys.exit(3)', 'SystemExit: exit(3) was called'],
    ['exit()', 'SystemExit: exit() was called'],
    ['raise KeyboardInterrupt', 'KeyboardInterrupt'],
    ['raise BaseException("b")', 'BaseException: b'],
    ['exec("x = (")', 'SyntaxError'],
    ['input()', 'EOFError'],
    ['"\\0" + 1', 'TypeError'],
  ])(
    'with %j are reported as errors, without the driver’s frames, and the interpreter keeps running',
    async (code, text) => {
      await using sandboxd = await SandboxdProcess.start();
      const end = ending(await sandboxd.call(python(code)));
      expect(shown(end).err).toContain(text);
      expect(shown(end).err).not.toContain('interpreter.py');
      expect(end).toMatchObject({ raised: true, interpreter: 'kept' });
      expect(await out(sandboxd, python('input and 5'))).toBe('5\n');
    },
  );

  it('print although earlier ones closed the streams', async () => {
    await using sandboxd = await SandboxdProcess.start();
    for (const code of [
      'import sys, os; sys.stdout.close()',
      'os.close(1); os.close(2)',
      'sys.stdin.close(); quit()',
      'sys.stdout = None',
    ]) {
      await sandboxd.call(python(code));
      expect(shown(await sandboxd.call(python('print("fine")'))).out).toBe('fine\n');
    }
  });

  it('print in order, with the output of children and with odd characters', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code =
      'import os, subprocess\nprint("a", end="")\nos.system("printf b")\nsubprocess.run(["printf", "c"])\nprint("\\ud800 \\u00fc")';
    expect(await out(sandboxd, python(code))).toBe('abc\\ud800 ü\n');
  });

  it('pickle what they define, and use processes', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(
      python(
        'import pickle, multiprocessing as m\nclass P:\n  def __init__(self, v): self.v = v\ndef twice(p): return P(p.v * 2)',
      ),
    );
    expect(await out(sandboxd, python('pickle.loads(pickle.dumps(P(3))).v'))).toBe('3\n');
    expect(
      await out(
        sandboxd,
        python(
          'with m.get_context("fork").Pool(2) as pool: r = [p.v for p in pool.map(twice, [P(1), P(2)])]\nr',
        ),
      ),
    ).toBe('[2, 4]\n');
  });
});

describe('rich results', () => {
  it('become files and data', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const end = await sandboxd.call(
      python(
        'class P:\n  def _repr_png_(self): return b"\\x89PNG"\n  def _repr_html_(self): return "<b>"\nP()',
      ),
    );
    expect(shown(end).out).toBe('[image/png saved as figure-1.png]\n');
    expect(rich(end)).toEqual([
      {
        mime: 'image/png',
        path: `${sandboxd.folder}/figure-1.png`,
        bytes: 4,
        encoding: 'base64',
        data: 'iVBORw==',
      },
      { mime: 'text/html', path: null, bytes: 3, encoding: 'text', data: '<b>' },
    ]);
    expect(await out(sandboxd, python('P()'))).toContain('figure-2.png');
    expect(await out(sandboxd, exec('wc', '-c', 'figure-1.png'))).toBe('4 figure-1.png\n');
  });

  it('include open figures of matplotlib, which is never imported for them', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const fake = [
      'import sys, types',
      'class F:\n  def savefig(self, f, format): f.write(b"fig")',
      'p = types.ModuleType("matplotlib.pyplot"); open_ = [1, 2]',
      'p.get_fignums = lambda: list(open_); p.figure = lambda n: F(); p.close = lambda which: open_.clear()',
      'sys.modules["matplotlib.pyplot"] = p',
    ].join('\n');
    expect(rich(await sandboxd.call(python(fake)))).toHaveLength(2);
    expect(rich(await sandboxd.call(python('1')))).toEqual([]);
  });

  it('that are too large are kept as files only', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const end = await sandboxd.call(python('class P:\n  def _repr_png_(self): return b"x" * 900_000\nP()'));
    expect(rich(end)).toMatchObject([{ bytes: 900_000, data: null }]);
  });

  it('that cannot be made are shown by repr', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(
      await out(
        sandboxd,
        python('class P:\n  def _repr_png_(self): 1/0\n  def __repr__(self): return "P!"\nP()'),
      ),
    ).toBe('P!\n');
    expect(await out(sandboxd, python('P'))).toContain('class');
  });
});
