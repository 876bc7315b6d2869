"""One frozen value of each kind: a second implementation reproduces it, and Ailo opens it or produces the same."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from chat.operations import officer_sheet
from storage import installation
from storage.accounts import accounts, preferences, sessions
from storage.accounts.preferences import Letters, Preferences
from storage.accounts.sessions import About, Known, Session
from storage.conversations import messages, relink_progress, rosters, threads
from storage.crypto import epochs, keyholes, keyring, keyring_copy, primitives, sealing
from storage.crypto.epochs import EpochSecret, Roster
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import AccountKey, Cookie, Opening
from storage.crypto.keyring import Keyring, RootKey
from storage.crypto.sealing import Fact, Place
from storage.errors import CannotOpen
from storage.ids import AccountId, MessageId, ThreadId
from storage.mail import letters, unsubscribing
from storage.programmes import enrolments, programmes
from storage.programmes.enrolments import Enrolment, State
from storage.programmes.plans import Audience, Lesson, Plan
from storage.programmes.schedule import Point
from storage.rekeying import officer
from storage.staff import canned_replies, notes, practices
from storage.staff.practices import Practice
from tests.storage.crypto import second
from tests.storage.crypto.second import AT, EXPIRES_AT, PASSWORD, ROOT, TEXT

VECTORS = {name: bytes.fromhex(value) for name, value in json.loads(second.FILE.read_text()).items()}

THREAD, MESSAGE = ThreadId(second.THREAD), MessageId(second.MESSAGE)
LEA_ID, CLAIRE_ID, THE_SERVICE = (AccountId(id_) for id_ in (second.LEA_ID, second.CLAIRE_ID, second.THE_SERVICE))
KEY = RootKey.derived_from(ROOT)
GUARD = Guard(Keyring(KEY, {KEY.id: KEY}, second.INDEX))
LEA, CLAIRE, OFFICER = (second.public_key(key) for key in (second.LEA, second.CLAIRE, second.OFFICER))
LEA_KEY = AccountKey(LEA_ID, 1, second.LEA, LEA)
OPENING = Opening(LEA_ID, 1, LEA)
EPOCH = EpochSecret(second.SECRET)
PLACE = Place(THREAD, 2, MESSAGE, LEA_ID, "text")
LESSON = Place(THREAD, 2, MESSAGE, THE_SERVICE, "lesson")
ACCOUNT = {"id": LEA_ID.bytes, "role": "member", "status": "active", "generation": 1, "public_key": LEA}
SESSION = Session(VECTORS["session id"], LEA_ID, 1, b"", b"", AT, EXPIRES_AT)
REPLIES = {"account": LEA_ID.bytes, "generation": 1, "version": 3}
DEVICE = VECTORS["known device of a generation"][:16]
NOTE = {"account": LEA_ID.bytes, "thread": THREAD.bytes, "generation": 1}

SOUFFLER = ("souffler", 1)
POINT = Point(date(2026, 11, 23), 3, datetime.fromisoformat("2026-11-23T09:00"))
ENROLMENT = Enrolment(LEA_ID, "souffler", 1, AT, POINT, 1, State.FOLLOWING, "respirer", AT)


def roster() -> Roster:
    return Roster.decoded(VECTORS["roster"])


def fact() -> Fact:
    return Fact(1, AT, MESSAGE, LEA_ID, "text", 2, VECTORS["message"])


def proven(name: str, *parts: primitives.Part) -> bool:
    GUARD.check(VECTORS[name], *parts)
    return GUARD.authenticate(*parts) == VECTORS[name]


def password() -> AccountKey:
    keyhole = keyholes.unguard_password(GUARD, VECTORS["password keyhole"], LEA_ID, 0, 1)
    stretched = keyholes.stretch(PASSWORD, keyhole.salt, 0)
    assert keyhole.by_owner
    assert keyholes.fits(keyhole, stretched)
    return keyholes.open_password(keyhole, stretched, OPENING)


def stretched() -> bytes:
    found = keyholes.stretch(PASSWORD, second.SALT, 0)
    return found.verifier + found.wrapping


def thread() -> bool:
    row = {"id": THREAD.bytes, "epoch": 2, "last_seq": 1, "last_link": VECTORS["link"]}
    return proven("proof of a thread", *threads._proven(row))


def seam() -> bool:
    row = {"thread": THREAD.bytes, "seq": 1, "old_link": second.fixed("old link", 41), "new_link": VECTORS["link"]}
    return proven("proof of a seam", *relink_progress._proven(row))


def of_the_service() -> str:
    row = {"thread": THREAD.bytes, "epoch": 2, "id": MESSAGE.bytes, "author": THE_SERVICE.bytes, "kind": "lesson"}
    sealed = GUARD.unguard(VECTORS["message of the service"], *messages.GUARDED_BODY.parts(row))
    return sealing.unseal_from_service(EPOCH.private_key, sealed, LESSON)


def seats() -> list[AccountId]:
    found = roster()
    assert found.encoded() == VECTORS["roster"]
    assert [seat.public_key for seat in found.seats] == [LEA, CLAIRE]
    return list(found.accounts())


def from_text(name: str) -> str:
    return VECTORS[name].decode()


# What Ailo makes of each vector, and the expected result.
OPENED: dict[str, tuple[Callable[[], object], object]] = {
    "canonical": (lambda: primitives.canonical(b"ailo.vector.1", b"\0\xff", "été", 7, LEA_ID), VECTORS["canonical"]),
    "keyed hash": (lambda: primitives.keyed_hash(ROOT, b"ailo.vector.1", b"message"), VECTORS["keyed hash"]),
    "keyed hash of more than a block": (
        lambda: primitives.keyed_hash(ROOT, b"ailo.vector.1", bytes(range(256)) * 2),
        VECTORS["keyed hash of more than a block"],
    ),
    "key id": (lambda: primitives.key_id(ROOT), VECTORS["key id"]),
    "encrypted": (lambda: primitives.decrypt(ROOT, VECTORS["encrypted"], b"place"), b"plain"),
    "shared key": (lambda: primitives.shared_key(second.CLAIRE, LEA), VECTORS["shared key"]),
    "padded": (lambda: sealing.padded(b"x" * 255) + sealing.padded(b"x" * 256), VECTORS["padded"]),
    "root key for guarding": (lambda: KEY.guarding, VECTORS["root key for guarding"]),
    "root key for proofs": (lambda: KEY.authentication, VECTORS["root key for proofs"]),
    "root key for links": (lambda: KEY.linking, VECTORS["root key for links"]),
    "guarded value": (
        lambda: GUARD.unguard(VECTORS["guarded value"], *accounts._place("email", LEA_ID)),
        "léa@ailo.test".encode(),
    ),
    "guarded facts of a letter": (
        lambda: GUARD.unguard(VECTORS["guarded facts of a letter"], *letters._place(second.LETTER)),
        b'{"thread": "x"}',
    ),
    "guarded fact of the house": (
        lambda: GUARD.unguard(VECTORS["guarded fact of the house"], *installation._place("officer")),
        OFFICER,
    ),
    "guarded practice": (
        lambda: practices._decoded(GUARD.unguard(VECTORS["guarded practice"], *practices._place(LEA_ID))),
        Practice(48, 1_795_424_400_000, "En congé."),
    ),
    "guarded preferences": (
        lambda: preferences._decoded(GUARD.unguard(VECTORS["guarded preferences"], *preferences._place(LEA_ID))),
        Preferences(enter_sends=True, single_keys=False, letters=Letters(quiet_from=21 * 60, quiet_to=7 * 60)),
    ),
    "guarded token to unsubscribe": (
        lambda: GUARD.unguard(VECTORS["guarded token to unsubscribe"], *unsubscribing._place(LEA_ID, "offers")),
        second.fixed("token", 24),
    ),
    "lookup of a token": (lambda: unsubscribing._lookup(second.fixed("token", 24)), VECTORS["lookup of a token"]),
    "address index": (lambda: GUARD.address_index(second.ADDRESS), VECTORS["address index"]),
    "known device": (
        lambda: GUARD.check(VECTORS["known device"][16:], "device", LEA_ID, VECTORS["known device"][:16]),
        None,
    ),
    "known device of a generation": (
        lambda: GUARD.check(VECTORS["known device of a generation"][24:], "device", LEA_ID, 1, DEVICE, AT),
        None,
    ),
    "public key": (lambda: primitives.public_key_of(second.LEA), VECTORS["public key"]),
    "proof of an account": (lambda: proven("proof of an account", *accounts._proven(ACCOUNT)), True),
    "draft key": (LEA_KEY.draft_key, VECTORS["draft key"]),
    "replies": (lambda: canned_replies._opened(LEA_KEY, {**REPLIES, "body": VECTORS["replies"]}), TEXT),
    "note": (lambda: notes._opened(LEA_KEY, {**NOTE, "body": VECTORS["note"]}), TEXT),
    "stretched password": (stretched, VECTORS["stretched password"]),
    "password keyhole": (password, LEA_KEY),
    "recovery code": (lambda: keyholes._code_bytes(from_text("recovery code").lower()), second.CODE),
    "recovery keyhole": (
        lambda: keyholes.open_code(GUARD, VECTORS["recovery keyhole"], from_text("recovery code"), OPENING),
        LEA_KEY,
    ),
    "pepper id": (lambda: primitives.key_id(second.PEPPER), VECTORS["pepper id"]),
    "session id": (lambda: Cookie(second.COOKIE).session, VECTORS["session id"]),
    "session handle": (lambda: Known(VECTORS["session id"], 0, 0, "").handle.bytes, VECTORS["session handle"]),
    "guarded facts of a session": (
        lambda: sessions._about(GUARD, replace(SESSION, about=VECTORS["guarded facts of a session"])),
        About("Firefox, Linux", AT - AT % 86_400_000),
    ),
    "session keyhole": (
        lambda: keyholes.open_session(
            GUARD, Cookie(second.COOKIE), second.PEPPER, VECTORS["session keyhole"], OPENING, EXPIRES_AT
        ),
        LEA_KEY,
    ),
    "epoch private key": (lambda: EPOCH.private_key, VECTORS["epoch private key"]),
    "epoch public key": (lambda: EPOCH.public_key, VECTORS["epoch public key"]),
    "message key": (lambda: EPOCH.message_key().key, VECTORS["message key"]),
    "roster": (seats, [LEA_ID, CLAIRE_ID]),
    "roster hash": (lambda: roster().hash(), VECTORS["roster hash"]),
    "proof of a roster": (
        lambda: proven("proof of a roster", *rosters._proven({"roster": VECTORS["roster"]})),
        True,
    ),
    "grant": (lambda: epochs.open_grant(VECTORS["grant"], second.CLAIRE, LEA, CLAIRE_ID, roster()), EPOCH),
    "grant to the officer": (
        lambda: epochs.open_grant(VECTORS["grant to the officer"], second.OFFICER, LEA, epochs.THE_OFFICER, roster()),
        EPOCH,
    ),
    "proof of a thread": (thread, True),
    "message": (lambda: sealing.unseal(EPOCH.message_key(), VECTORS["message"], PLACE), TEXT),
    "first link": (lambda: sealing.first_link(THREAD), VECTORS["first link"]),
    "link": (lambda: sealing.link(KEY.id, KEY.linking, VECTORS["first link"], fact()), VECTORS["link"]),
    "proof of a seam": (seam, True),
    "message of the service, sealed": (
        lambda: sealing.unseal_from_service(EPOCH.private_key, VECTORS["message of the service, sealed"], LESSON),
        TEXT,
    ),
    "message of the service": (of_the_service, TEXT),
    "sealed keyring": (
        lambda: keyring_copy.unseal(VECTORS["sealed keyring"], second.OFFICER),
        second.KEYRING_FILE,
    ),
    "check of the officer's key": (
        lambda: officer_sheet._check_of(second.OFFICER),
        from_text("check of the officer's key")[: officer_sheet.CHECK_CHARACTERS],
    ),
    "fingerprint of the officer's key": (
        lambda: officer_sheet.fingerprint(OFFICER).replace("-", "").replace(" ", "").lower(),
        VECTORS["fingerprint of the officer's key"].hex(),
    ),
    "guarded plan of a programme": (
        lambda: programmes._decoded(
            GUARD.unguard(VECTORS["guarded plan of a programme"], *programmes._place_of_plan(*SOUFFLER)), Plan
        ),
        Plan(
            {"fr": "Souffler"},
            {},
            Audience.EVERYBODY,
            (Lesson("respirer", 1, 540, {"fr": "Respirer"}, 0, None, Audience.OTHERS),),
        ),
    ),
    "guarded lesson": (
        lambda: GUARD.unguard(VECTORS["guarded lesson"], *programmes._place_of_text(*SOUFFLER, "respirer")),
        second.LESSON_TEXT,
    ),
    "proof of a programme": (
        lambda: proven(
            "proof of a programme", *programmes._proven({"name": "souffler", "newest": 2, "published": 1, "paused_at": 0})
        ),
        True,
    ),
    "proof of an enrolment": (
        lambda: proven("proof of an enrolment", *enrolments._proven(enrolments._values(GUARD, ENROLMENT))),
        True,
    ),
    "name of a request": (lambda: officer.request_hash(b'{"account":null}'), VECTORS["name of a request"]),
}


def test_the_second_implementation_makes_every_vector_again() -> None:
    made = second.vectors()
    assert {name: made.get(name) for name in VECTORS} == {name: value.hex() for name, value in VECTORS.items()}


def test_every_kind_has_its_vector_and_every_vector_its_test() -> None:
    assert set(second.vectors()) == set(VECTORS) == set(OPENED)


@pytest.mark.parametrize("name", VECTORS)
def test_ailo_opens_it_or_makes_the_same(name: str) -> None:
    make, expected = OPENED[name]
    assert make() == expected


def test_the_link_that_was_made_is_accepted() -> None:
    assert sealing.is_linked({KEY.id: KEY.linking}, VECTORS["first link"], fact(), VECTORS["link"])


def test_the_keyrings_file_gives_the_same_keys() -> None:
    index_key = b64encode(second.INDEX).decode()
    content = {"format": "ailo root keyring 1", "example": False, "index_key": index_key, "keys": [second.keyring_entry()]}
    newest = keyring.parse(json.dumps(content).encode(), Path("root.json")).newest
    assert (newest.id, newest.guarding, newest.linking) == (KEY.id, KEY.guarding, KEY.linking)


def test_a_vector_under_another_key_is_refused() -> None:
    with pytest.raises(CannotOpen):
        primitives.decrypt(second.INDEX, VECTORS["encrypted"], b"place")
