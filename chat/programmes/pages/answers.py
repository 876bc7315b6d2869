"""An answer to a lesson: a message of the member's own, in their conversation with the companion."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.core import Core
from chat.pages.words import say, sentence
from chat.protocol.frames import LONGEST_TEXT
from chat.protocol.refusals import NotAllowed, NotFound, TooLong
from storage.accounts.accounts import Account
from storage.conversations.closest import closest
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import Roster
from storage.ids import AccountId, MessageId, ThreadId

__all__ = ["LONGEST_ANSWER", "Answers", "Companion"]

# What is left of a message besides the words that say which lesson it is about.
LONGEST_ANSWER = LONGEST_TEXT - 300
LONGEST_TITLE = 200
NOT_TAKEN = sentence("Cette conversation ne l’a pas accepté. Votre texte est encore là : essayez depuis la conversation.")
SENT_BEFORE = sentence("Un autre texte est déjà parti de cette page. Celui-ci est encore là : envoyez-le de nouveau.")
ABOUT = sentence("À propos de l’étape « {title} » :")


@dataclass(frozen=True, repr=False)
class Companion:
    """Whom an answer goes to, and in which conversation."""

    thread: ThreadId
    people: str
    """Stands for all who take part: another one when somebody comes or leaves."""
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
        """The companion of the conversation with one that was opened last, else a Professional; None if there is nobody."""
        found = await self._store.database.read(lambda reader: closest(reader, self._store.guard, member.id))
        if found is None:
            return None
        roster = found.roster
        return Companion(roster.thread, _people(roster), found.one.first_name, _readers(member, roster, found.people))

    async def post(self, who: Unlocked, to: Companion, id_: MessageId, title: str, text: str) -> str | None:
        """Post an answer to the lesson of this title; repeated with the same id, it is posted once.

        Returns why it was not posted, as a French sentence, or None if it was. Raises Stalled.
        """
        about = say(who.account.locale, ABOUT, title=title[:LONGEST_TITLE])
        sent = f"{about}\n\n{text}"
        try:
            accepted = await self._conversation.post_and_wait(who, to.thread, id_, sent)
        except (NotFound, NotAllowed, TooLong):
            return NOT_TAKEN
        return None if accepted.message.text == sent else SENT_BEFORE


def _people(roster: Roster) -> str:
    ids = b"".join(sorted(id_.bytes for id_ in roster.accounts()))
    return hashlib.blake2b(ids, digest_size=12).hexdigest()


def _readers(member: Account, roster: Roster, people: Mapping[AccountId, Account]) -> tuple[str, ...]:
    return tuple(people[id_].first_name for id_ in roster.accounts() if id_ in people and id_ != member.id)
