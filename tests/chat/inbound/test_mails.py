"""What may be done about mails: by their owner alone; and who sees the whole mail behind a message."""

from uuid import UUID

import pytest

from chat.ailo import Ailo
from chat.inbound.feature import Inbound
from chat.inbound.mails import Mails
from chat.protocol.frames import LONGEST_TEXT
from chat.protocol.refusals import NotAllowed, NotFound
from storage.conversations.service_posts import ServicePost
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.errors import CannotOpen
from storage.ids import MessageId, ThreadId, new_id
from storage.inbound import quarantine, reply_addresses
from storage.inbound.quarantine import Owner
from storage.inbound.whole_mail import LONGEST_MESSAGE, WholeMail
from tests.chat.talk import Cast

MAIL = WholeMail("Merci !", "Merci !\n\n> Un nouveau message vous attend", "Re: Un nouveau message", ("cv.pdf",))
ID = MessageId(UUID(int=7))


@pytest.fixture
def mails(ailo: Ailo) -> Mails:
    return ailo.of(Inbound).mails


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire")


@pytest.fixture
async def lea(cast: Cast) -> Unlocked:
    return await cast.unlock("lea")


async def keep(ailo: Ailo, who: Unlocked, thread: ThreadId, mail: WholeMail = MAIL) -> None:
    """What the receiver does with a mail that nobody vouches for."""
    owner = Owner(who.account.id, thread, who.account.generation, who.account.public_key)
    await ailo.store.database.write(lambda tx: quarantine.keep(tx, owner, ID, mail, ailo.store.clock()))


async def post(ailo: Ailo, who: Unlocked, thread: ThreadId, id_: MessageId) -> bool:
    """What the receiver does with one that the relay vouches for."""
    post = ServicePost(thread, id_, "email", MAIL.message, who.account.id, waits=True, mail=MAIL)
    return (await ailo.conversations.conversation.post_from_service(post)).is_new


async def test_what_waits_is_taken_by_its_owner(ailo: Ailo, cast: Cast, mails: Mails, lea: Unlocked, thread: ThreadId) -> None:
    await keep(ailo, lea, thread)
    ((waits),) = await mails.waiting(lea, thread)
    assert (waits.id, waits.text, waits.subject, waits.attachments) == (ID, "Merci !", MAIL.subject, ("cv.pdf",))
    taken = await mails.take(lea, thread, ID)
    assert (taken.message.kind, taken.message.text, taken.message.author) == ("email", "Merci !", lea.account.id)
    assert await mails.waiting(lea, thread) == []
    for name in ("lea", "claire"):
        assert (await mails.original(await cast.unlock(name), thread, ID)).text == MAIL.text
    with pytest.raises(NotFound):
        await mails.take(lea, thread, ID)


def test_a_mail_becomes_no_longer_a_message_than_there_may_be() -> None:
    assert LONGEST_MESSAGE == LONGEST_TEXT


async def test_what_waits_is_nobody_elses(ailo: Ailo, cast: Cast, mails: Mails, lea: Unlocked, thread: ThreadId) -> None:
    await keep(ailo, lea, thread)
    claire = await cast.unlock("claire")
    assert await mails.waiting(claire, thread) == []
    for deed in (mails.take, mails.discard):
        with pytest.raises(NotFound):
            await deed(claire, thread, ID)
    for name in ("karim", "thomas", "ada"):
        with pytest.raises(NotFound):
            await mails.waiting(await cast.unlock(name), thread)
    assert len(await mails.waiting(lea, thread)) == 1


async def test_what_is_discarded_is_gone(ailo: Ailo, mails: Mails, lea: Unlocked, thread: ThreadId) -> None:
    await keep(ailo, lea, thread)
    await mails.discard(lea, thread, ID)
    assert await mails.waiting(lea, thread) == []
    with pytest.raises(NotFound):
        await mails.discard(lea, thread, ID)


async def test_a_mail_without_words_cannot_be_posted(ailo: Ailo, mails: Mails, lea: Unlocked, thread: ThreadId) -> None:
    await keep(ailo, lea, thread, WholeMail("", "> Bonjour"))
    with pytest.raises(NotAllowed):
        await mails.take(lea, thread, ID)
    assert len(await mails.waiting(lea, thread)) == 1


