"""Logs tell what happened and where, on one line, and nobody's words."""

import logging

import pytest

from chat import logs
from chat.logs import _OneLine, place

CANARY = "canary-1f0c"


def failing(text: str) -> None:
    raise ValueError(text)


def record_of(error: ValueError) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__)
    return logging.LogRecord("ailo", logging.ERROR, "x.py", 1, "it\nfailed", None, info)


def caught() -> ValueError:
    with pytest.raises(ValueError) as caught:
        failing(CANARY)
    return caught.value


def test_an_exception_is_told_by_its_kind_and_place() -> None:
    said = _OneLine("%(message)s").format(record_of(caught()))
    assert said.startswith("it | failed | ValueError at ")
    assert f"{__name__}:" in said


def test_an_exception_is_told_without_its_text() -> None:
    said = _OneLine("%(message)s").format(record_of(caught()))
    assert CANARY not in said
    assert "\n" not in said


def test_a_place_is_unknown_without_a_trace() -> None:
    assert place(None) == "?"


def test_libraries_that_repeat_requests_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    logs.set_up()
    assert not logging.getLogger("aiohttp.server").isEnabledFor(logging.ERROR)
    logging.getLogger("aiohttp").setLevel(logging.NOTSET)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)
