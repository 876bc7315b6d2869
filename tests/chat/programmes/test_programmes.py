"""What is done with programmes: importing, publishing, ending; following, pausing, stopping; and who may read what."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.ailo import Ailo
from chat.programmes.folders import Folder
from chat.programmes.importing import Course, read_course
from chat.programmes.programmes import Followed, NotForThem, NotSent, Programmes, Unknown
from storage.accounts import preferences
from storage.accounts.preferences import Preferences
from storage.engine.database import Transaction
from storage.ids import AccountId
from storage.programmes import enrolments, offering
from storage.programmes.enrolments import Outcome, State
from tests.chat.programmes.directories import ABOUT, files, lesson
from tests.chat.talk import Cast, opened_rooms
from tests.people import DAY, HOUR, StoppedClock

NAME = "souffler"


@pytest.fixture
async def ailo(furnished: Path, tmp_path: Path, stopped_clock: StoppedClock) -> AsyncIterator[Ailo]:
    """An open Ailo at 10:00 of a Monday in Paris."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with opened_rooms(tmp_path, stopped_clock) as ailo:
        yield ailo


@pytest.fixture
def programmes(ailo: Ailo) -> Programmes:
    return Programmes(ailo.store)


@pytest.fixture
async def lea(cast: Cast) -> AccountId:
    return (await cast.account("lea")).id


def course(about: str = ABOUT, **more: str) -> Course:
    return read_course(Folder({**files(**more), "programme.toml": about}, {}))


async def of(programmes: Programmes, cast: Cast, name: str = "lea") -> Followed:
    (found,) = await programmes.of(await cast.account(name))
    return found


async def receive(ailo: Ailo, account: AccountId, key: str) -> None:
    """Note a lesson as received, as the worker does."""

    async def work(tx: Transaction) -> None:
        found = await enrolments.find(tx, ailo.store.guard, account, NAME)
        assert found
        await enrolments.note(tx, found, key, Outcome.LETTER, ailo.store.clock())

    await ailo.store.database.write(work)


# Authors


async def test_an_import_makes_a_version_and_the_same_again_makes_none(programmes: Programmes) -> None:
    for is_new in (True, False):
        done = await programmes.import_(course(), is_draft=False)
        assert (done.programme.newest, done.programme.published, done.is_new) == (1, 1, is_new)
    changed = course(**{"02-marcher.fr.md": lesson("Marcher", "day = 7", 'hour = "09:00"', text="Autrement.")})
    assert (await programmes.import_(changed, is_draft=False)).programme.published == 2


async def test_a_draft_is_sent_to_nobody_until_it_is_published(programmes: Programmes, lea: AccountId) -> None:
    await programmes.import_(course(), is_draft=True)
    with pytest.raises(NotSent):
        await programmes.enrol(NAME, lea)
    await programmes.publish(NAME, 1)
    assert await programmes.enrol(NAME, lea)
    second = course(ABOUT.replace("Breathe", "Breathing"))
    done = await programmes.import_(second, is_draft=True)
    assert (done.programme.newest, done.programme.published) == (2, 1)
    done = await programmes.import_(second, is_draft=False)
    assert (done.is_new, done.programme.published) == (False, 2)


async def test_a_programme_is_offered_when_it_is_first_published_and_never_again(programmes: Programmes, ailo: Ailo) -> None:
    async def offered() -> list[str]:
        found = await ailo.store.database.read(lambda reader: reader.rows("select programme from programme_offers"))
        return [row["programme"] for row in found]

    await programmes.import_(course(), is_draft=True)
    assert await offered() == []
    await programmes.publish(NAME, 1)
    assert await offered() == [NAME]
    await ailo.store.database.write(offering.end_all)
    await programmes.end(NAME)
    await programmes.import_(course(), is_draft=False)
    assert await ailo.store.database.read(offering.under_way) is None


async def test_a_version_that_does_not_exist_is_not_published(programmes: Programmes) -> None:
    await programmes.import_(course(), is_draft=True)
    for name, version in ((NAME, 2), (NAME, -1), ("autre", 1)):
        with pytest.raises(Unknown):
            await programmes.publish(name, version)


async def test_an_ended_programme_takes_nobody_and_may_be_published_again(programmes: Programmes, lea: AccountId) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.end(NAME)
    with pytest.raises(NotSent):
        await programmes.enrol(NAME, lea)
    await programmes.import_(course(), is_draft=False)
    assert await programmes.enrol(NAME, lea)


async def test_the_overview_says_who_is_where(programmes: Programmes, cast: Cast, lea: AccountId) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    await programmes.enrol(NAME, (await cast.account("karim")).id)
    await programmes.pause(NAME, lea)
    (one,) = await programmes.all()
    assert (one.count(State.FOLLOWING), one.count(State.PAUSED), len(one.plan.lessons)) == (1, 1, 2)
    await programmes.rest(NAME)
    (one,) = await programmes.all()
    assert one.programme.paused_at


# Members


