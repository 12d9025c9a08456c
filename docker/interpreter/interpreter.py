"""The resident code interpreter: runs cells one after the other in one namespace that is kept between cells.

Started by sandboxd (PID 1 of the sandbox) as the model's user. Descriptor 198 is one end of a SOCK_SEQPACKET pair. A
message from sandboxd brings three descriptors: a file with the code, and the pipes for standard output and error. The
last 16 bytes of the file are a random proof; rich results are written behind it. Two messages go back: b"B" and the proof, when the code has
been read to its end and is about to run, and b"D", the proof and one more byte (1: it ended in an exception) when it has
ended. So an answer belongs to this cell, and to the whole of it.

The model's code runs in this process, so nothing here is trusted: sandboxd takes the ending of the process from wait(2),
and uses these messages only to know when to stop waiting.

What a cell does to the interpreter ends with it, except for its variables. For this the driver uses functions that it
took before any cell ran, a copy of the builtins, and high descriptors that it checks before it uses them. Where it cannot
go on (its channel is gone, no memory), it ends the process: sandboxd then reports that the interpreter was lost.

sandboxd compiles this file under the name "<interpreter>", by which tracebacks leave its frames out. Standard library
only, Python 3.8 or later; modules in C where there are two, as they start faster and cells cannot change them.
"""

import _socket
import _thread
import builtins
import linecache
import posix
import sys
import traceback
from _ast import AST, Expr, Expression, PyCF_ALLOW_TOP_LEVEL_AWAIT, PyCF_ONLY_AST
from binascii import b2a_base64
from _contextvars import ContextVar
from _io import BytesIO, FileIO, TextIOWrapper
from _signal import SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGINT, getsignal, pthread_sigmask, signal
from fcntl import F_DUPFD_CLOEXEC, fcntl
from posix import O_CLOEXEC, O_RDWR, close, dup2, fstat, getpid, write
from select import poll

# The directory of the start, which the loader has taken out: cells import from it.
sys.path[:0] = here

CONTROL = 198
PROOF_BYTES = 16
PAYLOAD_BYTES = 512 * 1024
# Characters of one value or error that are printed.
SHOWN = 512 * 1024
# Frames of one traceback that are printed.
FRAMES = 2000
# Recipes that close all descriptors up to 255 or 1023 leave these open. The first one below the limit is used.
HIGH = (4000, 1000, 240, 60, 3)
PLAIN = frozenset((int, str, float, list, dict, tuple, bool, set, bytes, complex, frozenset))
CO_COROUTINE = 0x80
# Signals that programs set handlers for: HUP, USR1, USR2, ALRM, TERM, CHLD, URG, VTALRM, PROF, WINCH, IO.
HANDLED = (1, 10, 12, 14, 15, 17, 23, 26, 27, 28, 29)
MSG_CMSG_CLOEXEC = 0x40000000
NOTEBOOK = (
    'This is plain Python: lines that begin with "!" or "%" work only in notebooks. '
    "To run a command, use subprocess.run.\n"
)

settrace, setprofile = sys.settrace, sys.setprofile
getrecursionlimit, setrecursionlimit = sys.getrecursionlimit, sys.setrecursionlimit
current_frames, thread_count = sys._current_frames, _thread._count
thread_id, kernel_thread_id = _thread.get_ident, _thread.get_native_id
open_descriptor, read, exit_process = posix.open, posix.read, posix._exit
getcwd, listdir = posix.getcwd, posix.listdir
Socket, ancillary_space = _socket.socket, _socket.CMSG_SPACE
# The name under which sandboxd has this file compiled.
DRIVER = "<interpreter>"
owner = getpid()


def lost():
    """The interpreter cannot go on, and must not answer for a cell that it may not have run."""
    exit_process(70)


def end_child():
    """Ends a child that a task or a signal handler has forked between cells: a cell that it took would not be run here."""
    if getpid() != owner:
        exit_process(0)


def identity(descriptor):
    status = fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_rdev


