"""Creating an account: addresses, names and passwords."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.accounts.new_accounts import Person, add_account, checked_address, checked_name
from chat.ailo import Ailo
from chat.protocol.refusals import CannotDo, Misuse
from storage.accounts import accounts
from storage.accounts.accounts import Role
from storage.ids import AccountId
from tests.people import PASSWORD

ZOE = Person(Role.MEMBER, "zoe@ailo.test", "Léa", "Rossi", "fr", PASSWORD)


async def add(ailo: Ailo, person: Person) -> AccountId:
    return await add_account(ailo.store, ailo.sign_ins.pool, person)


async def test_an_account_is_found_by_its_address_however_written(ailo: Ailo) -> None:
    id_ = await add(ailo, replace(ZOE, email=" Zoe@Ailo.Test "))
    guard = ailo.store.guard
    found = await ailo.store.database.read(lambda reader: accounts.by_address(reader, guard, "ZOE@ailo.test\n"))
    assert found
    assert (found.id, found.first_name, found.role) == (id_, "Léa", Role.MEMBER)


async def test_an_address_is_taken_once(ailo: Ailo) -> None:
    await add(ailo, ZOE)
    with pytest.raises(CannotDo):
        await add(ailo, replace(ZOE, email="ZOE@AILO.TEST"))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ZOE, locale="xx"),
        replace(ZOE, password="court"),
        replace(ZOE, password="x" * 1_001),
        replace(ZOE, first_name=" "),
        replace(ZOE, first_name="x" * 101),
        replace(ZOE, email="zoe"),
    ],
)
async def test_what_makes_no_sense_is_refused(ailo: Ailo, wrong: Person) -> None:
    with pytest.raises(Misuse):
        await add(ailo, wrong)


@pytest.mark.parametrize("address", ["a@ailo.test", "a.b+c@example.example", "é@ailo.example", "a@bücher.example"])
def test_addresses_of_examples_and_tests_are_sound(address: str) -> None:
    assert checked_address(address) == address


@pytest.mark.parametrize(("given_", "kept"), [
    (" Max@FASS.example\n", "Max@fass.example"),
    ("max@FAß.example", "max@faß.example"),
    ("max@xn--fa-hia.example", "max@faß.example"),
    ("le\u0301a@ailo.example", "l\u00e9a@ailo.example"),
])  # fmt: skip
def test_an_address_is_kept_as_it_was_given(given_: str, kept: str) -> None:
    assert checked_address(given_) == kept


async def test_two_domains_that_fold_alike_are_two_addresses(ailo: Ailo) -> None:
    ids = [await add(ailo, replace(ZOE, email=email)) for email in ("max@faß.example", "max@fass.example")]
    guard = ailo.store.guard
    for typed, id_ in zip(("MAX@xn--fa-hia.example", "max@fass.example"), ids, strict=True):
        found = await ailo.store.database.read(lambda reader, typed=typed: accounts.by_address(reader, guard, typed))  # type: ignore[misc]
        assert found
        assert found.id == id_


async def test_one_domain_spelled_twice_is_one_address(ailo: Ailo) -> None:
    await add(ailo, replace(ZOE, email="zoe@bücher.example"))
    with pytest.raises(CannotDo):
        await add(ailo, replace(ZOE, email="zoe@xn--bcher-kva.example"))


@pytest.mark.parametrize(
    "address", ["", "a", "@ailo.test", "a@", "a b@ailo.test", "a@b@c.test", "a@ailo.invalid", "a@localhost", "a@[127.0.0.1]"]
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(Misuse) as caught:
        checked_address(address)
    assert str(caught.value) == "The e-mail address is not valid."


@given(st.text())
def test_any_text_is_an_address_or_a_misuse(text: str) -> None:
    with suppress(Misuse):
        assert "@" in checked_address(text)


@pytest.mark.parametrize("name", ["Léa", "D’Arcy-O'Neil", "محمد", "李", "J. R. R."])
def test_a_name_is_what_people_write(name: str) -> None:
    assert checked_name(f" {name} ", minimum=1) == name


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\u2028b", "\ud800", "x" * 101])
def test_a_name_is_one_line(name: str) -> None:
    with pytest.raises(Misuse):
        checked_name(name, minimum=0)
