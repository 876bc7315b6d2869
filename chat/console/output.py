"""What a command prints: if the command succeeds, its output was really written; otherwise it fails and says why."""

import io
import os
import sys
from contextlib import suppress


class OutputFailed(Exception):
    """The output could not be written to standard output."""


def say(text: str) -> None:
    """Print a line and flush it; if standard output is a file, also to disk. Raises OutputFailed."""
    if sys.stdout is None:
        raise OutputFailed("standard output is closed.")
    try:
        print(text, flush=True)
        _sync()
    except (OSError, ValueError) as error:  # ValueError: stdout is closed, or its encoding lacks a character
        raise _failed(error) from None


def _sync() -> None:
    """Sync standard output to disk if it is a file; pipes and terminals do not support it."""
    with suppress(io.UnsupportedOperation):
        descriptor = sys.stdout.fileno()
        if os.path.isfile(f"/dev/fd/{descriptor}"):  # noqa: PTH113 (a descriptor, which has no path of its own)
            os.fsync(descriptor)


def _failed(error: OSError | ValueError) -> OutputFailed:
    """Build the error, and redirect standard output to the null device: the rest of the buffer would fail again at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
    return OutputFailed(f"standard output cannot be written to ({why}).")


def complain(line: str) -> None:
    """Print an error to standard error, if that can be written to."""
    with suppress(OSError, ValueError):
        print(f"ailo: {line}", file=sys.stderr, flush=True)


def finished(code: int) -> int:
    """Flush standard output, and return the exit code of a command that ended with ``code``: 1 if that was 0 and this fails."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        complain(str(_failed(error)))
        return code or 1
    return code
