/**
 * Cells that harm the interpreter they run in. `may` says what one may cost: `nothing` beyond itself, or the interpreter, if
 * the answer, or the next one, says that it was lost. `{pid}` is a process id that no process has.
 */
export interface HostileCell {
  readonly name: string;
  readonly code: string;
  readonly may: 'nothing' | 'interpreter';
}

const harmless = (group: string, codes: readonly string[]): HostileCell[] =>
  codes.map((code) => ({
    name: `${group}: ${code.replaceAll('\n', '; ').slice(0, 100)}`,
    code,
    may: 'nothing',
  }));

const costly = (group: string, codes: readonly string[]): HostileCell[] =>
  harmless(group, codes).map((cell) => ({ ...cell, may: 'interpreter' }));

const descriptors = harmless('descriptors', [
  'open(0).read()',
  'import os\nf = os.fdopen(0)\nf.close()',
  'with open(0) as f: f.read()\nwith open(1, "w") as f: f.write("x")',
  'import os\nfor d in (0, 1, 2): os.close(d)',
  'import os\nos.close(0)\nkept_open = [open("/dev/null") for _ in range(5)]',
  'import os\nos.close(1); os.close(2)\nheld = [os.open("/dev/null", os.O_RDWR) for _ in range(4)]',
  'import os\nfor d in (0, 1, 2): os.dup2(os.open("/dev/null", os.O_RDWR), d)',
  'import os\nfor d in (0, 1, 2): os.dup2(os.open("/etc/passwd", os.O_RDONLY), d)',
  'import os\nr, w = os.pipe()\nos.dup2(w, 1); os.dup2(w, 2); os.dup2(r, 0)',
  'import os\nsaved = os.dup(1)\nos.dup2(os.open("/dev/null", os.O_WRONLY), 1)',
  'import os\nos.closerange(0, 3)',
  'import os\nos.closerange(3, 256)',
  'import os\nos.closerange(0, 1024)',
  'import os\nos.set_blocking(1, False)\nos.set_inheritable(0, False)',
]);

const channel = costly('the channel', [
  'import os\nhoard = []\ntry:\n  while True: hoard.append(os.dup(2))\nexcept OSError: pass',
  'import os\nos.closerange(0, 65536)',
  'import os\nos.closerange(3, 65536)',
  'import os\nfor d in map(int, os.listdir("/proc/self/fd")):\n  if d > 2:\n    try: os.close(d)\n    except OSError: pass',
  'import os\nn = os.open("/dev/null", os.O_RDWR)\nfor d in map(int, os.listdir("/proc/self/fd")):\n  if d > 2 and d != n:\n    try: os.dup2(n, d)\n    except OSError: pass',
  'import os\nif os.fork() == 0:\n  import time; time.sleep(3); os._exit(0)\nos.closerange(3, 65536)',
  'import os\nfor d in map(int, os.listdir("/proc/self/fd")):\n  if d > 2:\n    try: os.write(d, b"D" + b"x" * 17)\n    except OSError: pass',
]);

const streams = harmless('streams', [
  'import sys\nsys.stdout = None; sys.stderr = None; sys.stdin = None',
  'import sys\ndel sys.stdout, sys.stderr, sys.stdin',
  'import sys\nsys.stdout.close(); sys.stderr.close(); sys.stdin.close()',
  'import sys\nsys.__stdout__.close(); sys.__stderr__ = None; del sys.__stdin__',
  'import sys, io\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8")\nprint("é")',
  'import sys, codecs\nsys.stderr = codecs.getwriter("utf-8")(sys.stderr.detach())',
  'import sys\nsys.stdin.detach(); sys.stdout.detach()',
  'import sys\nsys.stdout.buffer.close()',
  'import sys, io\nsys.stdout = io.StringIO(); sys.stderr = io.StringIO()',
  'import sys\nsys.stdout.reconfigure(encoding="ascii", errors="strict", write_through=False)',
  'import sys\nsys.stdout.write = lambda text: None',
  'import sys\nclass W:\n  def write(self, t): raise ValueError("w")\n  def flush(self): raise ValueError("f")\nsys.stdout = sys.stderr = W()',
  'import sys\nclass W:\n  def __getattr__(self, name): raise SystemExit(name)\nsys.stdout = sys.stderr = W()',
  'import contextlib, io\nleft = contextlib.redirect_stdout(io.StringIO()).__enter__()',
  'import sys\nsys.stdout = open("/dev/full", "w")\nprint("x")',
]);

