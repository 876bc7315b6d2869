"""Somebody without the root key writes to the database: whatever they plant, move, alter or replay is seen and gives no access.

Everything else stays readable. The forger may have an account: Karim, or Sam, who has left.
"""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import structs

from chat.auth.access import Access
from chat.auth.sign_in import Attempt, Granted, SignIns, WrongCredentials
from chat.protocol.hub import Hub
from storage.accounts import accounts
from storage.conversations.group_commit import NotCommitted
from storage.conversations.unlocked import OpenEpoch
from storage.crypto.epochs import THE_SERVICE, EpochSecret, Roster, Seat, ephemeral, grant
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import EXAMPLE_PROFILE, Cookie, guard_password, guard_session
from storage.crypto.keyring import create
from storage.crypto.sealing import Fact, link
from storage.engine.database import Value
from storage.errors import CannotOpen, Refused
from storage.ids import AccountId, ThreadId, new_id
from storage.installation import officer as read_officer
from storage.maintenance import check
from tests.people import DAY, House, Person

WORDS = ["un", "deux", "trois", "quatre", "cinq"]


@dataclass
class Scene:
    """Léa writes with Claire; Karim, the forger, has a thread of his own with Claire."""

    house: House
    thread: ThreadId
    theirs: ThreadId

    async def forge(self, *statements: str, **values: Value) -> None:
        """Run statements of somebody who knows the schema; ``:mine`` is Léa's thread, ``:theirs`` Karim's."""
        known: dict[str, Value] = {"mine": self.thread.bytes, "theirs": self.theirs.bytes}
        for one in self.house.people:
            known[one.first_name.lower().replace("é", "e")] = one.id.bytes
        known |= values
        for sql in statements:
            named = {name: value for name, value in known.items() if f":{name}" in sql}
            assert await self.house.spoil(sql, **named), sql

    async def read(self) -> list[str | None]:
        return await self.house.texts(self.house.lea, self.thread)

    async def found(self) -> list[str]:
        return await check.check_all(self.house.store)

    async def latest(self, one: Person) -> OpenEpoch | None:
        who, thread = await self.house.unlocked(one), await self.house.thread(self.thread)
        return await self.house.store.database.read(lambda reader: who.latest_epoch(reader, self.house.store.guard, thread))


@pytest.fixture
async def scene(house: House) -> Scene:
    thread, theirs = await house.open_thread(house.lea, house.claire), await house.open_thread(house.karim, house.claire)
    for text in WORDS:
        await house.post(house.lea, thread, text)
        await house.post(house.karim, theirs, f"{text} de Karim")
    return Scene(house, thread, theirs)


# Messages: the forgery, and what Léa then reads. None is a message shown as broken.

