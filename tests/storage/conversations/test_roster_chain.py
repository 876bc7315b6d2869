"""The chain of rosters: even with the root key and write access to the database, nobody can admit a key or start an epoch to
eavesdrop.

Claire and Léa (and Sam) write to each other; Karim is the stranger who colludes with the intruder.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from storage.conversations import participants, roster_chain, rosters
from storage.crypto.epochs import THE_OFFICER, THE_SERVICE, EpochSecret, Roster, Seat, ephemeral, grant
from storage.crypto.keyholes import AccountKey
from storage.crypto.keyring import RootKey
from storage.engine.database import Transaction
from storage.errors import CannotOpen, Refused
from storage.ids import ThreadId
from storage.maintenance import check
from storage.rekeying import officer, recovery
from storage.rekeying.recovery import NewKey
from tests.people import House, Person
from tests.storage.deeds import Intruder, begin_own, bring_in, hand_over, keyhole_of, latest, renew, rosters_of, with_new_key


@dataclass
class Scene:
    """A thread that Léa took over from the service, the intruder's own key pair, and a second thread."""

    house: House
    thread: ThreadId
    beside: ThreadId
    intruder: Intruder
    key: AccountKey

    @property
    def seat(self) -> Seat:
        """The seat that the intruder wants the stranger to have."""
        stranger = self.intruder.stranger
        return Seat(stranger.id, 1, stranger.key.public_key, 1, 0, self.house.claire.id)

    async def believed_by(self, *people: Person) -> list[bool]:
        return [await is_believed(self.house, one, self.thread) for one in people]


async def is_believed(house: House, one: Person, thread: ThreadId) -> bool:
    try:
        return await latest(house, one, thread) is not None
    except CannotOpen:
        return False


@pytest.fixture
async def scene(house: House) -> Scene:
    thread, beside = await house.open_thread(house.lea, house.claire, house.sam), await house.open_thread(house.lea, house.claire)
    await begin_own(house, house.lea, thread)
    await house.post(house.lea, thread, "un")
    await house.post(house.lea, beside, "à côté")
    return Scene(house, thread, beside, Intruder(house, house.karim), ephemeral())


Plant = Callable[[Scene], Awaitable[None]]
PLANTS: dict[str, Plant] = {}


def plant(function: Plant) -> Plant:
    PLANTS[function.__name__.replace("_", " ").strip()] = function
    return function