def lift(descriptor):
    """Moves the descriptor to a high number, which programs started from here do not inherit."""
    for least in HIGH:
        try:
            lifted = fcntl(descriptor, F_DUPFD_CLOEXEC, least)
        except OSError:
            continue
        close(descriptor)
        return lifted
    if descriptor < 3:
        raise OSError("no descriptor is free")
    return descriptor


class Channel:
    """The socket to sandboxd. A cell can close it or put something else under its number: then the interpreter is lost."""

    def __init__(self):
        self.number = lift(CONTROL)
        self.socket = Socket(fileno=self.number)
        self.socket.setblocking(True)
        self.identity = identity(self.number)
        self.space = ancillary_space(12)
        self.received = []
        self.poll = poll()
        self.poll.register(self.number, 1)

    def check(self):
        try:
            if identity(self.number) == self.identity:
                return
        except BaseException:
            pass
        lost()

    def wait(self):
        """Returns when a cell has arrived, with signals blocked. Handlers of the model run here; what they raise has no
        effect."""
        if tasks.loop is not None:
            self.unblocked(tasks.run_until_readable)
        while not self.received:
            self.unblocked(self.poll.poll)
            end_child()
            self.unblocked(self.receive)

    def receive(self):
        """There is no Python code, where a handler could run, between receiving the message and keeping it."""
        self.received.extend(map(self.socket.recvmsg, (16,), (self.space,), (MSG_CMSG_CLOEXEC,)))

    def unblocked(self, step):
        try:
            try:
                interpreter.unblock()
                step()
                interpreter.block()
            except BaseException:
                interpreter.block()
                self.check()
        except BaseException:
            interpreter.block()

    def take(self):
        """The descriptors of the cell."""
        message, ancillary, _, _ = self.received.pop()
        if not message:
            exit_process(0)
        _, _, numbers = ancillary[0]
        if len(numbers) < 12:
            raise OSError("not all descriptors could be received")
        return [int.from_bytes(numbers[i : i + 4], sys.byteorder) for i in (0, 4, 8)]


class Cell:
    """One piece of code, with the descriptors that came with it."""

    count = 0

    def __init__(self, code, out, err):
        text = read_all(code)
        self.file, self.out, self.err = lift(code), out, lift(err)
        if len(text) < PROOF_BYTES:
            raise OSError("the code cannot be read")
        self.proof = text[-PROOF_BYTES:]
        source = text[:-PROOF_BYTES].decode("utf-8", "replace")
        self.source = source[1:] if source.startswith("\ufeff") else source
        Cell.count += 1
        self.number = Cell.count
        self.name = f"<cell {self.number}>"
        self.items = []
        self.left = PAYLOAD_BYTES - 4096

    def close(self):
        for descriptor in (self.file, self.err):
            try:
                close(descriptor)
            except OSError:
                pass

    def print_error(self, text):
        """Prints past sys.stderr, which the cell may have closed or replaced."""
        data = text.encode("utf-8", "backslashreplace")
        for descriptor in (self.err, 2):
            try:
                write_all(descriptor, data)
                return
            except OSError:
                continue  # The cell has closed it. The answer says that there was an exception all the same.


def read_all(descriptor):
    chunks = []
    while True:
        chunk = read(descriptor, 1 << 16)
        chunks.append(chunk)
        if len(chunk) < 1 << 16:
            return b"".join(chunks)


def write_all(descriptor, data):
    at = 0
    while at < len(data):
        at += write(descriptor, data[at:])


# ---- standard streams ----


class Open(FileIO):
    """A standard stream while only the cell itself can print."""


class Screened(FileIO):
    """A standard stream while threads or tasks of earlier cells run: what they print is dropped."""

    def write(self, data):
        if screen.drops():
            return len(data)
        return FileIO.write(self, data)


