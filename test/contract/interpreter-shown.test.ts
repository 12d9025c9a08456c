/** What models read of a cell: tracebacks and values. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SandboxdProcess, buildSandboxd, ending, out, python, shown } from './sandboxd-process.ts';

beforeAll(buildSandboxd);

async function err(sandboxd: SandboxdProcess, code: string): Promise<string> {
  const end = ending(await sandboxd.call(python(code)));
  expect(end).toMatchObject({ raised: true, interpreter: 'kept' });
  return shown(end).err.replace(/^ +[~^]+\n/gm, '');
}

describe('a traceback', () => {
  it.each([
    ['a chain', 'try:\n  1/0\nexcept Exception as e:\n  raise RuntimeError("b") from e', 'direct cause'],
    ['a context', 'try:\n  1/0\nexcept Exception:\n  {}["k"]', 'During handling'],
    ['a recursion', 'def f(): f()\nf()', 'Previous line repeated'],
    ['a __repr__', 'class R:\n  def __repr__(self): return 1 / 0\nR()', 'in __repr__'],
    ['a failing str', 'class E(Exception):\n  def __str__(self): 1 / 0\nraise E()', 'E'],
    ['a generator', 'def g():\n  yield 1 / 0\nlist(g())', 'in g'],
    ['display', 'class R:\n  def __repr__(self): return 1 / 0\ndisplay(R())', 'display(R())'],
    [
      'an exit in a repr',
      'class R:\n  def __repr__(self): raise KeyError("k")\nprint([R()])',
      "KeyError: 'k'",
    ],
    ['compile', 'compile("x = (", "own.py", "exec")', 'own.py'],
    ['a group', 'raise ExceptionGroup("eg", [ValueError(1), TypeError(2)])', 'TypeError: 2'],
    [
      'a deep stack',
      'import sys\nsys.setrecursionlimit(5000)\ndef a(n): b(n)\ndef b(n): a(n + 1)\na(0)',
      'frames are not shown',
    ],
  ])('of %s shows the model’s lines and not the driver', async (_name, code, text) => {
    await using sandboxd = await SandboxdProcess.start();
    const shownText = await err(sandboxd, code);
    expect(shownText).toContain(text);
    expect(shownText).not.toMatch(/interpreter|faultline/);
  });

  it.each([
    [
      'a thread',
      'import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()',
      'ZeroDivisionError',
    ],
    [
      'a handler',
      'import traceback\ntry: 1 / 0\nexcept Exception: traceback.print_exc()',
      'line 2, in <module>',
    ],
    [
      'a warning',
      'import warnings\nwarnings.warn("careful")',
      '<cell 1>:2: UserWarning: careful\n  warnings.warn("careful")',
    ],
    [
      'a __del__',
      'class D:\n  def __del__(self): 1 / 0\ndel D().x'.replace('del D().x', 'D();'),
      'in __del__',
    ],
    [
      'logging',
      'import logging\ntry: 1 / 0\nexcept Exception: logging.exception("x")',
      'line 2, in <module>',
    ],
  ])('of %s does not show the driver either', async (_name, code, text) => {
    await using sandboxd = await SandboxdProcess.start();
    const shownText = shown(await sandboxd.call(python(code))).err;
    expect(shownText).toContain(text);
    expect(shownText).not.toMatch(/interpreter|faultline/);
  });

  it('warns again in a later cell, on the same line', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code = python('import warnings\nwarnings.warn("careful")');
    expect(shown(await sandboxd.call(code)).err).toContain('careful');
    expect(shown(await sandboxd.call(code)).err).toContain('careful');
  });

  it('shows the lines of earlier cells, also after linecache was cleared', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(python('def f(d):\n    return d["missing"]'));
    await sandboxd.call(python('import linecache, traceback\nlinecache.clearcache()'));
    expect(await err(sandboxd, 'f({})')).toContain('    return d["missing"]\n');
    await sandboxd.call(python('traceback.TracebackException = None'));
    expect(await err(sandboxd, 'f({})')).toContain('    return d["missing"]\n');
  });
});

describe('a value', () => {
  it.each([
    ['a mock', 'from unittest.mock import MagicMock\nMagicMock(name="svc")', /^<MagicMock name='svc'/],
    [
      'a query builder',
      'class Q:\n  def __getattr__(self, n): return lambda *a: b"x"\n  def __repr__(self): return "Q!"\nQ()',
      /^Q!\n$/,
    ],
    [
      'a proxy',
      'class P:\n  def __getattribute__(self, n): return lambda *a: "<svg/>"\n  def __repr__(self): return "P!"\nP()',
      /^P!\n$/,
    ],
    [
      'a picture of the wrong type',
      'class P:\n  def _repr_png_(self): return 5\n  def __repr__(self): return "P!"\nP()',
      /^P!\n$/,
    ],
    [
      'a picture',
      'class P:\n  def _repr_png_(self): return b"\\x89PNG", {"width": 1}\nP()',
      /^\[image\/png saved as figure-1.png\]\n$/,
    ],
    [
      'a large one',
      'list(range(1_000_000))',
      /^\[0, 1, 2[\s\S]*999999\]\n\[This value has 7888890 characters; the \d+ in its middle are not printed.\]\n$/,
    ],
    ['one that prints', 'class R:\n  def __repr__(self): print("side"); return "R!"\nR()', /^side\nR!\n$/],
  ])('that is %s is shown by what it is', async (_name, code, text) => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await out(sandboxd, python(code))).toMatch(text);
  });

  it('that cannot be saved is said', async () => {
    await using sandboxd = await SandboxdProcess.start();
    const code = 'import os\nos.chdir("/proc")\nclass P:\n  def _repr_png_(self): return b"png"\nP()';
    expect(await out(sandboxd, python(code))).toMatch(/^\[image\/png cannot be saved: /);
  });

  it('is not a string by __repr__: a sentence', async () => {
    await using sandboxd = await SandboxdProcess.start();
    expect(await err(sandboxd, 'class R:\n  def __repr__(self): return 5\nR()')).toBe(
      'TypeError: __repr__ returned non-string (type int)\n',
    );
  });

  it('is in `_` afterwards, unless the cells have a `_` of their own', async () => {
    await using sandboxd = await SandboxdProcess.start();
    await sandboxd.call(python('41'));
    expect(await out(sandboxd, python('_ + 1'))).toBe('42\n');
    await sandboxd.call(python('from gettext import gettext as _\n5'));
    expect(await out(sandboxd, python('_("text")'))).toBe("'text'\n");
  });
});
