"""The recovery officer's work, on an offline machine: the answer to a request file. No database, no root key.

The officer holds a grant of every epoch. Before giving anything, the officer verifies each thread's chain of rosters as a
participant would: the server that the request comes from may be in the wrong hands.
"""

from collections import Counter
from dataclasses import replace
from typing import Literal

import msgspec
from msgspec import structs

from storage.conversations.roster_chain import check
from storage.crypto.epochs import THE_OFFICER, EpochSecret, Roster, Seat, grant, grants_of, open_grant
from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import KEY_BYTES, keyed_hash, public_key_of, shared_key
from storage.errors import CannotOpen, Damaged, Refused
from storage.ids import AccountId


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


class Named(msgspec.Struct, frozen=True):
    """A participant in the conversations, as the server names them."""

    account: AccountId
    first_name: str
    role: str


class Request(msgspec.Struct, frozen=True):
    """A request file. Asks for an account (shown by address, name and ``people``, to be recognised) to get another key; or,
    without an ``account``, for another officer to replace the present one. ``asker`` is a public key made for this request:
    the answer is authenticated to it."""

    account: AccountId | None
    address: str
    first_name: str
    generation: int
    public_key: bytes
    threads: list[ThreadAsked]
    began_at: int
    people: list[Named]
    asker: bytes
    format: Literal["ailo recovery request 2"] = "ailo recovery request 2"


class ThreadAnswered(msgspec.Struct, frozen=True):
    """A thread's next epoch, and grants of the earlier ones to the key that regains what it could read."""

    roster: bytes
    grants: dict[str, bytes]
    history: dict[str, bytes]


class Answer(msgspec.Struct, frozen=True):
    """An answer file; ``request`` is the hash of the request it answers, ``officer`` the officer's public key from now on.

    ``proof`` authenticates all the rest, from the present officer's key pair to the request's ``asker``.
    """

    request: bytes
    officer: bytes
    threads: list[ThreadAnswered]
    proof: bytes = b""
    format: Literal["ailo recovery answer 2"] = "ailo recovery answer 2"


def request_hash(raw: bytes) -> bytes:
    """The hash by which an answer names its request."""
    return keyed_hash(b"", b"ailo.request.1", raw)


def read_request(raw: bytes) -> Request:
    """Read a request file. Raises Refused when it is not one."""
    try:
        request = msgspec.json.decode(raw, type=Request)
    except (msgspec.DecodeError, RecursionError):
        request = None
    if request is None or {len(request.asker), len(request.public_key or request.asker)} != {KEY_BYTES}:
        raise Refused(
            "This is not a recovery request, or not of this version: make one with `ailo recover request` on the server."
        )
    return request


def read_answer(raw: bytes) -> Answer:
    """Read an answer file. Raises Refused when it is not one."""
    try:
        return msgspec.json.decode(raw, type=Answer)
    except (msgspec.DecodeError, RecursionError):
        raise Refused(
            "This is not a recovery answer, or not of this version: make one with `ailo recover answer` on an offline machine."
        ) from None


def proven(answer: Answer, shared: bytes) -> Answer:
    """The answer with its proof, under the key that the officer's key pair shares with the asker's.

    Only a holder of one of the two private keys can make it: the officer, or the service that asked.
    """
    return structs.replace(answer, proof=keyed_hash(shared, b"ailo.answer.1", msgspec.json.encode(_bare(answer))))


def _bare(answer: Answer) -> Answer:
    return structs.replace(answer, proof=b"")


def seats(request: Request) -> Counter[AccountId]:
    """In how many of the request's conversations each account takes part. Raises Refused when they cannot be read."""
    try:
        latest = [Roster.decoded(asked.rosters[-1]) for asked in request.threads if asked.rosters]
    except CannotOpen as error:
        raise Refused(f"A conversation in this request cannot be read ({error}): the server was tampered with.") from None
    return Counter(account for roster in latest for account in roster.accounts())


def answer(raw: bytes, officer_private_key: bytes, successor_key: bytes | None = None) -> Answer:
    """Answer a request; for a new officer, ``successor_key`` is their public key. Raises Refused when it must not be answered."""
    request, own_key = read_request(raw), public_key_of(officer_private_key)
    if (request.account is None) != (successor_key is not None):
        raise Refused("The request and the command do not ask for the same thing.")
    threads = [_answered(request, asked, officer_private_key, successor_key or own_key) for asked in request.threads]
    bare = Answer(request_hash(raw), successor_key or own_key, threads)
    return proven(bare, shared_key(officer_private_key, request.asker))


def _answered(request: Request, asked: ThreadAsked, private_key: bytes, officer: bytes) -> ThreadAnswered:
    try:
        rosters, secrets = _checked(asked, private_key)
    except CannotOpen as error:
        raise Refused(f"A conversation in this request cannot be trusted ({error}): the server was tampered with.") from None
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


def _receiver(request: Request, roster: Roster) -> tuple[AccountId, bytes, int]:
    """The receiver of the earlier epochs, the key for which they are granted, and the first of those epochs."""
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