@plant
async def a_seat_by_the_service(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    seats = (*roster.seats, scene.seat)
    forged = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, seats=seats)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def a_seat_by_a_participants_name_and_a_strange_key(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    seats = (*roster.seats, scene.seat)
    forged = replace(roster, giver=scene.house.claire.id, giver_key=scene.key.public_key, seats=seats)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


async def named_after_claire(scene: Scene, roster: Roster) -> None:
    """The roster and the grants name Claire's own key, but the grants were made with the intruder's key."""
    claire = scene.house.claire
    forged = replace(roster, giver=claire.id, giver_key=claire.key.public_key)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def a_seat_by_a_participants_key_forged(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    await named_after_claire(scene, replace(roster, seats=(*roster.seats, scene.seat)))


@plant
async def a_seat_then_a_harmless_epoch(scene: Scene) -> None:
    await a_seat_by_a_participants_key_forged(scene)
    roster = await scene.intruder.next(scene.thread)
    forged = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def a_seat_then_an_epoch_that_the_stranger_gives(scene: Scene) -> None:
    await a_seat_by_a_participants_key_forged(scene)
    roster, stranger = await scene.intruder.next(scene.thread), scene.intruder.stranger
    forged = replace(roster, giver=stranger.id, giver_key=stranger.key.public_key)
    await scene.intruder.plant(scene.thread, forged, stranger.key.private_key)


@plant
async def the_same_seats_with_a_secret_that_is_known(scene: Scene) -> None:
    """Nobody is let in, but everybody would write under a secret that the intruder knows."""
    roster = await scene.intruder.next(scene.thread)
    forged = replace(roster, giver=scene.house.claire.id, giver_key=scene.key.public_key)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def the_same_seats_given_in_claires_name(scene: Scene) -> None:
    """The same, except that the roster names Claire's own key, and only the grants name the intruder's."""
    roster = await scene.intruder.next(scene.thread)
    await named_after_claire(scene, roster)
    await scene.intruder.with_grant_named(scene.thread, roster.number, scene.key.public_key)


@plant
async def another_officer_by_the_service(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    forged = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, officer=scene.key.public_key)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def another_officer_by_a_participant(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    await named_after_claire(scene, replace(roster, officer=scene.key.public_key))


@plant
async def another_officer_in_the_officers_name(scene: Scene) -> None:
    """The grants come from the same key that the forged roster makes the officer's."""
    roster = await scene.intruder.next(scene.thread)
    forged = replace(roster, giver=THE_OFFICER, giver_key=roster.officer, officer=scene.key.public_key)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)
    await scene.intruder.with_grant_named(scene.thread, roster.number, scene.key.public_key)


@plant
async def an_officer_taken_out_and_another_put_in(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    bare = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, officer=b"")
    await scene.intruder.plant(scene.thread, bare, scene.key.private_key)
    await another_officer_by_the_service(scene)


@plant
async def a_seats_key_changed_by_another(scene: Scene) -> None:
    """Claire, in league with the intruder, gives Sam's seat to the stranger's key."""
    roster, claire, stranger = await scene.intruder.next(scene.thread), scene.house.claire, scene.intruder.stranger
    seats = tuple(
        replace(seat, public_key=stranger.key.public_key) if seat.account == scene.house.sam.id else seat for seat in roster.seats
    )
    forged = replace(roster, giver=claire.id, giver_key=claire.key.public_key, seats=seats)
    await scene.intruder.plant(scene.thread, forged, claire.key.private_key)


@plant
async def a_seat_set_back_to_the_beginning(scene: Scene) -> None:
    """The service changes who brought each seat in: the list of participants would name the stranger."""
    roster = await scene.intruder.next(scene.thread)
    seats = tuple(replace(seat, brought_by=scene.intruder.stranger.id) for seat in roster.seats)
    forged = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, seats=seats)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def two_seats_of_one_account(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    forged = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, seats=(*roster.seats, roster.seats[0]))
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def a_first_roster_that_follows_from_another(scene: Scene) -> None:
    """The whole chain is replaced by a first roster in Claire's name, though only the service may begin a thread."""
    await scene.house.spoil("delete from grants where thread = :thread", thread=scene.thread.bytes)
    (first, *_) = await rosters_of(scene.house, scene.thread)
    await scene.house.spoil("delete from epochs where thread = :thread", thread=scene.thread.bytes)
    forged = replace(first, giver=scene.house.claire.id, giver_key=scene.key.public_key)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)


@plant
async def grants_of_the_epoch_before_played_back(scene: Scene) -> None:
    roster = await scene.intruder.next(scene.thread)
    await named_after_claire(scene, roster)
    await scene.house.spoil(
        "update grants set (giver_key, body) = (select old.giver_key, old.body from grants old where old.thread = :thread"
        " and old.epoch = :epoch - 1 and old.account = grants.account) where thread = :thread and epoch = :epoch",
        thread=scene.thread.bytes, epoch=roster.number,
    )  # fmt: skip


@pytest.mark.parametrize("name", PLANTS)
async def test_what_was_planted_is_refused_by_all(scene: Scene, name: str) -> None:
    house = scene.house
    assert await scene.believed_by(house.lea, house.claire, house.sam) == [True] * 3  # and remembered from here on
    await PLANTS[name](scene)
    assert await scene.believed_by(house.lea, house.claire, house.sam) == [False] * 3


# What was accepted is remembered only for exactly the bytes that were verified


