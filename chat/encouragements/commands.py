"""`ailo encouragement list` and `ailo encouragement switch`."""

from argparse import ArgumentParser, Namespace
from typing import Protocol

import msgspec

from chat.core import Command, Done, no_arguments
from chat.encouragements.shapes import ShownRule
from chat.encouragements.switches import Switches
from storage.encouragements.rules import BY_NAME


class Card(Protocol):
    """What these commands need from the encouragements card."""

    switches: Switches


class EncouragementList(msgspec.Struct, frozen=True, tag="encouragement list"):
    """`ailo encouragement list`."""


class EncouragementSwitch(msgspec.Struct, frozen=True, tag="encouragement switch"):
    """The arguments of `ailo encouragement switch`."""

    rule: str
    on: bool


async def _list(encouragements: Card, _: EncouragementList) -> Done:
    rules = await encouragements.switches.read("en")
    width = max(len(rule.name) for rule in rules)
    lines = [f"{_on(rule)}  {rule.name:<{width}}  {_how(rule)}  {rule.meaning}" for rule in rules]
    return Done(0, "\n".join(lines), {"rules": [msgspec.to_builtins(rule) for rule in rules]})


def _on(rule: ShownRule) -> str:
    return "on " if rule.on else "off"


def _how(rule: ShownRule) -> str:
    return "by itself" if rule.automatic else "suggested"


def _fill_switch(parser: ArgumentParser) -> None:
    parser.add_argument("rule", metavar="RULE", choices=sorted(BY_NAME), help=f"one of {', '.join(BY_NAME)}")
    parser.add_argument("to", choices=("on", "off"))


def _read_switch(given: Namespace) -> EncouragementSwitch:
    return EncouragementSwitch(given.rule, given.to == "on")


async def _switch(encouragements: Card, command: EncouragementSwitch) -> Done:
    await encouragements.switches.switch(command.rule, on=command.on)
    return Done(0, f"{command.rule} is {'on' if command.on else 'off'}.", {"rule": command.rule, "on": command.on})


COMMANDS = (
    Command(
        "encouragement list",
        "show the rules of encouragement, and which are on",
        EncouragementList,
        no_arguments,
        lambda _: EncouragementList(),
        _list,
    ),
    Command(
        "encouragement switch",
        "switch a rule of encouragement on or off for the whole service",
        EncouragementSwitch,
        _fill_switch,
        _read_switch,
        _switch,
    ),
)
