"""What a version, a time and a person mean for an enrolment: what is due now, what comes, and where it goes on after a pause."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from storage.crypto.guarding import Guard
from storage.engine.database import Reader
from storage.ids import AccountId
from storage.programmes import enrolments, programmes, schedule
from storage.programmes.enrolments import Enrolment, State
from storage.programmes.plans import Plan, carried_over
from storage.programmes.programmes import Programme
from storage.programmes.schedule import Placed, Point, coming


class Person(NamedTuple):
    """What a schedule depends on: the time zone, and whether somebody manages people (None: they did not say)."""

    time_zone: str
    manages: bool | None


class Settled(NamedTuple):
    """What is to be done with an enrolment now, and how it stands after that; ``next_at`` is None when nothing comes."""

    enrolment: Enrolment
    send: tuple[Placed, ...]
    missed: tuple[Placed, ...]
    next_at: int | None


@dataclass
class Plans:
    """Reads plans, each once."""

    guard: Guard
    _read: dict[tuple[str, int], Plan] = field(default_factory=dict)

    async def get(self, reader: Reader, name: str, version: int) -> Plan:
        """The plan of a version. Raises CannotOpen."""
        if (name, version) not in self._read:
            self._read[name, version] = await programmes.plan(reader, self.guard, name, version)
        return self._read[name, version]


def begun(account: AccountId, programme: Programme, person: Person, now: int, before: Enrolment | None) -> Enrolment:
    """A new round, after the one before if there was one."""
    began_on = schedule.date_at(now, schedule.zone(person.time_zone))
    round_ = before.round + 1 if before else 1
    return Enrolment(account, programme.name, round_, now, Point(began_on), programme.published, changed_at=now)


async def brought_up(reader: Reader, plans: Plans, enrolment: Enrolment, programme: Programme) -> tuple[Enrolment, Plan]:
    """An enrolment at the version that is sent now, or at its own while none is, with the plan of that. Raises CannotOpen."""
    plan = await plans.get(reader, enrolment.programme, enrolment.version)
    if programme.published in {0, enrolment.version}:
        return enrolment, plan
    new = await plans.get(reader, programme.name, programme.published)
    had = {one.lesson for one in await enrolments.received(reader, enrolment)}
    reached = carried_over(plan, new, enrolment.reached, had)
    return replace(enrolment, version=programme.published, reached=reached), new


def upcoming(enrolment: Enrolment, plan: Plan, person: Person) -> list[Placed]:
    """The lessons that are still to come, with their times."""
    lessons = plan.to_come(person.manages, enrolment.reached)
    return list(schedule.placed(lessons, enrolment.point, schedule.zone(person.time_zone)))


def settled(enrolment: Enrolment, plan: Plan, person: Person, now: int, restored_at: int = 0) -> Settled:
    """What is due now. Past the last lesson the enrolment is finished."""
    found = coming(upcoming(enrolment, plan, person), now, enrolment.enrolled_at, restored_at)
    behind: Sequence[Placed] = sorted((*found.send, *found.missed), key=lambda one: one.wall)
    if behind:
        enrolment = enrolment.past(behind[-1])
    if found.next is None:
        return Settled(enrolment.moved(State.FINISHED, now), found.send, found.missed, None)
    return Settled(enrolment, found.send, found.missed, found.next.at)


def resumed(enrolment: Enrolment, plan: Plan, person: Person, now: int) -> Enrolment:
    """The enrolment after its pause: what would have come meanwhile comes later, in the same order."""
    lessons = plan.to_come(person.manages, enrolment.reached)
    point = schedule.resumed(lessons, enrolment.point, schedule.zone(person.time_zone), now)
    return replace(enrolment, point=point).moved(State.FOLLOWING, now)
