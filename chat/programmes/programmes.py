"""What is done with programmes: imported, published, ended; followed, paused, stopped; and what somebody has of theirs.

Whoever asks for more than they have gets ``Unknown``, the same as for what does not exist.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from chat.programmes.importing import Course
from chat.protocol.refusals import NotFound, Refusal
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Account, Role, Status
from storage.engine import rows
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen, Damaged
from storage.ids import AccountId
from storage.programmes import enrolments, following, offering, programmes
from storage.programmes.enrolments import AT_ONCE, Enrolment, Received, State
from storage.programmes.following import Person, Plans
from storage.programmes.plans import Plan, Titles
from storage.programmes.programmes import Programme
from storage.programmes.schedule import Placed
from storage.store import Store

T = TypeVar("T")
Change = Callable[[Transaction, Programme], Awaitable[object]]
ChangeOfOne = Callable[[Transaction, Enrolment], Awaitable[bool]]


class Unknown(NotFound):
    """No such programme or lesson, or no enrolment in it."""


class NotSent(Refusal):
    """The programme is not published, or has ended."""


class NotForThem(Refusal):
    """Somebody cannot follow the programme: not a member, no longer here, or not of its audience."""


@dataclass(frozen=True)
class Imported:
    """A programme after an import; ``is_new``: whether that made a version."""

    programme: Programme
    is_new: bool


@dataclass(frozen=True)
class Overview:
    """A programme as its authors see it. ``counts`` is how many people are in which state and at which lesson."""

    programme: Programme
    plan: Plan
    counts: Mapping[tuple[State, str], int]

    @property
    def has_draft(self) -> bool:
        """Whether its latest version is not the one that is sent."""
        return self.programme.newest > self.programme.published

    def count(self, state: State) -> int:
        """How many people are in a state."""
        return sum(count for (found, _), count in self.counts.items() if found is state)


@dataclass(frozen=True, repr=False)
class Followed:
    """A programme as somebody who follows it sees it: what they received, with its titles, and what comes."""

    enrolment: Enrolment
    plan: Plan
    is_resting: bool
    received: list[Received]
    titles: Mapping[str, Titles]
    coming: list[Placed]
    before: set[str]
    """The keys of lessons that came in an earlier round, and can be read again."""
    has_ended: bool = False
    """Whether the programme is not sent any more, to anybody."""


async def _unless_damaged(name: str, read: Awaitable[T]) -> T | None:
    """What was read, or None and an alarm: one that was tampered with is left out, and the others are shown."""
    try:
        return await read
    except CannotOpen as error:
        rows.alert_once("a programme", name, str(error))
        return None


class Programmes:
    """The rules of programmes, over one store."""

    def __init__(self, store: Store) -> None:
        self._store, self._guard = store, store.guard

    # For authors

    async def import_(self, course: Course, *, is_draft: bool) -> Imported:
        """Store a programme as its next version, and publish it unless it is a draft. What is there already makes no version."""

        async def work(tx: Transaction) -> Imported:
            present = await programmes.find(tx, self._guard, course.name) or Programme(course.name)
            is_new = not await self._is_latest(tx, present, course)
            if is_new:
                now = self._store.clock()
                present = await programmes.add_version(tx, self._guard, present, course.plan, course.texts, now)
            if not is_draft and present.published != present.newest:
                present = await self._publish(tx, present, present.newest)
            return Imported(present, is_new)

        return await self._store.database.write(work)

    async def _is_latest(self, tx: Transaction, present: Programme, course: Course) -> bool:
        if not present.newest:
            return False
        try:
            plan = await programmes.plan(tx, self._guard, present.name, present.newest)
            texts = await programmes.texts(tx, self._guard, present.name, present.newest, plan)
        except CannotOpen:
            return False  # tampered with: importing again puts it right
        return plan == course.plan and texts == course.texts

    async def all(self) -> list[Overview]:
        """Every programme, by name. One that was tampered with raises the alarm and is left out."""

        async def read(reader: Reader) -> list[Overview]:
            found = await programmes.find_all(reader, self._guard)
            seen = [await _unless_damaged(one.name, self._overview(reader, one)) for one in found]
            return [one for one in seen if one]

        return await self._store.database.read(read)

    async def draft(self, name: str, version: int, key: str) -> tuple[Overview, Mapping[str, str]]:
        """A programme at one of its versions, published or not, with the texts of a lesson. Raises Unknown."""

        async def read(reader: Reader) -> tuple[Overview, Mapping[str, str]]:
            found = await programmes.find(reader, self._guard, name)
            if found is None or not 1 <= version <= found.newest:
                raise Unknown
            plan = await programmes.plan(reader, self._guard, name, version)
            if not plan.has(key):
                raise Unknown
            return Overview(found, plan, {}), await programmes.text(reader, self._guard, name, version, key)

        return await self._store.database.read(read)

    async def _overview(self, reader: Reader, one: Programme) -> Overview:
        plan = await programmes.plan(reader, self._guard, one.name, one.published or one.newest)
        return Overview(one, plan, await enrolments.counts(reader, one.name))

    async def publish(self, name: str, version: int) -> bool:
        """Send the latest version from now on; False, with nothing changed, if it is not ``version``, or is sent already.

        Raises Unknown.
        """

        async def work(tx: Transaction) -> bool:
            found = await programmes.find(tx, self._guard, name)
            if found is None or not 1 <= version <= found.newest:
                raise Unknown
            if not found.published < version == found.newest:
                return False
            await self._publish(tx, found, version)
            return True

        return await self._store.database.write(work)

    async def _publish(self, tx: Transaction, programme: Programme, version: int) -> Programme:
        """Publish a version. Members who chose to hear of new programmes are told of the first."""
        if not programme.published:
            await offering.begin(tx, programme.name, self._store.clock())
        return await programmes.publish(tx, self._guard, programme, version)

    async def end(self, name: str) -> None:
        """Send nothing of a programme any more, until it is published again. Raises Unknown."""
        await self._stand(name, lambda tx, one: programmes.publish(tx, self._guard, one, 0))

    async def rest(self, name: str) -> None:
        """Pause a programme for everybody. Raises Unknown."""
        now = self._store.clock()
        await self._stand(name, lambda tx, one: programmes.rest(tx, self._guard, one, one.paused_at or now))

    async def go_on(self, name: str) -> None:
        """End the pause for everybody: of what passed meanwhile, the latest lesson is sent. Raises Unknown."""
        await self._stand(name, lambda tx, one: programmes.rest(tx, self._guard, one, 0))

    async def _stand(self, name: str, change: Change, least: int = 0) -> None:
        async def work(tx: Transaction) -> None:
            found = await programmes.find(tx, self._guard, name)
            if found is None or not 0 <= least <= found.newest:
                raise Unknown
            await change(tx, found)

        await self._store.database.write(work)

    # For those who follow

    async def enrol(self, name: str, account: AccountId) -> bool:
        """Have somebody follow a programme from its beginning; False, with nothing changed, if they follow it already.

        Raises Unknown, NotSent or NotForThem.
        """

        async def work(tx: Transaction) -> bool:
            programme, who = await programmes.find(tx, self._guard, name), await self._member(tx, account)
            if programme is None:
                raise Unknown
            before = await enrolments.find(tx, self._guard, account, name)
            if before and before.state.is_open:
                return False
            person = await self._person(tx, who)
            await self._expect_open(tx, programme, person)
            made = following.begun(account, programme, person, self._store.clock(), before)
            await enrolments.keep(tx, self._guard, made, AT_ONCE)
            return True

        return await self._store.database.write(work)

    async def _member(self, tx: Reader, account: AccountId) -> Account:
        found = await accounts.by_id(tx, self._guard, account)
        if found is None or found.role is not Role.MEMBER or found.status is not Status.ACTIVE:
            raise NotForThem
        return found

    async def _expect_open(self, tx: Reader, programme: Programme, person: Person) -> None:
        if not programme.published:
            raise NotSent
        plan = await programmes.plan(tx, self._guard, programme.name, programme.published)
        if not plan.audience.has(person.manages):
            raise NotForThem

    async def _person(self, reader: Reader, account: Account) -> Person:
        return Person(account.time_zone, (await preferences.find(reader, self._guard, account.id)).manages)

    async def stop(self, name: str, account: AccountId) -> bool:
        """End somebody's enrolment for good; False if it had ended. Raises Unknown."""
        return await self._change(name, account, self._stopped)

    async def _stopped(self, tx: Transaction, found: Enrolment) -> bool:
        if not found.state.is_open:
            return False
        await enrolments.move(tx, self._guard, found.moved(State.STOPPED, self._store.clock()), None)
        return True

    async def pause(self, name: str, account: AccountId) -> bool:
        """Send somebody nothing of a programme until they resume it; False unless they follow it. Raises Unknown."""
        return await self._change(name, account, self._paused)

    async def _paused(self, tx: Transaction, found: Enrolment) -> bool:
        if found.state is not State.FOLLOWING:
            return False
        await enrolments.move(tx, self._guard, found.moved(State.PAUSED, self._store.clock()), None)
        return True

    async def resume(self, name: str, account: AccountId) -> bool:
        """Go on after a pause where it began; False unless there is one. Raises Unknown."""
        return await self._change(name, account, self._resumed)

    async def _resumed(self, tx: Transaction, found: Enrolment) -> bool:
        programme, who = await programmes.find(tx, self._guard, found.programme), await self._member(tx, found.account)
        if found.state is not State.PAUSED or programme is None:
            return False
        present, plan = await following.brought_up(tx, Plans(self._guard), found, programme)
        person, now = await self._person(tx, who), self._store.clock()
        await enrolments.move(tx, self._guard, following.resumed(present, plan, person, now), AT_ONCE)
        return True

    async def _change(self, name: str, account: AccountId, change: ChangeOfOne) -> bool:
        async def work(tx: Transaction) -> bool:
            found = await enrolments.find(tx, self._guard, account, name)
            if found is None:
                raise Unknown
            return await change(tx, found)

        return await self._store.database.write(work)

    async def of(self, account: Account) -> list[Followed]:
        """Every programme that somebody follows or followed. What was tampered with raises the alarm and is left out."""

        async def read(reader: Reader) -> list[Followed]:
            person, plans = await self._person(reader, account), Plans(self._guard)
            found = await enrolments.of_account(reader, self._guard, account.id)
            seen = [await _unless_damaged(one.programme, self._followed(reader, plans, one, person)) for one in found]
            return [one for one in seen if one]

        return await self._store.database.read(read)

    async def _followed(self, reader: Reader, plans: Plans, one: Enrolment, person: Person) -> Followed:
        programme = await programmes.find(reader, self._guard, one.programme)
        if programme is None:
            raise Damaged("the programme of an enrolment is missing")
        present, plan = await following.brought_up(reader, plans, one, programme)
        came = await enrolments.received(reader, one)
        upcoming = following.upcoming(present, plan, person) if one.state.is_open else []
        titles = {had.lesson: await self._titles(reader, plans, present, had.lesson) for had in came}
        before = await enrolments.received_before(reader, one)
        return Followed(present, plan, not programme.is_sent, came, titles, upcoming, before, not programme.published)

    async def _titles(self, reader: Reader, plans: Plans, enrolment: Enrolment, key: str) -> Titles:
        """A lesson's titles, also if a newer version lacks it; none if no version has it."""
        version = await programmes.last_version_with(reader, enrolment.programme, key, enrolment.version)
        if version is None:
            return {}
        plan = await plans.get(reader, enrolment.programme, version)
        return plan.lessons[plan.place(key)].titles

    async def lesson(self, account: AccountId, name: str, key: str) -> Mapping[str, str]:
        """The Markdown of a lesson, by language, for somebody who received it, or has missed it. Raises Unknown."""

        async def read(reader: Reader) -> Mapping[str, str]:
            found = await enrolments.find(reader, self._guard, account, name)
            if found is None:
                raise Unknown
            came = {one.lesson for one in await enrolments.received(reader, found)}
            if key not in came | await enrolments.received_before(reader, found):
                raise Unknown
            return await self._text(reader, found, key)

        return await self._store.database.read(read)

    async def _text(self, reader: Reader, enrolment: Enrolment, key: str) -> Mapping[str, str]:
        """As it is sent now; a lesson that this version lacks, as it was last."""
        programme = await programmes.find(reader, self._guard, enrolment.programme)
        newest = max(enrolment.version, programme.published if programme else 0)
        version = await programmes.last_version_with(reader, enrolment.programme, key, newest)
        if version is None:
            raise Unknown
        return await programmes.text(reader, self._guard, enrolment.programme, version, key)
