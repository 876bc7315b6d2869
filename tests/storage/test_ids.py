"""Ids that grow with time, and what is accepted as an id."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest

from storage.ids import AccountId, MessageId, ThreadId, new_id, read_id


@pytest.mark.parametrize("of", [ThreadId, AccountId, MessageId])
def test_an_id_is_a_uuid_of_version_7(of: Callable[[UUID], UUID]) -> None:
    made = new_id(of)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_an_id_begins_with_its_time() -> None:
    assert abs((new_id(ThreadId).int >> 80) - time.time_ns() // 1_000_000) < 5_000


def test_ids_are_distinct() -> None:
    assert len({new_id(ThreadId) for _ in range(10_000)}) == 10_000


def test_an_id_is_read_back() -> None:
    made = new_id(ThreadId)
    assert read_id(str(made)) == made


@pytest.mark.parametrize("text", ["", "x", "1", "x" * 36, "019abcde00007000800000000000001", "-" * 36, "٠" * 36])
def test_what_is_no_uuid_is_none(text: str) -> None:
    assert read_id(text) is None
