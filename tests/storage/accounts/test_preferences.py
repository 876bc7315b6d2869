"""Preferences: stored guarded, and readable by older and newer versions of the program."""

import pytest

from storage.accounts import preferences
from storage.accounts.preferences import USUAL, Letters, Preferences
from storage.errors import CannotOpen, Damaged
from tests.people import House, Person

NIGHT = Letters(quiet_from=21 * 60, quiet_to=7 * 60)


async def find(house: House, one: Person) -> Preferences:
    return await house.store.database.read(lambda reader: preferences.find(reader, house.store.guard, one.id))


async def keep(house: House, one: Person, chosen: Preferences) -> None:
    await house.store.database.write(lambda tx: preferences.keep(tx, house.store.guard, one.id, chosen))


async def keep_raw(house: House, one: Person, body: bytes) -> None:
    guarded = house.store.guard.guard(body, "preferences", "body", one.id)
    await house.spoil("insert into preferences (account, body) values (:id, :body)", id=one.id.bytes, body=guarded)


async def test_who_chose_nothing_has_what_is_usual_and_no_quiet_hours(house: House) -> None:
    assert await find(house, house.lea) == USUAL == Preferences()
    assert (USUAL.letters.replies, USUAL.letters.quiet_from, USUAL.letters.quiet_to) == (True, None, None)


async def test_what_was_chosen_last_stands_and_is_ones_own(house: House) -> None:
    for chosen in (Preferences(enter_sends=True), Preferences(single_keys=False, letters=NIGHT)):
        await keep(house, house.lea, chosen)
        assert await find(house, house.lea) == chosen
    assert await find(house, house.karim) == USUAL


async def test_what_another_version_wrote_is_read(house: House) -> None:
    await keep_raw(house, house.lea, b'{"letters":{"weekly":true,"replies":false},"sound":"bell"}')
    assert await find(house, house.lea) == Preferences(letters=Letters(replies=False))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"letters":7}', b"\xff"])
async def test_what_is_no_choice_is_damaged(house: House, body: bytes) -> None:
    await keep_raw(house, house.lea, body)
    with pytest.raises(Damaged):
        await find(house, house.lea)


@pytest.mark.parametrize(
    "forgery",
    ["update preferences set body = zeroblob(90)", "update preferences set body = 7", "update preferences set account = :karim"],
)
async def test_what_was_forged_does_not_open(house: House, forgery: str) -> None:
    await keep(house, house.lea, Preferences(letters=NIGHT))
    await house.spoil(forgery, **({"karim": house.karim.id.bytes} if ":karim" in forgery else {}))
    with pytest.raises(CannotOpen):
        await find(house, house.karim if ":karim" in forgery else house.lea)


async def test_nothing_of_it_stands_in_the_clear(house: House) -> None:
    await keep(house, house.lea, Preferences(letters=NIGHT))
    (row,) = await house.select("select body from preferences")
    assert b"quiet" not in row["body"]
