"""`ailo programme import`, `list`, `enrol` and `stop`."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from chat.core import Command, Core, Done, no_arguments
from chat.programmes.folders import Folder, read_folder
from chat.programmes.importing import Faulty, read_course
from chat.programmes.programmes import NotForThem, NotSent, Overview, Programmes, Unknown
from chat.protocol.refusals import CannotDo
from storage.accounts import accounts
from storage.ids import AccountId
from storage.programmes.enrolments import State


class Card(Protocol):
    """What these commands need from the programmes card."""

    core: Core
    programmes: Programmes


class ProgrammeImport(msgspec.Struct, frozen=True, tag="programme import"):
    """`ailo programme import`: the contents of the directory."""

    folder: Folder
    is_draft: bool


class ProgrammeList(msgspec.Struct, frozen=True, tag="programme list"):
    """`ailo programme list`."""


class ProgrammeEnrol(msgspec.Struct, frozen=True, tag="programme enrol"):
    """The arguments of `ailo programme enrol`."""

    name: str
    email: str


class ProgrammeStop(msgspec.Struct, frozen=True, tag="programme stop"):
    """The arguments of `ailo programme stop`."""

    name: str
    email: str


def _fill_import(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--draft", action="store_true", help="store it without publishing it")


def _read_import(given: Namespace) -> ProgrammeImport:
    return ProgrammeImport(read_folder(given.folder), given.draft)


async def _import(card: Card, command: ProgrammeImport) -> Done:
    try:
        course = read_course(command.folder)
    except Faulty as faulty:
        raise CannotDo("\n      ".join(("Nothing was imported:", *faulty.lines))) from None
    done = await card.programmes.import_(course, is_draft=command.is_draft)
    facts = {"version": done.programme.newest, "published": done.programme.published, "new": done.is_new}
    return Done(0, course.name, {"result": course.name, **facts})


async def _list(card: Card, _: ProgrammeList) -> Done:
    found = await card.programmes.all()
    return Done(0, "\n".join(map(_line, found)), {"programmes": [_facts(one) for one in found]})


def _line(one: Overview) -> str:
    counts = ", ".join(f"{count} {state}" for state in State if (count := one.count(state)))
    of_it = f"version {one.programme.newest}, {_standing(one)}, {len(one.plan.lessons)} lessons"
    return f"{one.programme.name}  {of_it}; {counts or 'nobody'}"


def _standing(one: Overview) -> str:
    programme = one.programme
    if not programme.published:
        return "not published"
    older = "" if programme.published == programme.newest else f" in version {programme.published}"
    return f"published{older}{', paused for everybody' if programme.paused_at else ''}"


def _facts(one: Overview) -> dict[str, Any]:
    programme = one.programme
    return {
        "name": programme.name,
        "title": one.plan.titles,
        "audience": one.plan.audience.value,
        "version": programme.newest,
        "published": programme.published or None,
        "paused": bool(programme.paused_at),
        "lessons": [lesson.key for lesson in one.plan.lessons],
        **{state.value: one.count(state) for state in State},
    }


def _fill_one(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("email", metavar="EMAIL")


def _read_enrol(given: Namespace) -> ProgrammeEnrol:
    return ProgrammeEnrol(given.name, given.email)


async def _enrol(card: Card, command: ProgrammeEnrol) -> Done:
    is_new = await _told(card.programmes.enrol(command.name, await _account(card, command.email)))
    return Done(0, "Enrolled." if is_new else "Already enrolled: nothing was changed.")


def _read_stop(given: Namespace) -> ProgrammeStop:
    return ProgrammeStop(given.name, given.email)


async def _stop(card: Card, command: ProgrammeStop) -> Done:
    account = await _account(card, command.email)
    try:
        was_open = await card.programmes.stop(command.name, account)
    except Unknown:
        raise CannotDo("That account never followed a programme of that name.") from None
    return Done(0, "Stopped." if was_open else "It had ended before: nothing was changed.")


async def _told(asked: Awaitable[bool]) -> bool:
    try:
        return await asked
    except Unknown:
        raise CannotDo("There is no programme of that name: `ailo programme list` shows them.") from None
    except NotSent:
        raise CannotDo("That programme is not published, or has ended: import it without `--draft` first.") from None
    except NotForThem:
        raise CannotDo("That account cannot follow it: it is for members who are still here, and of its audience.") from None


async def _account(card: Card, email: str) -> AccountId:
    store = card.core.store
    found = await store.database.read(lambda reader: accounts.by_address(reader, store.guard, email))
    if found is None:
        raise CannotDo("There is no account with that address: add it first with `ailo account add`.")
    return found.id


COMMANDS = (
    Command(
        "programme import", "check a directory and store it as a programme", ProgrammeImport, _fill_import, _read_import, _import
    ),
    Command("programme list", "list the programmes", ProgrammeList, no_arguments, lambda _: ProgrammeList(), _list),
    Command("programme enrol", "have a member follow a programme", ProgrammeEnrol, _fill_one, _read_enrol, _enrol),
    Command("programme stop", "end a member's part in a programme", ProgrammeStop, _fill_one, _read_stop, _stop),
)
