"""Every kind of letter: a folder with its words, its bodies, and a ``kind.py`` that says when it is still worth sending.

`reply/kind.py`, `reply/body.txt`, `reply/body.mjml`, `reply/fr.json`, `reply/en.json`: nothing else names a kind.
"""

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import delivery.letters
from delivery.errors import NoSuchLetter
from storage.accounts.preferences import Letters
from storage.crypto.courier import Courier
from storage.crypto.guarding import Guard
from storage.engine.database import Reader, Transaction
from storage.ids import AccountId, ThreadId

MS = timedelta(milliseconds=1)

LISTS = ("programmes", "encouragements", "offers")
"""The lists that one can leave by one click (RFC 8058), the more important first. Each is a choice in ``Letters``."""


class Answered(NamedTuple):
    """Where an answer to a letter goes; ``about`` names what it is about, where the thread does not show it."""

    thread: ThreadId
    about: str | None = None


def _nothing(_: Mapping[str, str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, repr=False)
class Source:
    """Where a letter's bodies may be read from: for whom, in which language, and what they chose.

    ``courier`` opens the texts of replies; None where the letter must not carry any. ``now`` is in ms since 1970.
    """

    reader: Reader
    guard: Guard
    account: AccountId
    locale: str
    wanted: Letters
    courier: Courier | None
    now: int


async def _nowhere(_source: Source, _facts: Mapping[str, str]) -> Answered | None:
    return None


Reading = Callable[[Source, Mapping[str, str]], Awaitable[Mapping[str, object] | None]]
Sent = Callable[[Transaction, AccountId, Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True)
class Kind:
    """A kind of letter.

    ``why_not`` (reader, account, facts) is called just before sending, and returns why the letter is no longer worth sending,
    in a few words for the log, or None if it is. ``is_wanted`` checks what the recipient chose. ``values`` derives from the
    facts what the bodies need besides the words, the greeting and the link; ``read`` (source, facts) reads more of it, in the
    same read as ``why_not``. ``sent`` (transaction, account, facts) is called in the transaction that records that it was
    sent. In quiet hours a letter waits, unless ``is_urgent``. It counts against the letters of a day, unless not
    ``is_budgeted``, as those of security and appointments are. ``list_name`` is one of ``LISTS`` if the letters of this kind
    can be unsubscribed from. One that still waits is joined with the next one where it ``is_joined``. It is too late to be of
    use ``worth`` after it was written; None where that depends on the letter. Its link leads to ``page``, a path without its
    first slash. Browsers that chose push are told of one that ``is_pushed``. ``answered`` (source, facts) is where an answer by
    e-mail goes, if it can be answered.
    """

    why_not: Callable[[Reader, AccountId, Mapping[str, str]], Awaitable[str | None]]
    is_wanted: Callable[[Letters], bool]
    values: Callable[[Mapping[str, str]], Mapping[str, str]] = _nothing
    is_urgent: bool = False
    is_budgeted: bool = True
    list_name: str | None = None
    read: Reading | None = None
    sent: Sent | None = None
    is_joined: bool = False
    is_pushed: bool = False
    worth: timedelta | None = None
    page: str = ""
    answered: Callable[[Source, Mapping[str, str]], Awaitable[Answered | None]] = _nowhere

    def not_after(self, now: int) -> int | None:
        """When a letter written now is too late to be of use (ms since 1970); None where that depends on the letter."""
        return None if self.worth is None else now + self.worth // MS

    @property
    def rank(self) -> int:
        """Which letters come first where there is not room for all: 0 what somebody wrote, then by the order of ``LISTS``."""
        return 0 if self.list_name is None else 1 + LISTS.index(self.list_name)


@cache
def kinds() -> Mapping[str, tuple[Kind, Path]]:
    """Every kind with its folder, by name, which is also the folder's."""
    folders = sorted(info.name for info in pkgutil.iter_modules(delivery.letters.__path__) if info.ispkg)
    modules = {name: import_module(f"delivery.letters.{name}.kind") for name in folders}
    return {name: (module.KIND, Path(str(module.__file__)).parent) for name, module in modules.items()}


def kind_named(name: str) -> Kind:
    """A kind by its name. Raises NoSuchLetter."""
    return _found(name)[0]


def folder_of(name: str) -> Path:
    """Where the words and bodies of a kind are. Raises NoSuchLetter."""
    return _found(name)[1]


def _found(name: str) -> tuple[Kind, Path]:
    if (found := kinds().get(name)) is None:
        raise NoSuchLetter(f"there is no kind of letter named {name!r}")
    return found