const hooks = harmless('hooks', [
  'import sys\nsys.displayhook = None; sys.excepthook = None; sys.unraisablehook = None',
  'import sys\nsys.displayhook = lambda value: None',
  'import sys\ndef hook(*a): raise ValueError("hook")\nsys.displayhook = sys.excepthook = hook',
  'import sys\nsys.settrace(lambda *a: 1 / 0)',
  'import sys\nsys.setprofile(lambda *a: 1 / 0)',
  'import sys\ndef t(f, e, a): return t\nsys.settrace(t); sys.setprofile(t)',
  'import sys\ndef t(f, e, a):\n  if e == "return": raise KeyboardInterrupt\n  return t\nsys.settrace(t)\ndef f(): pass',
  'import sys, threading\nthreading.settrace(lambda *a: 1 / 0); threading.setprofile(lambda *a: 1 / 0); threading.excepthook = None',
  'import sys\nfor limit in range(1, 60):\n  try: sys.setrecursionlimit(limit); break\n  except RecursionError: pass',
  'breakpoint()',
  'import pdb\npdb.set_trace()\nx = 1',
  'import warnings\nwarnings.simplefilter("error"); warnings.showwarning = None',
  'import gc\ngc.callbacks.append(lambda *a: 1 / 0); gc.collect()',
  'import asyncio\nasyncio.set_event_loop_policy(None)\nawait asyncio.sleep(0)\nasyncio.get_event_loop().close()',
]);

const patches = harmless('patches', [
  'import builtins\nfor name in ("print", "compile", "exec", "eval", "open", "repr", "len", "isinstance", "getattr", "str", "type"):\n  setattr(builtins, name, None)',
  'import builtins\ndel builtins.print, builtins.exec, builtins.compile, builtins.len, builtins.BaseException, builtins.OSError',
  'import builtins\nbuiltins.__dict__.clear()',
  'def no(*a, **k): raise ValueError("patched")\nimport builtins\nbuiltins.compile = builtins.exec = builtins.eval = builtins.print = builtins.open = builtins.repr = no',
  'import builtins\nbuiltins.__import__ = None; builtins.__build_class__ = None',
  'print = exec = compile = open = len = repr = None',
  'import io\nfor name in ("TextIOWrapper", "FileIO", "BytesIO", "open", "StringIO"): setattr(io, name, None)',
  'import os\nfor name in ("dup2", "close", "read", "write", "getpid", "_exit", "open", "fork", "getcwd", "kill", "path", "environ"): setattr(os, name, None)',
  'import posix\nfor name in dir(posix): setattr(posix, name, None)',
  'import json\njson.dumps = json.loads = None',
  'import traceback\nfor name in dir(traceback): setattr(traceback, name, None)',
  'import linecache\nlinecache.cache = None; linecache.getline = linecache.getlines = linecache.checkcache = None',
  'import linecache\nlinecache.clearcache()',
  'import socket\nsocket.socket = None; socket.setdefaulttimeout(0.001)\nimport _socket\n_socket.socket = _socket.CMSG_SPACE = None',
  'import signal\nfor name in ("signal", "pthread_sigmask", "default_int_handler"): setattr(signal, name, None)\nimport _signal\nfor name in dir(_signal): setattr(_signal, name, None)',
  'import ast\nast.parse = ast.Expr = None\nimport _ast\nfor name in dir(_ast): setattr(_ast, name, None)',
  'import sys\nfor name in ("settrace", "setprofile", "getrecursionlimit", "setrecursionlimit", "_getframe", "_current_frames"): setattr(sys, name, None)',
  'import sys\nsys.modules.clear()',
  'import sys\nfor name in list(sys.modules): del sys.modules[name]',
  'import sys\nsys.modules = {}',
  'import sys\nfor name in ("__main__", "sys", "os", "io", "builtins", "traceback", "linecache"): sys.modules.pop(name, None)',
  'import sys\nsys.path = None; sys.argv = None; del sys.flags',
  '__name__ = None; __builtins__ = {}',
  '__builtins__ = None',
  'del __builtins__, __name__',
  'import codecs\ncodecs.lookup = codecs.encode = None',
  'import importlib\nimportlib.reload(importlib.import_module("traceback"))',
]);

const processes = harmless('processes and threads', [
  'import os\nos.fork()',
  'import os\npid = os.fork()\nif pid == 0: raise ValueError("child")',
  'import os\npid = os.fork()\nif pid == 0: raise SystemExit(3)',
  'import os, time\nif os.fork() == 0: time.sleep(2); print("late")',
  'import os\nif os.fork() == 0: os.closerange(0, 65536)',
  'import threading, time\nfor i in range(3): threading.Thread(target=time.sleep, args=(3,)).start()',
  'import threading\ndef spin():\n  import time\n  end = time.time() + 2\n  while time.time() < end: print("NOISE")\nthreading.Thread(target=spin, daemon=True).start()',
  'import _thread\n_thread.start_new_thread(lambda: 1 / 0, ())',
  'import threading\nthreading.Thread(target=lambda: exit(3)).start()',
  'import atexit\natexit.register(lambda: 1 / 0)',
  'class D:\n  def __del__(self): raise ValueError("del")\nD(); later = D()',
  'import multiprocessing as m\nwith m.get_context("fork").Pool(2) as pool: pool.map(abs, [1, 2])',
  'import subprocess\nkept = subprocess.Popen(["sleep", "3"])',
  'import os, tempfile\nd = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)',
  'import os\nos.chdir("/"); os.umask(0o777); os.environ.clear()',
]);

