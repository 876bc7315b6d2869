"""Canned replies: for staff only, private to each of them, and changed by one tab at a time."""

from uuid import uuid4

import pytest

from chat.ailo import Ailo
from chat.protocol.refusals import NotAllowed, Outdated
from chat.staff.canned_replies import LARGEST, RepliesAtHand
from chat.staff.shapes import CannedReplies, CannedReply
from storage.conversations.unlocked import Unlocked
from storage.crypto.keyholes import AccountKey
from storage.errors import CannotOpen, Superseded
from tests.chat.talk import Cast

THANKS = CannedReply(uuid4(), "Merci", "Merci de votre confiance, {prénom}.\n« À {jour et heure} ? »")
ONE = CannedReplies([THANKS], 0)


@pytest.fixture
def at_hand(ailo: Ailo) -> RepliesAtHand:
    return RepliesAtHand(ailo.store)


@pytest.mark.parametrize("name", ["claire", "sam"])
async def test_they_are_there_at_the_next_sign_in(at_hand: RepliesAtHand, cast: Cast, name: str) -> None:
    written = await at_hand.write(await cast.unlock(name), ONE)
    assert written == await at_hand.read(await cast.unlock(name)) == CannedReplies([THANKS], 1)


async def test_who_has_none_has_an_empty_list(at_hand: RepliesAtHand, cast: Cast) -> None:
    assert await at_hand.read(await cast.unlock("claire")) == CannedReplies([], 0)


async def test_they_are_their_authors_alone(at_hand: RepliesAtHand, cast: Cast) -> None:
    await cast.open_thread("lea", "claire", "sam")
    await at_hand.write(await cast.unlock("claire"), ONE)
    assert (await at_hand.read(await cast.unlock("sam"))).replies == []


async def test_who_left_every_conversation_keeps_theirs(at_hand: RepliesAtHand, cast: Cast) -> None:
    """They belong to the person, not to a conversation: they contain nothing of anybody else's."""
    thread = await cast.open_thread("lea", "claire", "sam")
    await at_hand.write(await cast.unlock("claire"), ONE)
    await cast.leave(thread, "claire")
    assert (await at_hand.read(await cast.unlock("claire"))).replies == [THANKS]


async def test_the_slower_of_two_tabs_replaces_nothing(at_hand: RepliesAtHand, cast: Cast) -> None:
    claire = await cast.unlock("claire")
    await at_hand.write(claire, ONE)
    with pytest.raises(Outdated):
        await at_hand.write(claire, CannedReplies([], 0))
    assert await at_hand.read(claire) == CannedReplies([THANKS], 1)


async def test_all_may_go(at_hand: RepliesAtHand, cast: Cast) -> None:
    claire = await cast.unlock("claire")
    await at_hand.write(claire, ONE)
    await at_hand.write(claire, CannedReplies([], 1))
    assert await at_hand.read(claire) == CannedReplies([], 2)


async def test_one_id_stands_once(at_hand: RepliesAtHand, cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        await at_hand.write(await cast.unlock("claire"), CannedReplies([THANKS, THANKS], 0))


@pytest.mark.parametrize(("letter", "fits"), [("a", True), ("é", False)])
async def test_all_together_have_a_bound(at_hand: RepliesAtHand, cast: Cast, letter: str, *, fits: bool) -> None:
    """Twelve of 8,000 letters: within the limit with one byte per letter, beyond it with two."""
    new = CannedReplies([CannedReply(uuid4(), "Long", letter * 8_000) for _ in range(12)], 0)
    claire = await cast.unlock("claire")
    if fits:
        assert (await at_hand.write(claire, new)).version == 1
    else:
        with pytest.raises(NotAllowed):
            await at_hand.write(claire, new)
    assert 12 * 8_000 < LARGEST < 12 * 16_000


async def test_nothing_is_sealed_to_a_key_that_was_renewed(at_hand: RepliesAtHand, cast: Cast) -> None:
    claire = await cast.unlock("claire")
    old = Unlocked(claire.account, AccountKey.fresh(claire.account.id))
    with pytest.raises(Superseded):
        await at_hand.write(old, ONE)


async def test_what_was_tampered_with_raises_the_alarm(
    at_hand: RepliesAtHand, ailo: Ailo, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    claire = await cast.unlock("claire")
    await at_hand.write(claire, ONE)
    await ailo.store.database.write(lambda tx: tx.run("update canned_replies set body = zeroblob(300)"))
    with pytest.raises(CannotOpen):
        await at_hand.read(claire)
    assert "alert: the canned replies of" in caplog.text
