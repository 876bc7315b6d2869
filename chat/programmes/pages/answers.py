"""An answer to a lesson: a message of the member's own, in their conversation with the companion."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chat.conversations.conversation import Accepted, Conversation
from chat.conversations.participants import Participants
from chat.core import Core
from chat.pages.words import say, sentence
from chat.protocol.frames import LONGEST_TEXT
from storage.accounts import accounts
from storage.accounts.accounts import Account, Role, Status
from storage.conversations import rosters
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import Roster
from storage.engine.database import Reader
from storage.ids import AccountId, MessageId, ThreadId

__all__ = ["LONGEST_ANSWER", "Answers", "Companion"]

# What is left of a message besides the words that say which lesson it is about.
LONGEST_ANSWER = LONGEST_TEXT - 300
LONGEST_TITLE = 200
# Who gets an answer, if there is one of each.
CLOSEST = (Role.COMPANION, Role.PROFESSIONAL)
ABOUT = sentence("À propos de l’étape « {title} » :")


@dataclass(frozen=True, repr=False)
class Companion:
    """Whom an answer goes to, and in which conversation."""

    thread: ThreadId
    first_name: str
    readers: tuple[str, ...]
    """The first names of all who read that conversation, the member left out."""


class Answers:
    """Posts answers, by the ordinary rules of a conversation."""

    def __init__(self, core: Core) -> None:
        self._store = core.store
        taking_part = Participants(core.store, core.access, core.hub)
        self._conversation = Conversation(core.store, core.commits, core.hub, core.access, taking_part)

    async def companion_of(self, member: Account) -> Companion | None:
        """The companion of the member's newest conversation with one, else a Professional; None if there is nobody."""
        guard = self._store.guard

        async def read(reader: Reader) -> Companion | None:
            found = await rosters.seated(reader, guard, member.id)
            people = await accounts.named(reader, guard, {one for roster in found for one in roster.accounts()})
            return _closest(member, found, people)

        return await self._store.database.read(read)

    async def post(self, who: Unlocked, to: Companion, id_: MessageId, title: str, text: str) -> Accepted:
        """Post an answer to the lesson of this title; repeated with the same id, it is posted once.

        Raises as ``Conversation.post_and_wait``.
        """
        about = say(who.account.locale, ABOUT, title=title[:LONGEST_TITLE])
        return await self._conversation.post_and_wait(who, to.thread, id_, f"{about}\n\n{text}")


def _closest(member: Account, found: Iterable[Roster], people: Mapping[AccountId, Account]) -> Companion | None:
    ranked = [
        (CLOSEST.index(one.role), -roster.began_at, Companion(roster.thread, one.first_name, _readers(member, roster, people)))
        for roster in found
        for one in map(people.get, roster.accounts())
        if one and one.role in CLOSEST and one.status is Status.ACTIVE
    ]
    return min(ranked, key=lambda entry: entry[:2])[2] if ranked else None


def _readers(member: Account, roster: Roster, people: Mapping[AccountId, Account]) -> tuple[str, ...]:
    return tuple(people[id_].first_name for id_ in roster.accounts() if id_ in people and id_ != member.id)