class Screen:
    def __init__(self):
        self.cell = ContextVar("cell", default=None)
        self.number = 0
        self.stale = self.waiting = frozenset()

    def begin(self, number):
        self.number = number
        self.cell.set(number)
        others = thread_count() > 0
        self.stale = self.threads() if others else frozenset()
        self.put(Screened if others or tasks.loop is not None else Open)

    def end(self):
        """Also before the pipes are taken off, so that no thread is in the middle of printing when the next ones are put on."""
        if thread_count() > 0:
            self.stale = self.threads()
            self.put(Screened)

    def put(self, kind):
        for raw in streams.raws:
            if type(raw) is not kind:
                raw.__class__ = kind

    def threads(self):
        """Kernel ids of the threads there are, which no later thread has. Workers of a pool that wait for work are left
        out: what they do next may be this cell's."""
        self.waiting = frozenset(ident for ident, frame in current_frames().items() if waits_for_work(frame))
        try:
            found = listdir("/proc/self/task")
        except OSError:
            found = []
        return frozenset(int(name) for name in found) - {owner}

    def drops(self):
        if kernel_thread_id() in self.stale and thread_id() not in self.waiting:
            return True
        return self.cell.get() not in (None, self.number)


def waits_for_work(frame):
    if frame.f_code.co_filename.endswith("threading.py") and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename.endswith(("concurrent/futures/thread.py", "multiprocessing/pool.py", "/queue.py"))


class Streams:
    """sys.stdin, sys.stdout and sys.stderr. Each cell finds them open, whatever earlier cells did to them; objects of
    earlier cells go on working, as log handlers keep them."""

    def __init__(self):
        self.open_null()
        self.own = [None, None, None]
        self.raws = []

    def make(self, number):
        raw = Open(number, "r" if number == 0 else "w", closefd=False)
        errors = "replace" if number == 0 else "backslashreplace"
        self.raws = [old for old in self.raws if not old.closed] + [raw]
        return TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=number > 0)

    def sound(self, number):
        stream = self.own[number]
        try:
            raw = stream.buffer
            errors = "replace" if number == 0 else "backslashreplace"
            as_made = (stream.encoding, stream.errors, stream.write_through) == ("utf-8", errors, number > 0)
            return as_made and not raw.closed and not stream.__dict__ and len(raw.__dict__) <= 1
        except BaseException:
            return False

    def restore(self):
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            if not self.sound(number):
                self.own[number] = self.make(number)
            setattr(sys, name, self.own[number])
            setattr(sys, f"__{name}__", self.own[number])

    def begin(self, cell):
        dup2(cell.out, 1)
        dup2(cell.err, 2)
        close(cell.out)

    def flush(self):
        own, current = self.own[1:], [vars(sys).get("stdout"), vars(sys).get("stderr")]
        for stream in own if current == own else own + current:
            try:
                stream.flush()
            except BaseException:
                pass  # An object of the model that cannot be flushed.

    def open_null(self):
        self.null = lift(open_descriptor("/dev/null", O_RDWR | O_CLOEXEC))

    def end(self):
        """Takes the pipes off, so that sandboxd reads their end. What is printed before the next cell is dropped."""
        for number in (0, 1, 2):
            try:
                dup2(self.null, number)
            except OSError:
                self.open_null()
                dup2(self.null, number)


# ---- compiling ----


def parse(source, name):
    """The tree of the code. A cell that is indented as a whole, or stands in a Markdown fence, is taken without that."""
    try:
        return source, syntax(source, name)
    except SyntaxError as error:
        first = error
    unfenced = without_fence(source)
    if unfenced is not None:
        return parse(unfenced, name)
    if isinstance(first, IndentationError):
        tree = indented(source, name)
        if tree is not None:
            return source, tree
    raise first


def syntax(source, name):
    return compile(source, name, "exec", PyCF_ONLY_AST, True)


def without_fence(source):
    lines = source.split("\n")
    filled = [i for i, line in enumerate(lines) if line.strip()]
    if len(filled) < 2 or not lines[filled[0]].startswith("```") or lines[filled[-1]].strip() != "```":
        return None
    lines[filled[0]] = lines[filled[-1]] = ""
    return "\n".join(lines)


