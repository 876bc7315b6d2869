"""Search in one's own threads: messages are unsealed in memory for it, as for reading, and nothing is kept of them or of what
was asked. There is no index, on disk or elsewhere. A request looks through a bounded number of messages and says how to go on."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from chat.conversation import KIND_BROKEN, Conversation
from chat.errors import NotAllowed, NotFound
from chat.frames import LARGEST_SEQ, Message, PlainMessage, plain
from chat.ids import read_id
from storage.threads import Order
from storage.unlocked import Unlocked

PAGE = 100
MOST_SEARCHED = 2_000
MOST_FOUND = 20
LONGEST_QUERY = 100
SHORTEST_QUERY = 2


class Found(msgspec.Struct, frozen=True):
    """What was found, the newest of each thread first, and from where to go on; ``next`` is null at the end."""

    found: list[PlainMessage]
    next: str | None


Place = tuple[UUID, int | None]
"""A thread, and the number below which to look; None for all of it."""


class Search:
    """Looks through the threads of whoever asks."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def find(self, who: Unlocked, query: str, within: UUID | None, cursor: str | None) -> Found:
        """Find the messages that hold every word, whatever its case and accents.

        Raises NotAllowed for a query or a cursor that is none, NotFound for a thread that is none of theirs.
        """
        words = _words_of(query)
        begin = _read(cursor) if cursor else (within, None) if within else None
        found: list[PlainMessage] = []
        searched = 0
        async for message in self._messages(who, begin, is_one=within is not None):
            searched += 1
            if message.kind != KIND_BROKEN and _holds(message.text, words):
                found.append(plain(message))
            if searched == MOST_SEARCHED or len(found) == MOST_FOUND:
                return Found(found, f"{message.thread}:{message.seq}")
        return Found(found, None)

    async def _messages(self, who: Unlocked, begin: Place | None, *, is_one: bool) -> AsyncIterator[Message]:
        """All messages from a place on: of its thread, and then of those that follow it in the list."""
        if begin:
            async for message in self._of_thread(who, *begin):
                yield message
        after = begin[0] if begin else None
        while not is_one and (entries := await self._conversation.entries(who, Order.NEWEST, after)):
            for entry in entries:
                async for message in self._of_thread(who, entry.id, None):
                    yield message
            after = entries[-1].id

    async def _of_thread(self, who: Unlocked, thread: UUID, below: int | None) -> AsyncIterator[Message]:
        while page := await self._conversation.before(who, thread, below, PAGE):
            for message in reversed(page):
                yield message
            below = page[0].seq
            if len(page) < PAGE:
                return
            await asyncio.sleep(0)  # Others have their turn between two pages.


def _words_of(query: str) -> list[str]:
    words = folded(query).split()
    if len(query) > LONGEST_QUERY or sum(map(len, words)) < SHORTEST_QUERY:
        raise NotAllowed
    return words


def _holds(text: str, words: list[str]) -> bool:
    plain_text = folded(text)
    return all(word in plain_text for word in words)


def folded(text: str) -> str:
    """A text without case and accents, as the pages fold it for comparing (static/helpers/text.js)."""
    if text.isascii():
        return text.lower()
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)).casefold()


def _read(cursor: str) -> Place:
    thread, _, seq = cursor.partition(":")
    id_ = read_id(thread)
    if id_ is None:
        raise NotFound
    if not (seq.isascii() and seq.isdigit() and len(seq) <= 16 and int(seq) <= LARGEST_SEQ):
        raise NotAllowed
    return id_, int(seq)
