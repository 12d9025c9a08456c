"""The resident code interpreter: runs cells one after the other in one namespace that is kept between cells.

Started by sandboxd (PID 1 of the sandbox) as the model's user. Descriptor 198 is one end of a SOCK_SEQPACKET pair. A
message from sandboxd is a 16-byte nonce with four descriptors: the code, a file for rich results, and the pipes for
standard output and error. Two messages go back, each with the nonce: b"B" when the cell begins, and b"D" with one more
byte (1: it ended in an exception) when it has ended.

The model's code runs in this process, so nothing here is trusted: sandboxd takes the ending of the process from
wait(2), and uses these messages only to know when to stop waiting.

Standard library only, Python 3.8 or later.
"""

import ast
import builtins
import io
import linecache
import os
import signal
import socket
import sys
import traceback
import types

CONTROL = 198
NONCE_BYTES = 16
PAYLOAD_BYTES = 512 * 1024
HERE = os.path.abspath(__file__)


def take_control():
    """The control socket, under a number that programs started from here do not inherit."""
    control = socket.socket(fileno=os.dup(CONTROL))
    os.close(CONTROL)
    control.set_inheritable(False)
    control.setblocking(True)
    return control


def receive(control):
    """The next cell's nonce and descriptors, or None where sandboxd has ended."""
    size = socket.CMSG_SPACE(4 * 4)
    message, ancillary, _, _ = control.recvmsg(64, size)
    if len(message) != NONCE_BYTES:
        return None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(data) >= 16:
            return message, [int.from_bytes(data[i : i + 4], sys.byteorder) for i in range(0, 16, 4)]
    return None


def read_all(descriptor):
    chunks = []
    while True:
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