def indented(source, name):
    """The tree of a cell that is indented as a whole, or None. Line numbers and texts in quotes stay as they are."""
    try:
        tree = syntax("if 1:\n" + source, name)
    except IndentationError:
        return None
    except SyntaxError as error:
        error.lineno = (error.lineno or 2) - 1
        if getattr(error, "end_lineno", None):
            error.end_lineno -= 1
        raise
    if len(tree.body) != 1 or tree.body[0].orelse:
        return None
    tree.body = tree.body[0].body
    nodes = list(tree.body)
    while nodes:
        node = nodes.pop()
        for place in ("lineno", "end_lineno"):
            if getattr(node, place, None) is not None:
                setattr(node, place, getattr(node, place) - 1)
        for field in node._fields:
            value = getattr(node, field, None)
            nodes.extend(item for item in (value if isinstance(value, list) else [value]) if isinstance(item, AST))
    return tree


def is_silent(source, last):
    """Whether a semicolon follows the last expression: then its value is not shown."""
    if ";" not in source:
        return False
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")[last.end_lineno - 1 :]
    lines[0] = lines[0].encode("utf-8", "replace")[last.end_col_offset :].decode("utf-8", "replace")
    return any(line.split("#")[0].strip(" \t\f\\)").startswith(";") for line in lines)


