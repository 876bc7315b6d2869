"""Leaves a mail in quarantine in a running service, as its receiver does, without a relay to bring it; or makes an address at
which the service takes one, as a letter does."""

import base64
import secrets
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from uuid import UUID

from storage.crypto import keyring
from storage.crypto.guarding import Guard
from storage.crypto.primitives import keyed_hash
from storage.crypto.sealing import Place, seal_to_epoch
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.inbound import reply_addresses
from storage.inbound.quarantine import KIND
from storage.inbound.whole_mail import WholeMail


def leave(data: Path, account: str, thread: str, mail: WholeMail | None = None) -> str:
    """Leave a mail for an account in a thread, sealed to its key; return its id."""
    id_, owner, place = new_id(MessageId), AccountId(UUID(account)), ThreadId(UUID(thread))
    kept = mail or WholeMail("Merci !", "Merci !\n\n> Un nouveau message vous attend", "Re: Un nouveau message vous attend")
    with closing(sqlite3.connect(data / "ailo.sqlite", isolation_level=None)) as connection:
        generation, key = connection.execute(
            "select generation, public_key from accounts where id = ?", (owner.bytes,)
        ).fetchone()
        body = seal_to_epoch(key, kept.encoded(), Place(place, generation, id_, owner, KIND))
        connection.execute(
            "insert into quarantined_mails (id, account, thread, generation, came_at, body) values (?, ?, ?, ?, ?, ?)",
            (id_.bytes, owner.bytes, place.bytes, generation, int(time.time() * 1000), body),
        )
    return str(id_)


def address_of(data: Path, keys: Path, account: str, thread: str) -> str:
    """The local part of a new reply address for an account in a thread."""
    token, guard, now = secrets.token_bytes(reply_addresses.TOKEN_BYTES), Guard(keyring.load(keys)), int(time.time() * 1000)
    owner, place = UUID(account).bytes, UUID(thread).bytes
    lookup = keyed_hash(b"", b"ailo.reply.1", token)
    with closing(sqlite3.connect(data / "ailo.sqlite", isolation_level=None)) as connection:
        connection.execute(
            "insert into reply_addresses (lookup, account, thread, made_at, proof) values (?, ?, ?, ?, ?)",
            (lookup, owner, place, now, guard.authenticate("reply_addresses", lookup, owner, place, now)),
        )
    return f"r.{base64.b32encode(token).decode().lower()}"