class Streams:
    """The standard streams. Each cell gets new pipes under the old numbers, whatever earlier cells did to them."""

    def __init__(self):
        self.null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self.open()

    def open(self):
        sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), encoding="utf-8", errors="replace")
        for name, number in (("stdout", 1), ("stderr", 2)):
            raw = io.FileIO(number, "w", closefd=False)
            stream = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        sys.__stdin__ = sys.stdin
        self.own = (sys.stdin, sys.stdout, sys.stderr)

    def begin(self, out, err):
        os.dup2(self.null, 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        if any(getattr(stream, "closed", True) for stream in (sys.stdin, sys.stdout, sys.stderr) + self.own):
            self.open()

    def end(self):
        """Closes the pipes, so that sandboxd reads their end. What threads print later is dropped."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                pass
        os.dup2(self.null, 1)
        os.dup2(self.null, 2)


class Cells:
    """Compiles and runs cells in a module named __main__, so that pickle finds what they define."""

    def __init__(self):
        self.module = types.ModuleType("__main__")
        self.module.__builtins__ = builtins
        self.space = self.module.__dict__
        self.count = 0
        sys.modules["__main__"] = self.module

    def compile(self, code):
        self.count += 1
        name = f"<cell {self.count}>"
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        tree = ast.parse(code, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        body = compile(tree, name, "exec", dont_inherit=True)
        return body, last and compile(last, name, "eval", dont_inherit=True)

    def run(self, code, results):
        """Returns whether the cell ended in an exception."""
        try:
            body, last = self.compile(code)
            exec(body, self.space)
            if last is not None:
                self.show(eval(last, self.space), results)
            results.take_figures()
        except SystemExit as ending:
            print(f"SystemExit: exit({shown_code(ending.code)}) was called; the interpreter keeps running.", file=sys.stderr)
            return True
        except BaseException as error:
            print_error(error)
            return True
        return False

    def show(self, value, results):
        if value is None:
            return
        self.space["_"] = value
        if not results.take(value):
            print(repr(value))


def shown_code(code):
    return "" if code is None else repr(code)


def print_error(error):
    """Prints a traceback without the frames of this file."""
    try:
        shown = traceback.TracebackException.from_exception(error)
        if isinstance(error, SyntaxError) and error.filename == f"<cell {cells.count}>":
            shown.stack.clear()
        link = shown
        while link is not None:
            link.stack[:] = [frame for frame in link.stack if frame.filename != __file__]
            link = link.__cause__ or link.__context__
        text = "".join(shown.format())
    except BaseException:
        text = f"{type(error).__name__}: (its message cannot be shown)\n"
    sys.stderr.write(text)


class Results:
    """What a cell shows beside text. Pictures become files in the working directory. All results are also returned as
    data, up to PAYLOAD_BYTES."""

    figures = 0

    def __init__(self):
        self.items = []
        self.left = PAYLOAD_BYTES - 4096

    def add(self, mime, data, path=None):
        import base64

        binary = isinstance(data, bytes)
        text = base64.b64encode(data).decode("ascii") if binary else str(data)
        item = {"mime": mime, "path": path, "bytes": len(data), "encoding": "base64" if binary else "text"}
        cost = len(text.encode("utf-8", "replace")) * (1 if binary else 2) + 512
        item["data"] = text if cost <= self.left else None
        if len(self.items) < 64:
            self.left -= cost if item["data"] is not None else 512
            self.items.append(item)

    def save(self, data, suffix):
        while True:
            Results.figures += 1
            name = f"figure-{Results.figures}.{suffix}"
            try:
                with open(name, "xb") as file:
                    file.write(data)
                return os.path.abspath(name)
            except FileExistsError:
                continue
            except OSError:
                return None

    def picture(self, mime, data, suffix):
        raw = data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")
        path = self.save(raw, suffix)
        if path:
            print(f"[{mime} saved as {os.path.basename(path)}]")
        self.add(mime, data, path)

    def take(self, value):
        """True where the value was shown as a picture; then its repr is not printed."""
        if isinstance(value, type):
            return False
        shown = False
        for method, mime, suffix in (("_repr_png_", "image/png", "png"), ("_repr_svg_", "image/svg+xml", "svg")):
            data = call_quietly(value, method)
            if data and not shown:
                self.picture(mime, data, suffix)
                shown = True
        html = call_quietly(value, "_repr_html_")
        if html:
            self.add("text/html", html)
        return shown

    def take_figures(self):
        """Takes the open figures of matplotlib, if the code has imported it."""
        plots = sys.modules.get("matplotlib.pyplot")
        if plots is None:
            return
        for number in plots.get_fignums():
            picture = io.BytesIO()
            plots.figure(number).savefig(picture, format="png")
            self.picture("image/png", picture.getvalue(), "png")
        plots.close("all")

    def write(self, descriptor):
        if not self.items:
            return
        import json

        data = json.dumps({"results": self.items}).encode("ascii")
        if len(data) > PAYLOAD_BYTES:
            for item in self.items:
                item["data"] = None
            data = json.dumps({"results": self.items}).encode("ascii")
        at = 0
        while at < len(data):
            at += os.write(descriptor, data[at:])


def call_quietly(value, name):
    try:
        method = getattr(value, name, None)
        return method() if callable(method) else None
    except Exception:
        return None


class Interrupts:
    """SIGINT becomes KeyboardInterrupt inside a cell, and is ignored between cells."""

    def __init__(self):
        self.inside = False
        signal.signal(signal.SIGINT, self.handle)

    def handle(self, number, frame):
        if self.inside:
            raise KeyboardInterrupt("time limit")


def run_cell(nonce, descriptors):
    """Returns the b"D" message. Ends the process where it is a child that the cell has forked."""
    code_file, payload, out, err = descriptors
    streams.begin(out, err)
    code = read_all(code_file).decode("utf-8", "replace")
    os.close(code_file)
    results = Results()
    raised = True
    try:
        try:
            interrupts.inside = True
            raised = cells.run(code, results)
        finally:
            interrupts.inside = False
    except BaseException as error:
        print_error(error)
    if os.getpid() != owner:
        leave(raised)
    try:
        results.write(payload)
    except OSError:
        pass
    os.close(payload)
    streams.end()
    return b"D" + nonce + bytes([raised])


def leave(raised):
    """Ends a child that the cell has forked and not ended: only the interpreter itself reports the end of the cell."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    os._exit(1 if raised else 0)


def serve():
    control = take_control()
    while True:
        try:
            cell = receive(control)
            if cell is None:
                os._exit(0)
            control.send(b"B" + cell[0])
            control.send(run_cell(*cell))
        except OSError:
            os._exit(70)


owner = os.getpid()
sys.argv = [""]
sys.path[0] = ""
os.environ.setdefault("MPLBACKEND", "Agg")
streams = Streams()
cells = Cells()
interrupts = Interrupts()
serve()