@pytest.mark.parametrize(
    ("table", "column", "which"),
    [
        ("epochs", "roster", "number = 1"),
        ("epochs", "proof", "number = 1"),
        ("epochs", "proof", "number = 2"),
        ("grants", "giver_key", "epoch = 1 and account = :lea"),
        ("grants", "giver_key", "epoch = 2 and account = :lea"),
        ("grants", "body", "epoch = 2 and account = :lea"),
    ],
)
@pytest.mark.parametrize("planted", ["zeroblob(length({column}))", "cast({column} as text)", "1"])
async def test_a_byte_that_changes_is_seen_and_the_old_one_believed(
    scene: Scene, table: str, column: str, which: str, planted: str
) -> None:
    house, thread = scene.house, scene.thread.bytes
    assert await is_believed(house, house.lea, scene.thread)
    where = f"thread = :thread and {which}"
    named = {"thread": thread} | ({"lea": house.lea.id.bytes} if ":lea" in which else {})
    ((kept,),) = await house.select(f"select {column} from {table} where {where}", **named)
    await house.spoil(f"update {table} set {column} = {planted.format(column=column)} where {where}", **named)
    assert not await is_believed(house, house.lea, scene.thread)
    await house.spoil(f"update {table} set {column} = :kept where {where}", **named, kept=kept)
    assert await is_believed(house, house.lea, scene.thread)


async def test_a_chain_is_checked_once_for_each_reader(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    house, checked = scene.house, []

    def check_and_count(chain_: list[Roster], grants: dict[int, rosters.Grant], key: AccountKey) -> None:
        checked.append(key.account)
        check_chain(chain_, grants, key)

    check_chain = roster_chain.check
    monkeypatch.setattr(roster_chain, "check", check_and_count)
    assert await scene.believed_by(house.lea, house.claire, house.lea, house.claire) == [True] * 4
    assert checked == [house.lea.id, house.claire.id]
    assert not await is_believed(house, house.karim, scene.thread)  # without a seat, there is nothing to remember
    await bring_in(house, house.claire, scene.thread, house.thomas, whole=True)
    assert await scene.believed_by(house.lea, house.thomas) == [True] * 2
    assert checked[-2:] == [house.lea.id, house.thomas.id]


async def test_what_was_believed_under_another_root_key_is_looked_at_again(scene: Scene) -> None:
    house, guard = scene.house, scene.house.store.guard
    assert await is_believed(house, house.lea, scene.thread)
    kept, other = guard.keyring, RootKey.derived_from(bytes(32))
    stands = await house.thread(scene.thread)
    guard.turn_to(replace(kept, newest=other, by_id={other.id: other}))
    with pytest.raises(CannotOpen):
        await house.store.database.read(lambda reader: roster_chain.verified(reader, guard, house.lea.key, stands))
    guard.turn_to(kept)


@pytest.mark.parametrize("name", PLANTS)
async def test_other_threads_are_believed_as_before(scene: Scene, name: str) -> None:
    await PLANTS[name](scene)
    assert await latest(scene.house, scene.house.lea, scene.beside)
    assert await scene.house.texts(scene.house.lea, scene.beside) == ["à côté"]


@pytest.mark.parametrize("name", PLANTS)
async def test_nothing_is_begun_on_top_of_what_was_planted(scene: Scene, name: str) -> None:
    await PLANTS[name](scene)
    house = scene.house
    with pytest.raises(CannotOpen):
        await begin_own(house, house.lea, scene.thread)
    with pytest.raises(CannotOpen):
        await bring_in(house, house.claire, scene.thread, house.thomas, whole=True)


# Detectable without any participant's key: a giver changed what they may not. Only its receiver can detect a forged grant.
SEEN_BY_THE_CHECK = [
    "a seat by the service",
    "a seat by a participants name and a strange key",
    "the same seats with a secret that is known",
    "another officer by the service",
    "another officer by a participant",
    "an officer taken out and another put in",
    "a seats key changed by another",
    "a seat set back to the beginning",
    "two seats of one account",
    "a first roster that follows from another",
]


@pytest.mark.parametrize("name", SEEN_BY_THE_CHECK)
async def test_the_check_of_the_files_finds_what_was_planted(scene: Scene, name: str) -> None:
    assert await check.check_all(scene.house.store) == []
    await PLANTS[name](scene)
    assert [line for line in await check.check_all(scene.house.store) if f"thread {scene.thread}: epoch" in line]


async def taken_out_and_put_back(scene: Scene, one: Person) -> None:
    """The service removes somebody; while they are out, the stranger joins in Claire's name, and then brings them back."""
    intruder, stranger = scene.intruder, scene.intruder.stranger
    roster = await intruder.next(scene.thread)
    theirs = next(seat for seat in roster.seats if seat.account == one.id)
    others = tuple(seat for seat in roster.seats if seat != theirs)
    bare = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, seats=others)
    secrets = [await intruder.plant(scene.thread, bare, scene.key.private_key)]
    roster, claire = await intruder.next(scene.thread), scene.house.claire
    joined = replace(roster, giver=claire.id, giver_key=claire.key.public_key, seats=(*others, scene.seat))
    secrets.append(await intruder.plant(scene.thread, joined, scene.key.private_key))
    roster = await intruder.next(scene.thread)
    seats = (*roster.seats, replace(theirs, brought_by=stranger.id))
    back = replace(roster, giver=stranger.id, giver_key=stranger.key.public_key, seats=seats)
    await intruder.plant(scene.thread, back, stranger.key.private_key)
    chain_, store = await rosters_of(scene.house, scene.thread), scene.house.store
    for secret, between in zip(secrets, chain_[-3:-1], strict=True):
        body = grant(secret, stranger.key.private_key, one.key.public_key, one.id, between)
        await store.database.write(lambda tx, r=between, b=body: rosters.add_grants(tx, r, stranger.key.public_key, {one.id: b}))  # type: ignore[misc]