def to_code(tree, name, mode):
    try:
        return compile(tree, name, mode, 0, True)
    except SyntaxError as error:
        first = error
    try:
        code = compile(tree, name, mode, PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
    except SyntaxError:
        raise first
    if code.co_flags & CO_COROUTINE:
        return code
    raise first


def compiled(cell):
    """The code objects of the cell: its statements, and the last one apart where it is an expression to be shown."""
    source, tree = parse(cell.source, cell.name)
    last = tree.body[-1] if tree.body else None
    parts = []
    if isinstance(last, Expr) and not is_silent(source, last):
        parts.append((Expression(tree.body.pop().value), "eval"))
    if tree.body:
        parts.insert(0, (tree, "exec"))
    return [to_code(tree, cell.name, mode) for tree, mode in parts]


# ---- running ----


class Tasks:
    """The event loop for top-level await, made when a cell first needs it. It is kept, with the tasks that cells leave: they
    go on while a cell awaits, and between cells."""

    def __init__(self):
        self.loop = self.task = self.asyncio = None
        self.interrupted = False

    def run(self, codes, space):
        """Runs code objects of which at least one awaits; all in the loop, where the others may make tasks."""
        if self.asyncio is None:
            import asyncio

            self.asyncio = asyncio
        if self.loop is None or self.loop.is_closed():
            self.loop = self.asyncio.new_event_loop()
        self.asyncio.set_event_loop(self.loop)
        self.interrupted = False
        self.task = self.loop.create_task(self.ending_of(codes, space))
        try:
            value, error = self.loop.run_until_complete(self.task)
        finally:
            self.task.cancel()
            self.task = None
        if error is not None:
            raise error
        return value

    async def ending_of(self, codes, space):
        """The last value, and the exception. Nothing is raised here, because the loop would take it for its own."""
        value = None
        try:
            for code in codes:
                value = eval(code, space)
                if code.co_flags & CO_COROUTINE:
                    value = await value
            return value, None
        except self.asyncio.CancelledError as error:
            return None, KeyboardInterrupt().with_traceback(error.__traceback__) if self.interrupted else error
        except BaseException as error:
            return None, error

    def interrupt(self):
        """True where the cell waits in the event loop, and was cancelled there."""
        if self.task is None or self.asyncio.current_task(self.loop) is not None:
            return False
        self.interrupted = True
        self.loop.call_soon_threadsafe(self.task.cancel)
        return True

    def run_until_readable(self):
        """Goes on with the tasks that cells have left, until the next cell arrives."""
        if self.loop.is_closed():
            return
        self.loop.add_reader(channel.number, self.loop.stop)
        try:
            self.loop.run_forever()
        finally:
            end_child()  # It would take the channel out of the interpreter's own loop: they share the descriptor.
            self.loop.remove_reader(channel.number)


def has_handlers():
    return any(map(callable, map(getsignal, HANDLED)))


class Interpreter:
    """Runs cells in a module named __main__, so that pickle finds what they define."""

    def __init__(self):
        self.modules = sys.modules
        self.module = type(sys)("__main__")
        self.space = self.module.__dict__
        self.sources = {}
        self.cell = None
        self.inside = False
        self.figures = 0
        self.masks = []
        self.handler = self.interrupt
        self.recursion = getrecursionlimit()
        self.path = list(sys.path)
        builtins.display = display
        self.builtins = {name: value for name, value in vars(builtins).items() if callable(value)}
        self.modules["__main__"] = self.module
        self.started = dict(self.modules)

    def interrupt(self, number, frame):
        """SIGINT becomes KeyboardInterrupt inside a cell, and is ignored between cells."""
        if self.inside and not tasks.interrupt():
            raise KeyboardInterrupt

    def block(self):
        """No handler of the model may run outside its code: an exception there could cost the interpreter."""
        if has_handlers():
            try:
                self.masks.extend(map(pthread_sigmask, (SIG_BLOCK,), (HANDLED,)))
            except BaseException:
                pass  # Of a handler that was due already: it comes too late for the cell. The signals are blocked now.

    def unblock(self):
        if self.masks:
            mask = self.masks[0]
            self.masks.clear()
            pthread_sigmask(SIG_SETMASK, mask)

    def tidy(self):
        """Undoes what an earlier cell did to the process. Builtins are restored where they were deleted, or replaced by
        something that cannot be called."""
        sys.modules = self.modules
        if not self.started.keys() <= self.modules.keys():
            self.modules.update({**self.started, **self.modules})
        self.modules["__main__"] = self.module
        self.space["__builtins__"] = builtins
        self.space.setdefault("__name__", "__main__")
        self.space.pop("__warningregistry__", None)
        present = vars(builtins)
        if not all(map(callable, map(present.get, self.builtins))):
            present.update({name: value for name, value in self.builtins.items() if not callable(present.get(name))})
        if type(getattr(sys, "path", None)) is not list:
            sys.path = list(self.path)
        if getsignal(SIGINT) is not self.handler:
            signal(SIGINT, self.handler)
        pthread_sigmask(SIG_UNBLOCK, (SIGINT,))
        for mask in self.masks:
            mask.discard(SIGINT)
        streams.restore()

    def line(self, name, number):
        """The source line, if it is a cell's: a list of one or none."""
        lines = self.sources[name][2] if name in self.sources else []
        return lines[number - 1 : number]

    def run(self, cell):
        """Returns whether the cell ended in an exception, which is printed then."""
        raised = True
        try:
            self.inside = True
            raised = self.attempt(cell)
        except BaseException as error:
            cell.print_error(error_text(error))
        finally:
            self.inside = False
        return raised

    def attempt(self, cell):
        self.offer_source(cell)
        text = None
        try:
            codes = compiled(cell)
        except BaseException as error:
            text = compile_error_text(error, cell)
        else:
            text = self.execute(codes, cell)
        streams.flush()
        if text is not None:
            cell.print_error(text)
        return text is not None

    def execute(self, codes, cell):
        """Runs the statements, then the expression if there is one, and shows its value. Returns the text of the exception,
        or None."""
        try:
            value = None
            try:
                self.unblock()
                for code in codes:
                    if code.co_flags & CO_COROUTINE:
                        value = tasks.run(codes, self.space)
                        break
                else:
                    for code in codes:
                        value = eval(code, self.space)
            finally:
                # No function of this file may be called while functions of the cell trace it. One that raises is removed
                # by that.
                try:
                    setprofile(None)
                    settrace(None)
                    if any(map(callable, map(getsignal, HANDLED))):
                        self.masks.extend(map(pthread_sigmask, (SIG_BLOCK,), (HANDLED,)))
                except BaseException:
                    self.masks.extend(map(pthread_sigmask, (SIG_BLOCK,), (HANDLED,)))
                    setprofile(None)
                    settrace(None)
                if getrecursionlimit() < self.recursion:
                    setrecursionlimit(self.recursion)
            show(value)
            take_figures(cell)
        except SystemExit as ending:
            code = "" if ending.code is None else repr(ending.code)
            return f"SystemExit: exit({code}) was called; the interpreter keeps running.\n"
        except BaseException as error:
            return error_text(error)
        return None

    def offer_source(self, cell):
        """For tracebacks, warnings and inspect, which read lines through linecache."""
        entry = (len(cell.source), None, cell.source.splitlines(True), cell.name)
        self.sources[cell.name] = entry
        if type(getattr(linecache, "cache", None)) is not dict:
            linecache.cache = {}
        linecache.cache[cell.name] = entry


# ---- errors ----


class Long(traceback.StackSummary):
    """Frames of which only the first and the last are printed."""

    def format(self, **options):
        ends = [traceback.StackSummary(part).format(**options) for part in (self[:50], self[-50:])]
        return [*ends[0], f"  [{len(self) - 100} frames are not shown]\n", *ends[1]]


def without_driver(shown):
    """Takes the frames of this file out, also of causes, contexts and members of groups."""
    links = [shown]
    while links:
        link = links.pop()
        link.stack[:] = [frame for frame in link.stack if frame.filename != DRIVER]
        if len(link.stack) > FRAMES:
            link.stack = Long(link.stack)
        links.extend(other for other in (link.__cause__, link.__context__) if other is not None)
        links.extend(getattr(link, "exceptions", None) or ())
    return shown


def error_text(error):
    """The traceback as Python prints it, with the model's own frames only."""
    try:
        if "<cell 1>" not in linecache.cache or interpreter.cell.name not in linecache.cache:
            linecache.cache.update(interpreter.sources)
        shown = without_driver(traceback.TracebackException.from_exception(error))
        alone = not shown.stack and not shown.__cause__ and not shown.__context__
        lines = shown.format_exception_only() if alone else shown.format()
        return bounded("".join(lines), "This error")
    except BaseException:
        return plain_error_text(error)


def compile_error_text(error, cell):
    """Such an error has no frames. Where the line is one of a notebook, a sentence says so."""
    try:
        text = "".join(traceback.TracebackException.from_exception(error).format_exception_only())
    except BaseException:
        return plain_error_text(error)
    lines = cell.source.splitlines()
    number = getattr(error, "lineno", None) or 0
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    return text + (NOTEBOOK if line.lstrip().startswith(("!", "%")) else "")


def plain_error_text(error):
    """For an exception whose traceback cannot be formatted, or a `traceback` module that the model has changed."""
    lines = []
    try:
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code.co_filename != DRIVER:
                lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n')
                lines.extend(f"    {line.strip()}\n" for line in interpreter.line(code.co_filename, trace.tb_lineno))
            trace = trace.tb_next
        name = type(error).__name__
        message = bounded(str(error), "This message")
    except BaseException:
        name, message = type(error).__name__, "(its message cannot be shown)"
    head = "Traceback (most recent call last):\n" if lines else ""
    return head + "".join(lines[:100] + lines[-100:] if len(lines) > 200 else lines) + f"{name}: {message}\n"


# ---- values ----


def bounded(text, what):
    """The text, or its beginning and end and how long it is."""
    text = str.__str__(text)
    if len(text) <= SHOWN:
        return text
    half = SHOWN // 2
    cut = f"[{what} has {len(text)} characters; the {len(text) - SHOWN} in its middle are not printed.]"
    return f"{text[:half]}\n[...]\n{text[-half:]}\n{cut}"


def show(value):
    """Shows the value of the last expression."""
    if value is not None:
        builtins._ = value
        present(value)


def display(*values):
    """Shows each value as the value of a cell's last expression is shown."""
    for value in values:
        present(value)


def present(value):
    if not take(interpreter.cell, value):
        sys.stdout.write(bounded(repr(value), "This value") + "\n")


def rich(value, name, kind):
    """What the value's method of this name returns, if that is of the kind; else None. The method is looked up on the type,
    because an object, such as a mock, may answer to any attribute."""
    try:
        for base in type(value).__mro__:
            if name in base.__dict__:
                data = base.__dict__[name].__get__(value, type(value))()
                data = data[0] if type(data) is tuple and data else data
                return data if issubclass(type(data), kind) and data else None
    except Exception:
        pass  # A value that cannot be shown as a picture is shown by its repr.
    return None


def take(cell, value):
    """Adds the value to the results of the cell. True where it was shown as a picture; then its repr is not printed."""
    if type(value) in PLAIN:
        return False
    png = rich(value, "_repr_png_", bytes)
    svg = None if png else rich(value, "_repr_svg_", str)
    html = rich(value, "_repr_html_", str)
    if png:
        picture(cell, "image/png", png, "png")
    elif svg:
        picture(cell, "image/svg+xml", svg, "svg")
    if html:
        add_result(cell, "text/html", html)
    return bool(png or svg)


def take_figures(cell):
    """Takes the open figures of matplotlib, if the code has imported it."""
    plots = interpreter.modules.get("matplotlib.pyplot")
    numbers = plots and plots.get_fignums()
    if type(numbers) is not list:
        return
    for number in numbers:
        drawn = BytesIO()
        plots.figure(number).savefig(drawn, format="png")
        picture(cell, "image/png", drawn.getvalue(), "png")
    plots.close("all")


def picture(cell, mime, data, suffix):
    """Saves a picture in the working directory."""
    try:
        name = save(data if isinstance(data, bytes) else data.encode("utf-8", "replace"), suffix)
    except OSError as error:
        print(f"[{mime} cannot be saved: {error.strerror}]")
        add_result(cell, mime, data)
        return
    print(f"[{mime} saved as {name}]")
    add_result(cell, mime, data, f"{getcwd()}/{name}")


def save(data, suffix):
    while True:
        interpreter.figures += 1
        name = f"figure-{interpreter.figures}.{suffix}"
        try:
            with open(name, "xb") as file:
                file.write(data)
            return name
        except FileExistsError:
            continue


def add_result(cell, mime, data, path=None):
    """All results are also returned as data, up to PAYLOAD_BYTES. JSON is written here: the model may have changed json."""
    binary = isinstance(data, bytes)
    text = b2a_base64(data, newline=False).decode("ascii") if binary else data
    cost = len(text.encode("utf-8", "replace")) * (1 if binary else 2) + 512
    fits = cost <= cell.left
    if len(cell.items) >= 64:
        return
    cell.left -= cost if fits else 512
    fields = {"mime": mime, "path": path, "bytes": len(data), "encoding": "base64" if binary else "text"}
    head = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in fields.items())
    cell.items.append((head, quoted(text) if fits else "null"))


ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(value):
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(ESCAPES.get(c) or (c if " " <= c < "\x7f" else escaped(ord(c))) for c in value) + '"'


