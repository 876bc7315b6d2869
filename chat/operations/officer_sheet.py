"""The recovery officer's sheet: printed once by `ailo init`, then kept offline. The key on it exists nowhere else.

The key is base32 (RFC 4648) of 32 bytes. Four more characters, its check, are compared when the key is typed: without them
a typing error would look like the key of another installation.
"""

import errno
import io
import json
import os
import stat
import sys
from base64 import b32decode, b32encode
from contextlib import suppress

from storage.crypto.primitives import KEY_BYTES, key_id, keyed_hash
from storage.installation import Officer

KEY_CHARACTERS = 52
CHECK_CHARACTERS = 4
_LOOK_ALIKE = str.maketrans("018", "OIB")  # base32 has none of these digits


class Mistyped(Exception):
    """What was typed is not a key as printed."""


def sheet(officer: Officer | None, *, as_json: bool) -> str:
    """The sheet as text for a printer, or as JSON for a script."""
    if officer is None:
        return (
            json.dumps({"recovery": None})
            if as_json
            else "Ailo is ready. There is no recovery key: whoever forgets password and recovery code loses access for good."
        )
    key, print_ = grouped(_base32(officer.private_key)), fingerprint(officer.public_key)
    check = _check_of(officer.private_key)
    if as_json:
        return json.dumps({"recovery": {"key": key, "check": check, "fingerprint": print_}})
    return (
        "Ailo is ready.\n\n"
        "RECOVERY KEY — print this, keep it offline, and clear this screen. It is shown only once.\n"
        "Whoever holds it, with the data and the root keyring, can read every conversation.\n\n"
        f"    key          {key}\n"
        f"    check        {check}\n"
        f"    fingerprint  {print_}\n"
    )


def show_once(text: str) -> None:
    """Print what is shown only once, and make sure of it: a file is synced to disk. Raises OSError if it was not shown."""
    if sys.stdout is None:  # closed by the parent process
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stdout.flush()
        with suppress(io.UnsupportedOperation):
            if stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode):
                os.fsync(sys.stdout.fileno())
    except OSError:
        _forget_unprinted()
        raise


def _forget_unprinted() -> None:
    """Discard what could not be printed: Python would try again at exit, and fail again."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


PAGE = """<!doctype html>
<html lang="fr"><meta charset="utf-8"><title>Ailo — clé de secours</title>
<style>
@page {{ margin: 2cm }}
body {{ font: 12pt/1.5 Georgia, serif; max-width: 17cm; margin: 2rem auto; padding: 0 1rem; color: #23211e }}
h1 {{ font-size: 20pt }}
dt {{ margin-top: 1rem; color: #6b655c }}
dd {{ margin: 0; font: 14pt/1.6 monospace; overflow-wrap: anywhere }}
</style>
<h1>Ailo — clé de secours · recovery key</h1>
<p>Imprimez cette page, rangez-la hors ligne, puis supprimez le fichier : cette clé n’est gardée nulle part ailleurs.
Avec les données et le trousseau, elle ouvre toutes les conversations.
Elle ne se tape que sur une machine hors ligne (<code>ailo recover answer</code>).</p>
<p lang="en">Print this page, keep it offline, then delete the file: this key is kept nowhere else.
With the data and the root keyring it opens every conversation.
Type it on an offline machine only (<code>ailo recover answer</code>).</p>
<dl>
<dt>Clé · key</dt><dd>{key}</dd>
<dt>Contrôle · check</dt><dd>{check}</dd>
<dt>Empreinte · fingerprint</dt><dd>{fingerprint}</dd>
</dl>
"""


def page(officer: Officer) -> str:
    """The sheet as a page to print, in French and English, with nothing loaded from elsewhere."""
    return PAGE.format(
        key=grouped(_base32(officer.private_key)),
        check=_check_of(officer.private_key),
        fingerprint=fingerprint(officer.public_key),
    )


def read_key(typed: str) -> bytes:
    """The private key as typed from a sheet: with or without the check after it, in either case, in any grouping.

    Raises Mistyped.
    """
    text = "".join(typed.split()).replace("-", "").upper().translate(_LOOK_ALIKE)
    key, check = text[:KEY_CHARACTERS], text[KEY_CHARACTERS:]
    if len(key) < KEY_CHARACTERS or len(check) not in {0, CHECK_CHARACTERS}:
        raise Mistyped(
            f"the key has {KEY_CHARACTERS} characters, and its check {CHECK_CHARACTERS}: there are too few or too many."
        )
    raw = _decoded(key)
    if check and check != _check_of(raw):
        raise Mistyped("the key does not match its check: a character differs from the sheet.")
    return raw


def _decoded(key: str) -> bytes:
    try:
        raw = b32decode(key + "====")
    except ValueError:
        raise Mistyped("the key consists of the letters A to Z and the digits 2 to 7: another character was typed.") from None
    if len(raw) != KEY_BYTES or _base32(raw) != key:
        raise Mistyped("the key's last character differs from the sheet.")
    return raw


def _check_of(private_key: bytes) -> str:
    return _base32(keyed_hash(private_key, b"ailo.sheet.1"))[:CHECK_CHARACTERS]


def _base32(raw: bytes) -> str:
    return b32encode(raw).decode().rstrip("=")


def fingerprint(public_key: bytes) -> str:
    """What the officer's key is recognised by: 16 hexadecimal digits in groups of four."""
    return grouped(key_id(public_key).hex())


SPOKEN_CHARACTERS = 20  # 100 bits: nobody can find another file with the same ones


def spoken(digest: bytes) -> str:
    """The fingerprint of a recovery request, from its hash: five groups of four letters and digits, to be read out."""
    return grouped(_base32(digest)[:SPOKEN_CHARACTERS])


def is_spoken(typed: str, digest: bytes) -> bool:
    """Whether this is a request's fingerprint, as typed by somebody who had it read out."""
    plain = "".join(typed.split()).replace("-", "").upper().translate(_LOOK_ALIKE)
    return plain == _base32(digest)[:SPOKEN_CHARACTERS]


def grouped(text: str) -> str:
    """A text in groups of four characters, to be read and typed by people."""
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
