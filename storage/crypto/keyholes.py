"""Account keys, and the keyholes through which their owner reaches them.

An account owns an X25519 key pair. Its private half is stored only wrapped, once per keyhole: under the password, under
the recovery code, under each session's cookie. A keyhole is also guarded, so that without the root keyring not even
guessing a password is possible. A keyhole opens an account only if the key inside yields the account's public key.
"""

import unicodedata
from base64 import b32decode, b32encode
from dataclasses import dataclass

from storage.crypto.guarding import Guard
from storage.crypto.primitives import (
    KEY_BYTES,
    Part,
    argon2id,
    canonical,
    decrypt,
    encrypt,
    equal,
    keyed_hash,
    public_key_of,
    random_bytes,
)
from storage.engine import rows
from storage.engine.database import Row
from storage.errors import Damaged
from storage.ids import AccountId

SALT_BYTES = 16
COOKIE_BYTES = 32


@dataclass(frozen=True)
class Cost:
    """The cost of one Argon2id computation: passes, and memory in bytes."""

    passes: int
    memory: int


# Numbered, because a row holds only the number: whoever can write to the database cannot make a password cheap to guess.
# 0 is for tests and the example only; 1 takes about 240 ms.
PROFILES = {0: Cost(passes=1, memory=1 << 20), 1: Cost(passes=3, memory=128 << 20)}
EXAMPLE_PROFILE = 0
PROFILE = 1


@dataclass(frozen=True, repr=False, slots=True)
class AccountKey:
    """An account's unlocked key pair, of one generation. Lives in memory, for one connection or one request."""

    account: AccountId
    generation: int
    private_key: bytes
    public_key: bytes

    @classmethod
    def fresh(cls, account: AccountId, generation: int = 1) -> "AccountKey":
        private_key = random_bytes(KEY_BYTES)
        return cls(account, generation, private_key, public_key_of(private_key))

    def draft_key(self) -> bytes:
        """The key (32 bytes) under which the owner's browser keeps drafts."""
        return keyed_hash(self.private_key, b"ailo.drafts.1")


@dataclass(frozen=True)
class Opening:
    """What a keyhole must open: the account, and its present key pair."""

    account: AccountId
    generation: int
    public_key: bytes


@dataclass(frozen=True, repr=False)
class Stretched:
    """The output of Argon2id for a password: one half proves the password, the other wraps the key."""

    verifier: bytes
    wrapping: bytes


@dataclass(frozen=True, repr=False)
class PasswordKeyhole:
    """A password keyhole as unguarded from its row: what is needed to check a password, and what it then opens.

    ``by_owner`` is false while the password is one set by an operator: somebody else knows it.
    """

    salt: bytes
    verifier_hash: bytes
    wrapped: bytes
    profile: int
    by_owner: bool = True


def stretch(password: str, salt: bytes, profile: int) -> Stretched:
    """Compute Argon2id of the NFC form of a password. Slow on purpose: run it in the bounded pool."""
    cost = PROFILES[profile]
    raw = argon2id(unicodedata.normalize("NFC", password).encode(), salt, passes=cost.passes, memory=cost.memory)
    return Stretched(raw[:32], raw[32:])


def decoy(profile: int) -> PasswordKeyhole:
    """A keyhole that no password opens, so that an unknown address costs as much as a known one."""
    return PasswordKeyhole(random_bytes(SALT_BYTES), random_bytes(32), b"", profile)


def guard_password(guard: Guard, key: AccountKey, password: str, profile: int, *, by_owner: bool = True) -> bytes:
    """Make the password keyhole of an account: the body of its row. Slow, as ``stretch``."""
    salt = random_bytes(SALT_BYTES)
    keyhole = PasswordKeyhole(salt, b"", b"", profile, by_owner)
    return guard_again(guard, key, keyhole, stretch(password, salt, profile))


def guard_again(guard: Guard, key: AccountKey, keyhole: PasswordKeyhole, stretched: Stretched) -> bytes:
    """Make a password keyhole for another key, from a password that was just verified: the same salt and profile."""
    wrapped = _wrap(stretched.wrapping, key, "password")
    body = bytes([keyhole.by_owner]) + keyhole.salt + _verifier_hash(stretched) + wrapped
    return guard.guard(body, *password_place(key.account, keyhole.profile, key.generation))


def unguard_password(guard: Guard, body: bytes, account: AccountId, profile: int, generation: int) -> PasswordKeyhole:
    """Read a password keyhole's row. Raises CannotOpen when it is not as the service wrote it."""
    if profile not in PROFILES:
        raise Damaged("a keyhole names an unknown profile")
    raw = guard.unguard(body, *password_place(account, profile, generation))
    salt, verifier_hash, wrapped = raw[1 : 1 + SALT_BYTES], raw[1 + SALT_BYTES : 33 + SALT_BYTES], raw[33 + SALT_BYTES :]
    return PasswordKeyhole(salt, verifier_hash, wrapped, profile, by_owner=bool(raw[0]))


def fits(keyhole: PasswordKeyhole, stretched: Stretched) -> bool:
    """Whether this is the keyhole's password."""
    return equal(keyhole.verifier_hash, _verifier_hash(stretched))


