"""What a user types at a terminal, or a script passes on standard input."""

import getpass
import os
import sys

from chat.protocol.refusals import Misuse


def is_terminal() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def everything() -> str:
    """All of standard input; empty if it is closed."""
    return sys.stdin.read() if sys.stdin is not None else ""


def first_line() -> str:
    """The first line of standard input, without reading a byte more: the rest is for another reader."""
    line = bytearray()
    while (one := os.read(0, 1)) not in {b"", b"\n"}:
        line += one
    return line.decode(errors="replace").removesuffix("\r")


def password(*, from_stdin: bool, what: str = "the password") -> str:
    """A password, from standard input or prompted for without echo. Raises Misuse if there is no terminal to prompt on."""
    if from_stdin:
        return everything().removesuffix("\n").removesuffix("\r")
    if not is_terminal():
        raise Misuse(f"pass {what} with --password-stdin, or run this in a terminal to be prompted for it.")
    return getpass.getpass("Password: ")
