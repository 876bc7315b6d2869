"""A mail after DATA: where it ends, what is left behind it, and how little is kept of one that is too long."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.inbound.transmission import END, read_mail

LIMIT = 8
BEHIND = b"NOOP\r\n"


async def read(raw: bytes, longest: int = 1000, *, cut: int = 1000) -> bytes | None:
    """Read a mail that comes in pieces, through a reader that holds little; check that what is behind it is left."""
    reader = asyncio.StreamReader(limit=LIMIT)
    reading = asyncio.create_task(read_mail(reader, longest))
    whole = raw + BEHIND
    for begin in range(0, len(whole), cut):
        reader.feed_data(whole[begin : begin + cut])
        await asyncio.sleep(0)  # (lets it read)
    found = await reading
    assert await reader.readexactly(len(BEHIND)) == BEHIND
    return found


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(("raw", "content"), [
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\r\n"),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
    (b"..\r\n...a\r\n.\r\n", b".\r\n..a\r\n"),
    (b"a\n.\n\r.\r\n.\nb\r.\r\n.\r\n", b"a\n.\n\r.\r\n\nb\r.\r\n"),
    (b"a" * 100 + b".\r\n.\r\n", b"a" * 100 + b".\r\n"),
])  # fmt: skip
async def test_only_a_dot_on_a_line_of_its_own_ends_a_mail(raw: bytes, content: bytes, cut: int) -> None:
    assert await read(raw, cut=cut) == content


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a"]), max_size=30).map(b"".join), st.integers(1, 20))
def test_any_mail_is_read_as_line_by_line(raw: bytes, cut: int) -> None:
    ended = (raw + b"\r\n.\r\n").split(b"\r\n")
    lines = ended[: ended.index(b".")]
    content = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
    sent = b"".join(line + b"\r\n" for line in lines) + END[2:]
    assert asyncio.run(read(sent, cut=cut)) == content


@pytest.mark.parametrize(("more", "is_kept"), [(0, True), (1, False), (1000, False)])
async def test_one_that_is_too_long_is_read_to_its_end_and_not_kept(more: int, is_kept: bool) -> None:
    content = b"a" * (98 + more) + b"\r\n"
    assert await read(content + b".\r\n", 100, cut=10) == (content if is_kept else None)


async def test_one_that_ends_too_early_is_none() -> None:
    reader = asyncio.StreamReader(limit=LIMIT)
    reader.feed_data(b"a\r\nb\r\n.")
    reader.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError):
        await read_mail(reader, 1000)
