"""Who chose so gets the text of replies in the letter; nobody else does, and it waits nowhere in a form that can be read."""

import shutil
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from delivery.outbox.outbox import Outbox
from delivery.settings import Relay
from delivery.transports.transport import Later, Rejected
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.crypto.courier import Courier
from storage.engine.database import Row
from storage.ids import ThreadId
from storage.mail import texts
from storage.maintenance import expiry
from storage.store import Store
from tests.attacks.disk.search import files_with
from tests.delivery.letters import test_compose
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, HOUR, House, Person, StoppedClock, opened_again

CANARY = "Le canari chante à minuit <i>& se tait</i>."
PLAIN = "Par discrétion, cet e-mail n’en dit pas davantage."


@pytest.fixture
def outbox(outbox: Outbox) -> Outbox:
    """The outbox of a service with a relay: none other may send texts."""
    outbox.settings = replace(outbox.settings, relay=Relay("127.0.0.1", 25))
    return outbox


@pytest.fixture
async def chosen(house: House) -> None:
    await choose(house, house.lea, Letters(texts=True))


def text_of(letter: EmailMessage, kind: str = "plain") -> str:
    """A part of a letter, with plain ends of lines."""
    return test_compose.text_of(letter, kind).replace("\r\n", "\n")


async def choose(house: House, one: Person, wanted: Letters) -> None:
    """Store which letters somebody wants, as their page does."""
    store = house.store
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, one.id, Preferences(letters=wanted)))
    wants_texts = preferences.gets_texts(one.role, replies=wanted.replies, texts=wanted.texts)
    store.courier.note_choice(one.id, wants_texts=wants_texts, is_new=True)


async def waiting(house: House) -> list[Row]:
    return list(await house.select("select * from letter_texts order by account, seq"))


