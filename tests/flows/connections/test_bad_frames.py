"""Frames outside the protocol: each gets its answer, the connection or the service survives, and no log repeats a word."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from chat.client.remote import Json, Wire
from storage.ids import MessageId, new_id
from tests.flows.service import Visit, settled

CANARY = "canari-7e5d"
ID, THREAD = (
    str(new_id(MessageId)),
    "0199a8f0-0000-7000-8000-000000000000",
)  # THREAD is part of test ids, so it must not change between runs.
LARGEST = 131_072
SMILE = "\N{SLIGHTLY SMILING FACE}"

NOT_UNDERSTOOD: list[str | bytes] = [
    "",
    CANARY,
    "[]",
    "null",
    "1",
    f'"{CANARY}"',
    "{",
    "{}",
    '{"type":null}',
    f'{{"type":"{CANARY}"}}',
    '{"type":"hello"}',
    '{"type":"sent"}',
    "[" * 50_000,
    '{"a":' * 20_000,
    '{"type":"typing"}',
    '{"type":"typing","thread":"x"}',
    f'{{"type":"read","thread":"{THREAD}"}}',
    f'{{"type":"read","thread":"{THREAD}","seq":-1}}',
    f'{{"type":"read","thread":"{THREAD}","seq":"1"}}',
    f'{{"type":"read","thread":"{THREAD}","seq":1.5}}',
    '{{"type":"read","thread":"{}","seq":{}}}'.format(THREAD, "9" * 4_000),
    '{"type":"resume"}',
    f'{{"type":"resume","threads":["{THREAD}"]}}',
    '{"type":"resume","threads":{"x":1}}',
    f'{{"type":"resume","threads":{{"{THREAD}":-1}}}}',
    f'{{"type":"send","thread":"{THREAD}","text":"{CANARY}"}}',
    f'{{"type":"send","id":"x","thread":"{THREAD}","text":"{CANARY}"}}',
    b"\x00\x01",
    b'{"type":"resume","threads":{}}',
]


async def refusal(wire: Wire, frame: str | bytes | Json) -> Json:
    """Send a frame, and return the one frame that answers it."""
    await wire.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
    return await wire.next()


async def close_code(wire: Wire) -> tuple[list[str], int | None]:
    """The types of the frames until the connection was closed, and its close code."""
    kinds: list[str] = []
    try:
        while True:
            kinds.append((await wire.next())["type"])
    except ConnectionClosed as closed:
        return kinds, closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("frame", NOT_UNDERSTOOD)
async def test_what_is_not_understood_is_answered_and_survived(visit: Visit, frame: str | bytes) -> None:
    lea = await visit.wire("lea")
    answer = await refusal(lea, frame)
    assert (answer["type"], answer["code"]) == ("error", "bad_frame")
    assert await settled(lea) == []
    assert CANARY not in visit.log + json.dumps(answer)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00x"', '"\\ud800\\ud800"', '"\\uZZZZ"', "null", "1", '["a"]'])
async def test_a_text_that_is_none_is_refused_with_its_id(visit: Visit, text: str) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    answer = await refusal(lea, f'{{"type":"send","id":"{ID}","thread":"{thread}","text":{text}}}')
    assert (answer["code"], answer.get("id", ID)) == ("bad_frame", ID)
    assert (await lea.send(thread, "un"))["seq"] == 1


@pytest.mark.parametrize(
    ("text", "code"), [("", "bad_frame"), ("x" * 8_001, "too_long"), (SMILE * 8_001, "too_long"), ("é" * 8_001, "too_long")]
)
async def test_a_text_of_a_wrong_length_is_refused(visit: Visit, text: str, code: str) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    answer = await lea.send(thread, text)
    assert (answer["type"], answer["code"]) == ("error", code)


@pytest.mark.parametrize(
    "text", ["x", " ", "\n", "\0", "\u200b", "x" * 8_000, SMILE * 8_000, "\N{WOMAN}\u200d\N{ROCKET}" * 2_666, "\ufeff\u202e"]
)
async def test_a_text_is_counted_in_code_points_and_kept(visit: Visit, text: str) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.wire("lea"), await visit.wire("claire")
    assert (await lea.send(thread, text))["type"] == "sent"
    assert (await claire.wait_for("message"))["text"] == text


async def test_a_mark_beyond_the_end_is_refused(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    await lea.send(thread, "un")
    for seq in (2, 10**9, 2**53):
        assert (await refusal(lea, {"type": "read", "thread": thread, "seq": seq}))["code"] == "bad_frame"


async def test_a_frame_may_hold_128_kib(visit: Visit) -> None:
    lea = await visit.wire("lea")
    frame = '{"type":"resume","threads":{}}'
    await lea.socket.send(frame + " " * (LARGEST - len(frame)))
    assert await lea.next() == {"type": "resumed", "threads": {}}


async def test_one_byte_more_ends_it(visit: Visit) -> None:
    lea = await visit.wire("lea")
    frame = '{"type":"resume","threads":{}}'
    await lea.socket.send(frame + " " * (LARGEST + 1 - len(frame)))
    assert await close_code(lea) == ([], 1009)


async def test_fragments_are_counted_together(visit: Visit) -> None:
    lea = await visit.wire("lea")
    await lea.socket.send(" " * 1024 for _ in range(129))
    assert (await close_code(lea))[1] == 1009


async def test_a_frame_in_many_fragments_is_understood(visit: Visit) -> None:
    lea = await visit.wire("lea")
    await lea.socket.send(letter for letter in '{"type":"resume","threads":{}}')
    assert await lea.next() == {"type": "resumed", "threads": {}}


async def test_ten_in_a_row_end_it(visit: Visit) -> None:
    lea = await visit.wire("lea")
    for _ in range(12):
        await lea.socket.send("{")
    assert await close_code(lea) == (["error"] * 10, 1008)


async def test_nine_and_a_good_one_do_not(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    for _ in range(3):
        for _ in range(9):
            assert (await refusal(lea, b"\0"))["code"] == "bad_frame"
        assert (await lea.send(thread, "…"))["type"] == "sent"


async def test_text_that_is_not_utf_8_ends_it(visit: Visit) -> None:
    lea = await visit.wire("lea")
    await lea.socket.send(b'"\xff\xfe"', text=True)
    assert (await close_code(lea))[1] == 1007


async def test_a_lone_surrogate_in_utf_8_ends_it(visit: Visit) -> None:
    lea = await visit.wire("lea")
    await lea.socket.send('"\ud800"'.encode("utf-8", "surrogatepass"), text=True)
    assert (await close_code(lea))[1] == 1007


async def test_others_notice_nothing(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    karim, lea, claire = [await visit.wire(name) for name in ("karim", "lea", "claire")]
    await karim.socket.send(" " * (LARGEST + 1))
    await close_code(karim)
    await lea.send(thread, "un")
    assert (await claire.wait_for("message"))["text"] == "un"


async def test_a_log_repeats_nobodys_words(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    frames: list[Any] = [
        {"type": "send", "id": ID, "thread": thread, "text": CANARY},
        {"type": "send", "id": ID, "thread": THREAD, "text": CANARY},
        {"type": "send", "id": ID, "thread": thread, "text": CANARY * 2_000},
        {"type": CANARY, "text": CANARY},
        {"type": "typing", "thread": CANARY},
    ]
    for frame in frames:
        await refusal(lea, frame)
    await settled(lea)
    for word in (CANARY, visit.mark, "Rossi", "Traceback"):
        assert word not in visit.log
