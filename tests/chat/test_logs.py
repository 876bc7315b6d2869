"""Logs tell what happened and where, on one line, and nobody's words."""

import asyncio
import logging
import shlex

import pytest

from chat import logs
from chat.logs import REQUEST, OneLine, place

CANARY = "canary-1f0c"


def failing(text: str) -> None:
    raise ValueError(text)


def record_of(error: BaseException | None = None, said: str = "it failed", level: int = logging.ERROR) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("ailo.web", level, "x.py", 1, said, None, info)
    record.created = 1_795_424_400.25
    return record


def caught() -> ValueError:
    with pytest.raises(ValueError) as caught:
        failing(CANARY)
    return caught.value


def parsed(line: str) -> dict[str, str]:
    """A line as its pairs, read as a shell would."""
    return dict(pair.split("=", 1) for pair in shlex.split(line))


def test_a_line_is_pairs() -> None:
    assert OneLine().format(record_of()) == 'ts=2026-11-23T09:00:00.250Z level=error logger=ailo.web event="it failed"'


def test_an_exception_is_told_by_its_kind_and_place() -> None:
    found = parsed(OneLine().format(record_of(caught())))
    assert (found["event"], found["error"]) == ("it failed", "ValueError")
    assert found["at"].startswith(f"{__name__}:")


def test_an_exception_is_told_without_its_text() -> None:
    assert CANARY not in OneLine().format(record_of(caught()))


@pytest.mark.parametrize("said", ["two\nlines", 'a "word"', "a=b", "back\\slash", "\x1b[31m", "\u2028", "déjà vu 🙂"])
def test_an_event_is_one_line_and_one_value(said: str) -> None:
    line = OneLine().format(record_of(said=said))
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert list(parsed(line)) == ["ts", "level", "logger", "event"]


async def test_what_a_request_causes_bears_its_id() -> None:
    async def serve(id_: str) -> str:
        REQUEST.set(id_)
        await asyncio.sleep(0)
        return parsed(OneLine().format(record_of()))["request"]

    assert await asyncio.gather(*(asyncio.create_task(serve(id_)) for id_ in ("one", "two"))) == ["one", "two"]
    assert "request" not in parsed(OneLine().format(record_of()))


def test_a_place_is_unknown_without_a_trace() -> None:
    assert place(None) == "?"


def test_of_libraries_only_what_is_wrong_is_heard() -> None:
    logs.set_up()
    assert not logging.getLogger("aiohttp.server").isEnabledFor(logging.ERROR)
    assert not logging.getLogger("mail.log").isEnabledFor(logging.INFO)
    assert logging.getLogger("mail.log").isEnabledFor(logging.WARNING)
    assert logging.getLogger("ailo.chat").isEnabledFor(logging.INFO)