@pytest.mark.parametrize("has_renewed", [False, True])
async def test_who_was_put_back_by_a_stranger_refuses(scene: Scene, has_renewed: bool) -> None:
    """Léa cannot verify what happened while she was out, but the stranger cannot have given her the history that she had."""
    if has_renewed:
        await renew(scene.house, scene.house.lea)
    await taken_out_and_put_back(scene, scene.house.lea)
    assert await scene.believed_by(scene.house.lea, scene.house.claire, scene.house.sam) == [False] * 3


async def test_an_old_history_named_after_a_stranger_does_not_open(scene: Scene) -> None:
    """The intruder also relabels Léa's old grants as given by the stranger."""
    await taken_out_and_put_back(scene, scene.house.lea)
    for number in (1, 2):
        await scene.intruder.with_grant_named(scene.thread, number, scene.intruder.stranger.key.public_key)
    assert await scene.house.texts(scene.house.lea, scene.thread) == [None]


async def test_an_epoch_exchanged_behind_a_believed_one_does_not_open(scene: Scene) -> None:
    """Léa's connection has verified the chain; then the intruder replaces the first epoch by one whose secret they know."""
    house, lea, store = scene.house, scene.house.lea, scene.house.store
    who, stands = await house.unlocked(lea), await house.thread(scene.thread)
    await store.database.read(lambda reader: who.latest_epoch(reader, store.guard, stands))
    secret = EpochSecret.fresh()
    forged = replace((await rosters_of(house, scene.thread))[0], public_key=secret.public_key, giver_key=scene.key.public_key)
    body = grant(secret, scene.key.private_key, lea.key.public_key, lea.id, forged)

    async def exchange(tx: Transaction) -> None:
        await tx.run("delete from grants where thread = :thread and epoch = 1", thread=scene.thread.bytes)
        await tx.run("delete from epochs where thread = :thread and number = 1", thread=scene.thread.bytes)
        await rosters.add(tx, store.guard, forged, {lea.id: body})

    await store.database.write(exchange)
    with pytest.raises(CannotOpen):
        await store.database.read(lambda reader: who.epoch(reader, store.guard, scene.thread, 1))


async def test_an_old_roster_in_a_later_place_is_seen(scene: Scene) -> None:
    await begin_own(scene.house, scene.house.lea, scene.thread)
    await scene.house.leave(scene.thread, scene.house.sam)
    await scene.house.spoil(
        "update epochs set (roster, proof) = (select roster, proof from epochs where thread = :thread and number = 1)"
        " where thread = :thread and number = 3",
        thread=scene.thread.bytes,
    )
    assert await scene.believed_by(scene.house.lea, scene.house.claire) == [False] * 2


