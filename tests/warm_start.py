"""Starts `ailo` from a process that has imported it already: most of what a start costs is importing.

`start` gives a process of its own with its own arguments, environment, folder, umask and standard streams, as `python -m chat`
would; it can be killed and waited for. Whatever depends on the start itself (strace, limits, closed streams, how the interpreter
is called) starts `python -m chat`. The processes are those of multiprocessing's fork server.
"""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import IO, TextIO


def of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that matter while an interpreter starts."""
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))}


USUAL = of_the_interpreter(os.environ)


def fits(environment: Mapping[str, str]) -> bool:
    """Whether an interpreter would start in this environment as it does in the usual one."""
    return of_the_interpreter(environment) == USUAL


@dataclass
class Order:
    """What to start. Its standard streams are `Connection`s: these can be handed to another process."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    umask: int
    streams: Sequence[Connection]


class WarmProcess:
    """A running `ailo`. Its methods are those of `subprocess.Popen` with the same names."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, streams: Sequence[int]) -> None:
        os.umask(umask := os.umask(0))
        handed = [Connection(os.dup(stream), writable=number > 0) for number, stream in enumerate(streams)]
        order = Order([*arguments], {**environment}, cwd, umask, handed)
        self._process = context().Process(target=_carry_out, args=(order,), daemon=True)
        self._process.start()
        for stream in handed:
            stream.close()
        assert self._process.pid
        self.pid = self._process.pid
        self.stdout: TextIO | None = None

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(f"ailo (process {self.pid})", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, stderr: IO[str]) -> WarmProcess:
    """Start `ailo` with these arguments. Its standard input is empty, its standard output a pipe."""
    ours, theirs = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        process = WarmProcess(arguments, environment, cwd, [nothing, theirs, stderr.fileno()])
        process.stdout = os.fdopen(ours)
        return process
    finally:
        os.close(nothing)
        os.close(theirs)


def run(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, stdin: str, timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run `ailo` to its end. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryFile("w+") as typed, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        typed.write(stdin)
        typed.seek(0)
        process = WarmProcess(arguments, environment, cwd, [one.fileno() for one in (typed, out, err)])
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), err.read())


@cache
def context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chat.__main__", "chat.serve", "chat.demo", __name__])
    return context


def _carry_out(order: Order) -> None:
    """Be the process that was ordered."""
    from chat import cli  # (the tests themselves do not need it)

    for number, stream in enumerate(order.streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(order.cwd)
    os.umask(order.umask)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.argv[1:] = order.arguments
    try:
        cli.main()
    finally:
        logging.shutdown()  # as every interpreter does at its end; multiprocessing ends the process without one
