"""Epochs without a database: the encoding of rosters, the keys derived from a secret, and grants."""

from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.crypto.epochs import THE_OFFICER, THE_SERVICE, EpochSecret, Roster, Seat, ephemeral, grant, grants_of, open_grant
from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import public_key_of
from storage.errors import CannotOpen, Damaged
from storage.ids import AccountId, ThreadId

LEA, CLAIRE, OFFICER, GIVER = (AccountKey.fresh(AccountId(uuid4())) for _ in range(4))
SECRET = EpochSecret.fresh()
ROSTER = Roster(
    thread=ThreadId(UUID(int=9)),
    number=1,
    previous=b"",
    first_seq=1,
    began_at=1_795_424_400_000,
    public_key=SECRET.public_key,
    officer=OFFICER.public_key,
    giver=THE_SERVICE,
    giver_key=GIVER.public_key,
    seats=tuple(Seat(one.account, 1, one.public_key, 1, 1_795_424_400_000, THE_SERVICE) for one in (LEA, CLAIRE)),
)

numbers, keys = st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32)
seats = st.builds(Seat, st.uuids(), numbers, keys, numbers, numbers, st.uuids())
rosters = st.builds(
    Roster,
    st.uuids(),
    numbers,
    keys | st.just(b""),
    numbers,
    numbers,
    keys,
    keys | st.just(b""),
    st.uuids(),
    keys,
    st.lists(seats, max_size=4).map(tuple),
)


@given(rosters)
def test_a_roster_reads_back_as_written(roster: Roster) -> None:
    assert Roster.decoded(roster.encoded()) == roster


@given(rosters, rosters)
def test_two_rosters_have_two_hashes(one: Roster, other: Roster) -> None:
    assert (one.hash() == other.hash()) is (one == other)


@given(rosters, st.data())
def test_a_cut_roster_is_damaged_or_another(roster: Roster, data: st.DataObject) -> None:
    raw = roster.encoded()
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with suppress(Damaged):
        assert Roster.decoded(cut) != roster


@pytest.mark.parametrize("raw", [b"", b"\0", b"\xff\xff\xff\xff", b"\0\0\0\x02ab", bytes(4 * 10)])
def test_what_is_no_roster_is_damaged(raw: bytes) -> None:
    with pytest.raises(Damaged):
        Roster.decoded(raw)


def test_a_roster_of_an_unknown_version_is_damaged() -> None:
    with pytest.raises(Damaged):
        Roster.decoded(ROSTER.encoded().replace(b"ailo.roster.1", b"ailo.roster.9"))


def test_a_seat_is_found_by_its_account() -> None:
    assert ROSTER.seat_of(LEA.account) == ROSTER.seats[0]
    assert ROSTER.seat_of(AccountId(uuid4())) is None
    assert ROSTER.accounts() == (LEA.account, CLAIRE.account)


def test_the_service_and_the_officer_are_nobodys_ids() -> None:
    assert THE_SERVICE != THE_OFFICER
    assert ephemeral().account == THE_SERVICE


def test_keys_of_one_secret_differ_by_purpose() -> None:
    assert SECRET.public_key == public_key_of(SECRET.private_key)
    assert len({SECRET.secret, SECRET.private_key, SECRET.public_key, SECRET.message_key().key}) == 4


def granted(receiver: AccountKey = LEA, roster: Roster = ROSTER, secret: EpochSecret = SECRET) -> bytes:
    return grant(secret, GIVER.private_key, receiver.public_key, receiver.account, roster)


def opened(body: bytes, receiver: AccountKey = LEA, roster: Roster = ROSTER, giver: bytes = GIVER.public_key) -> bytes:
    return open_grant(body, receiver.private_key, giver, receiver.account, roster).secret


def test_a_grant_opens_for_its_receiver() -> None:
    assert opened(granted()) == SECRET.secret


def test_a_grant_opens_for_nobody_else() -> None:
    for other in (CLAIRE, replace(CLAIRE, account=LEA.account), replace(LEA, account=CLAIRE.account)):
        with pytest.raises(CannotOpen):
            opened(granted(), other)


@pytest.mark.parametrize("change", [{"number": 2}, {"first_seq": 2}, {"thread": UUID(int=8)}, {"seats": ROSTER.seats[:1]}])
def test_a_grant_is_bound_to_its_roster(change: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        opened(granted(), roster=replace(ROSTER, **change))


def test_a_grant_from_another_giver_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        opened(granted(), giver=CLAIRE.public_key)


def test_a_grant_of_another_secret_is_damaged() -> None:
    with pytest.raises(Damaged, match="secret of its epoch"):
        opened(granted(secret=EpochSecret.fresh()))


@given(st.data())
def test_a_grant_that_was_altered_or_cut_never_opens(data: st.DataObject) -> None:
    body = granted()
    at = data.draw(st.integers(0, len(body) - 1))
    altered = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    for spoilt in (altered, body[:at]):
        with pytest.raises(CannotOpen):
            opened(spoilt)


def test_everybody_and_the_officer_are_granted() -> None:
    bodies = grants_of(SECRET, ROSTER, GIVER.private_key)
    assert set(bodies) == {LEA.account, CLAIRE.account, THE_OFFICER}
    for receiver in (LEA, CLAIRE, replace(OFFICER, account=THE_OFFICER)):
        assert opened(bodies[receiver.account], receiver) == SECRET.secret


def test_without_an_officer_only_the_seats_are_granted() -> None:
    assert set(grants_of(SECRET, replace(ROSTER, officer=b""), GIVER.private_key)) == {LEA.account, CLAIRE.account}


def test_a_grant_may_be_for_some_alone() -> None:
    assert set(grants_of(SECRET, ROSTER, GIVER.private_key, [(LEA.account, LEA.public_key)])) == {LEA.account}


def test_nothing_secret_is_in_a_repr() -> None:
    assert repr(SECRET.secret) not in repr([SECRET, SECRET.message_key()])
