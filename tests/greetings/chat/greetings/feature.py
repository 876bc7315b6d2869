"""The card of greetings."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import msgspec

from chat.auth.routing import Roles, Route
from chat.core import Command, Core, Done, Feature, Setting, Web
from chat.framed.navigation import Place
from chat.pages.words import sentence
from storage.ids import AccountId

from .greeting_page import GreetingPage
from .greetings import Greetings
from .routes import GreetingRoutes

USUAL = Setting("AILO_GREETING", lambda environment: environment.text("AILO_GREETING") or "Bonjour.")


class GreetingSet(msgspec.Struct, frozen=True, tag="greeting set"):
    """The arguments of `ailo greeting set`."""

    account: str
    text: str


def _fill(parser: ArgumentParser) -> None:
    parser.add_argument("account")
    parser.add_argument("text")


def _read(given: Namespace) -> GreetingSet:
    return GreetingSet(given.account, given.text)


async def _set(card: "GreetingFeature", new: GreetingSet) -> Done:
    await card.greetings.keep(AccountId(UUID(new.account)), new.text)
    return Done(0, "Said.")


class GreetingFeature(Feature):
    """A staff member's greeting to whoever comes."""

    pages: ClassVar = {"/greetings": "greetings.html"}
    navigation = (Place("/greeting", sentence("Accueil"), "M4 12h16", Roles.STAFF, order=50),)
    settings = (USUAL,)
    commands = (Command("greeting set", "say something to whoever comes", GreetingSet, _fill, _read, _set),)
    static = Path(__file__).parents[2] / "static"

    def __init__(self, core: Core) -> None:
        self.greetings = Greetings(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The JSON routes and the page."""
        return chain(
            GreetingRoutes(self.greetings, web.setting(USUAL)).routes(), GreetingPage(self.greetings, web.pages).routes()
        )