const signals = harmless('signals', [
  'import signal\nfor s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM): signal.signal(s, signal.SIG_IGN)',
  'import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)',
  'import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))',
  'import signal\ndef h(n, f): raise TimeoutError("alarm")\nsignal.signal(signal.SIGALRM, h)\nsignal.setitimer(signal.ITIMER_REAL, 0.02)\nimport time\ntime.sleep(0.1)',
  'import signal\nsignal.signal(signal.SIGALRM, lambda n, f: exit())\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\nsignal.alarm(1)',
  'import os, signal\nos.kill(os.getpid(), signal.SIGINT)',
  'import signal\nsignal.raise_signal(signal.SIGINT)',
  'import signal, os\nsignal.set_wakeup_fd(os.open("/dev/null", os.O_WRONLY | os.O_NONBLOCK))',
]);

const endings = harmless('endings', [
  'import sys\nsys.exit()',
  'exit(7)',
  'quit()',
  'raise SystemExit("text")',
  'raise KeyboardInterrupt',
  'raise GeneratorExit',
  'raise BaseException("base")',
  'class E(BaseException):\n  def __str__(self): raise E()\n  __repr__ = __str__\nraise E()',
  'class E(Exception):\n  __class__ = property(lambda s: 1 / 0)\n  __traceback__ = property(lambda s: 1 / 0)\nraise E()',
  'class E(Exception):\n  def __getattribute__(self, name): raise KeyboardInterrupt\nraise E()',
  'def f(): f()\nf()',
  'import sys\nsys.setrecursionlimit(20_000)\ndef f(): f()\nf()',
  'b"x" * (1 << 60)',
  'raise MemoryError',
  'e = ValueError(1)\ne.__cause__ = e\nraise e',
  'raise ValueError("z" * 3_000_000)',
  '1/',
  'x = (',
  'print(1)\0',
  'return 1',
  'def f(): await x',
  'x: int = "\ud800"',
  '"' + '('.repeat(20) + '"\n' + '('.repeat(300),
]);

const values = harmless('values', [
  'class R:\n  def __repr__(self): raise ValueError("repr")\nR()',
  'class R:\n  def __repr__(self): return 5\nR()',
  'class R:\n  def __repr__(self): return repr(self)\nR()',
  'class R:\n  def __repr__(self): raise SystemExit\nR()',
  'class R:\n  def __repr__(self): print("side"); return "r" * 5_000_000\nR()',
  'class R(str):\n  def __len__(self): return -1\n  def __str__(self): raise ValueError\nclass S:\n  def __repr__(self): return R("sub")\nS()',
  'class M(type):\n  def __getattr__(cls, name): return lambda *a: b"png"\nclass R(metaclass=M): pass\nR()',
  'from unittest.mock import MagicMock\nMagicMock()',
  'import sys\nfrom unittest.mock import MagicMock\nsys.modules["matplotlib.pyplot"] = MagicMock()',
  'import sys\ndel sys.modules["matplotlib.pyplot"]',
  'list(range(1_000_000))',
]);

const limits = [
  ...harmless('limits', [
    'import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))',
    'import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))',
  ]),
  ...costly('limits', [
    'import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))',
    'import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))',
    'import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))',
    'import resource\nresource.setrlimit(resource.RLIMIT_STACK, (1 << 14, 1 << 14))',
    'import sys\nsys.addaudithook(lambda *a: 1 / 0)',
  ]),
];

const ends = costly('the end', [
  'import os\nos._exit(0)',
  'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)',
  'import os\nos.abort()',
  'import os\nos.execv("/bin/true", ["true"])',
  'import ctypes\nctypes.string_at(0)',
  'import sys\nsys.setrecursionlimit(10**9)\ndef f(d): return f({"a": d})\nf(0)',
  'import signal\nsignal.signal(signal.SIGALRM, signal.SIG_DFL)\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nimport time\ntime.sleep(0.005)',
  'import os, socket\nfor d in map(int, os.listdir("/proc/self/fd")):\n  try: socket.socket(fileno=d).shutdown(socket.SHUT_RDWR)\n  except OSError: pass',
  'import sys\nsys._getframe(1).f_globals.clear()',
  'import os, threading, time\ndef later():\n  time.sleep(0.01); os.closerange(0, 65536)\nthreading.Thread(target=later).start()',
]);

export const hostileCells: readonly HostileCell[] = [
  ...descriptors, ...channel, ...streams, ...hooks, ...patches, ...processes, ...signals, ...endings, ...values,
  ...limits, ...ends,
]; // prettier-ignore
