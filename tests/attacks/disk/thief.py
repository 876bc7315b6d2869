"""Somebody with a copy of the files, who knows this program by heart and tries every key at hand on every value.

They begin with ``loot`` (keys), cookies, passwords and codes. Whatever opens is searched for more keys, until nothing new opens.
"""

import json
import shutil
import sqlite3
from base64 import b32decode, b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from storage.crypto.epochs import EpochSecret, Roster
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import Cookie, Stretched, stretch
from storage.crypto.keyring import Keyring, load
from storage.crypto.primitives import KEY_BYTES, canonical, decrypt_named, keyed_hash, shared_key
from storage.crypto.sealing import Place
from storage.errors import CannotOpen
from storage.ids import AccountId, MessageId, ThreadId
from tests.storage.engine import wal


@dataclass(frozen=True)
class Lock:
    """A value that opens with a key and its place; ``ends`` are the public keys of a grant's giver and receiver."""

    what: str
    value: bytes
    place: bytes
    ends: tuple[bytes, ...] = ()


@dataclass
class Thief:
    """What was stolen and what it gave. ``opened`` has plaintexts by kind: message, grant, keyhole, note, replies, guarded."""

    data: Path
    keyring: Keyring | None = None
    peppers: list[bytes] = field(default_factory=list)
    loot: set[bytes] = field(default_factory=set)
    cookies: list[bytes] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    opened: dict[str, set[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Restore each state of the database that the log's frames contain; the thief examines all of them."""
        self.states = wal.states(self.data / "ailo.sqlite", self.data / "states")
        self._state = self.states[-1]

    def try_everything(self) -> "Thief":
        """Open everything that can be opened."""
        locks: set[Lock] = set()
        keys: set[bytes] = set()
        for state in self.states:
            self._state = state
            try:
                locks |= set(self._locks())
                keys |= set(self._keys_at_hand())
            except sqlite3.DatabaseError:  # frames of different times that do not fit together
                assert state != self.states[-1]
        tried: set[bytes] = set()
        while fresh := keys - tried:
            tried |= fresh
            found = {(lock, plain) for lock in locks for plain in _opened(lock, fresh)}
            for lock, plain in found:
                self.opened.setdefault(lock.what, set()).add(plain)
                keys |= set(_keys_in(plain))
        return self

    @property
    def messages(self) -> set[str]:
        """The texts of the messages that were opened."""
        return {plain.rstrip(b"\0")[:-1].decode() for plain in self.opened.get("message", set())}

    # What there is to open

    def _locks(self) -> Iterator[Lock]:
        rosters = {(row["thread"], row["number"]): row["roster"] for row in self.rows("epochs")}
        for row in self.rows("messages"):
            place = Place(
                ThreadId(_id(row["thread"])), row["epoch"], MessageId(_id(row["id"])), AccountId(_id(row["author"])), row["kind"]
            )
            yield Lock("message", row["body"], place.encoded())
        for row in self.rows("grants"):
            roster, receiver = Roster.decoded(rosters[row["thread"], row["epoch"]]), AccountId(_id(row["account"]))
            bound_to = canonical(b"ailo.grant.1", roster.hash(), receiver, roster.number)
            seat = roster.seat_of(receiver)
            yield Lock("grant", row["body"], bound_to, (row["giver_key"], seat.public_key if seat else roster.officer))
        for row in self.rows("notes"):
            where = canonical(b"ailo.note.1", _id(row["account"]), _id(row["thread"]), row["generation"])
            yield Lock("note", row["body"], where)
        for row in self.rows("canned_replies"):
            where = canonical(b"ailo.replies.1", _id(row["account"]), row["generation"], row["version"])
            yield Lock("replies", row["body"], where)
        yield from self._keyholes()
        for value, parts in self._guarded():
            yield Lock("guarded", value, canonical(b"ailo.guarded.1", *parts))

    def _keyholes(self) -> Iterator[Lock]:
        """What the keyholes wrap, once they are unguarded."""
        owners = {row["id"]: row for row in self.rows("accounts")}
        for value, place in self._guarded():
            if place[0] not in {"keyholes", "sessions"} or place[1] != "body":
                continue
            owner = owners[place[2].bytes if place[0] == "keyholes" else place[3].bytes]  # type: ignore[union-attr]
            inner = self._unguarded(value, place)
            kind = str(place[3]) if place[0] == "keyholes" else "session"
            at = 1 + 16 + 32 if kind == "password" else 0
            where = canonical(b"ailo.keyhole.1", kind, _id(owner["id"]), owner["generation"], owner["public_key"])
            if inner:
                yield Lock("keyhole", inner[at:], where)

    def _guarded(self) -> Iterator[tuple[bytes, tuple[str | bytes | int | UUID, ...]]]:
        for row in self.rows("accounts"):
            for column in ("email", "first_name", "last_name"):
                yield row[column], ("accounts", column, _id(row["id"]))
        for row in self.rows("keyholes"):
            place = ("keyholes", "body", _id(row["account"]), row["kind"], row["profile"], row["generation"])
            yield row["body"], place
        for row in self.rows("sessions"):
            yield row["body"], ("sessions", "body", row["id"], _id(row["account"]), row["generation"], row["expires_at"])
            if row["about"]:
                yield row["about"], ("sessions", "about", row["id"], _id(row["account"]), row["began_at"])
        for table in ("preferences", "practices"):
            for row in self.rows(table):
                yield row["body"], (table, "body", _id(row["account"]))
        yield from self._guarded_of_letters()
        for row in self.rows("house"):
            yield row["body"], ("house", "body", row["name"])

    def _guarded_of_letters(self) -> Iterator[tuple[bytes, tuple[str | bytes | int | UUID, ...]]]:
        for row in self.rows("letters"):
            yield row["facts"], ("letters", "facts", _id(row["id"]))
        for row in self.rows("unsubscribe_tokens"):
            yield row["token"], ("unsubscribe_tokens", "token", _id(row["account"]), row["list_name"])

    def rows(self, table: str) -> list[sqlite3.Row]:
        """The rows of a table on the stolen disk, in the state being examined."""
        connection = sqlite3.connect(self._state)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(f"select * from {table}").fetchall()
        finally:
            connection.close()

    # Which keys are at hand

    def _keys_at_hand(self) -> Iterator[bytes]:
        """Every candidate for a key that the copy shows or yields, and everything that the program would derive from it."""
        yield from self.loot
        yield from self.peppers
        yield from self._shown()
        if self.keyring:
            yield self.keyring.index_key
            for key in self.keyring.by_id.values():
                yield from (key.guarding, key.authentication, key.linking)
        for secret in self.cookies:
            yield from (secret, Cookie(secret).session, *(Cookie(secret).wrapping(pepper) for pepper in [b"", *self.peppers]))
        yield from (keyed_hash(b32decode(code.replace("-", "") + "======"), b"ailo.code-wrap.1") for code in self.codes)
        yield from self._stretched()

    def _shown(self) -> Iterator[bytes]:
        """Values on the disk as they are, and every 32-byte stretch of what the root key opens."""
        for table in ("accounts", "sessions", "epochs", "grants", "threads", "keyholes", "messages", "house"):
            for row in self.rows(table):
                yield from (value[-KEY_BYTES:] for value in tuple(row) if isinstance(value, bytes) and len(value) >= KEY_BYTES)
        for row in self.rows("epochs"):
            roster = Roster.decoded(row["roster"])
            yield from (roster.public_key, roster.giver_key, roster.hash(), *(seat.public_key for seat in roster.seats))
        for value, place in self._guarded():
            yield from _keys_in(self._unguarded(value, place))

    def _unguarded(self, value: bytes, place: tuple[str | bytes | int | UUID, ...]) -> bytes:
        try:
            return Guard(self.keyring).unguard(value, *place) if self.keyring else b""
        except CannotOpen:
            return b""

    def _stretched(self) -> Iterator[bytes]:
        """What stretching yields for each password at each keyhole that can be unguarded."""
        for value, place in self._guarded():
            if "password" in place and (body := self._unguarded(value, place)):
                for password in self.passwords:
                    guess = _guess(password, body[1:17], int(str(place[4])))
                    yield from (guess.verifier, guess.wrapping)


def steal(data: Path, keys: Path | None, to: Path) -> Thief:
    """Copy every file of a data directory, in use or not, as it is on the disk at this instant.

    With ``keys``, take the keyring and the peppers beside it, too.
    """
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("lock", "*.sock"))
    if keys is None:
        return Thief(to)
    peppers = keys.parent / "sessions.json"
    found = json.loads(peppers.read_bytes()).values() if peppers.exists() else []
    return Thief(to, load(keys), [b64decode(raw) for _, raw in found])


def _opened(lock: Lock, keys: Iterable[bytes]) -> Iterator[bytes]:
    """The plaintexts that any of these keys gets from a lock: as the key itself, as a private key, or as an epoch's secret."""
    for key in keys:
        candidates = [key, EpochSecret(key).message_key().key] if lock.what == "message" else [key]
        if lock.what == "note":
            candidates.append(keyed_hash(key, b"ailo.notes.1"))
        if lock.what == "replies":
            candidates.append(keyed_hash(key, b"ailo.replies.1"))
        if lock.ends:
            candidates = [_shared(key, end) for end in lock.ends]
        for candidate in candidates:
            try:
                yield decrypt_named(candidate, lock.value, lock.place)
            except CannotOpen:
                continue


@lru_cache(1000)
def _guess(password: str, salt: bytes, profile: int) -> Stretched:
    return stretch(password, salt, profile)


@lru_cache(100_000)
def _shared(private_key: bytes, giver: bytes) -> bytes:
    try:
        return shared_key(private_key, giver)
    except CannotOpen:
        return bytes(KEY_BYTES)


def _keys_in(value: bytes) -> Iterator[bytes]:
    """Every 32-byte stretch of a value."""
    for at in range(len(value) - KEY_BYTES + 1):
        yield value[at : at + KEY_BYTES]


def _id(raw: bytes) -> UUID:
    return UUID(bytes=raw)