@pytest.mark.usefixtures("chosen")
async def test_who_chose_so_gets_the_texts(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    for text in (CANARY, "Et encore un mot.\nSur deux lignes."):
        await house.post(house.claire, thread, text)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    ((_, letter),) = post.seen
    assert f"\n> {CANARY}\n" in text_of(letter)
    assert "\n> Et encore un mot.\n> Sur deux lignes.\n" in text_of(letter)
    assert "&lt;i&gt;&amp; se tait&lt;/i&gt;" in text_of(letter, "html")
    assert "Et encore un mot.<br />Sur deux lignes." in text_of(letter, "html")
    assert "serveurs de messagerie, qui peuvent le lire" in text_of(letter)
    assert PLAIN not in text_of(letter)
    assert "canari" not in str(letter["Subject"])
    assert await waiting(house) == []


async def test_who_did_not_gets_none(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread, CANARY)
    assert await waiting(house) == []
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    ((_, letter),) = post.seen
    assert "canari" not in letter.as_string()
    assert PLAIN in text_of(letter)


async def test_staff_get_no_text_of_a_member(house: House, thread: ThreadId) -> None:
    await choose(house, house.claire, Letters(texts=True))
    await house.post(house.lea, thread, CANARY)
    assert await waiting(house) == []


@pytest.mark.usefixtures("chosen")
async def test_who_chose_otherwise_meanwhile_gets_none(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread, CANARY)
    await choose(house, house.lea, Letters())
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert PLAIN in text_of(post.seen[0][1])


@pytest.mark.usefixtures("chosen")
async def test_who_has_left_gets_none(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread, CANARY)
    await house.leave(thread, house.lea)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await house.post(house.claire, thread, CANARY)
    assert not [recipient for recipient in post.recipients if recipient == house.lea.email]
    assert len(await waiting(house)) == 1  # of before, for a day


@pytest.mark.usefixtures("chosen")
async def test_no_text_goes_to_a_maildir(
    outbox: Outbox,
    post: RecordingTransport,
    house: House,
    thread: ThreadId,
    stopped_clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But that of the example, as the house is one otherwise."""
    monkeypatch.setattr(Store, "is_example", False)
    outbox.settings = replace(outbox.settings, relay=None)
    await house.post(house.claire, thread, CANARY)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert PLAIN in text_of(post.seen[0][1])


@pytest.mark.usefixtures("chosen")
async def test_what_was_read_is_not_in_it(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    first = await house.post(house.claire, thread, "Le premier.")
    await house.post(house.claire, thread, "Le second.")
    await house.mark(house.lea, thread, first.seq)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    said = text_of(post.seen[0][1])
    assert "> Le second." in said
    assert "Le premier." not in said
    assert "La suite" not in said


@pytest.mark.usefixtures("chosen")
async def test_a_digest_has_the_texts_of_all_conversations(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    other = await house.open_thread(house.lea, house.sam)
    await house.post(house.claire, thread, "De l’une.")
    await house.post(house.sam, other, "De l’autre.")
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    ((_, letter),) = post.seen
    assert text_of(letter).index("> De l’une.") < text_of(letter).index("> De l’autre.")
    assert await waiting(house) == []


@pytest.mark.usefixtures("chosen")
async def test_more_than_fits_is_said_to_be_on_the_page(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    for _ in range(4):
        await house.post(house.claire, thread, '"' * 8_000)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    letter = post.seen[0][1]
    assert text_of(letter).count("\n> ") == 1
    assert "La suite vous attend sur Ailo." in text_of(letter)
    assert len(text_of(letter, "html").encode()) < 102_000


@pytest.mark.usefixtures("chosen")
async def test_a_letter_that_is_tried_again_has_them_again(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    post.outcomes = [Later("smtp 451"), Rejected("smtp 550")]
    await house.post(house.claire, thread, CANARY)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    stopped_clock.advance(HOUR)
    await deliver_all(outbox)
    assert ["> Le canari" in text_of(letter) for _, letter in post.seen] == [True, True]


@pytest.mark.usefixtures("chosen")
async def test_after_a_day_the_letter_says_no_word(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread, CANARY)
    stopped_clock.advance(DAY + 1)
    await deliver_all(outbox)
    assert PLAIN in text_of(post.seen[0][1])
    await expiry.expire(house.store)
    assert await waiting(house) == []


@pytest.mark.usefixtures("chosen")
async def test_what_was_read_waits_no_longer(house: House, thread: ThreadId) -> None:
    posted = await house.post(house.claire, thread, CANARY)
    await expiry.expire(house.store)
    assert len(await waiting(house)) == 1
    await house.mark(house.lea, thread, posted.seq)
    await expiry.expire(house.store)
    assert await waiting(house) == []


@pytest.mark.usefixtures("chosen")
async def test_a_restart_leaves_no_text(house: House, thread: ThreadId, tmp_path: Path, stopped_clock: StoppedClock) -> None:
    await house.post(house.claire, thread, CANARY)
    (row,) = await waiting(house)
    assert CANARY.encode() not in row["body"]
    assert texts.sealed(Courier(), house.lea.id, thread, row["id"], CANARY, 0) != row["body"]
    killed = tmp_path / "killed"
    shutil.copytree(tmp_path, killed)
    async with opened_again(killed, stopped_clock, house) as again:
        assert await waiting(again) == []
    assert files_with(CANARY, tmp_path) == {}
    assert len(await waiting(house)) == 1


@pytest.mark.usefixtures("chosen")
async def test_an_altered_text_is_not_sent(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    for text in ("Le premier.", "Le second."):
        await house.post(house.claire, thread, text)
    await house.spoil("update letter_texts set body = (select body from letter_texts where seq = 1) where seq = 2")
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    said = text_of(post.seen[0][1])
    assert "> Le premier." in said
    assert "second" not in said
    assert "La suite vous attend" in said


# The key


def test_a_text_opens_at_its_place_only() -> None:
    courier = Courier()
    body = courier.seal(CANARY, 0, "une", 1)
    assert courier.open(body, 0, "une", 1) == CANARY
    assert courier.open(body, 0, "une", 2) is None
    assert courier.open(b"", 0, "une", 1) is None
    assert Courier().open(body, 0, "une", 1) is None


def test_its_keys_are_forgotten() -> None:
    courier = Courier()
    first = courier.seal(CANARY, 0, "une")
    later = courier.seal(CANARY, 7 * HOUR, "une")
    assert courier.open(first, DAY, "une") == CANARY
    assert courier.open(later, DAY + 6 * HOUR + 1, "une") == CANARY
    assert courier.open(first, DAY + 6 * HOUR + 1, "une") is None
