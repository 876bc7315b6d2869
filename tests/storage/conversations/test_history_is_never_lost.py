"""Whatever people do, in any order, each of them reads exactly the messages that they may, and the officer reads all of them."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.engine.database import Transaction
from storage.ids import ThreadId
from storage.maintenance import check
from storage.rekeying import officer, recovery
from storage.rekeying.recovery import NewKey
from storage.rekeying.rotation import Rotation
from tests.people import House, Person, StoppedClock, open_house
from tests.storage.deeds import (
    begin_own,
    bring_in,
    hand_over,
    key_by_code,
    keyhole_of,
    latest,
    make_code,
    officers_texts,
    renew,
    with_new_key,
)

NAMES = ("lea", "karim", "claire", "thomas", "sam")
names, numbers = st.sampled_from(NAMES), st.integers(0, 2)


@dataclass
class Model:
    """The expected content of a thread: its texts, and the index from which each participant can read them."""

    id: ThreadId
    texts: list[str] = field(default_factory=list)
    reads_from: dict[str, int] = field(default_factory=dict)

    def seen_by(self, name: str) -> list[str | None]:
        if name not in self.reads_from:
            return [None] * len(self.texts)
        first = self.reads_from[name]
        return [*[None] * first, *self.texts[first:]]


class Histories(RuleBasedStateMachine):
    """A state machine with five people and three threads."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = TemporaryDirectory()
        self.codes: dict[str, str] = {}
        self.spent: list[tuple[str, str]] = []
        self.threads: list[Model] = []
        self.house: House = self.run(self.stack.enter_async_context(open_house(Path(self.folder.name), StoppedClock())))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()
        self.folder.cleanup()

    def person(self, name: str) -> Person:
        found: Person = getattr(self.house, name)
        return found

    @initialize()
    def open_threads(self) -> None:
        for people in (("lea", "claire"), ("karim", "thomas", "sam"), ("lea", "karim")):
            id_ = self.run(self.house.open_thread(*map(self.person, people)))
            self.threads.append(Model(id_, reads_from=dict.fromkeys(people, 0)))

    # What people do

    @rule(name=names, number=numbers)
    def post(self, name: str, number: int) -> None:
        thread = self.threads[number]
        if name in thread.reads_from:
            self.run(begin_own(self.house, self.person(name), thread.id))
            thread.texts.append(f"{name} {len(thread.texts)}")
            self.run(self.house.post(self.person(name), thread.id, thread.texts[-1]))

    @rule(by=names, name=names, number=numbers, whole=st.booleans())
    def come(self, by: str, name: str, number: int, whole: bool) -> None:
        thread = self.threads[number]
        change = self.run(bring_in(self.house, self.person(by), thread.id, self.person(name), whole=whole))
        assert (change is not None) == (by in thread.reads_from and name not in thread.reads_from)
        if change:
            thread.reads_from[name] = thread.reads_from[by] if whole else len(thread.texts)

    @rule(by=names, name=names, number=numbers, whole=st.booleans())
    def take_over(self, by: str, name: str, number: int, whole: bool) -> None:
        thread = self.threads[number]
        if self.run(hand_over(self.house, self.person(by), thread.id, self.person(name), whole=whole)):
            first = thread.reads_from.pop(by)
            thread.reads_from[name] = first if whole else len(thread.texts)

    @rule(name=names, number=numbers)
    def leave(self, name: str, number: int) -> None:
        thread = self.threads[number]
        if name in thread.reads_from and len(thread.reads_from) > 1:
            self.run(self.house.leave(thread.id, self.person(name)))
            del thread.reads_from[name]

    # What they do with their keys

    @rule(name=names)
    def renew(self, name: str) -> None:
        self.run(renew(self.house, self.person(name)))
        self.forget_code(name)

    def forget_code(self, name: str) -> None:
        if name in self.codes:
            self.spent.append((name, self.codes.pop(name)))

    @rule(name=names)
    def make_code(self, name: str) -> None:
        self.forget_code(name)
        self.codes[name] = self.run(make_code(self.house, self.person(name)))

    @precondition(lambda self: self.codes)
    @rule(pick=st.randoms(use_true_random=False))
    def use_code(self, pick: random.Random) -> None:
        name = pick.choice(sorted(self.codes))
        assert self.run(key_by_code(self.house, self.person(name), self.codes[name])) == self.person(name).key
        self.renew(name)

    @rule(name=names)
    def be_given_back_by_the_officer(self, name: str) -> None:
        """The officer restores access for somebody who forgot the password and has no recovery code."""
        self.run(self.recovered(name))
        self.forget_code(name)

    async def recovered(self, name: str) -> None:
        house, one = self.house, self.person(name)
        new, account = with_new_key(one), await house.account(one)
        asked = NewKey(new.key, keyhole_of(house, new))
        raw = await house.store.database.write(lambda tx: recovery.ask(tx, house.store, account, one.email, asked))
        answer = officer.answer(raw, house.officer.private_key)
        answer = officer.read_answer(msgspec.json.encode(answer))

        async def write(tx: Transaction) -> None:
            await recovery.apply(tx, house.store, answer)

        await house.store.database.write(write)
        setattr(house, name, new)

    @rule()
    def turn_to_another_root_key(self) -> None:
        async def turn() -> None:
            rotation = Rotation(self.house.store)
            await rotation.turn()
            await rotation.finish()

        self.run(turn())

    # What must hold after each step

    @invariant()
    def everybody_reads_just_what_they_may(self) -> None:
        self.run(self.all_read())

    async def all_read(self) -> None:
        for thread in self.threads:
            for name in NAMES:
                opened = await latest(self.house, self.person(name), thread.id)
                assert (opened is not None) == (name in thread.reads_from), name
                assert await self.house.texts(self.person(name), thread.id) == thread.seen_by(name), name
            assert await officers_texts(self.house, thread.id) == thread.texts

    @invariant()
    def no_code_opens_twice(self) -> None:
        for name, code in self.spent:
            assert self.run(key_by_code(self.house, self.person(name), code)) is None

    @invariant()
    def the_check_finds_nothing(self) -> None:
        assert self.run(check.check_all(self.house.store)) == []


Histories.TestCase.settings = settings(
    max_examples=20, stateful_step_count=24, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestHistoryIsNeverLost = Histories.TestCase
