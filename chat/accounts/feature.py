"""The accounts card."""

from collections.abc import Iterable
from itertools import chain
from typing import ClassVar

from chat.accounts.commands import COMMANDS
from chat.accounts.keys import OwnKeys
from chat.accounts.preference_routes import PreferenceRoutes
from chat.accounts.preferences import SettingsOfOne
from chat.accounts.routes import AccountRoutes
from chat.accounts.sessions import SessionsOfOne
from chat.accounts.sign_in_page import SignInPage
from chat.accounts.sign_out_page import SignOutPage
from chat.accounts.unsubscribe_page import UnsubscribePage
from chat.accounts.unsubscribing import Unsubscribing
from chat.auth.routing import Route
from chat.core import Core, Feature, Web


class Accounts(Feature):
    """Making an account, signing in, keys, sessions and preferences; leaving a list of letters."""

    pages: ClassVar = {"/sign-in": "sign-in.html"}
    commands = COMMANDS

    def __init__(self, core: Core) -> None:
        self.core = core
        self.keys = OwnKeys(core.store, core.sign_ins, core.hub)
        self.preferences = SettingsOfOne(core.store)
        self.sessions = SessionsOfOne(core.store, core.hub)
        self.unsubscribing = Unsubscribing(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the pages use."""
        own = AccountRoutes(web.door, self.keys, self.core.hub)
        return chain(
            own.routes(),
            SignInPage(web.door, web.pages, own).routes(),
            SignOutPage(web.door, web.pages, own).routes(),
            PreferenceRoutes(web.door, self.preferences, self.sessions).routes(),
            UnsubscribePage(web.door, self.unsubscribing, web.shelf).routes(),
        )
