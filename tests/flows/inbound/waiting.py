"""Leaves a mail in quarantine in a running service, as its receiver does, without a relay to bring it."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from uuid import UUID

from storage.crypto.sealing import Place, seal_to_epoch
from storage.ids import AccountId, MessageId, ThreadId, new_id
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
