"""Guarded values: what the service must be able to use by itself, encrypted and authenticated with the root key.

Whoever has the root keyring can open these; for what only participants may read, see ``sealing``.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import idna

from storage.crypto.keyring import Keyring, RootKey
from storage.crypto.primitives import VERSION, Part, canonical, decrypt_named, encrypt_named, equal, key_name_of, keyed_hash
from storage.engine.database import Row
from storage.errors import Damaged, WrongKey

MAC_BYTES = 32
SIGNATURE_BYTES = 14
LONGEST_DOMAIN = 253


@dataclass(frozen=True)
class Guarded:
    """A column that a root key protects: a guarded value, or (``is_proof``) what authenticates the row.

    ``parts`` derives from the row its place, or what it proves: they are needed to bring the value to another root key
    (``reguarding``). ``key`` is the table's primary key.
    """

    table: str
    key: tuple[str, ...]
    column: str
    parts: Callable[[Row], tuple[Part, ...]]
    is_proof: bool = False


@dataclass(repr=False, eq=False)
class Guard:
    """Guards, authenticates and looks up by the root keyring. One Guard is shared by all; ``turn_to`` reaches them all."""

    keyring: Keyring

    def guard(self, plaintext: bytes, *place: Part) -> bytes:
        """Encrypt for one place, as version · key id · nonce · ciphertext. ``place`` is table, column, row…"""
        newest = self.keyring.newest
        return encrypt_named(newest.guarding, newest.id, plaintext, canonical(b"ailo.guarded.1", *place))

    def unguard(self, value: bytes, *place: Part) -> bytes:
        """Open a guarded value. Raises WrongKey when the keyring lacks its key, Damaged when it does not belong to this place."""
        key = self._key(key_name_of(value))
        return decrypt_named(key.guarding, value, canonical(b"ailo.guarded.1", *place))

    def authenticate(self, *parts: Part) -> bytes:
        """A proof that the service itself wrote these parts: version · key id · 32 bytes."""
        newest = self.keyring.newest
        return VERSION + newest.id + keyed_hash(newest.authentication, b"ailo.proof.1", canonical(b"ailo.proof.1", *parts))

    def check(self, proof: bytes, *parts: Part) -> None:
        """Raise Damaged unless ``authenticate`` made ``proof`` for exactly these parts, WrongKey when its key is not ours."""
        if not isinstance(proof, bytes) or len(proof) != 1 + 8 + MAC_BYTES or proof[:1] != VERSION:
            raise Damaged("a proof is truncated or of an unknown version")
        key = self._key(proof[1:9])
        expected = keyed_hash(key.authentication, b"ailo.proof.1", canonical(b"ailo.proof.1", *parts))
        if not equal(proof[9:], expected):
            raise Damaged("a row does not match its proof")

    def sign(self, *parts: Part) -> bytes:
        """A short proof (14 bytes) that the service wrote these parts, for where every byte counts, as in an e-mail address.

        It names no key: whatever is signed must be good only for as long as its root key is in the keyring.
        """
        return _signature(self.keyring.newest, parts)

    def is_signed(self, signature: bytes, *parts: Part) -> bool:
        """Whether ``sign`` made this for exactly these parts, under any key of the keyring."""
        return any(equal(signature, _signature(key, parts)) for key in self.keyring.by_id.values())

    def address_index(self, address: str) -> bytes:
        """The blind index (32 bytes) by which an address is found. Equal for equal normalised addresses."""
        return keyed_hash(self.keyring.index_key, b"ailo.address.1", normalised_address(address).encode())

    def turn_to(self, keyring: Keyring) -> None:
        """Use another keyring from now on. Each value is made with the keyring that was current when it was begun."""
        self.keyring = keyring

    def renewed(self, column: Guarded, row: Row) -> bytes | None:
        """The value of a row's column under the newest key; None when it is under that already. Raises CannotOpen."""
        value, parts = row[column.column], column.parts(row)
        if not isinstance(value, bytes):
            raise Damaged("a value is of the wrong type")
        if value[1:9] == self.keyring.newest.id:
            return None
        if column.is_proof:
            self.check(value, *parts)
            return self.authenticate(*parts)
        return self.guard(self.unguard(value, *parts), *parts)

    def _key(self, name: bytes) -> RootKey:
        try:
            return self.keyring.by_id[name]
        except KeyError:
            raise WrongKey("the keyring lacks the key of this value") from None


def _signature(key: RootKey, parts: tuple[Part, ...]) -> bytes:
    return keyed_hash(key.authentication, b"ailo.sign.1", canonical(b"ailo.sign.1", *parts), size=SIGNATURE_BYTES)


def normalised_address(address: str) -> str:
    """An e-mail address in the form used for comparison, never for sending: one form for all spellings of one mailbox.

    Trimmed, NFC, lower case; the domain in ASCII (IDNA 2008, RFC 5891; mapped by UTS 46, non-transitional). Two mailboxes
    never share a form: what case-folding would join (ß and ss) stays separate.
    """
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{_lower(local)}{at}{_domain_in_ascii(domain)}"


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())


def _domain_in_ascii(domain: str) -> str:
    """The domain in ASCII. What is not a valid domain is compared as it stands: no account has it."""
    if domain.isascii() or len(domain) > LONGEST_DOMAIN:
        return _lower(domain)
    try:
        return idna.encode(domain, uts46=True, transitional=False).decode().lower()
    except UnicodeError:  # IDNAError is one
        return _lower(domain)