def escaped(code):
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def write_results(cell):
    """Writes the results behind the code: the descriptor stands at the end of what was read."""
    if not cell.items:
        return
    for with_data in (True, False):
        items = (f'{{{head}, "data": {data if with_data else "null"}}}' for head, data in cell.items)
        text = ('{"results": [' + ", ".join(items) + "]}").encode("ascii")
        if len(text) <= PAYLOAD_BYTES:
            break
    try:
        write_all(cell.file, text)
    except OSError:
        pass  # No memory, or the model's limit on file sizes: the pictures are files all the same.


# ---- the loop ----


def begin():
    cell = interpreter.cell = Cell(*channel.take())
    screen.begin(cell.number)
    streams.begin(cell)
    channel.socket.send(b"B" + cell.proof)
    return cell


def finish(cell, raised):
    write_results(cell)
    screen.end()
    streams.end()
    cell.close()
    channel.check()
    channel.socket.send(b"D" + cell.proof + bytes([raised]))
    interpreter.tidy()


def serve():
    while True:
        try:
            channel.wait()
            cell = begin()
            raised = interpreter.run(cell)
            if getpid() != owner:
                # A child that the cell has forked and not ended: only the interpreter itself reports the end of the cell.
                exit_process(1 if raised else 0)
            finish(cell, raised)
        except BaseException:
            lost()


sys.argv = [""]
environment = sys.modules["os"].environ
environment.setdefault("MPLBACKEND", "Agg")
tasks = Tasks()
streams = Streams()
screen = Screen()
interpreter = Interpreter()
interpreter.tidy()
streams.end()
channel = Channel()
ready.append(True)
serve()
