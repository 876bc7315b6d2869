"""A name is visible, and no short text affects the text around it."""

from uuid import uuid4

import pytest

from chat.accounts.new_accounts import checked_name
from chat.protocol.refusals import Misuse, NotAllowed
from chat.protocol.shown_text import TURNS
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.shapes import CannedReplies, CannedReply, OwnPractice
from tests.chat.talk import Cast

HIDDEN = {
    "direction marks": "\u200f\u202e\u2066",
    "joiners": "\u200d\u200c",
    "no width": "\u200b\ufeff\u2060",
    "a soft hyphen": "\u00ad",
    "spaces": "\u2003\u00a0\u3000",
    "a mark alone": "\u0301",
    "fillers": "\u3164\u115f\u1160\uffa0",
    "braille without dots": "\u2800",
    "tags": "\U000e0041\U000e0042",
    "signs": "...",
    "a selector": "\ufe0f",
}


@pytest.mark.parametrize("minimum", [0, 1])
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_what_is_not_seen_is_no_name(hidden: str, minimum: int) -> None:
    if minimum == 0 and not hidden.strip():
        return  # an empty last name is allowed
    with pytest.raises(Misuse):
        checked_name(hidden, minimum=minimum)


@pytest.mark.parametrize("sign", TURNS)
def test_a_name_turns_nothing_around_it(sign: str) -> None:
    assert checked_name(f"{sign}Lé{sign}a{sign}", minimum=1) == "Léa"


@pytest.mark.parametrize("unseen", ["\u0301", "\u3164", "\u200d", "\u2800"])
def test_a_name_begins_with_something_to_be_seen(unseen: str) -> None:
    with pytest.raises(Misuse):
        checked_name(f"{unseen}Léa", minimum=1)


@pytest.mark.parametrize(
    "name", ["Léa", "محمد", "李", "נועה", "कृष्ण", "می\u200cنا", "Jean-Luc 2", "O’Neil", "’t Hooft", "Ⅳ", "🌱", "Léa 🌻"]
)
def test_names_of_all_writings_stay(name: str) -> None:
    assert checked_name(name, minimum=1) == name


def test_a_name_is_in_nfc() -> None:
    assert checked_name("Le\u0301a", minimum=1) == "Léa"


async def test_words_of_absence_turn_nothing_around_them(cast: Cast) -> None:
    claire = await cast.unlock("claire")
    practices = cast.ailo.staff.practices
    await practices.write(claire, OwnPractice(None, None, "\u202eEn congé.\u2066"))
    assert (await practices.read(claire)).away_words == "En congé."
    await practices.write(claire, OwnPractice(None, None, "\u200f\u200b"))
    assert (await practices.read(claire)).away_words is None


async def test_a_title_of_a_reply_can_be_seen(cast: Cast) -> None:
    claire, replies = await cast.unlock("claire"), RepliesAtHand(cast.ailo.store)
    with pytest.raises(NotAllowed):
        await replies.write(claire, CannedReplies([CannedReply(uuid4(), "\u202e\u200b", "Merci")], 0))
    kept = await replies.write(claire, CannedReplies([CannedReply(uuid4(), "Mer\u202eci", "\u202eMerci")], 0))
    assert [(one.title, one.text) for one in kept.replies] == [("Merci", "\u202eMerci")]


async def test_messages_stay_as_they_were_sent(cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    lea, text = await cast.unlock("lea"), "\u202e\u200f\u2066"
    await cast.say(lea, thread, text)
    assert (await cast.ailo.conversations.conversation.before(lea, thread, None, 1))[0].text == text