async def test_a_former_participants_seats_are_not_used_again(scene: Scene) -> None:
    """After Sam has left, the service restores the earlier seats, including Sam's, all of them genuine."""
    seats = (await rosters_of(scene.house, scene.thread))[-1].seats
    await scene.house.leave(scene.thread, scene.house.sam)
    roster = await scene.intruder.next(scene.thread)
    forged = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key, seats=seats)
    await scene.intruder.plant(scene.thread, forged, scene.key.private_key)
    assert await scene.believed_by(scene.house.lea, scene.house.claire) == [False] * 2


async def test_a_roster_of_another_thread_is_seen(scene: Scene) -> None:
    """The other thread has the same participants, and its roster and proof are genuine."""
    await begin_own(scene.house, scene.house.lea, scene.beside)
    await scene.house.spoil(
        "update epochs set (roster, proof) = (select roster, proof from epochs where thread = :beside and number = 2)"
        " where thread = :thread and number = 2",
        thread=scene.thread.bytes, beside=scene.beside.bytes,
    )  # fmt: skip
    assert await scene.believed_by(scene.house.lea, scene.house.claire) == [False] * 2


async def test_an_epoch_of_the_services_own_is_never_written_in(scene: Scene) -> None:
    """The service may begin an epoch without new keys, and could know its secret: the first participant begins another."""
    roster = await scene.intruder.next(scene.thread)
    own = replace(roster, giver=THE_SERVICE, giver_key=scene.key.public_key)
    known = await scene.intruder.plant(scene.thread, own, scene.key.private_key)
    await begin_own(scene.house, scene.house.lea, scene.thread)
    opened = await latest(scene.house, scene.house.claire, scene.thread)
    assert opened is not None
    assert (opened.roster.giver, opened.secret == known) == (scene.house.lea.id, False)


# Every legal change is accepted by all who are present


