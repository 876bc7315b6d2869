"""Suggestions: shown to the companions of a thread, sent as their own message, or dismissed. Nobody else knows of them."""

import logging
from uuid import UUID

from chat.auth.access import Access
from chat.conversations.conversation import Accepted, Conversation
from chat.encouragements import shapes
from chat.protocol.frames import Code, moment
from chat.protocol.refusals import NotFound, Refusal
from storage.accounts import accounts
from storage.accounts.accounts import Account, Role
from storage.conversations.unlocked import Unlocked
from storage.encouragements import encouragements, planning
from storage.encouragements.encouragements import Encouragement, Reminder, State
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen, Stalled
from storage.ids import MessageId, ThreadId
from storage.store import Store

log = logging.getLogger("ailo.encouragements")


class Withdrawn(Refusal):
    """A suggestion is no longer to be sent: the member has written, or somebody was quicker."""

    code, status = Code.MOVED_ON, 409


class Suggestions:
    """The suggestions of companions."""

    def __init__(self, store: Store, access: Access, conversation: Conversation) -> None:
        self._store = store
        self._access = access
        self._conversation = conversation

    async def read(self, who: Unlocked) -> shapes.Suggestions:
        """What is suggested now in the threads in which a companion takes part, and which reminders went in them."""
        now, locale = self._store.clock(), who.account.locale
        if who.account.role is not Role.COMPANION:
            return shapes.Suggestions([], [])

        async def read(reader: Reader) -> shapes.Suggestions:
            suggested = await encouragements.suggested(reader, who.account.id, now)
            reminded = await encouragements.reminded(reader, who.account.id, now)
            seated = await self._seated(reader, who, {*(one.thread for one in suggested), *(one.thread for one in reminded)})
            standing = [one for one in suggested if one.thread in seated and await self._stands(reader, one, now)]
            members = await accounts.named(reader, self._store.guard, {one.account for one in standing})
            return shapes.Suggestions(
                [_shown(one, members[one.account], locale) for one in standing if one.account in members],
                [_told(one, locale) for one in reminded if one.thread in seated],
            )

        return await self._store.database.read(read)

    async def _seated(self, reader: Reader, who: Unlocked, threads: set[ThreadId]) -> set[ThreadId]:
        """Those among these threads in which the companion has a seat."""
        return {thread for thread in threads if await self._access.find(reader, who, thread)}

    async def _stands(self, reader: Reader, one: Encouragement, now: int) -> bool:
        return await planning.standing(reader, self._store.guard, one, now) is None

    async def send(self, who: Unlocked, id_: UUID, text: str) -> Accepted:
        """Post the text as the companion's own message; sent again, it is the message that was sent first.

        Raises NotFound, Withdrawn, and as posting does. The message has the suggestion's id. It counts as sent from before it is
        posted, so that nothing else reaches the member on that day; if it cannot be posted, it waits again.
        """
        one = await self._own(who, id_)
        await self._store.database.write(lambda tx: self._claim(tx, who, id_))
        try:
            return await self._conversation.post_and_wait(who, one.thread, MessageId(id_), text)
        except (Refusal, Stalled):
            await self._store.database.write(lambda tx: encouragements.reopen(tx, one.thread, id_))
            raise

    async def _claim(self, tx: Transaction, who: Unlocked, id_: UUID) -> None:
        one, now = await encouragements.find(tx, id_), self._store.clock()
        if one and one.state is State.SENT and one.sender == who.account.id:
            return
        if one is None or one.state is not State.WAITING or not await self._stands(tx, one, now):
            raise Withdrawn
        await encouragements.end(tx, id_, State.SENT, now, who.account.id)

    async def dismiss(self, who: Unlocked, id_: UUID) -> None:
        """Have a suggestion not shown any more, to anybody. Raises NotFound, or Withdrawn if it was sent."""
        await self._own(who, id_)

        async def dismiss(tx: Transaction) -> bool:
            if await encouragements.end(tx, id_, State.DISMISSED, self._store.clock(), who.account.id):
                return True
            one = await encouragements.find(tx, id_)
            return one is not None and one.state is State.DISMISSED

        if not await self._store.database.write(dismiss):
            raise Withdrawn

    async def _own(self, who: Unlocked, id_: UUID) -> Encouragement:
        """A suggestion in a thread in which this companion takes part now. Raises NotFound."""
        try:
            one = await self._store.database.read(lambda reader: encouragements.find(reader, id_))
        except CannotOpen as error:
            log.error("alert: the encouragement %s failed verification: %s", id_, error)
            raise NotFound from None
        if one is None or one.rule.is_automatic or who.account.role is not Role.COMPANION:
            raise NotFound
        await self._access.latest(who, one.thread)
        return one


def _shown(one: Encouragement, member: Account, locale: str) -> shapes.Suggestion:
    """A suggestion, its reason in the companion's language and its text in the member's."""
    text = one.rule.text.to(member.locale, name=member.first_name)
    return shapes.Suggestion(one.id, one.thread, one.rule.name, one.rule.meaning.to(locale), moment(one.since), text)


def _told(one: Reminder, locale: str) -> shapes.Reminded:
    return shapes.Reminded(one.thread, one.rule.name, one.rule.meaning.to(locale), moment(one.at))