def open_password(keyhole: PasswordKeyhole, stretched: Stretched, opening: Opening) -> AccountKey:
    """Unwrap the account's key. Raises CannotOpen when the keyhole is not this account's."""
    return _unwrap(stretched.wrapping, keyhole.wrapped, "password", opening)


def password_place(account: AccountId, profile: int, generation: int) -> tuple[str, str, AccountId, str, int, int]:
    """The place for which a password keyhole is guarded."""
    return _keyhole_place(account, "password", profile, generation)


def _keyhole_place(account: AccountId, kind: str, profile: int, generation: int) -> tuple[str, str, AccountId, str, int, int]:
    return ("keyholes", "body", account, kind, profile, generation)


# The recovery code: 128 random bits, as 26 letters and digits that people can read out to each other. It needs no stretching.

CODE_BYTES = 16


def fresh_code() -> str:
    """A recovery code, in groups of four."""
    raw = b32encode(random_bytes(CODE_BYTES)).decode().rstrip("=")
    return "-".join(raw[at : at + 4] for at in range(0, len(raw), 4))


def _code_bytes(code: str) -> bytes:
    """The code as typed: case, spaces and hyphens do not matter; digits that base32 lacks count as the letters they resemble."""
    plain = "".join(code.split()).replace("-", "").upper().translate(str.maketrans("018", "OIB"))
    try:
        return b32decode(plain + "=" * (-len(plain) % 8))
    except ValueError:
        return b""


def guard_code(guard: Guard, key: AccountKey, code: str) -> bytes:
    """Make the recovery keyhole of an account: the body of its row."""
    raw = _code_bytes(code)
    wrapped = _wrap(keyed_hash(raw, b"ailo.code-wrap.1"), key, "recovery")
    return guard.guard(wrapped, *_keyhole_place(key.account, "recovery", 0, key.generation))


def open_code(guard: Guard, body: bytes, code: str, opening: Opening) -> AccountKey:
    """Obtain an account's key with its recovery code. Raises CannotOpen when it is not this code."""
    wrapped = guard.unguard(body, *_keyhole_place(opening.account, "recovery", 0, opening.generation))
    return _unwrap(keyed_hash(_code_bytes(code), b"ailo.code-wrap.1"), wrapped, "recovery", opening)


def _verifier_hash(stretched: Stretched) -> bytes:
    return keyed_hash(stretched.verifier, b"ailo.verifier.1")


@dataclass(frozen=True, repr=False)
class Cookie:
    """The 32 bytes of a session's cookie; two keyed hashes derive the row's id and the wrapping key from them."""

    secret: bytes

    @classmethod
    def fresh(cls) -> "Cookie":
        return cls(random_bytes(COOKIE_BYTES))

    @property
    def session(self) -> bytes:
        """The session's id, 32 bytes: whoever reads it from the database cannot derive the cookie from it."""
        return keyed_hash(self.secret, b"ailo.session.1")

    def wrapping(self, pepper: bytes) -> bytes:
        """The key of the session's keyhole. The pepper is not in any backup: the sessions in an old backup cannot be opened."""
        return keyed_hash(self.secret, b"ailo.keyhole.1", pepper)


def guard_session(guard: Guard, cookie: Cookie, pepper: bytes, key: AccountKey, expires_at: int) -> bytes:
    """Make a session's keyhole: the body of its row. ``expires_at`` in ms since 1970 is authenticated with it."""
    wrapped = _wrap(cookie.wrapping(pepper), key, "session")
    return guard.guard(wrapped, *_session_place(cookie.session, key.account, key.generation, expires_at))


def open_session(guard: Guard, cookie: Cookie, pepper: bytes, body: bytes, opening: Opening, expires_at: int) -> AccountKey:
    """Obtain an account's key through a session's row. Raises CannotOpen unless all of it is as the service wrote it."""
    wrapped = guard.unguard(body, *_session_place(cookie.session, opening.account, opening.generation, expires_at))
    return _unwrap(cookie.wrapping(pepper), wrapped, "session", opening)


def _session_place(
    session: bytes, account: AccountId, generation: int, expires_at: int
) -> tuple[str, str, bytes, AccountId, int, int]:
    return ("sessions", "body", session, account, generation, expires_at)


def password_parts(row: Row) -> tuple[Part, ...]:
    """The place of a password's or a recovery code's keyhole, from its row."""
    return _keyhole_place(rows.account_id(row, "account"), row["kind"], row["profile"], row["generation"])


def session_parts(row: Row) -> tuple[Part, ...]:
    """The place of a session's keyhole, from its row."""
    return _session_place(row["id"], rows.account_id(row, "account"), row["generation"], row["expires_at"])


def _wrap(wrapping: bytes, key: AccountKey, kind: str) -> bytes:
    place = canonical(b"ailo.keyhole.1", kind, key.account, key.generation, key.public_key)
    return encrypt(wrapping, key.private_key, place)


def _unwrap(wrapping: bytes, wrapped: bytes, kind: str, opening: Opening) -> AccountKey:
    account, generation, public_key = opening.account, opening.generation, opening.public_key
    private_key = decrypt(wrapping, wrapped, canonical(b"ailo.keyhole.1", kind, account, generation, public_key))
    if public_key_of(private_key) != public_key:
        raise Damaged("a keyhole does not open the account that it names")
    return AccountKey(account, generation, private_key, public_key)
