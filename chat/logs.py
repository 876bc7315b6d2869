"""Logs: one line an event on standard error, without anybody's words.

Of an exception only its kind and its place in the code are told: its text, a traceback's lines and locals may hold a message.
"""

import logging
import sys
from types import TracebackType

Excinfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _OneLine(logging.Formatter):
    def formatException(self, ei: Excinfo) -> str:  # noqa: N802 (the library's name)
        return f"{ei[0].__name__ if ei[0] else '?'} at {place(ei[2])}"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


def place(trace: TracebackType | None) -> str:
    """Where an exception was raised, as module:line."""
    found = "?"
    while trace:
        found = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def set_up() -> None:
    """Send every log to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # The server's own complaints about malformed requests repeat what was sent; what our handlers raise is logged by `web`.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
