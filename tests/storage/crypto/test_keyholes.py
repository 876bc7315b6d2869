"""Account keys, and the keyholes of password, recovery code and session: what opens them, and what does not."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from storage.crypto.guarding import Guard
from storage.crypto.keyholes import (
    COOKIE_BYTES,
    EXAMPLE_PROFILE,
    PROFILE,
    PROFILES,
    AccountKey,
    Cookie,
    Opening,
    PasswordKeyhole,
    decoy,
    fits,
    fresh_code,
    guard_code,
    guard_password,
    guard_session,
    open_code,
    open_password,
    open_session,
    stretch,
    unguard_password,
)
from storage.crypto.keyring import Keyring, RootKey
from storage.crypto.primitives import public_key_of
from storage.errors import CannotOpen, Damaged, WrongKey
from storage.ids import AccountId

ROOT = RootKey.derived_from(bytes(32))
GUARD = Guard(Keyring(ROOT, {ROOT.id: ROOT}, bytes(32)))
LEA, KARIM = AccountKey.fresh(AccountId(uuid4())), AccountKey.fresh(AccountId(uuid4()))
PASSWORD = "des pommes et des poires"
PEPPER = bytes([7]) * 32
EXPIRES = 1_800_000_000_000


def opening_of(key: AccountKey) -> Opening:
    return Opening(key.account, key.generation, key.public_key)


def keyhole_of(key: AccountKey, password: str = PASSWORD) -> PasswordKeyhole:
    body = guard_password(GUARD, key, password, EXAMPLE_PROFILE)
    return unguard_password(GUARD, body, key.account, EXAMPLE_PROFILE, key.generation)


def stretched_for(keyhole: PasswordKeyhole, password: str = PASSWORD) -> bytes:
    return open_password(keyhole, stretch(password, keyhole.salt, keyhole.profile), opening_of(LEA)).private_key


def test_a_fresh_key_is_a_pair() -> None:
    assert LEA.public_key == public_key_of(LEA.private_key)
    assert LEA.private_key != KARIM.private_key


def test_the_password_opens_the_account() -> None:
    assert stretched_for(keyhole_of(LEA)) == LEA.private_key


def test_another_password_does_not_fit() -> None:
    keyhole = keyhole_of(LEA)
    stretched = stretch("des pommes et des poireaux", keyhole.salt, keyhole.profile)
    assert not fits(keyhole, stretched)
    with pytest.raises(CannotOpen):
        open_password(keyhole, stretched, opening_of(LEA))


def test_a_password_is_one_however_it_is_composed() -> None:
    keyhole = keyhole_of(LEA, "\u00e9t\u00e9 2026 \u00e0 la mer")
    assert fits(keyhole, stretch("e\u0301te\u0301 2026 a\u0300 la mer", keyhole.salt, keyhole.profile))


def test_two_keyholes_of_one_password_have_nothing_in_common() -> None:
    one, other = keyhole_of(LEA), keyhole_of(LEA)
    assert one.salt != other.salt
    assert one.verifier_hash != other.verifier_hash


def test_what_proves_a_password_does_not_unwrap() -> None:
    keyhole = keyhole_of(LEA)
    stretched = stretch(PASSWORD, keyhole.salt, keyhole.profile)
    with pytest.raises(CannotOpen):
        open_password(keyhole, replace(stretched, wrapping=stretched.verifier), opening_of(LEA))


def test_no_password_fits_a_decoy() -> None:
    unknown = decoy(EXAMPLE_PROFILE)
    stretched = stretch(PASSWORD, unknown.salt, unknown.profile)
    assert not fits(unknown, stretched)
    with pytest.raises(CannotOpen):
        open_password(unknown, stretched, opening_of(LEA))


@pytest.mark.parametrize(("key", "profile"), [(KARIM, EXAMPLE_PROFILE), (LEA, PROFILE), (replace(LEA, generation=2), 0)])
def test_a_moved_keyhole_is_damaged(key: AccountKey, profile: int) -> None:
    body = guard_password(GUARD, LEA, PASSWORD, EXAMPLE_PROFILE)
    with pytest.raises(Damaged):
        unguard_password(GUARD, body, key.account, profile, key.generation)


def test_an_unknown_profile_is_damage() -> None:
    with pytest.raises(Damaged):
        unguard_password(GUARD, b"", LEA.account, 99, 1)


def test_a_keyhole_opens_no_other_account() -> None:
    keyhole = keyhole_of(LEA)
    stretched = stretch(PASSWORD, keyhole.salt, keyhole.profile)
    for other in (
        opening_of(KARIM),
        replace(opening_of(LEA), generation=2),
        replace(opening_of(LEA), account=AccountId(uuid4())),
    ):
        with pytest.raises(Damaged):
            open_password(keyhole, stretched, other)


def test_a_keyhole_must_hold_the_accounts_own_key() -> None:
    posed = replace(LEA, private_key=KARIM.private_key)
    with pytest.raises(Damaged, match="does not open the account"):
        stretched_for(keyhole_of(posed))


def test_the_real_profile_is_dear_and_the_examples_cheap() -> None:
    assert (PROFILES[PROFILE].passes, PROFILES[PROFILE].memory) == (3, 128 << 20)
    assert PROFILES[EXAMPLE_PROFILE].memory < PROFILES[PROFILE].memory


def test_a_keyhole_knows_whose_password_it_is() -> None:
    body = guard_password(GUARD, LEA, PASSWORD, EXAMPLE_PROFILE, by_owner=False)
    assert not unguard_password(GUARD, body, LEA.account, EXAMPLE_PROFILE, 1).by_owner
    assert keyhole_of(LEA).by_owner


# Recovery codes


def test_the_recovery_code_opens_the_account() -> None:
    code = fresh_code()
    assert open_code(GUARD, guard_code(GUARD, LEA, code), code, opening_of(LEA)) == LEA


@pytest.mark.parametrize("change", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}\n"])
def test_a_recovery_code_opens_however_it_is_typed(change: Callable[[str], str]) -> None:
    code = fresh_code()
    assert open_code(GUARD, guard_code(GUARD, LEA, code), change(code), opening_of(LEA)) == LEA


@pytest.mark.parametrize("typed", ["", "-", "é", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AA", "A", "not a code"])
def test_another_recovery_code_opens_nothing(typed: str) -> None:
    with pytest.raises(CannotOpen):
        open_code(GUARD, guard_code(GUARD, LEA, fresh_code()), typed, opening_of(LEA))


def test_a_recovery_keyhole_opens_no_other_account() -> None:
    code = fresh_code()
    body = guard_code(GUARD, LEA, code)
    for other in (opening_of(KARIM), replace(opening_of(LEA), generation=2)):
        with pytest.raises(Damaged):
            open_code(GUARD, body, code, other)


# Sessions


def test_the_cookie_opens_the_account() -> None:
    cookie = Cookie.fresh()
    body = guard_session(GUARD, cookie, PEPPER, LEA, EXPIRES)
    assert open_session(GUARD, cookie, PEPPER, body, opening_of(LEA), EXPIRES) == LEA


def test_a_cookie_cannot_be_made_of_its_row() -> None:
    cookie = Cookie.fresh()
    assert len(cookie.secret) == COOKIE_BYTES
    assert len({cookie.secret, cookie.session, cookie.wrapping(PEPPER), cookie.wrapping(bytes(32))}) == 4


def test_a_session_opens_with_its_pepper_alone() -> None:
    cookie = Cookie.fresh()
    body = guard_session(GUARD, cookie, PEPPER, LEA, EXPIRES)
    with pytest.raises(WrongKey):
        open_session(GUARD, cookie, bytes(32), body, opening_of(LEA), EXPIRES)


def test_a_moved_or_prolonged_session_is_damaged() -> None:
    cookie = Cookie.fresh()
    body = guard_session(GUARD, cookie, PEPPER, LEA, EXPIRES)
    newer = replace(opening_of(LEA), generation=2)
    for other, opening, expires in (
        (Cookie.fresh(), opening_of(LEA), EXPIRES),
        (cookie, opening_of(KARIM), EXPIRES),
        (cookie, newer, EXPIRES),
        (cookie, opening_of(LEA), EXPIRES + 1),
    ):
        with pytest.raises(Damaged):
            open_session(GUARD, other, PEPPER, body, opening, expires)


def test_the_draft_key_is_the_same_at_each_sign_in() -> None:
    assert LEA.draft_key() == replace(LEA).draft_key()
    assert LEA.draft_key() not in {KARIM.draft_key(), LEA.private_key}


def test_nothing_secret_is_in_a_repr() -> None:
    cookie, keyhole = Cookie.fresh(), keyhole_of(LEA)
    shown = repr([LEA, cookie, keyhole, stretch(PASSWORD, keyhole.salt, EXAMPLE_PROFILE)])
    assert not any(repr(secret) in shown for secret in (LEA.private_key, cookie.secret, keyhole.salt, keyhole.wrapped))
