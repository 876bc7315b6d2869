"""The recovery officer's sheet: printed once by `ailo init`, then kept offline. The key on it stands nowhere else."""

import json
from base64 import b32encode

from storage.house import Officer
from storage.primitives import key_id


def sheet(officer: Officer | None, *, as_json: bool) -> str:
    """The sheet as text for a printer, or as JSON for a script."""
    if officer is None:
        return (
            json.dumps({"recovery": None}) if as_json else "Ailo is ready. There is no recovery key: what is forgotten is lost."
        )
    key, print_ = grouped(b32encode(officer.private_key).decode().rstrip("=")), fingerprint(officer.public_key)
    if as_json:
        return json.dumps({"recovery": {"key": key, "fingerprint": print_}})
    return (
        "Ailo is ready.\n\n"
        "RECOVERY KEY — print this, keep it offline, and clear this screen. It is shown only now.\n"
        "Whoever holds it, with the data and the root keyring, can read every conversation.\n\n"
        f"    key          {key}\n"
        f"    fingerprint  {print_}\n"
    )


def fingerprint(public_key: bytes) -> str:
    """By which the officer's key is recognised: 16 hexadecimal digits in groups of four."""
    return grouped(key_id(public_key).hex())


def grouped(text: str) -> str:
    """In groups of four, to be read and typed by people."""
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
