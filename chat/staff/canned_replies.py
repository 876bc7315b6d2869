"""Canned replies: texts that a staff member keeps for reuse. They are private to their author, and fit any conversation."""

import logging

import msgspec

from chat.protocol.frames import encode
from chat.protocol.refusals import NotAllowed, Outdated
from chat.protocol.shown_text import is_seen, without_turns
from chat.staff.shapes import CannedReplies, CannedReply
from storage.conversations.unlocked import Unlocked
from storage.engine.database import Transaction
from storage.errors import CannotOpen
from storage.rekeying import renewal
from storage.staff import canned_replies
from storage.staff.canned_replies import Kept
from storage.store import Store

# All of them together, as JSON: what fits into one request, with room for the rest of it.
LARGEST = 100_000

log = logging.getLogger("ailo.canned_replies")
_decoder = msgspec.json.Decoder(list[CannedReply])


class RepliesAtHand:
    """The canned replies of the staff."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, who: Unlocked) -> CannedReplies:
        """One's own replies. Raises CannotOpen if they are not as they were written."""
        try:
            kept = await self._store.database.read(lambda reader: canned_replies.read(reader, who.key))
        except CannotOpen as error:
            log.error("alert: the canned replies of %s cannot be opened: %s", who.account.id, type(error).__name__)
            raise
        return CannedReplies(_decoder.decode(kept.text) if kept.text else [], kept.version)

    async def write(self, who: Unlocked, new: CannedReplies) -> CannedReplies:
        """Store these in place of version ``new.version``; return them with the next version.

        Raises NotAllowed if they are too large or an id occurs twice, Outdated if the stored version is another.
        """
        new = CannedReplies([_shown(reply) for reply in new.replies], new.version)
        text = encode(new.replies).decode()
        if len(text.encode()) > LARGEST or len({reply.id.bytes for reply in new.replies}) < len(new.replies):
            raise NotAllowed
        kept, store = Kept(new.version + 1, text), self._store

        async def write(tx: Transaction) -> bool:
            await renewal.check_current(tx, store.guard, who.key)
            return await canned_replies.write(tx, who.key, kept, store.clock())

        if not await store.database.write(write):
            raise Outdated
        return CannedReplies(new.replies, kept.version)


def _shown(reply: CannedReply) -> CannedReply:
    """A reply whose title is visible in a list, without directional characters. Raises NotAllowed if nothing visible is left."""
    title = without_turns(reply.title)
    if not is_seen(title):
        raise NotAllowed
    return CannedReply(reply.id, title, reply.text)
