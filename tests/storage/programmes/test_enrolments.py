"""Programmes and enrolments in their rows: what was forged sends nothing, and holds up nobody else."""

from collections.abc import AsyncIterator, Callable

import pytest

from storage.accounts import accounts
from storage.accounts.preferences import Preferences
from storage.engine.database import Transaction
from storage.errors import CannotOpen
from storage.families import families
from storage.programmes import enrolments, programmes
from storage.programmes.enrolments import Outcome, State
from storage.rekeying.rotation import Rotation
from tests.people import House, assert_sound
from tests.storage.programmes import courses
from tests.storage.programmes.courses import NAME, choose, enrol, enrolment, published, weekly


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    """The house of all tests, with a programme in it, checked to be sound at the end."""
    await published(house, weekly("a", "b"))
    yield house
    await assert_sound(house)


async def due(house: House) -> list[str]:
    """Whose enrolments are looked at now, by their first names."""
    names = {one.id: one.first_name for one in house.people}
    taken = await house.store.database.write(lambda tx: enrolments.take_due(tx, house.store.guard, house.store.clock(), 100))
    return [names[one.account] for one in taken]


async def noted(house: House, key: str) -> bool:
    found = await enrolment(house, house.lea)
    now = house.store.clock()
    return await house.store.database.write(lambda tx: enrolments.note(tx, found, key, Outcome.LETTER, now))


async def test_an_enrolment_is_read_as_it_was_kept(house: House) -> None:
    made = await enrol(house, house.lea)
    assert await enrolment(house, house.lea) == made
    assert made.round == 1
    assert (await enrol(house, house.lea)).round == 2


async def test_a_lesson_is_noted_once_a_round(house: House) -> None:
    await enrol(house, house.lea)
    assert await noted(house, "a")
    assert not await noted(house, "a")
    assert [one.lesson for one in await courses.received(house, house.lea)] == ["a"]
    await enrol(house, house.lea)
    assert await courses.received(house, house.lea) == []
    assert await noted(house, "a")


async def test_a_texts_place_is_its_programme_version_and_lesson(house: House) -> None:
    found = await house.store.database.read(lambda reader: programmes.text(reader, house.store.guard, NAME, 1, "a"))
    assert found == {"fr": "Bonjour a", "en": "Hello a"}


@pytest.mark.parametrize(
    "forgery",
    [
        "update enrolments set state = 'paused'",
        "update enrolments set round = 7",
        "update enrolments set began_on = '2020-01-01'",
        "update enrolments set reached = 'b'",
        "update enrolments set shift = 900",
        "update enrolments set shift = 'x'",
        "update enrolments set version = null",
        "update enrolments set proof = zeroblob(41)",
        "update enrolments set last_wall = zeroblob(3)",
        "update enrolments set programme = cast(x'ff' as text)",
        "update enrolments set account = 'somebody'",
    ],
)
async def test_a_forged_enrolment_is_put_aside_and_holds_up_nobody(house: House, forgery: str) -> None:
    await enrol(house, house.lea)
    try:
        await house.spoil(forgery)
    except Exception:  # noqa: BLE001 (the schema itself refuses some)
        house.is_spoiled = False
        return
    await enrol(house, house.karim)
    assert await due(house) == ["Karim"]
    assert await due(house) == ["Karim"], "the damaged one is out of the way"
    assert len(await house.select("select 1 from enrolments where next_at is null")) == 1


async def test_many_damaged_rows_are_put_aside_in_one_go(house: House) -> None:
    for one in (house.lea, house.karim, house.claire):
        await enrol(house, one)
    await house.spoil("update enrolments set round = 9 where account <> :karim", karim=house.karim.id.bytes)
    assert await due(house) == ["Karim"]


@pytest.mark.parametrize(
    "forgery",
    [
        "update programmes set published = 2",
        "update programmes set paused_at = 1",
        "update programme_versions set body = (select body from programme_versions where programme = 'souffler' and version = 2)",
        "update programme_versions set body = zeroblob(90)",
        "update lessons set body = (select l.body from lessons l where l.key = 'b' and l.version = 1)",
        "update lessons set body = (select l.body from lessons l where l.key = 'a' and l.version = 2)",
        "delete from lessons",
    ],
)
async def test_a_forged_programme_does_not_open(house: House, forgery: str) -> None:
    guard = house.store.guard
    await published(house, weekly("a", "c"))
    current = await house.store.database.read(lambda reader: programmes.find(reader, guard, NAME))
    assert current
    await house.store.database.write(lambda tx: programmes.publish(tx, guard, current, 1))

    async def read_all(reader: Transaction) -> None:
        await programmes.find(reader, guard, NAME)
        await programmes.plan(reader, guard, NAME, 1)
        await programmes.text(reader, guard, NAME, 1, "a")

    await house.store.database.write(read_all)
    await house.spoil(f"{forgery} where true")
    with pytest.raises(CannotOpen):
        await house.store.database.write(read_all)


