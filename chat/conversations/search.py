"""Search in one's own threads: messages are unsealed in memory, as for reading, and neither they nor the query are kept.
There is no index, on disk or elsewhere.

The cost of a search depends on what people wrote, so it is bounded: a request ends after a maximum of messages, characters
or seconds, and says where to continue; the whole service reads and searches one page at a time, off the event loop, taking
accounts in turn; and a letter unfolds into a few at most.
"""

import asyncio
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from chat.conversations.conversation import KIND_BROKEN, Conversation
from chat.conversations.one_at_a_time import OneAtATime
from chat.conversations.shapes import PlainMessage, plain
from chat.protocol.frames import LARGEST_SEQ, Message
from chat.protocol.refusals import NotAllowed, NotFound
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.ids import ThreadId, read_id

PAGE = 50
MOST_SEARCHED = 2_000
MOST_CHARACTERS = 400_000
LONGEST_S = 2.0
MOST_FOUND = 20
LONGEST_QUERY = 100
SHORTEST_QUERY = 2
MOST_AT_ONCE = 64
MOST_OF_ONE = 4

LONGEST_UNFOLDING = 4
# Characters folded in one call into C, which nothing interrupts: about 0.1 ms.
CHUNK = 1_000
# No letter from here on has another form that matters: these are not looked up, so that the table stays small.
BEYOND_FOLDING = 0x20000


class Crowded(Exception):
    """Too many searches run at once, in all or for one account."""


class Found(msgspec.Struct, frozen=True):
    """What was found, newest first within each thread, and where to continue; ``next`` is null at the end."""

    found: list[PlainMessage]
    next: str | None


Place = tuple[ThreadId, int | None]
"""A thread, and the number below which to search; None for all of it."""


class Search:
    """Searches the threads of the account that asks."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._turns = OneAtATime()
        self._searching: Counter[bytes] = Counter()

    async def find(self, who: Unlocked, query: str, within: ThreadId | None, cursor: str | None) -> Found:
        """Find the messages that contain every word, ignoring case and accents.

        Raises NotAllowed for an invalid query or cursor, NotFound for a thread that is not theirs, or Crowded.
        """
        look = _Look(_words_of(query))
        begin = _read(cursor) if cursor else (within, None) if within else None
        with self._admitted(who):
            await self._through_threads(who, look, begin, is_one=within is not None)
        return Found(look.found, look.next)

    @contextmanager
    def _admitted(self, who: Unlocked) -> Iterator[None]:
        account = who.account.id.bytes
        if self._searching.total() >= MOST_AT_ONCE or self._searching[account] >= MOST_OF_ONE:
            raise Crowded
        self._searching[account] += 1
        try:
            yield
        finally:
            self._searching[account] -= 1
            self._searching += Counter()  # drops those at 0

    async def _through_threads(self, who: Unlocked, look: "_Look", begin: Place | None, *, is_one: bool) -> None:
        """Search from a place on: the rest of its thread, then the threads that follow it in the list."""
        if begin:
            await self._through_thread(who, look, *begin)
        after = begin[0] if begin else None
        while not is_one and not look.next and (threads := await self._threads(who, after)):
            for after in threads:
                if not look.next:
                    await self._through_thread(who, look, after, None)

    async def _threads(self, who: Unlocked, after: ThreadId | None) -> list[ThreadId]:
        async with self._turns.turn(who.account.id.bytes):
            return [entry.id for entry in await self._conversation.entries(who, Order.NEWEST, after)]

    async def _through_thread(self, who: Unlocked, look: "_Look", thread: ThreadId, below: int | None) -> None:
        is_more = True
        while is_more and not look.next:
            async with self._turns.turn(who.account.id.bytes):
                page = await self._conversation.before(who, thread, below, PAGE)
                below = page[0].seq if page else 1
                await asyncio.to_thread(look.through, page, f"{thread}:{below}")
            is_more = len(page) == PAGE


class _Look:
    """One request's search through messages. ``next`` is where to continue once its share is used up."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._messages = MOST_SEARCHED
        self._characters = MOST_CHARACTERS
        self._until = time.monotonic() + LONGEST_S
        self._pages_seen = 0
        self.found: list[PlainMessage] = []
        self.next: str | None = None

    def through(self, page: Sequence[Message], end: str) -> None:
        """Search a page, newest message first; ``end`` is the place after it. Runs in a worker thread."""
        for message in reversed(page):
            self._at(message)
            if self._messages <= 0 or self._characters <= 0 or len(self.found) >= MOST_FOUND:
                self.next = f"{message.thread}:{message.seq}"
                return
        # The first page may be the empty one past a thread's end: a search that stopped there every time would never get on.
        if self._pages_seen and time.monotonic() > self._until:
            self.next = end
        self._pages_seen += 1

    def _at(self, message: Message) -> None:
        self._messages -= 1
        self._characters -= len(message.text)
        if message.kind != KIND_BROKEN and _holds(message.text, self._words):
            self.found.append(plain(message))


def _words_of(query: str) -> list[str]:
    if len(query) > LONGEST_QUERY:
        raise NotAllowed
    words = list(dict.fromkeys(folded(query).split()))
    if sum(map(len, words)) < SHORTEST_QUERY:
        raise NotAllowed
    return words


def _holds(text: str, words: Sequence[str]) -> bool:
    plain_text = folded(text)
    return all(word in plain_text for word in words)


def folded(text: str) -> str:
    """A text without case and accents, folded as the pages do for comparison (static/helpers/words/text.js).

    Letter by letter: normalising a whole text also sorts its accents, which takes 0.1 s for 8,000 of them.
    """
    if text.isascii():
        return text.lower()
    return "".join(text[start : start + CHUNK].translate(_FOLDS) for start in range(0, len(text), CHUNK))


class _Folds(dict[int, str | int]):
    """The fold of each letter, computed on first use. A letter that would unfold into a sentence stays as it is."""

    def __missing__(self, code: int) -> str | int:
        if code >= BEYOND_FOLDING:
            return code
        letter = chr(code)
        unfolded = unicodedata.normalize("NFKD", letter)
        letters = unfolded if len(unfolded) <= LONGEST_UNFOLDING else letter
        fold = self[code] = "".join(one for one in letters if not unicodedata.combining(one)).casefold()
        return fold


_FOLDS = _Folds()


def _read(cursor: str) -> Place:
    thread, _, seq = cursor.partition(":")
    id_ = read_id(thread)
    if id_ is None:
        raise NotFound
    if not (seq.isascii() and seq.isdigit() and len(seq) <= 16 and int(seq) <= LARGEST_SEQ):
        raise NotAllowed
    return ThreadId(id_), int(seq)
