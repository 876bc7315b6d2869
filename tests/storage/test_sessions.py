"""Sessions as rows: begun, found until they end, ended."""

from storage import sessions
from storage.sessions import Session
from tests.cast import House, Person

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
