"""The frames of the protocol: what is understood, what is not, and that no error leaks a text."""

import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conversations.shapes import plain
from chat.protocol.frames import (
    Code,
    Error,
    Hello,
    Message,
    NotUnderstood,
    Read,
    Resume,
    Send,
    Sent,
    decode,
    encode,
    id_in,
    moment,
)
from storage.ids import AccountId, MessageId, ThreadId

ID = MessageId(UUID("019abcde-0000-7000-8000-000000000001"))
THREAD = ThreadId(UUID("019abcde-0000-7000-8000-000000000002"))
LEA = AccountId(UUID("019abcde-0000-7000-8000-000000000003"))
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def understood(text: str) -> bool:
    try:
        decode(text)
    except NotUnderstood:
        return False
    return True


@given(st.text())
def test_any_text_is_a_frame_or_not_understood(text: str) -> None:
    assert not understood(text)


@given(JSON)
def test_any_json_is_a_frame_or_not_understood(value: object) -> None:
    assert not understood(json.dumps(value))


@given(
    st.sampled_from(["send", "read", "typing", "resume"]), st.dictionaries(st.sampled_from(["id", "thread", "text", "seq"]), JSON)
)
def test_wrong_fields_are_not_understood(kind: str, fields: dict[str, object]) -> None:
    understood(json.dumps({"type": kind, **fields}))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 20_000,
        '{{"type":"read","thread":"{}","seq":{}}}'.format(THREAD, "9" * 5_000),
        f'{{"type":"read","thread":"{THREAD}","seq":1.5}}',
        f'{{"type":"read","thread":"{THREAD}","seq":true}}',
        f'{{"type":"read","thread":"{THREAD}","seq":-1}}',
        f'{{"type":"send","id":"{ID}","thread":"{THREAD}","text":"\\ud800"}}',
        f'{{"type":"send","id":"{ID}","thread":"{THREAD}","text":"\ud800"}}',
        f'{{"type":"send","id":"{ID}","thread":"{THREAD}","text":null}}',
        f'{{"type":"send","id":"x","thread":"{THREAD}","text":"a"}}',
        '{"type":"resume","threads":{"x":1}}',
        f'{{"type":"resume","threads":{{"{THREAD}":-1}}}}',
        '{"type":"resume","threads":[]}',
        '{"type":"message"}',
        "NaN",
        "",
    ],
)
def test_a_bad_frame_is_not_understood(text: str) -> None:
    assert not understood(text)


def test_a_send_is_read_as_it_was_written() -> None:
    text = "  \N{FAMILY} é e\u0301\n"
    assert decode(json.dumps({"type": "send", "id": str(ID), "thread": str(THREAD), "text": text})) == Send(ID, THREAD, text)


def test_fields_that_are_not_ours_are_ignored() -> None:
    assert decode(json.dumps({"type": "read", "thread": str(THREAD), "seq": 3, "account": "x"})) == Read(THREAD, 3)


def test_a_resume_names_threads() -> None:
    assert decode(json.dumps({"type": "resume", "threads": {str(THREAD): 7}})) == Resume({THREAD.bytes: 7})


def test_the_id_of_a_refused_send_is_known() -> None:
    with pytest.raises(NotUnderstood) as caught:
        decode(json.dumps({"type": "send", "id": str(ID), "thread": "x", "text": "canary"}))
    assert caught.value.id == ID


def test_a_refusal_holds_nothing_of_the_text() -> None:
    with pytest.raises(NotUnderstood) as caught:
        decode('{"type":"canary","text":"canary"}')
    assert "canary" not in repr(caught.value) + str(caught.value.__cause__)


def test_no_id_can_be_read_from_garbage() -> None:
    assert id_in("{") is None


def test_an_error_has_an_id_only_when_there_is_one() -> None:
    assert json.loads(encode(Error(Code.BUSY.value, "…"))) == {"type": "error", "code": "busy", "message": "…"}


def test_hello_says_who_and_how_much() -> None:
    hello = json.loads(encode(Hello(LEA)))
    limits = {"text": 8_000, "frame": 131_072}
    assert hello == {"type": "hello", "account": str(LEA), "protocol": "ailo.v1", "limits": limits}


def test_times_are_rfc_3339_in_utc() -> None:
    assert json.loads(encode(Sent(ID, THREAD, 1, moment(1_795_424_400_123))))["at"] == "2026-11-23T09:00:00.123000Z"


@given(st.integers(0, 4_000_000_000_000))
def test_a_moment_keeps_its_milliseconds(ms: int) -> None:
    assert round(moment(ms).timestamp() * 1000) == ms


def test_a_plain_message_is_the_frame_without_its_type() -> None:
    message = Message(ID, THREAD, 1, LEA, "text", AT, "bonjour")
    frame = msgspec.to_builtins(message)
    del frame["type"]
    assert msgspec.to_builtins(plain(message)) == frame
