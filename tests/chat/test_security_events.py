"""Security events: one line each, with ids alone."""

from uuid import UUID

import pytest

from chat.security_events import SecurityEvent, record

SOMEBODY = UUID(int=7)


def test_an_event_is_one_line_with_the_account_and_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    record(SecurityEvent.SIGN_IN_LIMITED, account=SOMEBODY, wait_s=9)
    assert caplog.messages == [f"sign_in_limited account={SOMEBODY} wait_s=9"]


def test_an_event_may_have_no_account(caplog: pytest.LogCaptureFixture) -> None:
    record(SecurityEvent.SIGN_IN_FAILED)
    assert caplog.messages == ["sign_in_failed"]
