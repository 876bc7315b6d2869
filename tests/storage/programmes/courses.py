"""Programmes for tests: plans made in a line, and imported into a house."""

from storage.accounts import preferences
from storage.accounts.preferences import Preferences
from storage.engine.database import Transaction
from storage.programmes import enrolments, programmes
from storage.programmes.enrolments import Enrolment, Received
from storage.programmes.following import Person, begun
from storage.programmes.plans import Audience, Lesson, Plan, in_order
from storage.programmes.programmes import Programme
from tests.people import House
from tests.people import Person as Somebody

NAME = "souffler"
NINE = 9 * 60


def lesson(number: int, key: str, day: int | None, weekday: int | None = None, audience: str = "everybody") -> Lesson:
    """A lesson at nine, whose titles are its key."""
    return Lesson(key, number, NINE, {"fr": key, "en": key}, day, weekday, Audience(audience))


def plan(*lessons: Lesson) -> Plan:
    """A plan for everybody."""
    return Plan({"fr": "Souffler", "en": "Breathe"}, {}, Audience.EVERYBODY, in_order(lessons))


def weekly(*keys: str) -> Plan:
    """A lesson on the day of the enrolment, and one each week after that."""
    return plan(*(lesson(at + 1, key, 7 * at) for at, key in enumerate(keys)))


def on_mondays(*keys: str) -> Plan:
    """A lesson each Monday."""
    return plan(*(lesson(at + 1, key, None, 0) for at, key in enumerate(keys)))


async def published(house: House, made: Plan, name: str = NAME) -> Programme:
    """Import a version and publish it, as `ailo programme import` does."""
    guard, now = house.store.guard, house.store.clock()
    texts = {one.key: {"fr": f"Bonjour {one.key}", "en": f"Hello {one.key}"} for one in made.lessons}

    async def work(tx: Transaction) -> Programme:
        before = await programmes.find(tx, guard, name) or Programme(name)
        added = await programmes.add_version(tx, guard, before, made, texts, now)
        return await programmes.publish(tx, guard, added, added.newest)

    return await house.store.database.write(work)


async def enrol(house: House, one: Somebody, *, manages: bool | None = None, zone: str = "Europe/Paris") -> Enrolment:
    """Enrol somebody as of now."""
    guard, now = house.store.guard, house.store.clock()

    async def work(tx: Transaction) -> Enrolment:
        programme = await programmes.find(tx, guard, NAME)
        assert programme
        before = await enrolments.find(tx, guard, one.id, NAME)
        made = begun(one.id, programme, Person(zone, manages), now, before)
        await enrolments.keep(tx, guard, made, enrolments.AT_ONCE)
        return made

    return await house.store.database.write(work)


async def enrolment(house: House, one: Somebody) -> Enrolment:
    """Somebody's enrolment as it stands."""
    found = await house.store.database.read(lambda reader: enrolments.find(reader, house.store.guard, one.id, NAME))
    assert found
    return found


async def received(house: House, one: Somebody) -> list[Received]:
    """What somebody received in the present round."""
    found = await enrolment(house, one)
    return await house.store.database.read(lambda reader: enrolments.received(reader, found))


async def choose(house: House, one: Somebody, chosen: Preferences) -> None:
    """Choose preferences."""
    await house.store.database.write(lambda tx: preferences.keep(tx, house.store.guard, one.id, chosen))
