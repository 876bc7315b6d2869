"""Of programmes the rules learn who has come to the end of one, and nothing of those who have not."""

from storage.encouragements import facts
from storage.encouragements.rules import Event
from storage.programmes import enrolments
from storage.programmes.enrolments import State
from tests.people import House, StoppedClock
from tests.storage.programmes.courses import enrol, published, weekly


async def test_a_finished_round_is_an_event(house: House, stopped_clock: StoppedClock) -> None:
    store = house.store
    await published(house, weekly("a", "b"))
    for one, state in ((house.lea, State.FINISHED), (house.karim, State.STOPPED)):
        made = (await enrol(house, one)).moved(state, stopped_clock.now)
        await store.database.write(lambda tx, it=made: enrolments.move(tx, store.guard, it, None))  # type: ignore[misc]
    found = await store.database.read(lambda reader: facts.of(reader, [house.lea.id, house.karim.id]))
    assert found[house.lea.id].finished == (Event("souffler/1", stopped_clock.now),)
    assert found[house.karim.id].finished == ()
