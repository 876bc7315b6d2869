"""Logs: one line an event on standard error, as key=value, without anybody's words.

Of an exception only its kind and its place in the code are told: its text, a traceback's lines and locals may hold a message.
What is logged while a request or a connection is served has its id, which its answer bears as `X-Request-Id`.
"""

import asyncio
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

Excinfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

REQUEST: ContextVar[str] = ContextVar("request", default="")


class OneLine(logging.Formatter):
    """ts, level, logger, request (where there is one), event, error and at (where there is one)."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        pairs = {
            "ts": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": REQUEST.get(),
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            pairs |= {"error": record.exc_info[0].__name__, "at": place(record.exc_info[2])}
        return " ".join(f"{key}={_quoted(value)}" for key, value in pairs.items() if value)


def _quoted(value: str) -> str:
    if value.isprintable() and not set(value) & set(' "=\\'):
        return value
    inner = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in inner) + '"'


def place(trace: TracebackType | None) -> str:
    """Where an exception was raised, as module:line."""
    found = "?"
    while trace:
        found = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def take_over(loop: asyncio.AbstractEventLoop) -> None:
    """Log what the event loop catches as all else: its own line would repeat an exception's text, and what it was about."""
    loop.set_exception_handler(_caught)


def _caught(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    trace = error.__traceback__ if error else None
    logging.getLogger("ailo.loop").error("the event loop caught %s at %s", type(error).__name__, place(trace))


def set_up() -> None:
    """Send every log to standard error in this form.

    Of libraries only the warnings: what they tell in passing may name somebody (an SMTP client each recipient).
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ailo").setLevel(logging.INFO)
    # The server's own complaints about malformed requests repeat what was sent; what our handlers raise is logged by `web`.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
