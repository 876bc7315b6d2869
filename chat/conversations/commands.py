"""`ailo thread open` and `ailo thread leave`."""

from argparse import ArgumentParser, Namespace
from typing import Protocol

import msgspec

from chat.conversations.participants import Participants
from chat.core import Command, Core, Done
from chat.protocol.refusals import CannotDo, Misuse, NotFound
from storage.accounts import accounts
from storage.accounts.accounts import Account, Role
from storage.ids import ThreadId, new_id, read_id


class Card(Protocol):
    """What these commands need from the conversations card."""

    core: Core
    participants: Participants


class ThreadOpen(msgspec.Struct, frozen=True, tag="thread open"):
    """The arguments of `ailo thread open`: e-mail addresses."""

    member: str
    professional: list[str]
    companion: list[str]


class ThreadLeave(msgspec.Struct, frozen=True, tag="thread leave"):
    """The arguments of `ailo thread leave`."""

    thread: str
    email: str


def _fill_open(parser: ArgumentParser) -> None:
    parser.add_argument("--member", required=True, metavar="EMAIL")
    parser.add_argument("--professional", required=True, action="append", metavar="EMAIL")
    parser.add_argument("--companion", default=[], action="append", metavar="EMAIL")


def _read_open(given: Namespace) -> ThreadOpen:
    return ThreadOpen(given.member, given.professional, given.companion)


async def _open(conversations: Card, command: ThreadOpen) -> Done:
    people = [await _person(conversations, command.member, Role.MEMBER)]
    people += [await _person(conversations, email, Role.PROFESSIONAL) for email in command.professional]
    people += [await _person(conversations, email, Role.COMPANION) for email in command.companion]
    if len({person.id for person in people}) < len(people):
        raise Misuse("The same account was given twice.")
    return Done(0, str(await conversations.participants.open_thread(new_id(ThreadId), people)))


def _fill_leave(parser: ArgumentParser) -> None:
    parser.add_argument("thread", metavar="THREAD")
    parser.add_argument("email", metavar="EMAIL")


def _read_leave(given: Namespace) -> ThreadLeave:
    return ThreadLeave(given.thread, given.email)


async def _leave(conversations: Card, command: ThreadLeave) -> Done:
    thread, person = read_id(command.thread), await _find(conversations, command.email)
    try:
        if thread is None or person is None:
            raise NotFound
        await conversations.participants.leave(ThreadId(thread), person.id)
    except NotFound:
        raise CannotDo("There is no such conversation with that account in it.") from None
    return Done(0)


async def _person(conversations: Card, email: str, role: Role) -> Account:
    found = await _find(conversations, email)
    if found is None:
        raise CannotDo(f"There is no account with the address given for the {role}: add it first with `ailo account add`.")
    if found.role is not role:
        raise CannotDo(f"The account given for the {role} has a different role.")
    return found


async def _find(conversations: Card, email: str) -> Account | None:
    store = conversations.core.store
    return await store.database.read(lambda reader: accounts.by_address(reader, store.guard, email))


COMMANDS = (
    Command("thread open", "open a conversation and print its id", ThreadOpen, _fill_open, _read_open, _open),
    Command("thread leave", "remove a participant from a conversation", ThreadLeave, _fill_leave, _read_leave, _leave),
)