OF = "(select {column} from messages where thread = {thread} and seq = {seq})"
FORGERIES: dict[str, tuple[list[str], list[str | None]]] = {
    "body of another thread": (
        [f"update messages set body = {OF.format(column='body', thread=':theirs', seq=2)} where thread = :mine and seq = 2"],
        ["un", None, "trois", "quatre", "cinq"],
    ),
    "row of another thread": (
        [
            "delete from messages where thread = :mine and seq = 2",
            (
                "insert into messages select :mine, seq, id, epoch, author, kind, at, body, link from messages"
                " where thread = :theirs and seq = 2"
            ),
        ],
        ["un", None, None, "quatre", "cinq"],
    ),
    "two bodies exchanged": (
        [
            (
                f"update messages set kind = 'lost', body = {OF.format(column='body', thread=':mine', seq=4)}"
                " where thread = :mine and seq = 2"
            ),
        ],
        ["un", None, "trois", "quatre", "cinq"],
    ),
    "two messages exchanged": (
        [
            "update messages set seq = 99 where thread = :mine and seq = 2",
            "update messages set seq = 2 where thread = :mine and seq = 4",
            "update messages set seq = 4 where thread = :mine and seq = 99",
        ],
        ["un", None, None, None, None],
    ),
    "dated back": (["update messages set at = at - 1 where thread = :mine and seq = 3"], ["un", "deux", None, "quatre", "cinq"]),
    "said by another": (
        ["update messages set author = :claire where thread = :mine and seq = 3"],
        ["un", "deux", None, "quatre", "cinq"],
    ),
    "of another kind": (
        ["update messages set kind = 'lesson' where thread = :mine and seq = 3"],
        ["un", "deux", None, "quatre", "cinq"],
    ),
    "removed in the middle": (["delete from messages where thread = :mine and seq = 3"], ["un", "deux", None, "cinq"]),
    "removed at the beginning": (["delete from messages where thread = :mine and seq = 1"], [None, "trois", "quatre", "cinq"]),
    "played back at the end": (
        [
            (
                "insert into messages select thread, 6, zeroblob(16), epoch, author, kind, at, body, link from messages"
                " where thread = :mine and seq = 5"
            )
        ],
        [*WORDS, None],
    ),
    "planted in a gap": (
        [
            "delete from messages where thread = :mine and seq = 3",
            (
                "insert into messages select thread, 3, zeroblob(16), epoch, author, kind, at, randomblob(313), randomblob(41)"
                " from messages where thread = :mine and seq = 2"
            ),
        ],
        ["un", "deux", None, None, "cinq"],
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_message_is_seen_and_the_rest_is_read(scene: Scene, forgery: str) -> None:
    statements, left = FORGERIES[forgery]
    await scene.forge(*statements)
    assert await scene.read() == left
    assert await scene.found()


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_thread_leaves_the_others_whole(scene: Scene, forgery: str) -> None:
    await scene.forge(*FORGERIES[forgery][0])
    assert await scene.house.texts(scene.house.karim, scene.theirs) == [f"{text} de Karim" for text in WORDS]


async def test_a_message_moved_to_another_epoch_does_not_open(scene: Scene) -> None:
    """Both its place and its link record the epoch under which it was sealed."""
    await scene.forge("update messages set epoch = 2 where thread = :mine and seq = 5")
    assert await scene.read() == ["un", "deux", "trois", "quatre", None]


async def test_a_cut_off_end_is_seen(scene: Scene) -> None:
    await scene.forge("delete from messages where thread = :mine and seq >= 4")
    assert await scene.found() == [f"thread {scene.thread}: ends at message 3, but 5 were acknowledged"]


async def test_what_follows_a_cut_off_end_shows_the_gap(scene: Scene) -> None:
    await scene.forge("delete from messages where thread = :mine and seq >= 4")
    assert (await scene.house.post(scene.house.lea, scene.thread, "six")).seq == 6
    assert await scene.read() == ["un", "deux", "trois", None]


async def test_an_end_cut_off_in_the_threads_row_too_is_seen(scene: Scene) -> None:
    """Without the root key, nobody can prove the shorter thread, and nothing is appended to an unsound one."""
    await scene.forge(
        "delete from messages where thread = :mine and seq >= 4",
        "update threads set last_seq = 3, last_link = (select link from messages where thread = :mine and seq = 3)"
        " where id = :mine",
    )
    post = await scene.house.sealed(scene.house.claire, scene.theirs, "Bonjour")
    assert await scene.house.commits.commit(structs.replace(post, thread=scene.thread)) is NotCommitted.BROKEN
    with pytest.raises(CannotOpen):
        await scene.latest(scene.house.lea)
    assert await scene.found()


async def test_a_link_under_the_forgers_own_key_is_none(scene: Scene) -> None:
    (last,) = await scene.house.after(scene.thread, 4, 1)
    for name in (last.link[1:9], b"forger01"):
        made = link(name, bytes(32), last.link, Fact(6, last.at, last.id, last.author, last.kind, last.epoch, last.body))
        await scene.forge("delete from messages where thread = :mine and seq = 6") if name == b"forger01" else None
        await scene.forge(
            "insert into messages select thread, 6, zeroblob(16), epoch, author, kind, at, body, :link from messages"
            " where thread = :mine and seq = 5",
            link=made,
        )
        assert (await scene.read())[-1] is None


# Accounts


@pytest.mark.parametrize(
    "forgery",
    [
        "update accounts set role = 'administrator' where id = :karim",
        "update accounts set role = 'emperor' where id = :karim",
        "update accounts set status = 'disabled' where id = :karim",
        "update accounts set generation = 2 where id = :karim",
        "update accounts set generation = -1 where id = :karim",
        "update accounts set public_key = zeroblob(32) where id = :karim",
        "update accounts set public_key = (select public_key from accounts where id = :lea) where id = :karim",
        "update accounts set proof = (select proof from accounts where id = :ada) where id = :karim",
        "update accounts set (role, proof) = (select role, proof from accounts where id = :ada) where id = :karim",
        "update accounts set proof = x'' where id = :karim",
        "update accounts set first_name = (select first_name from accounts where id = :lea) where id = :karim",
        "update accounts set last_name = 'Karim' where id = :karim",
    ],
)
async def test_a_forged_account_is_no_account(scene: Scene, forgery: str) -> None:
    await scene.forge(forgery)
    with pytest.raises(CannotOpen):
        await scene.house.account(scene.house.karim)
    assert (await scene.house.account(scene.house.lea)).first_name == "Léa"


async def test_an_account_planted_for_a_foreign_key_is_none(scene: Scene, tmp_path: Path) -> None:
    """A complete account with its proof, made with a keyring of the forger's own."""
    guard, house = Guard(create(tmp_path / "forged.json")), scene.house
    new = replace(
        house.new_account(house.karim), email="forger@ailo.test", key=replace(house.karim.key, account=new_id(AccountId))
    )
    await house.store.database.write(lambda tx: accounts.add(tx, guard, new, 0))
    with pytest.raises(CannotOpen):
        await house.store.database.read(lambda reader: accounts.by_id(reader, house.store.guard, new.key.account))


async def test_an_exchanged_address_finds_nobody(scene: Scene) -> None:
    """Otherwise, an operator who opens a thread for Léa by her address would open it for Karim."""
    index = scene.house.store.guard.address_index("lea@ailo.test")
    await scene.forge(
        "update accounts set address_index = zeroblob(32) where id = :lea",
        "update accounts set address_index = :index where id = :karim",
        index=index,
    )
    with pytest.raises(CannotOpen):
        await scene.house.store.database.read(
            lambda reader: accounts.by_address(reader, scene.house.store.guard, "lea@ailo.test")
        )


# Keyholes and sessions: nobody gets in through them


@pytest.fixture
async def door(scene: Scene) -> AsyncIterator[SignIns]:
    sign_ins = SignIns(scene.house.store, Access(scene.house.store), Hub())
    yield sign_ins
    sign_ins.close()


async def signed_in(door: SignIns, one: Person, password: str | None = None) -> Granted:
    return await door.sign_in(Attempt(one.email, password or one.password, "", "127.0.0.1"))


async def test_the_right_password_comes_in(scene: Scene, door: SignIns) -> None:
    assert await door.find((await signed_in(door, scene.house.lea)).cookie) is not None


@pytest.mark.parametrize(
    "forgery",
    [
        "update keyholes set body = (select body from keyholes where account = :karim) where account = :lea",
        "update keyholes set profile = 1 where account = :lea",
        "update keyholes set profile = 99 where account = :lea",
        "update keyholes set profile = 'cheap' where account = :lea",
        "update keyholes set body = x'01' where account = :lea",
        "update keyholes set body = 'text' where account = :lea",
    ],
)
async def test_through_a_forged_keyhole_nobody_comes(scene: Scene, door: SignIns, forgery: str) -> None:
    await scene.forge(forgery)
    for password in (scene.house.lea.password, scene.house.karim.password):
        with pytest.raises(WrongCredentials):
            await signed_in(door, scene.house.lea, password)


async def test_through_a_planted_keyhole_nobody_comes(scene: Scene, door: SignIns, tmp_path: Path) -> None:
    """Made for Léa's account with the forger's own password, and guarded with the forger's own keyring."""
    guard = Guard(create(tmp_path / "forged.json"))
    body = guard_password(guard, scene.house.lea.key, "forger", EXAMPLE_PROFILE)
    await scene.forge("update keyholes set body = :body where account = :lea", body=body)
    with pytest.raises(WrongCredentials):
        await signed_in(door, scene.house.lea, "forger")


@pytest.mark.parametrize(
    "forgery",
    [
        "update sessions set account = :lea",
        "update sessions set expires_at = expires_at + 1",
        "update sessions set generation = 2",
        "update sessions set pepper = zeroblob(8)",
        "update sessions set body = zeroblob(113)",
        "update sessions set body = 7",
        "update accounts set role = 'administrator' where id = :karim",
        "update accounts set status = 'disabled' where id = :karim",
    ],
)
async def test_through_a_forged_session_nobody_comes(scene: Scene, door: SignIns, forgery: str) -> None:
    granted = await signed_in(door, scene.house.karim)
    await scene.forge(forgery)
    assert await door.find(granted.cookie) is None


async def test_a_session_in_the_place_of_another_opens_nothing(scene: Scene, door: SignIns) -> None:
    """Karim puts Léa's session under the id of his own cookie."""
    mine, hers = await signed_in(door, scene.house.karim), await signed_in(door, scene.house.lea)
    await scene.forge(
        "update sessions set (account, body, expires_at) = (select account, body, expires_at from sessions where account = :lea)"
        " where account = :karim"
    )
    assert await door.find(mine.cookie) is None
    assert await door.find(hers.cookie) is not None


async def test_through_a_planted_session_nobody_comes(scene: Scene, door: SignIns, tmp_path: Path) -> None:
    cookie, guard, now = Cookie.fresh(), Guard(create(tmp_path / "forged.json")), scene.house.store.clock()
    pepper_id, pepper = scene.house.store.peppers.current(now)
    body = guard_session(guard, cookie, pepper, replace(scene.house.karim.key, account=scene.house.lea.id), now + DAY)
    await scene.forge(
        "insert into sessions (id, account, generation, pepper, body, began_at, expires_at)"
        " values (:id, :lea, 1, :pepper, :body, :now, :end)",
        id=cookie.session, pepper=pepper_id, body=body, now=now, end=now + DAY,
    )  # fmt: skip
    assert await door.find(_text(cookie)) is None


def _text(cookie: Cookie) -> str:
    return urlsafe_b64encode(cookie.secret).decode()


# Epochs: rosters, grants, the thread's own row


async def test_a_seat_that_was_added_is_seen(scene: Scene) -> None:
    """Karim adds a seat for himself to Léa's thread."""
    epoch = await scene.latest(scene.house.lea)
    assert epoch is not None
    karim = scene.house.karim
    seat = Seat(karim.id, 1, karim.key.public_key, 1, 0, THE_SERVICE)
    forged = replace(epoch.roster, seats=(*epoch.roster.seats, seat))
    await scene.forge("update epochs set roster = :roster where thread = :mine", roster=forged.encoded())
    await refused(scene, karim, scene.house.lea)


async def refused(scene: Scene, *people: Person) -> None:
    """Assert that these people cannot open the thread, and that the check reports it."""
    for one in people:
        with pytest.raises(CannotOpen):
            await scene.latest(one)
    assert await scene.found()


async def test_a_whole_epoch_that_was_planted_is_seen(scene: Scene) -> None:
    """Karim begins epoch 2 with himself in it, granted from his own key, as a participant would."""
    epoch = await scene.latest(scene.house.lea)
    assert epoch is not None
    karim, secret = scene.house.karim, EpochSecret.fresh()
    seat = Seat(karim.id, 1, karim.key.public_key, 1, 0, karim.id)
    forged = replace(
        epoch.roster, number=2, previous=epoch.roster.hash(), public_key=secret.public_key,
        giver=karim.id, giver_key=karim.key.public_key, seats=(*epoch.roster.seats, seat),
    )  # fmt: skip
    await plant_epoch(scene, forged, secret, karim)
    await scene.forge("update threads set epoch = 2 where id = :mine")
    await refused(scene, karim, scene.house.lea)


async def plant_epoch(scene: Scene, roster: Roster, secret: EpochSecret, giver: Person) -> None:
    await scene.forge(
        "insert into epochs (thread, number, roster, proof) select thread, 2, :roster, proof from epochs where thread = :mine",
        roster=roster.encoded(),
    )
    for seat in roster.seats:
        await scene.forge(
            "insert into grants (thread, epoch, account, giver_key, body) values (:mine, 2, :to, :giver, :body)",
            to=seat.account.bytes,
            giver=giver.key.public_key,
            body=grant(secret, giver.key.private_key, seat.public_key, seat.account, roster),
        )


async def test_an_epoch_of_another_thread_is_seen(scene: Scene) -> None:
    """The epoch of Karim's own thread, with its genuine proof, in the place of Léa's."""
    await scene.forge(
        "update epochs set (roster, proof) = (select roster, proof from epochs where thread = :theirs) where thread = :mine"
    )
    await refused(scene, scene.house.karim, scene.house.lea)


@pytest.mark.parametrize("change", ["proof = zeroblob(41)", "proof = x''", "roster = x''", "roster = 'text'", "proof = 7"])
async def test_a_damaged_roster_is_seen(scene: Scene, change: str) -> None:
    await scene.forge(f"update epochs set {change} where thread = :mine")
    await refused(scene, scene.house.lea, scene.house.claire)


async def test_a_thread_set_back_to_an_old_epoch_is_seen(house: House) -> None:
    """Sam has left, and tries to bring back the epoch in which Sam had a seat."""
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    scene = Scene(house, thread, ThreadId(uuid4()))
    await house.leave(thread, house.sam)
    await scene.forge("update threads set epoch = 1 where id = :mine")
    await refused(scene, house.sam, house.lea)


@pytest.mark.parametrize(
    "forgery",
    [
        (
            "update grants set body = (select body from grants where thread = :theirs and account = :claire)"
            " where thread = :mine and account = :claire"
        ),
        (
            "update grants set body = (select body from grants where thread = :mine and account = :lea)"
            " where thread = :mine and account = :claire"
        ),
        "update grants set giver_key = zeroblob(32) where thread = :mine and account = :claire",
        "update grants set giver_key = x'01' where thread = :mine and account = :claire",
        "update grants set giver_key = 'text' where thread = :mine and account = :claire",
        "update grants set body = x'01' where thread = :mine and account = :claire",
        "update grants set body = 7 where thread = :mine and account = :claire",
        "delete from grants where thread = :mine and account = :claire",
    ],
)
async def test_a_forged_grant_opens_nothing_and_harms_no_one_else(scene: Scene, forgery: str) -> None:
    await scene.forge(forgery)
    with pytest.raises(CannotOpen):
        await scene.latest(scene.house.claire)
    assert await scene.read() == WORDS


async def test_a_grant_of_a_secret_that_the_forger_knows_is_refused(scene: Scene) -> None:
    """Otherwise, Léa would write under a key of the forger's choice."""
    epoch, giver, known = await scene.latest(scene.house.lea), ephemeral(), EpochSecret(bytes(32))
    assert epoch is not None
    lea = scene.house.lea
    body = grant(known, giver.private_key, lea.key.public_key, lea.id, epoch.roster)
    await scene.forge(
        "update grants set giver_key = :giver, body = :body where thread = :mine and account = :lea",
        giver=giver.public_key, body=body,
    )  # fmt: skip
    with pytest.raises(CannotOpen):
        await scene.latest(lea)


async def test_a_grant_to_who_has_no_seat_opens_nothing(scene: Scene) -> None:
    """Claire's grant is copied under Karim's name, and Karim is entered as a participant."""
    await scene.forge(
        "insert into grants select thread, epoch, :karim, giver_key, body from grants where thread = :mine and account = :claire",
        "insert into participants (thread, account, joined_at, read_seq) values (:mine, :karim, 0, 0)",
    )
    assert await scene.latest(scene.house.karim) is None
    assert await scene.house.texts(scene.house.karim, scene.thread) == [None] * len(WORDS)


async def test_a_house_with_another_officer_is_seen(scene: Scene) -> None:
    """The officer's public key is guarded: a forger cannot have the next epochs granted to a key of their own."""
    await scene.forge("update house set body = randomblob(65) where name = 'officer'")
    with pytest.raises(Refused):
        await read_officer(scene.house.store.database, scene.house.store.guard)
