"""Session rows: begun, found until they expire, and ended; and what their owner sees of them."""

import json

import pytest

from storage.accounts import sessions
from storage.accounts.sessions import About, Known, Session, day_of, guard_about
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import Cookie, guard_session
from tests.people import DAY, House, Person

NOW = 1_795_424_400_000


def session(one: Person, name: bytes, *, began_at: int = NOW, expires_at: int = NOW + 10) -> Session:
    return Session(name * 32, one.id, 1, b"pepper", b"body", began_at, expires_at)


async def begin(house: House, *begun: Session) -> None:
    for one in begun:
        await house.store.database.write(lambda tx, one=one: sessions.begin(tx, one))  # type: ignore[misc]


async def find(house: House, id_: bytes, now: int = NOW) -> Session | None:
    return await house.store.database.read(lambda reader: sessions.find(reader, id_, now))


async def test_a_session_reads_back_as_begun(house: House) -> None:
    begun = session(house.lea, b"1")
    await begin(house, begun)
    assert await find(house, begun.id) == begun
    assert await find(house, b"2" * 32) is None


async def test_a_session_ends_at_its_end(house: House) -> None:
    await begin(house, session(house.lea, b"1"))
    assert await find(house, b"1" * 32, NOW + 9) is not None
    assert await find(house, b"1" * 32, NOW + 10) is None


async def test_what_has_ended_goes_when_another_begins(house: House) -> None:
    await begin(house, session(house.lea, b"1"), session(house.karim, b"2", began_at=NOW + 10, expires_at=NOW + 20))
    assert [row["id"] for row in await house.select("select id from sessions")] == [b"2" * 32]


async def test_signing_out_ends_one_session(house: House) -> None:
    await begin(house, session(house.lea, b"1"), session(house.lea, b"2"))
    assert await house.store.database.write(lambda tx: sessions.end(tx, b"1" * 32))
    assert not await house.store.database.write(lambda tx: sessions.end(tx, b"1" * 32))
    assert await find(house, b"2" * 32) is not None


async def test_no_repr_shows_a_session(house: House) -> None:
    assert "body" not in repr(session(house.lea, b"1"))


# What their owner sees


def told(one: Person, name: bytes, device: str, *, began_at: int = NOW, seen_at: int = NOW - NOW % DAY, guard: Guard) -> Session:
    """A session as the service writes it, including its keyhole."""
    cookie = Cookie(name * 32)
    body = guard_session(guard, cookie, b"p" * 32, one.key, began_at + DAY)
    about = guard_about(guard, cookie.session, one.id, began_at, About(device, seen_at))
    return Session(cookie.session, one.id, 1, b"pepper", body, began_at, began_at + DAY, about)


async def known(house: House, one: Person, now: int = NOW) -> list[Known]:
    guard = house.store.guard
    return await house.store.database.read(lambda reader: sessions.of_account(reader, guard, one.id, 1, now))


async def see(house: House, now: int, *seen: bytes) -> None:
    await house.store.database.write(lambda tx: sessions.see(tx, house.store.guard, seen, now))


@pytest.fixture
async def two(house: House) -> list[Session]:
    """Add two sessions of Léa's and one of Karim's; return Léa's, the newer one first."""
    guard = house.store.guard
    old, new = told(house.lea, b"1", "Firefox, Linux", guard=guard), told(house.lea, b"2", "", began_at=NOW + 1, guard=guard)
    await begin(house, old, new, told(house.karim, b"3", "Safari, iPhone", guard=guard))
    return [new, old]


async def test_ones_own_sessions_are_told_newest_first(house: House, two: list[Session]) -> None:
    found = await known(house, house.lea)
    assert [(one.id, one.device, one.began_at) for one in found] == [
        (two[0].id, "", NOW + 1), (two[1].id, "Firefox, Linux", NOW),
    ]  # fmt: skip
    assert [one.device for one in await known(house, house.karim)] == ["Safari, iPhone"]


async def test_what_has_ended_or_opens_nothing_is_not_told(house: House, two: list[Session]) -> None:
    assert await known(house, house.lea, NOW + 2 * DAY) == []
    await house.spoil("update sessions set generation = 2 where id = :id", id=two[0].id)
    assert [one.id for one in await known(house, house.lea)] == [two[1].id]


async def test_a_handle_names_one_session_and_is_not_its_id(house: House, two: list[Session]) -> None:
    found = await known(house, house.lea)
    assert len({one.handle for one in found}) == 2
    assert not any(one.handle.bytes in one.id for one in found)


async def test_a_session_of_before_is_told_without_its_device(house: House, two: list[Session]) -> None:
    await house.spoil("update sessions set about = null")
    assert [(one.device, one.seen_at) for one in await known(house, house.lea)] == [("", day_of(NOW))] * 2


@pytest.mark.parametrize(
    "forgery",
    [
        "update sessions set about = zeroblob(90)",
        "update sessions set about = 7",
        "update sessions set began_at = began_at - 1",
        "update sessions set about = (select about from sessions where account <> :lea) where account = :lea",
    ],
)
async def test_what_was_forged_is_not_told_and_the_session_is(
    house: House, two: list[Session], forgery: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A session that still opens the account stays in the list, so that its owner can end it."""
    await house.spoil(forgery, **({"lea": house.lea.id.bytes} if ":lea" in forgery else {}))
    assert [one.device for one in await known(house, house.lea)] == ["", ""]
    assert "alert: the details of a session" in caplog.text


async def test_a_planted_session_is_not_told(house: House, two: list[Session], caplog: pytest.LogCaptureFixture) -> None:
    await house.spoil("update sessions set account = :lea where account <> :lea", lea=house.lea.id.bytes)
    assert {one.id for one in await known(house, house.lea)} == {one.id for one in two}
    assert "alert: a session of" in caplog.text


async def test_a_session_is_seen_once_a_day(house: House, two: list[Session]) -> None:
    at_once = await house.select("select about from sessions order by id")
    await see(house, NOW + 5, two[1].id, b"?" * 32)
    assert await house.select("select about from sessions order by id") == at_once
    tomorrow = day_of(NOW) + DAY + 5
    await house.spoil("update sessions set expires_at = :end", end=NOW + 9 * DAY)
    await see(house, tomorrow, two[1].id)
    rows = {row["id"]: row["about"] for row in await house.select("select id, about from sessions")}
    raw = house.store.guard.unguard(rows[two[1].id], "sessions", "about", two[1].id, house.lea.id, NOW)
    assert json.loads(raw) == {"device": "Firefox, Linux", "seen_at": tomorrow - 5}
    assert rows[two[0].id] == two[0].about


async def test_a_session_of_before_is_seen_too(house: House, two: list[Session]) -> None:
    await house.spoil("update sessions set about = null")
    await see(house, NOW, two[0].id)
    assert [row["about"] is None for row in await house.select("select about from sessions order by id = :id", id=two[0].id)] == [
        True, True, False,
    ]  # fmt: skip
