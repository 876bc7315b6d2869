"""Security events: one line each, with ids only."""

import logging
import re
from pathlib import Path
from uuid import UUID

import pytest

from chat.security_events import ORDINARY, SecurityEvent, record
from storage.ids import AccountId

SOMEBODY = AccountId(UUID(int=7))


def test_an_event_is_one_line_with_the_account_and_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    record(SecurityEvent.SIGN_IN_LIMITED, account=SOMEBODY, wait_s=9)
    assert caplog.messages == [f"sign_in_limited account={SOMEBODY} wait_s=9"]


def test_an_event_may_have_no_account(caplog: pytest.LogCaptureFixture) -> None:
    record(SecurityEvent.SIGN_IN_FAILED)
    assert caplog.messages == ["sign_in_failed"]


def test_what_somebody_did_who_may_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    for event in SecurityEvent:
        record(event, SOMEBODY)
    levels = {logged.getMessage().split()[0]: logged.levelno for logged in caplog.records}
    assert {name for name, level in levels.items() if level == logging.INFO} == {event.value for event in ORDINARY}
    assert len(levels) == len(SecurityEvent)


def test_a_command_without_a_log_prints_no_event(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    record(SecurityEvent.SIGN_IN_FAILED, SOMEBODY)
    assert capfd.readouterr() == ("", "")


def test_the_manual_lists_every_event_and_no_other() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    section = manual.partition("\n## What is logged\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z_]+)`", section, re.MULTILINE)
    assert sorted(listed) == sorted(event.value for event in SecurityEvent)
