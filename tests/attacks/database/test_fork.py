"""An attacker with the root key, write access and a former participant's key: how far that goes, and what shows of it.

The intruder takes a thread back to where the old key had a seat, and continues it with a stranger, Karim; or begins it anew.
Each limit that docs/security.md names is tested: what the others believe, what is lost, and that nothing of it opens.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from msgspec import structs

from storage.conversations import service_posts, threads
from storage.conversations.group_commit import Post
from storage.conversations.messages import SealedMessage
from storage.conversations.service_posts import ServicePost
from storage.crypto.epochs import EpochSecret, Roster, Seat, ephemeral
from storage.crypto.keyholes import AccountKey
from storage.crypto.sealing import Place, first_link, seal
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import MessageId, ThreadId, new_id
from storage.maintenance import check
from tests.people import House, Person
from tests.storage.deeds import Intruder, begin_own, latest, renew, rosters_of


@dataclass
class Scene:
    """Léa, Claire and Sam write in an epoch of Léa's; then one of their keys becomes an old one, and more is written."""

    house: House
    thread: ThreadId
    intruder: Intruder

    async def fork(self, at: int, key: AccountKey, *, is_careful: bool = True) -> Roster:
        """Take the thread back to epoch ``at``, and bring the stranger in with a key that has a seat in it."""
        house, stranger = self.house, self.intruder.stranger
        kept = [row for row in await house.rows(self.thread) if row.epoch <= at]
        await house.store.database.write(lambda tx: self._take_back(tx, at, kept))
        roster = await self.intruder.next(self.thread)
        seat = Seat(stranger.id, 1, stranger.key.public_key, roster.number, 0, key.account)
        forged = replace(roster, giver=key.account, giver_key=key.public_key, seats=(*roster.seats, seat))
        await self.intruder.plant(self.thread, forged, key.private_key)
        if is_careful:
            await house.store.database.write(lambda tx: self._seat_all(tx, forged))
        return forged

    async def _take_back(self, tx: Transaction, at: int, kept: list[SealedMessage]) -> None:
        guard, last = self.house.store.guard, kept[-1]
        thread = await threads.find(tx, guard, self.thread)
        assert thread
        await tx.run("delete from messages where thread = :thread and epoch > :at", thread=self.thread.bytes, at=at)
        await tx.run("delete from grants where thread = :thread and epoch > :at", thread=self.thread.bytes, at=at)
        await tx.run("delete from epochs where thread = :thread and number > :at", thread=self.thread.bytes, at=at)
        await threads.save(tx, guard, structs.replace(thread, epoch=at, last_seq=last.seq, last_at=last.at, last_link=last.link))

    async def _seat_all(self, tx: Transaction, roster: Roster) -> None:
        """The list of participants has no proof: the intruder makes it agree with the roster."""
        for account in roster.accounts():
            await tx.run("delete from participants where thread = :t and account = :a", t=self.thread.bytes, a=account.bytes)
            await threads.join(tx, self.thread, account, 0, read_seq=0)

    async def texts(self, one: Person) -> list[str | None]:
        return await self.house.texts(one, self.thread)

    async def is_believed_by(self, one: Person) -> bool:
        try:
            return await latest(self.house, one, self.thread) is not None
        except CannotOpen:
            return False


@pytest.fixture
async def scene(house: House) -> Scene:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    await begin_own(house, house.lea, thread)
    await house.post(house.lea, thread, "un")
    await house.post(house.sam, thread, "deux")
    return Scene(house, thread, Intruder(house, house.karim))


async def renewed(scene: Scene) -> AccountKey:
    """Léa renews her key, because somebody has the old one, and goes on writing; return the old key."""
    old = scene.house.lea.key
    await renew(scene.house, scene.house.lea)
    await scene.house.post(scene.house.lea, scene.thread, "trois")
    return old


async def left(scene: Scene) -> AccountKey:
    """Sam leaves, and the others go on; return Sam's key."""
    house = scene.house
    await house.leave(scene.thread, house.sam)
    await begin_own(house, house.claire, scene.thread)
    await house.post(house.claire, scene.thread, "trois")
    return house.sam.key


