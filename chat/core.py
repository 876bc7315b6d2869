"""What every feature builds on, and the card with which it declares what it adds.

A feature is a folder with a ``feature.py`` that contains its card, a subclass of ``Feature``. ``features`` discovers it: nothing
else refers to it. The card builds the feature's rules from the ``Core`` alone, and provides its routes, pages and commands.
"""

import argparse
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from chat.auth.access import Access
from chat.auth.door import Door
from chat.auth.routing import Route
from chat.auth.sign_in import SignIns
from chat.framed.navigation import Navigation, Place
from chat.framed.pages import FramedPages
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
    """One open store, and the services on top of it that all features share. Commands can use it without a server."""

    store: Store
    commits: GroupCommit
    hub: Hub
    access: Access
    sign_ins: SignIns


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A setting that a feature adds: its environment variable, and how it is read. Errors go to ``Environment.faults``."""

    name: str
    read: Callable[[Environment], T]


LessonPreview = Callable[[str, str, str, int, int], str]
"""The HTML of a lesson's letter, from its language, title and Markdown, and which step it is of how many."""


@dataclass(frozen=True)
class Web:
    """What routes need besides the rules: the door, the pages, and the features' own settings."""

    door: Door
    shelf: Shelf
    settings: Mapping[str, Any]
    navigation: Navigation = field(default_factory=Navigation)
    preview_lesson: LessonPreview | None = None
    """Renders the letter of a lesson. Delivery writes letters, which is known where the service is put together alone."""

    @property
    def pages(self) -> FramedPages:
        """What shows the feature's pages in the frame."""
        return FramedPages(self.door, self.shelf, self.navigation)

    def setting(self, of: Setting[T]) -> T:
        """The value of a setting."""
        value: T = self.settings[of.name]
        return value


class Done(msgspec.Struct, frozen=True):
    """The result of a command: its exit code, and a line for the terminal (an error unless the code is 0).

    ``facts`` are what a script gets instead of the line; without them it gets the line. ``content`` is what the command writes
    to the file named on its command line.
    """

    code: int
    line: str = ""
    facts: dict[str, Any] | None = None
    content: bytes = b""


@dataclass(frozen=True)
class Command(Generic[Carried]):
    """A command of `ailo`, such as "thread open".

    ``carried`` is what is sent to the running server: a Struct whose tag is the name. It contains no path: files are read and
    written by the command itself. ``fill`` adds the arguments to the parser, ``read`` turns them into ``carried``, and ``do``
    executes it, on the feature's card. ``do`` raises Misuse, CannotDo or StorageError. ``event`` is recorded on success.
    ``out`` is the new file, if any, that the result's ``content`` goes to. One that ``is_part`` of another command cannot be
    typed: that command sends it.
    """

    name: str
    help: str
    carried: type[Carried]
    fill: Callable[[argparse.ArgumentParser], None]
    read: Callable[[argparse.Namespace], Carried]
    do: Callable[[Any, Carried], Awaitable[Done]]
    event: SecurityEvent | None = None
    out: Callable[[argparse.Namespace], Path] | None = None
    is_part: bool = False


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """The ``fill`` of a command without arguments."""


class Feature:
    """The card of a feature.

    ``pages`` are page shells without personal data: their templates, by path. ``navigation`` are the places that the feature adds
    to the rail beside every page of their roles.
    """

    pages: ClassVar[Mapping[str, str]] = {}
    navigation: ClassVar[tuple[Place, ...]] = ()
    commands: ClassVar[tuple[Command[Any], ...]] = ()
    settings: ClassVar[tuple[Setting[Any], ...]] = ()
    static: ClassVar[Path | None] = None
    """The feature's own files, if they are not in the project's `static/`; its catalogue is `words/LANGUAGE/NAME.po`."""

    def __init__(self, core: Core) -> None:
        """Build the feature's rules."""

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the feature adds."""
        return ()
