"""What an overview costs: `python -m tests.load.micro.overview [DAYS …]`: one Professional, 400 conversations, 100,000 messages.

The messages are spread evenly over that many days, of which the overview counts fifteen. The output is the reader thread's CPU
time in ms, which does not depend on what else the machine does: the best and the median of nine; and that of the counting after.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from chat.staff.overview import by_day, dates_until, start_of, zone_named
from storage.accounts.accounts import Role
from storage.conversations import activity
from storage.conversations.activity import Figures
from storage.engine.database import Reader, Transaction, Value
from storage.ids import MessageId, new_id
from tests.people import DAY, House, Person, StoppedClock, open_house, person

CONVERSATIONS, EACH, ROUNDS = 400, 250, 9
BODY_BYTES = (297, 553, 809)


async def fill(house: House, days: int) -> None:
    """Insert rows in the order in which they would come: by time, across all conversations."""
    members = [person(Role.MEMBER, "M", "", f"m{number}@ailo.test", "une phrase") for number in range(CONVERSATIONS)]
    await house.add(*members)
    said = [
        row for member in members for row in _said(house, member, (await house.open_thread(member, house.claire)).bytes, days)
    ]
    said.sort(key=lambda row: (row["at"], row["thread"], row["seq"]))

    async def write(tx: Transaction) -> None:
        columns = ("thread", "seq", "id", "epoch", "author", "kind", "at", "body", "link")
        await tx.run_many(f"insert into messages ({', '.join(columns)}) values (:{', :'.join(columns)})", said)
        await tx.run(
            "update threads set last_seq = :each, last_at = (select max(at) from messages where thread = threads.id)", each=EACH
        )

    await house.store.database.write(write)


def _said(house: House, member: Person, thread: bytes, days: int) -> list[dict[str, Value]]:
    now, chance = house.store.clock(), random.Random(thread)
    times = sorted(now - chance.randrange(days * DAY) for _ in range(EACH))
    return [
        {
            "thread": thread,
            "seq": seq,
            "id": new_id(MessageId).bytes,
            "epoch": 1,
            "author": chance.choice((member, house.claire)).id.bytes,
            "kind": "text",
            "at": at,
            "body": chance.randbytes(chance.choice(BODY_BYTES)),
            "link": chance.randbytes(41),
        }
        for seq, at in enumerate(times, 1)
    ]


async def measure(days: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder), StoppedClock()) as house:
            await fill(house, days)
            zone = zone_named("Europe/Paris")
            dates = dates_until(house.store.clock(), zone)
            reading, counting = [], []
            for _ in range(ROUNDS):
                found, took = await house.store.database.read(lambda reader: _read(reader, house, start_of(dates[0], zone)))
                began = time.thread_time()
                by_day(found, house.claire.id.bytes, dates, zone)
                counting.append(time.thread_time() - began)
                reading.append(took)
    return (
        f"over {days:4} days: {len(found.said):7,} rows; reader {_ms(reading)}; counting {_ms(counting)}"
        f" ({CONVERSATIONS} conversations, {CONVERSATIONS * EACH:,} messages)"
    )


async def _read(reader: Reader, house: House, start: int) -> tuple[Figures, float]:
    began = time.thread_time()
    found = await activity.of(reader, house.store.guard, house.claire.id, start)
    return found, time.thread_time() - began


def _ms(seconds: Sequence[float]) -> str:
    return f"{min(seconds) * 1000:.0f} ms at best, {median(seconds) * 1000:.0f} ms usually"


if __name__ == "__main__":
    for span in map(int, sys.argv[1:] or ("365", "90", "15")):
        print(asyncio.run(measure(span)))
