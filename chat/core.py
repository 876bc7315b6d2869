"""What every feature stands on, and the card by which it says what it adds.

A feature is a folder with a ``feature.py`` that holds its card, a subclass of ``Feature``. ``features`` finds it: nothing else
names it. The card makes the feature's rules of the ``Core`` alone, and yields its routes, pages and commands.
"""

import argparse
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from chat.auth.access import Access
from chat.auth.door import Door
from chat.auth.routing import Route
from chat.auth.sign_in import SignIns
from chat.pages.assets import Shelf
from chat.protocol.hub import Hub
from chat.security_events import SecurityEvent
from storage.conversations.group_commit import GroupCommit
from storage.settings import Environment
from storage.store import Store

T = TypeVar("T")
Carried = TypeVar("Carried", bound=msgspec.Struct)


@dataclass(frozen=True)
class Core:
    """One open store, and what all features share of it. Commands have it without a server."""

    store: Store
    commits: GroupCommit
    hub: Hub
    access: Access
    sign_ins: SignIns


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A setting that a feature adds: the environment variable's name, and how it is read. Faults go to the environment's list."""

    name: str
    read: Callable[[Environment], T]


@dataclass(frozen=True)
class Web:
    """What routes have beside the rules: who is let in, the pages, and the features' own settings."""

    door: Door
    shelf: Shelf
    settings: Mapping[str, Any]

    def setting(self, of: Setting[T]) -> T:
        """The value of a setting."""
        value: T = self.settings[of.name]
        return value


class Done(msgspec.Struct, frozen=True):
    """How a command ended: its exit code, and a line for the terminal (an error unless the code is 0).

    ``facts`` are what a script is told in its place; without them it gets the line. ``content`` is what the command writes
    to the file that was named to it.
    """

    code: int
    line: str = ""
    facts: dict[str, Any] | None = None
    content: bytes = b""


@dataclass(frozen=True)
class Command(Generic[Carried]):
    """A command of `ailo`, such as "thread open".

    ``carried`` is what goes to the running server: a Struct whose tag is the name. It holds no path: files are read and written
    by the command itself. ``fill`` adds what may be typed, ``read`` makes ``carried`` of it; ``do`` carries it out, on the card
    of the feature. ``do`` raises Misuse, CannotDo or StorageError. ``event`` is recorded when it was done.
    """

    name: str
    help: str
    carried: type[Carried]
    fill: Callable[[argparse.ArgumentParser], None]
    read: Callable[[argparse.Namespace], Carried]
    do: Callable[[Any, Carried], Awaitable[Done]]
    event: SecurityEvent | None = None


class Feature:
    """The card of a feature. ``pages`` are shells that hold nothing of anybody: their template, by path."""

    pages: ClassVar[Mapping[str, str]] = {}
    commands: ClassVar[tuple[Command[Any], ...]] = ()
    settings: ClassVar[tuple[Setting[Any], ...]] = ()
    static: ClassVar[Path | None] = None
    """The feature's own files, where they are not in the project's `static/`; its words are in `words/LANGUAGE/NAME.po`."""

    def __init__(self, core: Core) -> None:
        """Make the rules."""

    def routes(self, web: Web) -> Iterable[Route]:
        """What the feature adds to the web."""
        return ()
