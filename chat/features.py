"""All features: the cards in `chat/*/feature.py`, discovered at run time."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import chat
from chat.core import Command, Feature
from chat.framed.navigation import Shown, rail_of_shell
from storage.settings import Environment


@cache
def cards() -> tuple[type[Feature], ...]:
    """The card of every feature, in the order of the folders' names."""
    folders = sorted(info.name for info in pkgutil.iter_modules(chat.__path__, "chat.") if info.ispkg)
    modules = [import_module(f"{folder}.feature") for folder in folders if find_spec(f"{folder}.feature")]
    return tuple(
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Feature) and found.__module__ == module.__name__
    )


def commands() -> dict[type, tuple[type[Feature], Command[Any]]]:
    """Every feature's commands, each with the card that executes it, by the type it sends to the running server."""
    return {command.carried: (card, command) for card in cards() for command in card.commands}


def pages() -> dict[str, str]:
    """The template of every page shell, by path."""
    return {path: template for card in cards() for path, template in card.pages.items()}


def rails() -> dict[str, list[Shown]]:
    """The places that each page shell shows beside it, by path."""
    places = [place for card in cards() for place in card.navigation]
    return {path: rail_of_shell(places, path) for path in pages()}


def static() -> list[Path]:
    """The folders of features whose files are not in `static/`."""
    return [card.static for card in cards() if card.static]


def read_settings(environment: Environment) -> Mapping[str, Any]:
    """The features' own settings, by name."""
    return {setting.name: setting.read(environment) for card in cards() for setting in card.settings}