async def test_the_whole_mail_is_for_those_who_may_read_its_message(
    ailo: Ailo, cast: Cast, mails: Mails, lea: Unlocked, thread: ThreadId
) -> None:
    assert await post(ailo, lea, thread, ID)
    await cast.say(lea, thread, "Bonjour")
    claire = await cast.unlock("claire")
    for name in ("karim", "thomas"):
        with pytest.raises(NotFound):
            await mails.original(await cast.unlock(name), thread, ID)
    await ailo.conversations.participants.bring_in(claire, thread, (await cast.account("thomas")).id, whole=False)
    with pytest.raises(NotFound):
        await mails.original(await cast.unlock("thomas"), thread, ID)  # he reads from now on
    with pytest.raises(NotFound):
        await mails.original(lea, thread, new_id(MessageId))
    assert (await mails.original(claire, thread, ID)).attachments == ("cv.pdf",)


async def test_who_left_sees_no_whole_mail(ailo: Ailo, cast: Cast, mails: Mails, lea: Unlocked, thread: ThreadId) -> None:
    await post(ailo, lea, thread, ID)
    claire = await cast.unlock("claire")
    await ailo.conversations.participants.leave(thread, claire.account.id)
    with pytest.raises(NotFound):
        await mails.original(claire, thread, ID)


async def test_the_same_mail_is_posted_once_and_not_for_who_left(ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId) -> None:
    assert [await post(ailo, lea, thread, ID) for _ in range(2)] == [True, False]
    with pytest.raises(NotFound):
        await post(ailo, await cast.unlock("karim"), thread, new_id(MessageId))


async def test_what_staff_answer_by_mail_waits_for_the_letters_of_those_who_want_texts(
    ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId
) -> None:
    await ailo.accounts.preferences.change(lea.account, {"letters": {"texts": True}})
    claire = await cast.unlock("claire")
    for who, waits in ((claire, False), (lea, True)):
        post = ServicePost(thread, new_id(MessageId), "email", MAIL.message, who.account.id, waits=waits, mail=MAIL)
        await ailo.conversations.conversation.post_from_service(post)
    found = await ailo.store.database.read(lambda reader: reader.rows("select account from letter_texts"))
    assert [row["account"] for row in found] == [lea.account.id.bytes]


async def test_a_thread_that_was_tampered_with_takes_no_mail_and_says_not_that_nobody_is_there(
    ailo: Ailo, lea: Unlocked, thread: ThreadId
) -> None:
    """The relay keeps it then, and tries again: once the thread is put right, nothing is lost."""
    await ailo.store.database.write(lambda tx: tx.run("update threads set last_seq = 7"))
    with pytest.raises(CannotOpen):
        await post(ailo, lea, thread, ID)


@pytest.mark.parametrize("has_read", [True, False])
async def test_an_answer_by_mail_does_not_mark_as_read_what_was_not(
    ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId, *, has_read: bool
) -> None:
    """A letter that says that there is a reply says no word of it: who answers the letter has not read the reply."""
    claire = await cast.unlock("claire")
    await cast.say(claire, thread, "Bonjour")
    if has_read:
        await ailo.conversations.conversation.mark_read(lea, thread, 1)
    await post(ailo, lea, thread, ID)
    (entry,) = await ailo.conversations.conversation.entries(lea, Order.NEWEST, None)
    assert entry.unread == (0 if has_read else 2)
    (seen,) = await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)
    assert seen.waiting_since is not None


async def test_addresses_are_revoked_by_their_owner(ailo: Ailo, mails: Mails, lea: Unlocked, thread: ThreadId) -> None:
    store = ailo.store
    made = await store.database.write(lambda tx: reply_addresses.make(tx, store.guard, lea.account.id, thread, store.clock()))
    await mails.revoke(lea)
    found = await store.database.read(lambda reader: reply_addresses.find(reader, store.guard, made))
    assert found
    assert not found.is_good(store.clock())
