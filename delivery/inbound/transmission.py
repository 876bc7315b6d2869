"""A mail as it comes over a connection after DATA: to its end mark, in pieces, however long its lines are."""

import asyncio
from collections.abc import AsyncIterator

__all__ = ["read_mail"]

# The only end of a mail (RFC 5321, 2.3.8 and 4.1.1.4): what only looks like it lets another be smuggled in behind the first.
END = b"\r\n.\r\n"
LINE = END[:2]


async def read_mail(reader: asyncio.StreamReader, longest: int) -> bytes | None:
    """Read a mail to its end. None for one longer than ``longest`` bytes, of which nothing is kept.

    Raises asyncio.IncompleteReadError where the connection ends before.
    """
    kept, size, most = bytearray(), 0, longest + len(END)
    async for piece in _pieces(reader):
        size += len(piece)
        if size <= most:
            kept += piece
        else:
            kept.clear()
    if size > most:
        return None
    # A dot that begins a line was doubled (4.5.2); that of the end mark goes, too.
    return bytes(kept.replace(LINE + b".", LINE)[len(LINE) : -len(LINE)])


async def _pieces(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """A mail with the end of the line before it: so an empty one has the same end mark as any other. No mark is in two pieces."""
    piece = LINE
    while not piece.endswith(END) and any(piece.endswith(END[:length]) for length in range(1, len(END))):
        piece += await reader.readexactly(1)
    while not piece.endswith(END):
        yield piece
        try:
            piece = await reader.readuntil(END)
        except asyncio.LimitOverrunError as error:
            piece = await reader.read(error.consumed)
    yield piece
