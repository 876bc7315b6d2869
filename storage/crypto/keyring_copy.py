"""The copy of the root keyring that only the recovery officer can open: `root.sealed`, kept with the data and its backups.

    version (1 byte, 0x01) · key id of the officer's public key (8) · ephemeral public key (32) · encrypted

``encrypted`` is version · key id · nonce · ciphertext of the keyring file's bytes, under the key that the ephemeral key pair
shares with the officer's, its associated data this purpose, the ephemeral and the officer's public key. The ephemeral
private key is stored nowhere: the service itself cannot open what it wrote.

Nothing proves who sealed it: whoever knows the officer's public key could plant another. A planted keyring does not open
the data, and the service then refuses to start with it; so the worst outcome is that the copy is lost.
"""

from pathlib import Path

from storage.crypto.epochs import ephemeral
from storage.crypto.keyring import parse, read
from storage.crypto.primitives import (
    KEY_BYTES,
    KEY_ID_BYTES,
    VERSION,
    canonical,
    decrypt,
    encrypt,
    key_id,
    public_key_of,
    shared_key,
)
from storage.errors import Damaged, WrongKey
from storage.files import make_folders, write_private
from storage.settings import StorageSettings

_PUBLIC_KEY_AT = 1 + KEY_ID_BYTES
_ENCRYPTED_AT = _PUBLIC_KEY_AT + KEY_BYTES


def write(settings: StorageSettings, officer: bytes, content: bytes | None = None) -> None:
    """Write the copy of the keyring's file, or of ``content``, replacing an older one. Without an officer, write none."""
    if officer:
        raw = read(settings.keys) if content is None else content
        write_private(settings.sealed_keyring, seal(raw, officer), replace=True)


def mend(settings: StorageSettings, officer: bytes) -> None:
    """Rewrite the copy when it is missing or sealed to another officer, as after a crash while the officer was being replaced."""
    try:
        is_ours = officer_of(settings.sealed_keyring.read_bytes()) == key_id(officer)
    except (FileNotFoundError, Damaged):
        is_ours = False
    if not is_ours:
        write(settings, officer)


def seal(content: bytes, officer: bytes) -> bytes:
    """Seal the bytes of a keyring's file to the officer's public key."""
    once = ephemeral()
    encrypted = encrypt(shared_key(once.private_key, officer), content, _place(once.public_key, officer))
    return VERSION + key_id(officer) + once.public_key + encrypted


def unseal(sealed: bytes, private_key: bytes) -> bytes:
    """Open the copy. Raises WrongKey when it is for another officer's key, Damaged when it is truncated or altered."""
    officer = public_key_of(private_key)
    if officer_of(sealed) != key_id(officer):
        raise WrongKey("the copy was sealed to another officer's key")
    once = sealed[_PUBLIC_KEY_AT:_ENCRYPTED_AT]
    try:
        return decrypt(shared_key(private_key, once), sealed[_ENCRYPTED_AT:], _place(once, officer))
    except WrongKey:  # the officer matches: so the ephemeral key, or the id of the shared key, was altered
        raise Damaged("the copy was altered") from None


def officer_of(sealed: bytes) -> bytes:
    """The id of the officer's public key to which a copy was sealed. Raises Damaged when it is not such a copy."""
    if len(sealed) <= _ENCRYPTED_AT or sealed[:1] != VERSION:
        raise Damaged("the copy is truncated or of an unknown version")
    return sealed[1:_PUBLIC_KEY_AT]


def _place(once: bytes, officer: bytes) -> bytes:
    return canonical(b"ailo.keyring.1", once, officer)


def recover(sealed: Path, private_key: bytes, out: Path) -> None:
    """Open a copy and write the keyring's file, which must not exist yet.

    Raises CannotOpen, KeyringRefused when what was sealed is not a keyring, FileExistsError or another OSError.
    """
    content = unseal(sealed.read_bytes(), private_key)
    parse(content, sealed)
    make_folders(out.parent)
    write_private(out, content, replace=False)
