"""The parts of `ailo mail check` that only the running server can carry out: it takes the mails that come back."""

from argparse import Namespace
from typing import Protocol

import msgspec

from chat.core import Command, Done, no_arguments
from chat.inbound.trials import Trials


class Card(Protocol):
    """What these commands need from the inbound card."""

    trials: Trials


class TrialBegin(msgspec.Struct, frozen=True, tag="mail check begin"):
    """Asks for the local part of an address to which a mail is sent on trial."""


class TrialLook(msgspec.Struct, frozen=True, tag="mail check look"):
    """Asks what came to such an address."""

    local_part: str


async def _begin(inbound: Card, _: TrialBegin) -> Done:
    return Done(0, "", {"local_part": inbound.trials.begin()})


async def _look(inbound: Card, asked: TrialLook) -> Done:
    arrival = inbound.trials.arrived(asked.local_part)
    return Done(0, "", {"arrival": None if arrival is None else msgspec.to_builtins(arrival)})


def _read_begin(_: Namespace) -> TrialBegin:
    return TrialBegin()


def _read_look(given: Namespace) -> TrialLook:
    return TrialLook(given.local_part)


COMMANDS = (
    Command("mail check begin", "ask for an address of a trial", TrialBegin, no_arguments, _read_begin, _begin, is_part=True),
    Command("mail check look", "ask what came to it", TrialLook, no_arguments, _read_look, _look, is_part=True),
)