Yesterday = Callable[[Scene], Awaitable[AccountKey]]


@pytest.mark.parametrize("yesterday", [renewed, left])
async def test_the_others_believe_a_fork_by_an_old_key(scene: Scene, yesterday: Yesterday) -> None:
    """That key could have done so in its day. The access list says who brought the stranger in."""
    key = await yesterday(scene)
    await scene.fork(2, key)
    assert await scene.is_believed_by(scene.house.claire)
    seat = (await rosters_of(scene.house, scene.thread))[-1].seat_of(scene.house.karim.id)
    assert seat is not None
    assert seat.brought_by == key.account


@pytest.mark.parametrize("yesterday", [renewed, left])
async def test_a_fork_opens_nothing_of_before_and_loses_what_came_after(scene: Scene, yesterday: Yesterday) -> None:
    house = scene.house
    await scene.fork(2, await yesterday(scene))
    assert await scene.texts(house.karim) == [None, None]
    assert await scene.texts(house.claire) == ["un", "deux"]
    await house.post(house.claire, scene.thread, "quatre")
    assert await scene.texts(house.karim) == [None, None, "quatre"]


async def test_who_renewed_that_key_sees_no_thread_at_all(scene: Scene) -> None:
    await scene.fork(2, await renewed(scene))
    assert await latest(scene.house, scene.house.lea, scene.thread) is None


async def test_without_the_old_key_there_is_no_fork(scene: Scene) -> None:
    """Nobody believes a key of the intruder's own in the old key's name."""
    await renewed(scene)
    strange = replace(ephemeral(), account=scene.house.lea.id)
    await scene.fork(2, strange)
    assert [await scene.is_believed_by(one) for one in (scene.house.claire, scene.house.sam)] == [False, False]


async def test_the_check_of_the_files_finds_a_seat_with_a_key_of_yesterday(scene: Scene) -> None:
    """However careful the intruder was, the account's own row has a different key."""
    old = await renewed(scene)
    assert await check.check_all(scene.house.store) == []
    await scene.fork(2, old)
    assert await check.check_all(scene.house.store) == [
        f"thread {scene.thread}: 1 seats have a key that their account no longer has"
    ]


async def test_the_check_of_the_files_finds_nothing_of_a_leavers_fork(scene: Scene) -> None:
    """Everything in the files could have happened so. Only somebody who remembers what came after can know."""
    await scene.fork(2, await left(scene))
    assert await check.check_all(scene.house.store) == []


async def test_a_careless_fork_shows_in_who_takes_part(scene: Scene) -> None:
    await scene.fork(2, await left(scene), is_careful=False)
    assert f"thread {scene.thread}: 2 accounts of the roster are not participants" in await check.check_all(scene.house.store)


# A thread begun anew under the same id


async def begin_anew(scene: Scene, *, claires_key: bytes | None = None) -> None:
    """The intruder deletes a whole thread and opens another in its place, in the way the service opens new ones."""
    house, id_, key = scene.house, scene.thread, ephemeral()
    (first, *_) = await rosters_of(house, id_)
    seats = tuple(
        replace(seat, public_key=claires_key) if claires_key and seat.account == house.claire.id else seat for seat in first.seats
    )
    forged = replace(first, seats=seats, giver_key=key.public_key)

    async def write(tx: Transaction) -> None:
        thread = await threads.find(tx, house.store.guard, id_)
        assert thread
        for table in ("messages", "grants", "epochs"):
            await tx.run(f"delete from {table} where thread = :thread", thread=id_.bytes)
        fresh = structs.replace(thread, epoch=0, last_seq=0, last_link=first_link(id_))
        await threads.save(tx, house.store.guard, fresh)

    await house.store.database.write(write)
    await scene.intruder.plant(id_, forged, key.private_key)


async def test_a_thread_in_the_place_of_another_is_believed_and_empty(scene: Scene) -> None:
    await begin_anew(scene)
    house = scene.house
    assert [await scene.is_believed_by(one) for one in (house.lea, house.claire, house.sam)] == [True] * 3
    assert await scene.texts(house.lea) == []


