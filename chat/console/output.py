"""What a command prints: written for certain when it says so, or the command fails and says why."""

import io
import os
import sys
from contextlib import suppress


class OutputFailed(Exception):
    """Standard output did not take what was to be printed."""


def say(text: str) -> None:
    """Print a line: flushed, and on the disk where standard output is a file. Raises OutputFailed."""
    if sys.stdout is None:
        raise OutputFailed("standard output is closed.")
    try:
        print(text, flush=True)
        _sync()
    except (OSError, ValueError) as error:  # ValueError: closed under us, or a letter that its encoding lacks
        raise _failed(error) from None


def _sync() -> None:
    """To the disk, where it is a file; pipes and terminals refuse it."""
    with suppress(io.UnsupportedOperation):
        descriptor = sys.stdout.fileno()
        if os.path.isfile(f"/dev/fd/{descriptor}"):  # noqa: PTH113 (a descriptor, which has no path of its own)
            os.fsync(descriptor)


def _failed(error: OSError | ValueError) -> OutputFailed:
    """What is left in the buffer would fail once more at exit: it goes nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
    return OutputFailed(f"standard output cannot be written to ({why}).")


def complain(line: str) -> None:
    """Print an error on standard error, if that takes anything."""
    with suppress(OSError, ValueError):
        print(f"ailo: {line}", file=sys.stderr, flush=True)


def finished(code: int) -> int:
    """The exit code of a command that ended with ``code``, once all that it printed is out."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        complain(str(_failed(error)))
        return code or 1
    return code
