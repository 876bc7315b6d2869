"""New programmes are told to those who chose to hear of them, each once; to nobody else."""

from pathlib import Path

import msgspec
import pytest

from delivery.jobs.offers import offer_some
from delivery.outbox.outbox import Outbox
from storage.accounts.accounts import Role
from storage.accounts.preferences import Letters, Preferences
from storage.maintenance import backup
from storage.programmes import offering, programmes
from storage.programmes.plans import Audience
from storage.settings import StorageSettings
from storage.store import open_store
from tests.delivery.letters.test_compose import text_of
from tests.delivery.rounds import send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import House, StoppedClock, person
from tests.storage.programmes.courses import NAME, choose, enrol, published, weekly

OFFERS = Preferences(letters=Letters(offers=True))


async def offer(house: House, name: str = NAME) -> None:
    """Record what publishing a programme for the first time records."""
    await house.store.database.write(lambda tx: offering.begin(tx, name, house.store.clock()))


async def offers_all(outbox: Outbox) -> None:
    while await offer_some(outbox.store, outbox.settings):
        pass
    await send_all(outbox)


async def test_who_chose_so_is_told_once(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    await choose(house, house.lea, OFFERS)
    await published(house, weekly("un", "deux"))
    for _ in range(2):
        await offer(house)
        await offers_all(outbox)
    ((recipient, letter),) = post.seen
    assert recipient == house.lea.email
    assert "Souffler" in text_of(letter)
    assert "Souffler" not in str(letter["Subject"])
    assert str(letter["List-Id"]).startswith("<offers.")


async def test_nobody_else_is_told(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    """Who chose nothing, who is staff, who follows it already, and for whom it is not meant."""
    for one in (house.lea, house.claire):
        await choose(house, one, OFFERS)
    await published(house, weekly("un"))
    await published(house, msgspec.structs.replace(weekly("un"), audience=Audience.MANAGERS), "diriger")
    await enrol(house, house.lea)
    await offer(house)
    await offer(house, "diriger")
    await offers_all(outbox)
    assert post.seen == []


@pytest.mark.parametrize("meanwhile", ["off", "enrolled", "ended"])
async def test_it_is_not_sent_once_it_is_not_worth_it(
    outbox: Outbox, post: RecordingTransport, house: House, meanwhile: str
) -> None:
    await choose(house, house.lea, OFFERS)
    programme = await published(house, weekly("un"))
    await offer(house)
    while await offer_some(outbox.store, outbox.settings):
        pass
    if meanwhile == "off":
        await choose(house, house.lea, Preferences())
    elif meanwhile == "enrolled":
        await enrol(house, house.lea)
    else:
        await house.store.database.write(lambda tx: programmes.publish(tx, house.store.guard, programme, 0))
    await send_all(outbox)
    assert post.seen == []
    assert [row["state"] for row in await house.letters()] == ["dropped"]


async def test_everybody_is_reached_in_batches(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    many = [person(Role.MEMBER, "Alix", "Petit", f"alix.{number}@ailo.test") for number in range(230)]
    await house.add(*many)
    for one in (house.lea, *many):
        await choose(house, one, OFFERS)
    await published(house, weekly("un"))
    await offer(house)
    await offers_all(outbox)
    assert sorted(post.recipients) == sorted(one.email for one in (house.lea, *many))


async def test_a_paused_programme_waits_and_holds_up_no_other(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, house.lea, OFFERS)
    paused = await published(house, weekly("un"))
    await published(house, weekly("un"), "diriger")
    await house.store.database.write(lambda tx: programmes.rest(tx, house.store.guard, paused, 1))
    await offer(house)
    await offer(house, "diriger")
    await offers_all(outbox)
    assert [row["cause"] for row in await house.letters()] == ["diriger"]
    await house.store.database.write(lambda tx: programmes.rest(tx, house.store.guard, paused, 0))
    await offers_all(outbox)
    assert {row["cause"] for row in await house.letters()} == {"diriger", NAME}


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_restored_backup_offers_nothing_again(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, tmp_path: Path, *, is_written: bool
) -> None:
    """Neither a letter that waited in it, nor what was under way."""
    await choose(house, house.lea, OFFERS)
    await published(house, weekly("un"))
    await offer(house)
    while is_written and await offer_some(outbox.store, outbox.settings):
        pass
    await backup.copy(house.store, tmp_path / "backup")
    settings = StorageSettings(tmp_path / "backup", house.store.settings.keys)
    async with open_store(settings, stopped_clock) as store:
        await offers_all(Outbox(store, post, outbox.settings))
    assert post.seen == []


async def test_one_that_was_altered_is_offered_to_nobody(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    await choose(house, house.lea, OFFERS)
    await published(house, weekly("un"))
    await offer(house)
    await house.spoil("update programme_versions set body = body || x'00'")
    await offers_all(outbox)
    assert post.seen == []
    assert not await offer_some(outbox.store, outbox.settings)
    await house.spoil("delete from lessons")
    await house.spoil("delete from programme_offers")
    await house.spoil("delete from programme_versions")
    await house.spoil("delete from programmes")
