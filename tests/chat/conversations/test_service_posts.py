"""Messages that the service posts by itself, and a history whose end was cut off."""

import pytest

from chat.ailo import Ailo
from chat.protocol.refusals import NotFound
from storage.conversations.service_posts import ServicePost
from storage.conversations.threads import Order
from storage.ids import MessageId, ThreadId, new_id
from tests.chat.talk import Cast


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire")


async def test_a_lesson_is_shown_as_what_it_is(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    await ailo.conversations.conversation.post_from_service(
        ServicePost(thread, new_id(MessageId), "lesson", "Le oui automatique")
    )
    for name in ("lea", "claire"):
        (message,) = await ailo.conversations.conversation.before(await cast.unlock(name), thread, None, 50)
        assert (message.kind, message.text, message.author.int) == ("lesson", "Le oui automatique", 0)


async def test_a_lesson_changes_nothing_in_who_waits(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea = await cast.unlock("lea")
    await cast.say(lea, thread, "Bonjour")
    await ailo.conversations.conversation.post_from_service(ServicePost(thread, new_id(MessageId), "lesson", "…"))
    (entry,) = await ailo.conversations.conversation.entries(lea, Order.NEWEST, None)
    assert entry.waiting_since is not None


async def test_an_answer_by_e_mail_is_its_authors(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea = await cast.unlock("lea")
    post = ServicePost(thread, new_id(MessageId), "email", "Merci", lea.account.id, waits=True)
    assert (await ailo.conversations.conversation.post_from_service(post)).message.author == lea.account.id
    assert not (await ailo.conversations.conversation.post_from_service(post)).is_new


async def test_the_service_cannot_write_where_there_is_no_thread(ailo: Ailo) -> None:
    with pytest.raises(NotFound):
        await ailo.conversations.conversation.post_from_service(
            ServicePost(new_id(ThreadId), new_id(MessageId), "welcome", "Bienvenue")
        )


async def test_a_planted_lesson_is_shown_as_broken(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    """Somebody with write access to the database changes the kind of a message by the service."""
    await ailo.conversations.conversation.post_from_service(
        ServicePost(thread, new_id(MessageId), "lesson", "Le oui automatique")
    )
    await ailo.store.database.write(lambda tx: tx.run("update messages set kind = 'welcome'"))
    (message,) = await ailo.conversations.conversation.before(await cast.unlock("lea"), thread, None, 50)
    assert (message.kind, message.text) == ("broken", "")


async def test_a_history_cut_off_at_its_end_says_so(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea = await cast.unlock("lea")
    for text in ("un", "deux", "trois"):
        await cast.say(lea, thread, text)
    await ailo.store.database.write(lambda tx: tx.run("delete from messages where seq = 3"))
    found = await ailo.conversations.conversation.before(await cast.unlock("claire"), thread, None, 50)
    assert [(message.seq, message.kind, message.text) for message in found] == [
        (1, "text", "un"),
        (2, "text", "deux"),
        (3, "broken", ""),
    ]
