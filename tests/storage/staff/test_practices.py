"""Practices: stored guarded, ended when their time is over, and never anything that the service did not write."""

import logging

import pytest

from storage.staff import practices
from storage.staff.practices import NOTHING_SAID, Practice
from tests.people import House, Person

AWAY = Practice(48, 2_000, "En congé, lundi tout reprend.")


async def keep(house: House, one: Person, practice: Practice) -> None:
    await house.store.database.write(lambda tx: practices.keep(tx, house.store.guard, one.id, practice))


async def find(house: House, one: Person) -> Practice:
    found = await house.store.database.read(lambda reader: practices.find_all(reader, house.store.guard, [one.id]))
    return found[one.id]


async def test_who_said_nothing_promises_nothing(house: House) -> None:
    assert await find(house, house.claire) == NOTHING_SAID == Practice(None, None, "")


async def test_what_was_said_last_stands_and_is_ones_own(house: House) -> None:
    for practice in (AWAY, Practice(24)):
        await keep(house, house.claire, practice)
        assert await find(house, house.claire) == practice
    assert await find(house, house.thomas) == NOTHING_SAID


async def test_many_are_found_at_once(house: House) -> None:
    await keep(house, house.claire, AWAY)
    ids = [house.claire.id, house.sam.id]
    found = await house.store.database.read(lambda reader: practices.find_all(reader, house.store.guard, ids))
    assert found == {house.claire.id: AWAY, house.sam.id: NOTHING_SAID}


@pytest.mark.parametrize(("now", "until"), [(1_999, 2_000), (2_000, None), (9_000, None)])
def test_who_was_to_be_back_by_now_is_back(now: int, until: int | None) -> None:
    assert AWAY.at(now) == Practice(48, until, AWAY.away_words)


async def test_nothing_of_it_stands_in_the_clear(house: House) -> None:
    await keep(house, house.claire, AWAY)
    (row,) = await house.select("select body from practices")
    assert b"lundi" not in row["body"]


@pytest.mark.parametrize("forgery", ["body = zeroblob(90)", "body = 7", "account = :other"])
async def test_what_was_forged_is_not_said_in_anybodys_name(house: House, forgery: str, caplog: pytest.LogCaptureFixture) -> None:
    await keep(house, house.claire, AWAY)
    other = {"other": house.thomas.id.bytes} if ":other" in forgery else {}
    await house.spoil(f"update practices set {forgery}", **other)
    with caplog.at_level(logging.ERROR):
        assert [await find(house, one) for one in (house.claire, house.thomas)] == [NOTHING_SAID] * 2
    assert "alert: the practice of account" in caplog.text
    assert "lundi" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"[]", b'{"away_until":"soon"}', b"\xff"])
async def test_what_is_no_practice_says_nothing(house: House, body: bytes) -> None:
    guarded = house.store.guard.guard(body, "practices", "body", house.claire.id)
    await house.spoil("insert into practices (account, body) values (:id, :body)", id=house.claire.id.bytes, body=guarded)
    assert await find(house, house.claire) == NOTHING_SAID


async def test_what_another_version_wrote_is_read(house: House) -> None:
    body = house.store.guard.guard(b'{"reply_within_hours":24,"holidays":[]}', "practices", "body", house.claire.id)
    await house.spoil("insert into practices (account, body) values (:id, :body)", id=house.claire.id.bytes, body=body)
    assert await find(house, house.claire) == Practice(24)