async def test_a_false_key_in_a_thread_in_the_place_of_another_reads_what_follows_only(scene: Scene) -> None:
    """Seated under Claire's name: Claire no longer sees the thread, and the check reports that the key is not her account's."""
    house, false = scene.house, ephemeral()
    await begin_anew(scene, claires_key=false.public_key)
    assert await latest(house, house.claire, scene.thread) is None
    await begin_own(house, house.lea, scene.thread)
    await house.post(house.lea, scene.thread, "encore un")
    listener = replace(house.claire, key=replace(false, account=house.claire.id))
    assert await scene.texts(listener) == ["encore un"]
    assert [line for line in await check.check_all(house.store) if "1 seats have a key" in line]


async def test_the_old_messages_do_not_open_in_the_thread_in_their_place(scene: Scene) -> None:
    """Put back after the new beginning, they belong to an epoch that this thread never had."""
    rows = await scene.house.rows(scene.thread)
    await begin_anew(scene)
    for row in rows:
        await scene.house.spoil(
            "insert into messages (thread, seq, id, epoch, author, kind, at, body, link)"
            " values (:thread, :seq, :id, 1, :author, :kind, :at, :body, :link)",
            thread=row.thread.bytes, seq=row.seq, id=row.id.bytes, author=row.author.bytes, kind=row.kind, at=row.at,
            body=row.body, link=row.link,
        )  # fmt: skip
    assert await scene.texts(scene.house.lea) == [None, None]


# What the service writes in a participant's name


async def service_text(house: House, one: Person, thread: ThreadId) -> list[str | None]:
    """What somebody can read of the messages as posts of the service: a text each, or None."""
    who, guard, rows = await house.unlocked(one), house.store.guard, await house.rows(thread)

    async def read(reader: Reader) -> list[str | None]:
        stands = await threads.find(reader, guard, thread)
        assert stands
        await who.latest_epoch(reader, guard, stands)
        found: list[str | None] = []
        for row in rows:
            epoch = await who.epoch(reader, guard, thread, row.epoch)
            try:
                found.append(service_posts.unsealed(guard, epoch.secret, row))
            except CannotOpen:
                found.append(None)
        return found

    return await house.store.database.read(read)


async def test_an_email_in_a_participants_name_is_believed_on_the_root_key_alone(scene: Scene) -> None:
    """It is always shown as an e-mail, never as a text of hers."""
    house = scene.house
    post = ServicePost(scene.thread, new_id(MessageId), "email", "Je n’ai plus besoin de vous", house.lea.id)
    item = await house.store.database.read(lambda reader: service_posts.prepared(reader, house.store.guard, post))
    assert item
    await house.commits.commit(item)
    assert (await house.rows(scene.thread))[-1].kind == "email"
    assert (await service_text(house, house.claire, scene.thread))[-1] == "Je n’ai plus besoin de vous"


async def test_an_email_that_is_made_a_text_is_broken(scene: Scene) -> None:
    """The kind is inside the seal: even with the root key and a genuine link, an e-mail does not become a text."""
    house = scene.house
    post = ServicePost(scene.thread, new_id(MessageId), "email", "…", house.lea.id)
    item = await house.store.database.read(lambda reader: service_posts.prepared(reader, house.store.guard, post))
    assert item
    await house.commits.commit(structs.replace(item, kind="text"))
    assert (await scene.texts(house.claire))[-1] is None
    assert (await service_text(house, house.claire, scene.thread))[-1] is None


async def test_a_text_cannot_be_forged_with_the_root_key(scene: Scene) -> None:
    """Proven and linked by the service itself, but sealed under a key of the intruder's: it does not open."""
    house, stands = scene.house, await scene.house.thread(scene.thread)
    place = Place(scene.thread, stands.epoch, new_id(MessageId), house.lea.id, "text")
    body = seal(EpochSecret.fresh().message_key(), "…", place)
    await house.commits.commit(Post(scene.thread, stands.epoch, place.id, house.lea.id, "text", body, (house.claire.id,), None))
    row = (await house.rows(scene.thread))[-1]
    assert row.is_linked
    assert (await scene.texts(house.claire))[-1] is None