async def test_enrolling_twice_changes_nothing_and_again_after_a_stop_begins_anew(
    programmes: Programmes, cast: Cast, lea: AccountId, stopped_clock: StoppedClock
) -> None:
    await programmes.import_(course(), is_draft=False)
    assert await programmes.enrol(NAME, lea)
    stopped_clock.advance(DAY)
    assert not await programmes.enrol(NAME, lea)
    assert (await of(programmes, cast)).enrolment.round == 1
    assert await programmes.stop(NAME, lea)
    assert not await programmes.stop(NAME, lea)
    assert await programmes.enrol(NAME, lea)
    found = (await of(programmes, cast)).enrolment
    assert (found.round, found.state, found.reached) == (2, State.FOLLOWING, "")
    assert found.enrolled_at == stopped_clock()


@pytest.mark.parametrize("name", ["claire", "sam", "ada"])
async def test_only_members_follow(programmes: Programmes, cast: Cast, name: str) -> None:
    await programmes.import_(course(), is_draft=False)
    with pytest.raises(NotForThem):
        await programmes.enrol(NAME, (await cast.account(name)).id)


async def test_a_programme_for_managers_takes_those_who_said_that_they_are(
    ailo: Ailo, programmes: Programmes, lea: AccountId
) -> None:
    await programmes.import_(course(ABOUT.replace("everybody", "managers")), is_draft=False)
    with pytest.raises(NotForThem):
        await programmes.enrol(NAME, lea)
    await ailo.store.database.write(lambda tx: preferences.keep(tx, ailo.store.guard, lea, Preferences(manages=True)))
    assert await programmes.enrol(NAME, lea)


async def test_what_comes_is_told_with_its_time(programmes: Programmes, cast: Cast, lea: AccountId) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    found = await of(programmes, cast)
    assert [(one.lesson.key, f"{one.wall:%Y-%m-%d %H:%M}") for one in found.coming] == [
        ("respirer", "2026-11-23 09:00"),
        ("marcher", "2026-11-30 09:00"),
    ]
    await programmes.stop(NAME, lea)
    assert (await of(programmes, cast)).coming == []


async def test_a_pause_keeps_the_place(
    ailo: Ailo, programmes: Programmes, cast: Cast, lea: AccountId, stopped_clock: StoppedClock
) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    assert await programmes.pause(NAME, lea)
    assert not await programmes.pause(NAME, lea)
    stopped_clock.advance(30 * DAY - 2 * HOUR)
    assert await programmes.resume(NAME, lea)
    assert not await programmes.resume(NAME, lea)
    coming = (await of(programmes, cast)).coming
    assert [f"{one.wall:%m-%d %H:%M}" for one in coming] == ["12-23 09:00", "12-30 09:00"]


async def test_what_somebody_has_not_can_be_neither_changed_nor_read(programmes: Programmes, cast: Cast, lea: AccountId) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    karim = (await cast.account("karim")).id
    for change in (programmes.stop, programmes.pause, programmes.resume):
        for name, account in ((NAME, karim), ("autre", lea)):
            with pytest.raises(Unknown):
                await change(name, account)
    assert await programmes.of(await cast.account("karim")) == []


async def test_a_lesson_is_read_by_those_who_received_it_alone(
    ailo: Ailo, programmes: Programmes, cast: Cast, lea: AccountId
) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    await receive(ailo, lea, "respirer")
    assert (await programmes.lesson(lea, NAME, "respirer"))["fr"] == "Bonjour."
    karim = (await cast.account("karim")).id
    for account, name, key in ((lea, NAME, "marcher"), (karim, NAME, "respirer"), (lea, "autre", "respirer"), (lea, NAME, "")):
        with pytest.raises(Unknown):
            await programmes.lesson(account, name, key)
    await programmes.enrol(NAME, karim)
    with pytest.raises(Unknown):
        await programmes.lesson(karim, NAME, "respirer")


async def test_what_was_received_stays_after_a_stop_and_when_a_new_version_lacks_it(
    ailo: Ailo, programmes: Programmes, cast: Cast, lea: AccountId
) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    await receive(ailo, lea, "respirer")
    shorter = files()
    for language in ("fr", "en"):
        del shorter[f"01-respirer.{language}.md"]
    await programmes.import_(read_course(Folder(shorter, {})), is_draft=False)
    await programmes.stop(NAME, lea)
    assert (await programmes.lesson(lea, NAME, "respirer"))["fr"] == "Bonjour."
    found = await of(programmes, cast)
    assert [(one.lesson, one.outcome) for one in found.received] == [("respirer", Outcome.LETTER)]
    assert found.titles["respirer"]["en"] == "Breathing"


async def test_a_text_of_a_draft_is_not_shown(ailo: Ailo, programmes: Programmes, lea: AccountId) -> None:
    await programmes.import_(course(), is_draft=False)
    await programmes.enrol(NAME, lea)
    await receive(ailo, lea, "respirer")
    await programmes.import_(course(**{"01-respirer.fr.md": lesson("Respirer", text="Brouillon.")}), is_draft=True)
    assert (await programmes.lesson(lea, NAME, "respirer"))["fr"] == "Bonjour."
