"""What people do in these tests could happen in the product: `ailo check` finds nothing, but would find an impossible change."""

import pytest

from delivery.outbox.outbox import Outbox
from storage.accounts.accounts import Role
from storage.ids import ThreadId
from storage.maintenance.check import check_all
from tests.delivery.rounds import deliver_all
from tests.people import GRACE, House, StoppedClock, assert_sound, person


async def test_all_that_people_do_leaves_their_threads_sound(
    house: House, thread: ThreadId, outbox: Outbox, stopped_clock: StoppedClock
) -> None:
    anais = person(Role.MEMBER, "Anaïs", "", "anais@ailo.test")
    await house.add(anais)
    other = await house.open_thread(anais, house.claire, house.sam)
    for author, place in ((house.claire, thread), (house.lea, thread), (house.claire, thread), (anais, other)):
        await house.post(author, place)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
    await house.mark(house.lea, thread, 3)
    await house.leave(other, house.sam)
    await house.disable(anais)
    await house.post(house.claire, other)
    assert not house.is_spoiled
    assert [(await house.thread(id_)).is_sound for id_ in (thread, other)] == [True, True]
    assert await check_all(house.store) == []


async def test_a_message_that_is_a_number_alone_is_found(house: House, thread: ThreadId) -> None:
    sql = "update threads set last_seq = last_seq + 1 where id = :id"
    await house.store.database.write(lambda tx: tx.run(sql, id=thread.bytes))
    assert not (await house.thread(thread)).is_sound
    with pytest.raises(AssertionError):
        await assert_sound(house)
    house.is_spoiled = True
