"""A lesson is answered by e-mail: the answer is a message to the companion that says which lesson it is about."""

import pytest

from chat.pages.words import say
from chat.programmes.pages.answers import ABOUT
from delivery.jobs.lessons import send_lessons
from delivery.letters.lesson.about import LANGUAGES, named, said
from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.ids import ThreadId
from storage.inbound import quarantine, reply_addresses
from storage.inbound.whole_mail import LONGEST_MESSAGE
from storage.programmes import programmes
from tests.delivery.inbound.conftest import Way, mail
from tests.delivery.letters.test_compose import text_of
from tests.delivery.rounds import send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import House
from tests.storage.programmes.courses import NAME, enrol, published, weekly

SENDER = "lea@ailo.test"


@pytest.fixture
def outbox(outbox: Outbox, answering: DeliverySettings) -> Outbox:
    outbox.settings = answering
    return outbox


async def send_lesson(outbox: Outbox, house: House) -> str | None:
    """Send Léa the lesson "a"; return the address at which it is answered, if it can be."""
    await published(house, weekly("a"))
    await enrol(house, house.lea)
    while await send_lessons(outbox.store, outbox.settings):
        pass
    await send_all(outbox)
    assert isinstance(outbox.post, RecordingTransport)
    found = outbox.post.seen[-1][1]["Reply-To"]
    return str(found.addresses[0].addr_spec) if found else None


async def texts(house: House, thread: ThreadId) -> list[str | None]:
    return await house.texts(house.lea, thread)


async def receive(way: Way, to: str | None, raw: bytes) -> int:
    assert to
    return (await way.receiver.receive(SENDER, to, raw)).code


async def test_it_is_a_message_to_the_companion_that_begins_with_the_title(way: Way, outbox: Outbox) -> None:
    thread = await way.house.open_thread(way.house.lea, way.house.sam)
    to = await send_lesson(outbox, way.house)
    assert await receive(way, to, mail("J’ai respiré.")) == 250
    assert await texts(way.house, thread) == ["À propos de l’étape «\u202fa\u202f»\u202f:\n\nJ’ai respiré."]
    assert await texts(way.house, way.thread) == []
    (row,) = await way.house.rows(thread)
    assert (row.kind, row.author) == ("email", way.house.lea.id)


async def test_without_a_companion_it_goes_to_a_professional(way: Way, outbox: Outbox) -> None:
    assert await receive(way, await send_lesson(outbox, way.house), mail("Merci.")) == 250
    assert len(await texts(way.house, way.thread)) == 1


async def test_where_there_is_nobody_it_cannot_be_answered(way: Way, outbox: Outbox) -> None:
    await way.house.disable(way.house.claire)
    assert await send_lesson(outbox, way.house) is None
    assert isinstance(outbox.post, RecordingTransport)
    assert "les réponses à cet e-mail ne sont pas lues" in text_of(outbox.post.seen[-1][1])


async def test_the_letter_says_where_an_answer_goes(way: Way, outbox: Outbox) -> None:
    await send_lesson(outbox, way.house)
    assert isinstance(outbox.post, RecordingTransport)
    said = text_of(outbox.post.seen[-1][1])
    assert "votre réponse rejoindra votre conversation avec la personne qui vous accompagne" in said


async def test_what_waits_for_its_author_says_it_too(way: Way, outbox: Outbox) -> None:
    house = way.house
    assert await receive(way, await send_lesson(outbox, house), mail("Merci.", proven=False)) == 250
    lea = await house.unlocked(house.lea)

    (waiting,) = await house.store.database.read(lambda reader: quarantine.waiting(reader, lea.key, way.thread))
    assert waiting.mail.message == "À propos de l’étape «\u202fa\u202f»\u202f:\n\nMerci."


async def test_it_goes_to_who_is_there_when_it_comes(way: Way, outbox: Outbox) -> None:
    house = way.house
    thread = await house.open_thread(house.lea, house.sam)
    to = await send_lesson(outbox, house)
    await house.disable(house.sam)
    assert [await receive(way, to, mail("Merci.")) for _ in range(2)] == [250, 250]
    assert (len(await texts(house, way.thread)), await texts(house, thread)) == (1, [])


async def test_a_damaged_programme_holds_no_answer_up(way: Way, outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    to = await send_lesson(outbox, way.house)
    await way.house.spoil("update programmes set proof = x'00'")
    assert await receive(way, to, mail("Merci.")) == 250
    assert await texts(way.house, way.thread) == ["Merci."]
    assert "alert: a lesson that is answered cannot be opened" in caplog.text


async def test_a_long_answer_is_cut_with_its_title(way: Way, outbox: Outbox) -> None:
    assert await receive(way, await send_lesson(outbox, way.house), mail("mot " * 3000)) == 250
    (text,) = await texts(way.house, way.thread)
    assert text is not None
    assert (len(text), text.startswith("À propos"), text.endswith("[…]")) == (LONGEST_MESSAGE, True, True)


async def test_a_lesson_that_is_gone_is_not_named(way: Way, outbox: Outbox) -> None:
    to = await send_lesson(outbox, way.house)
    await published(way.house, weekly("b"))
    assert await receive(way, to, mail("Merci.")) == 250
    assert await texts(way.house, way.thread) == ["Merci."]


async def test_who_took_part_then_and_no_longer_does_is_told(way: Way, outbox: Outbox) -> None:
    to = await send_lesson(outbox, way.house)
    await way.house.leave(way.thread, way.house.lea)
    assert await receive(way, to, mail("Merci.")) == 250
    assert "unposted gone" in await way.letters()


async def test_an_address_of_a_programme_that_never_was_names_nothing(way: Way) -> None:
    house = way.house
    store, lea = house.store, house.lea.id
    for about in ("nothing/at-all", "nothing", f"{NAME}/x"):
        made = await store.database.write(
            lambda tx, about=about: reply_addresses.make(tx, store.guard, lea, way.thread, store.clock(), about)  # type: ignore[misc]
        )
        to = f"{made}@{way.to.partition('@')[2]}"
        assert await receive(way, to, mail("Merci.", message_id=f"<{about}@x.test>".replace("/", "."))) == 250
    assert await texts(house, way.thread) == ["Merci."] * 3
    assert await store.database.read(lambda reader: programmes.find(reader, store.guard, NAME)) is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_said_as_on_the_page(way: Way, language: str) -> None:
    await published(way.house, weekly("a"))
    store = way.house.store
    found = await store.database.read(lambda reader: said(reader, store.guard, named(NAME, "a"), language))
    assert found == say(language, ABOUT, title="a")
