"""What planning a day costs: everybody follows one programme, and has a lesson due in the same minute.

Each enrolment is read and verified, its next lesson is worked out by its own zone, and a note and a letter are written. The
letters are not sent. In seconds of CPU time, which is that of one core: all of it happens in the writer's thread.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from delivery.jobs.lessons import send_lessons
from delivery.settings import DeliverySettings
from storage.accounts import accounts
from storage.accounts.accounts import NewAccount, Role
from storage.crypto.keyholes import EXAMPLE_PROFILE, AccountKey, guard_password
from storage.engine.database import Transaction
from storage.ids import AccountId, new_id
from storage.programmes import enrolments, following, programmes
from tests.load.figures import Results
from tests.people import HOUR, House, StoppedClock, open_house
from tests.storage.programmes.courses import NAME, published, weekly

ZONES = ("Europe/Paris", "Europe/Brussels", "Europe/Zurich", "Europe/Luxembourg")
AT_ONCE = 1_000


async def measure(folder: Path, people: int) -> Results:
    """Plan a day for so many people."""
    clock = StoppedClock()
    async with open_house(folder, clock) as house:
        await published(house, weekly("a", "b"))
        await _fill(house, people)
        clock.advance(HOUR)
        settings = DeliverySettings("https://ailo.example", folder / "mail")
        wall, cpu = time.monotonic(), time.process_time()
        while await send_lessons(house.store, settings):
            pass
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        (row,) = await house.select("select count(*) as count from letters")
    assert row["count"] == people, "a lesson was lost or doubled"
    name = f"a day planned for {people}"
    return {name: {"cpu_s": round(cpu, 1), "seconds": round(wall, 1), "per_cpu_s": round(people / cpu)}}


async def _fill(house: House, people: int) -> None:
    """Accounts that share one keyhole, which nobody uses: a password of its own for each would take minutes."""
    shared = guard_password(house.store.guard, house.lea.key, house.lea.password, EXAMPLE_PROFILE)
    for start in range(0, people, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, people))
        await house.store.database.write(lambda tx, numbers=numbers: _add(tx, house, numbers, shared))  # type: ignore[misc]


async def _add(tx: Transaction, house: House, numbers: range, keyhole: bytes) -> None:
    guard, now = house.store.guard, house.store.clock()
    programme = await programmes.find(tx, guard, NAME)
    assert programme
    for new in _accounts(numbers, keyhole):
        assert await accounts.add(tx, guard, new, now)
        made = following.begun(new.key.account, programme, following.Person(new.time_zone, None), now, None)
        await enrolments.keep(tx, guard, made, enrolments.AT_ONCE)


def _accounts(numbers: range, keyhole: bytes) -> Iterator[NewAccount]:
    for number in numbers:
        key = AccountKey.fresh(new_id(AccountId))
        zone = ZONES[number % len(ZONES)]
        yield NewAccount(key, Role.MEMBER, f"m{number}@ailo.test", "Zoé", "", "fr", zone, keyhole, EXAMPLE_PROFILE)
