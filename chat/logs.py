"""Logs: one line per event on standard error, as key=value, without user content, and rate-limited.

Only an exception's type and location are logged: its text and a traceback's lines and locals may contain a message. Whatever is
logged while serving a request or a connection carries its id, which the answer has as `X-Request-Id`.
"""

import asyncio
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

Excinfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# At most this many lines of one kind are written per minute; the rest are counted, and reported in one line at its end.
MOST_OF_A_KIND = 60
WINDOW_S = 60.0

REQUEST: ContextVar[str] = ContextVar("request", default="")


class OneLine(logging.Formatter):
    """Formats a record as ts, level, logger, request (if any), event, and error and at (if there was an exception)."""

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


class Bounded(logging.StreamHandler[TextIO]):
    """Writes warnings, errors and security events to a stream: at most ``maximum`` of each kind per time window.

    A kind is a security event, or a log message before its arguments are filled in. Nothing is dropped silently: the number of
    dropped lines is reported when the window ends, or when the handler is closed. Lines of a lower level (one per letter sent,
    say) cannot be caused by strangers, and are not limited. May be used from any thread.
    """

    def __init__(self, stream: TextIO, maximum: int = MOST_OF_A_KIND, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._most, self._clock = maximum, clock
        self._began = clock()
        self._written: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line unless its kind has reached the limit. ``logging`` holds the handler's lock."""
        if self._clock() - self._began >= WINDOW_S:
            self._turn()
        if self._has_room(record):
            super().emit(record)

    def _has_room(self, record: logging.LogRecord) -> bool:
        kind = getattr(record, "kind", None)
        if kind is None and record.levelno < logging.WARNING:
            return True
        key = (record.name, kind or str(record.msg))
        if self._written[key] < self._most:
            self._written[key] += 1
            return True
        self._left_out[key] += 1
        self._set_timer()
        return False

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._began + WINDOW_S - self._clock(), self.tell)
            self._timer.daemon = True
            self._timer.start()

    def tell(self) -> None:
        """Report what was dropped, and start a new window."""
        with self.lock or nullcontext():
            self._turn()

    def _turn(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        left_out, self._left_out = self._left_out, Counter()
        self._written.clear()
        self._began = self._clock()
        for (name, kind), count in left_out.items():
            told = f"left_out={count} more lines like this one in the last minute: {kind}"
            record = logging.LogRecord(name, logging.WARNING, "", 0, told, None, None)
            Context().run(super().emit, record)  # an empty context: the line belongs to no request

    def close(self) -> None:
        """Report what has been dropped until now. ``logging`` closes its handlers at exit."""
        self.tell()
        super().close()


def place(trace: TracebackType | None) -> str:
    """Where an exception was raised, as module:line."""
    found = "?"
    while trace:
        found = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def take_over(loop: asyncio.AbstractEventLoop) -> None:
    """Log what the event loop catches in the same form: its default handler would include an exception's text and context."""
    loop.set_exception_handler(_caught)


def _caught(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    trace = error.__traceback__ if error else None
    logging.getLogger("ailo.loop").error("the event loop caught %s at %s", type(error).__name__, place(trace))


def set_up() -> None:
    """Send all logs to standard error in this form.

    Of libraries only the warnings: their lower levels may contain personal data (an SMTP client logs each recipient).
    """
    handler = Bounded(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ailo").setLevel(logging.INFO)
    # aiohttp's own messages about malformed requests repeat what was sent; what our handlers raise is logged by `ailo.web`.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
