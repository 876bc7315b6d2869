"""The recovery officer's work, on a machine that is offline: the answer to a request file. No database, no root key.

The officer holds a grant of every epoch. Before giving anything, the officer checks each thread's chain of rosters as a
participant would: the request comes from a server that may be in the wrong hands.
"""

from dataclasses import replace
from typing import Literal
from uuid import UUID

import msgspec

from storage.chain import check
from storage.epochs import THE_OFFICER, EpochSecret, Roster, Seat, grant, grants_of, open_grant
from storage.errors import CannotOpen, Damaged, Refused
from storage.keyholes import AccountKey
from storage.primitives import keyed_hash, public_key_of


class OfficerGrant(msgspec.Struct, frozen=True):
    """The officer's grant of one epoch."""

    epoch: int
    giver_key: bytes
    body: bytes


class ThreadAsked(msgspec.Struct, frozen=True):
    """A thread: all its rosters, in canonical bytes, and the officer's grants."""

    rosters: list[bytes]
    grants: list[OfficerGrant]
    last_seq: int


class Request(msgspec.Struct, frozen=True):
    """A request file. Asks to give an account (shown by address and name, to be recognised) another key; or, with no
    ``account``, to put another officer in the place of the present one."""

    account: UUID | None
    address: str
    first_name: str
    generation: int
    public_key: bytes
    threads: list[ThreadAsked]
    began_at: int
    format: Literal["ailo recovery request 1"] = "ailo recovery request 1"


class ThreadAnswered(msgspec.Struct, frozen=True):
    """A thread's next epoch, and grants of those before to the key that is given back what it could read."""

    roster: bytes
    grants: dict[str, bytes]
    history: dict[str, bytes]


class Answer(msgspec.Struct, frozen=True):
    """An answer file; ``request`` is the hash of what it answers, ``officer`` the officer's public key from now on."""

    request: bytes
    officer: bytes
    threads: list[ThreadAnswered]
    format: Literal["ailo recovery answer 1"] = "ailo recovery answer 1"


def request_hash(raw: bytes) -> bytes:
    """By which an answer names its request."""
    return keyed_hash(b"", b"ailo.request.1", raw)


def read_request(raw: bytes) -> Request:
    """Read a request file. Raises Refused when it is none."""
    try:
        return msgspec.json.decode(raw, type=Request)
    except msgspec.DecodeError:
        raise Refused("This is not a recovery request: make one with `ailo recover request` on the server.") from None


def read_answer(raw: bytes) -> Answer:
    """Read an answer file. Raises Refused when it is none."""
    try:
        return msgspec.json.decode(raw, type=Answer)
    except msgspec.DecodeError:
        raise Refused("This is not a recovery answer: make one with `ailo recover answer` on an offline machine.") from None


def answer(raw: bytes, officer_private_key: bytes, successor_key: bytes | None = None) -> Answer:
    """Answer a request; for a new officer, ``successor_key`` is their public key. Raises Refused when it must not be."""
    request, own_key = read_request(raw), public_key_of(officer_private_key)
    if (request.account is None) != (successor_key is not None):
        raise Refused("The request and the command do not ask for the same thing.")
    threads = [_answered(request, asked, officer_private_key, successor_key or own_key) for asked in request.threads]
    return Answer(request_hash(raw), successor_key or own_key, threads)


def _answered(request: Request, asked: ThreadAsked, private_key: bytes, officer: bytes) -> ThreadAnswered:
    try:
        rosters, secrets = _checked(asked, private_key)
    except CannotOpen as error:
        raise Refused(f"A conversation in this request is not to be believed ({error}): the server was tampered with.") from None
    fresh, last = EpochSecret.fresh(), rosters[-1]
    roster = replace(
        last,
        number=last.number + 1,
        previous=last.hash(),
        first_seq=asked.last_seq + 1,
        began_at=request.began_at,
        public_key=fresh.public_key,
        officer=officer,
        giver=THE_OFFICER,
        giver_key=public_key_of(private_key),
        seats=tuple(_seat(request, seat) for seat in last.seats),
    )
    receiver, key, first = _receiver(request, roster)
    history = {
        str(number): grant(secret, private_key, key, receiver, rosters[number - 1])
        for number, secret in secrets.items()
        if number >= first
    }
    grants = {str(account): body for account, body in grants_of(fresh, roster, private_key).items()}
    return ThreadAnswered(roster.encoded(), grants, history)


def _seat(request: Request, seat: Seat) -> Seat:
    if seat.account != request.account:
        return seat
    return replace(seat, generation=request.generation, public_key=request.public_key)


def _receiver(request: Request, roster: Roster) -> tuple[UUID, bytes, int]:
    """Who is given the epochs before, under which key, and from which epoch on."""
    if request.account is None:
        return THE_OFFICER, roster.officer, 1
    seat = roster.seat_of(request.account)
    if seat is None:
        raise Refused("The request names a conversation in which the account takes no part.")
    return request.account, request.public_key, seat.first_epoch


def _checked(asked: ThreadAsked, private_key: bytes) -> tuple[list[Roster], dict[int, EpochSecret]]:
    rosters = [Roster.decoded(raw) for raw in asked.rosters]
    grants = {grant_.epoch: grant_ for grant_ in asked.grants}
    if not rosters or set(grants) != set(range(1, len(rosters) + 1)):
        raise Damaged("it lacks a roster or a grant")
    check(rosters, grants, AccountKey(THE_OFFICER, 0, private_key, public_key_of(private_key)))
    return rosters, {
        number: open_grant(grant_.body, private_key, grant_.giver_key, THE_OFFICER, rosters[number - 1])
        for number, grant_ in sorted(grants.items())
    }