async def at_rest(house: House) -> bool:
    """Whether Léa's enrolment waits for a later time, rather than to be looked at soon."""
    (row,) = await house.select("select next_at from enrolments")
    return bool(row["next_at"])


async def put_off(house: House) -> None:
    found = await enrolment(house, house.lea)
    await house.store.database.write(lambda tx: enrolments.put_off(tx, found, house.store.clock() + 10_000))


@pytest.mark.parametrize("change", ["zone", "preferences", "version", "rest"])
async def test_what_a_schedule_depends_on_has_it_looked_at_again(house: House, change: str) -> None:
    await enrol(house, house.lea)
    await put_off(house)
    assert await at_rest(house)
    guard = house.store.guard
    current = await house.store.database.read(lambda reader: programmes.find(reader, guard, NAME))
    assert current
    changes: dict[str, Callable[[], object]] = {
        "zone": lambda: house.store.database.write(lambda tx: accounts.settle(tx, house.lea.id, "fr", "Asia/Tokyo")),
        "preferences": lambda: choose(house, house.lea, Preferences(manages=True)),
        "version": lambda: published(house, weekly("a", "z")),
        "rest": lambda: house.store.database.write(lambda tx: programmes.rest(tx, guard, current, 1)),
    }
    await changes[change]()  # type: ignore[misc]
    assert not await at_rest(house)


async def test_what_has_ended_is_not_looked_at_again(house: House) -> None:
    made = await enrol(house, house.lea)
    guard = house.store.guard
    await house.store.database.write(lambda tx: enrolments.move(tx, guard, made.moved(State.STOPPED, 5), None))
    await choose(house, house.lea, Preferences(manages=True))
    await published(house, weekly("a", "z"))
    assert await due(house) == []


async def test_counts_say_who_is_where(house: House) -> None:
    for one in (house.lea, house.karim):
        await enrol(house, one)
    found = await house.store.database.read(lambda reader: enrolments.counts(reader, NAME))
    assert found == {(State.FOLLOWING, ""): 2}


async def test_a_message_id_is_of_one_lesson_of_one_round_and_always_the_same(house: House) -> None:
    guard, hers, his = house.store.guard, await enrol(house, house.lea), await enrol(house, house.karim)
    made = [enrolments.message_id(guard, one, key) for one in (hers, his) for key in ("a", "b")]
    made.append(enrolments.message_id(guard, await enrol(house, house.lea), "a"))
    assert len(set(made)) == 5
    assert (hers.cause("a"), (await enrolment(house, house.lea)).cause("a")) == ("souffler/a", "souffler/a/2")
    assert enrolments.message_id(guard, hers, "a") == made[0]


async def test_what_belongs_to_an_account_is_exported_and_erased_and_nobody_elses(house: House) -> None:
    for one in (house.lea, house.karim):
        await enrol(house, one)
    assert await noted(house, "a")
    (family,) = [family for family in families() if "enrolments" in {table.name for table in family.tables}]
    assert family.export
    exported = await house.store.database.read(lambda reader: family.export(reader, house.lea.id))  # type: ignore[misc]
    assert "souffler" in str(exported)
    assert "'lesson': 'a'" in str(exported)
    await house.store.database.write(lambda tx: family.erase(tx, house.lea.id))  # type: ignore[misc]
    assert len(await house.select("select 1 from enrolments")) == 1
    assert await house.select("select 1 from lessons_received") == []


async def test_after_a_rotation_of_the_root_key_everything_is_as_it_was(house: House) -> None:
    made, guard = await enrol(house, house.lea), house.store.guard
    before = guard.keyring.newest.id
    rotation = Rotation(house.store)
    assert await rotation.turn()
    await rotation.finish()
    assert guard.keyring.newest.id != before
    assert await enrolment(house, house.lea) == made
    assert (await house.select("select proof from enrolments"))[0]["proof"][1:9] == guard.keyring.newest.id
    found = await house.store.database.read(lambda reader: programmes.text(reader, guard, NAME, 1, "b"))
    assert found["en"] == "Hello b"
    assert await house.store.database.read(lambda reader: programmes.find(reader, guard, NAME))
    assert await due(house) == ["Léa"]
