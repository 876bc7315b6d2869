"""Logs say what happened and where, on one line, without any user's words."""

import asyncio
import io
import logging
import shlex
import threading
from collections.abc import Iterator

import pytest

from chat import logs
from chat.logs import REQUEST, WINDOW_S, Bounded, OneLine, place

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
    """A line as key=value pairs, parsed as a shell would."""
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


# No floods


class Bound:
    """A bounded handler of three lines a minute, its clock, and its output."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = Bounded(self.stream, maximum=3, clock=lambda: self.now)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def say(self, template: str, *args: object, level: int = logging.WARNING, kind: str | None = None) -> None:
        record = logging.LogRecord("ailo.x", level, "x.py", 1, template, args, None)
        if kind:
            record.kind = kind
        self.handler.handle(record)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def left_out(count: int, kind: str) -> str:
    return f"WARNING ailo.x left_out={count} more lines like this one in the last minute: {kind}"


@pytest.fixture
def bound() -> Iterator[Bound]:
    bound = Bound()
    yield bound
    bound.handler.close()


def test_a_flood_is_so_many_lines_and_then_a_count(bound: Bound) -> None:
    for number in range(10):
        bound.say("alert: thread %s", number)
    assert bound.lines == [f"WARNING ailo.x alert: thread {number}" for number in range(3)]
    bound.now += WINDOW_S
    bound.say("alert: thread %s", 10)
    assert bound.lines[3:] == [left_out(7, "alert: thread %s"), "WARNING ailo.x alert: thread 10"]


def test_one_flood_hides_no_other_line(bound: Bound) -> None:
    for number in range(10):
        bound.say(f"failed account={number}", kind="failed", level=logging.INFO)
    bound.say("the disk failed")
    bound.say("ended account=1", kind="ended")
    assert bound.lines[3:] == ["WARNING ailo.x the disk failed", "WARNING ailo.x ended account=1"]


def test_what_is_told_of_each_letter_is_no_flood(bound: Bound) -> None:
    for number in range(10):
        bound.say("letter %s written", number, level=logging.INFO)
    assert len(bound.lines) == 10


def test_what_was_left_out_is_told_at_the_end(bound: Bound) -> None:
    for _ in range(5):
        bound.say("failed")
    bound.handler.close()
    assert bound.lines[3:] == [left_out(2, "failed")]


def test_what_was_left_out_is_told_though_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "WINDOW_S", 0.05)
    told, bound = threading.Event(), Bound()
    bound.handler.setStream(Told(told))
    for _ in range(5):
        bound.say("failed")
    assert told.wait(20)
    bound.handler.close()


class Told(io.StringIO):
    """A stream that signals when a count was written."""

    def __init__(self, told: threading.Event) -> None:
        super().__init__()
        self._told = told

    def write(self, text: str) -> int:
        if "left_out=2" in text:
            self._told.set()
        return super().write(text)
