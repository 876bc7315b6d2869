"""Starts `ailo` from a process that has imported it already: most of what a start costs is importing.

`start` gives a process of its own with its own arguments, environment, folder, umask and standard streams, as `python -m chat`
would; it can be killed and waited for. Whatever depends on the start itself (strace, limits, closed streams, how the interpreter
is called) starts `python -m chat`.

Each process of the tests has one parent of such processes, on the other end of a socket:

    tests ── order, three file descriptors ──▶ parent ── fork ──▶ go-between ── fork ──▶ `ailo`
          ◀──────────────── pid ───────────────

The go-between ends at once. The kernel then makes the tests the parent of `ailo` (PR_SET_CHILD_SUBREAPER), so that they can
wait for it as for any child.
"""

import atexit
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, TextIO

import msgspec

PR_SET_CHILD_SUBREAPER = 36
LARGEST_ORDER = 1 << 20
ROOT = Path(__file__).parents[1]


def of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that matter while an interpreter starts."""
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))}


USUAL = of_the_interpreter(os.environ)


def fits(environment: Mapping[str, str]) -> bool:
    """Whether an interpreter would start in this environment as it does in the usual one."""
    return of_the_interpreter(environment) == USUAL


class Order(msgspec.Struct):
    """What to start; its standard streams are sent beside it."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    umask: int


class WarmProcess:
    """A running `ailo`. Its methods are those of `subprocess.Popen` with the same names."""

    def __init__(self, pid: int, stdout: TextIO | None = None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        if self.returncode is None:
            self._wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._wait(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(f"ailo (process {self.pid})", timeout or 0)
        return self.returncode

    def _wait(self, timeout: float | None) -> None:
        poller = select.poll()
        poller.register(self._handle, select.POLLIN)
        if poller.poll(None if timeout is None else timeout * 1000):
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._handle)

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, stderr: IO[str], stdin: IO[str] | None = None
) -> WarmProcess:
    """Start `ailo` with these arguments. Its standard output is a pipe; without ``stdin`` its standard input is empty."""
    ours, theirs = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        pid = _order(arguments, environment, cwd, [stdin.fileno() if stdin else nothing, theirs, stderr.fileno()])
    finally:
        os.close(nothing)
        os.close(theirs)
    return WarmProcess(pid, os.fdopen(ours))


def run(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, stdin: str, timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run `ailo` to its end. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryFile("w+") as typed, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        typed.write(stdin)
        typed.seek(0)
        process = WarmProcess(_order(arguments, environment, cwd, [typed.fileno(), out.fileno(), err.fileno()]))
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), err.read())


def _order(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, streams: Sequence[int]) -> int:
    """Have a process made; return its pid."""
    os.umask(umask := os.umask(0))
    parent = _parent()
    socket.send_fds(parent, [msgspec.json.encode(Order(arguments, environment, str(cwd), umask))], streams)
    return int(parent.recv(64))


@cache
def _parent() -> socket.socket:
    """The socket to this process's parent of processes, which is started by the first use and ends with this process."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.warm_start", str(theirs.fileno())]
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, stdin=silent, stdout=silent, pass_fds=[theirs.fileno()])
    theirs.close()

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


# The parent


def main(orders: socket.socket) -> None:
    """Make processes until nobody orders any more."""
    from chat import __main__, cli, demo, serve  # noqa: F401 (what a process then need not import)

    while True:
        raw, streams, _, _ = socket.recv_fds(orders, LARGEST_ORDER, 3)
        if not raw:
            return
        told, tell = os.pipe()
        if not (between := os.fork()):
            if pid := os.fork():
                os.write(tell, str(pid).encode())
                os._exit(0)
            for one in (orders.fileno(), told, tell):
                os.close(one)
            become(msgspec.json.decode(raw, type=Order), streams)
            cli.main()
        os.waitpid(between, 0)
        orders.send(os.read(told, 64))
        for one in (told, tell, *streams):
            os.close(one)


def become(order: Order, streams: Sequence[int]) -> None:
    """Take on what was ordered."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(order.cwd)
    os.umask(order.umask)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.argv[1:] = order.arguments


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