async def test_every_legal_change_is_believed_by_all(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    await begin_own(house, house.claire, thread)
    assert await bring_in(house, house.claire, thread, house.sam)
    assert await bring_in(house, house.sam, thread, house.thomas, whole=True)
    await house.leave(thread, house.sam)
    await begin_own(house, house.lea, thread)
    assert await hand_over(house, house.claire, thread, house.sam, whole=True)
    await begin_own(house, house.thomas, thread)
    for one in (house.lea, house.sam, house.thomas):
        assert await is_believed(house, one, thread), one.first_name
    assert await latest(house, house.claire, thread) is None


@pytest.mark.parametrize("order", ["lea claire sam", "sam lea claire", "claire claire lea", "lea sam lea"])
async def test_renewals_in_any_order_are_believed_by_all(scene: Scene, order: str) -> None:
    house = scene.house
    for name in order.split():
        await renew(house, getattr(house, name))
        assert await scene.believed_by(house.lea, house.claire, house.sam) == [True] * 3
    assert await house.texts(house.sam, scene.thread) == ["un"]


@pytest.mark.parametrize("whole", [False, True])
async def test_who_comes_back_is_believed_by_all_and_believes(scene: Scene, whole: bool) -> None:
    """While Sam was out, a colleague joined, whom Sam could not see coming; another joined before Sam left."""
    house = scene.house
    await bring_in(house, house.claire, scene.thread, house.thomas)
    await house.leave(scene.thread, house.sam)
    await bring_in(house, house.claire, scene.thread, house.karim)
    assert await bring_in(house, house.claire, scene.thread, house.sam, whole=whole)
    await house.post(house.sam, scene.thread, "deux")
    assert await scene.believed_by(house.lea, house.claire, house.sam, house.thomas) == [True] * 4
    assert await house.texts(house.sam, scene.thread) == (["un", "deux"] if whole else [None, "deux"])


async def test_who_comes_back_after_a_renewal_believes(scene: Scene) -> None:
    house = scene.house
    await renew(house, house.sam)
    await house.leave(scene.thread, house.sam)
    await bring_in(house, house.claire, scene.thread, house.sam, whole=True)
    assert await scene.believed_by(house.sam, house.lea) == [True] * 2
    await renew(house, house.sam)
    assert await scene.believed_by(house.sam, house.lea) == [True] * 2


async def test_a_newcomer_believes_what_came_before_them(scene: Scene) -> None:
    house = scene.house
    await renew(house, house.lea)
    await bring_in(house, house.lea, scene.thread, house.thomas, whole=True)
    await renew(house, house.lea)
    assert await scene.believed_by(house.thomas, house.claire) == [True] * 2
    assert await house.texts(house.thomas, scene.thread) == ["un"]


async def test_without_an_officer_rosters_are_believed(house: House) -> None:
    store, people = house.store, [await house.account(one) for one in (house.lea, house.claire)]
    thread = ThreadId(UUID(int=77))
    await store.database.write(lambda tx: participants.open_thread(tx, store.guard, b"", thread, people, store.clock()))
    await begin_own(house, house.lea, thread)
    assert await bring_in(house, house.claire, thread, house.sam)
    assert await is_believed(house, house.sam, thread)


async def test_a_thread_whose_row_was_altered_is_refused(scene: Scene) -> None:
    await scene.house.spoil("update threads set last_seq = 0 where id = :id", id=scene.thread.bytes)
    assert await scene.believed_by(scene.house.lea, scene.house.claire) == [False] * 2


async def test_a_missing_epoch_is_seen(scene: Scene) -> None:
    await scene.house.spoil("delete from grants where thread = :id and epoch = 1", id=scene.thread.bytes)
    await scene.house.spoil("delete from epochs where thread = :id and number = 1", id=scene.thread.bytes)
    assert await scene.believed_by(scene.house.lea, scene.house.claire) == [False] * 2


async def test_only_who_has_a_seat_reaches_the_secrets(scene: Scene) -> None:
    chain_ = await rosters_of(scene.house, scene.thread)
    with pytest.raises(CannotOpen):
        await scene.house.store.database.read(lambda reader: roster_chain.readable(reader, scene.house.karim.key, chain_))


# The recovery officer verifies the same, offline


async def asked(house: House, one: Person | None) -> bytes:
    """A request to give somebody another key or, for None, to appoint another officer."""
    account, store = await house.account(one) if one else None, house.store
    new = NewKey((fresh := with_new_key(one)).key, keyhole_of(house, fresh)) if one else None
    return await store.database.write(lambda tx: recovery.ask(tx, store, account, "lea@ailo.test", new))


async def answered(house: House, one: Person | None, private_key: bytes, successor: bytes | None = None) -> None:
    """Have the officer answer a request, and apply the answer."""
    answer, store = officer.answer(await asked(house, one), private_key, successor), house.store

    async def write(tx: Transaction) -> None:
        await recovery.apply(tx, store, answer)

    await store.database.write(write)


@pytest.mark.parametrize("name", PLANTS)
async def test_the_officer_answers_nothing_where_something_was_planted(scene: Scene, name: str) -> None:
    """Otherwise the intruder could make the officer give the stranger access to earlier messages."""
    await PLANTS[name](scene)
    raw = await asked(scene.house, scene.house.lea)
    with pytest.raises(Refused):
        officer.answer(raw, scene.house.officer.private_key)


async def test_another_officers_key_answers_nothing(scene: Scene) -> None:
    raw = await asked(scene.house, scene.house.lea)
    with pytest.raises(Refused):
        officer.answer(raw, scene.key.private_key)


async def test_a_successor_of_the_officer_is_believed_and_believes(scene: Scene) -> None:
    house, successor = scene.house, AccountKey.fresh(THE_OFFICER)
    await answered(house, None, house.officer.private_key, successor.public_key)
    assert await scene.believed_by(house.lea, house.claire, house.sam) == [True] * 3
    with pytest.raises(Refused):
        officer.answer(await asked(house, house.lea), house.officer.private_key)
    next_ = AccountKey.fresh(THE_OFFICER)
    await answered(house, None, successor.private_key, next_.public_key)
    assert officer.answer(await asked(house, house.lea), next_.private_key).threads
    assert await scene.believed_by(house.lea, house.claire, house.sam) == [True] * 3


async def test_after_the_officer_one_writes_in_an_epoch_of_ones_own(scene: Scene) -> None:
    """The previous officer's key, which others may have, opens the epoch that let the new officer in."""
    house = scene.house
    await answered(house, None, house.officer.private_key, AccountKey.fresh(THE_OFFICER).public_key)
    change = await begin_own(house, house.claire, scene.thread)
    assert change is not None
    assert change.roster.is_of_a_participant
