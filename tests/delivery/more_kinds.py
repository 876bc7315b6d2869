"""Kinds of letters for tests of what all kinds share: one for each list, one that does not count and waits for nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import delivery.letters
from delivery.letters import kinds
from storage.ids import AccountId
from storage.mail import letters
from storage.mail.letters import Letter
from storage.store import Store

KINDS = {
    "a_lesson": "Kind(never, is_wanted=lambda wanted: wanted.programmes, list_name='programmes')",
    "a_praise": "Kind(never, is_wanted=lambda wanted: wanted.encouragements, list_name='encouragements')",
    "an_offer": "Kind(never, is_wanted=lambda wanted: wanted.offers, list_name='offers')",
    "an_alarm": "Kind(never, is_wanted=lambda wanted: True, is_urgent=True, is_budgeted=False)",
}
MODULE = """
from delivery.letters.kinds import Kind

async def never(reader, account, facts):
    return None

KIND = {kind}
"""
WORDS = {"hello": "Hello,", "hello_name": "Hello {name},", "go": "Go:", "why": "Why."}
PAGE = '[% extends "base.mjml" %][% block sheet %]<mj-text>{{ news }}</mj-text>[% endblock %]'
TEXT = '{% extends "base.txt" %}{% block body %}{{ news }}{% endblock %}'


@contextmanager
def at_hand(folder: Path) -> Iterator[None]:
    """Let this process find these kinds for the duration of the context; they are written below ``folder``."""
    for name, kind in KINDS.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        words = json.dumps({**WORDS, "subject": name, "preview": name, "news": name})
        files = {"__init__.py": "", "kind.py": MODULE.format(kind=kind), "body.mjml": PAGE, "body.txt": TEXT}
        for file, text in {**files, "fr.json": words, "en.json": words}.items():
            (place / file).write_text(text, "utf-8")
    delivery.letters.__path__.append(str(folder))
    kinds.kinds.cache_clear()
    try:
        yield
    finally:
        delivery.letters.__path__.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(tuple(f"delivery.letters.{kind}" for kind in KINDS))]:
            del sys.modules[name]
        kinds.kinds.cache_clear()


async def write(store: Store, account: AccountId, kind: str, *, due_in: int = 0, worth: int | None = None) -> UUID:
    """Put a letter of a kind in the outbox; it is too late after ``worth`` ms. Return its id."""
    id_, now = uuid4(), store.clock()
    not_after = None if worth is None else now + worth
    letter = Letter(id_, account, kind, str(id_), {"group": "00"}, f"{id_.hex}@ailo.example", now + due_in, not_after)
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
    return id_
