"""The conversations card."""

from collections.abc import Iterable
from itertools import chain
from typing import ClassVar

from chat.auth.routing import Route
from chat.conversations.about import Abouts
from chat.conversations.about_routes import AboutRoutes
from chat.conversations.commands import COMMANDS
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.conversations.routes import ThreadRoutes
from chat.conversations.search import Search
from chat.conversations.search_routes import SearchRoutes
from chat.core import Core, Feature, Web


class Conversations(Feature):
    """Threads: posting, reading, resuming, searching, and who takes part."""

    pages: ClassVar = {"/member": "member.html", "/dashboard": "dashboard.html"}
    commands = COMMANDS

    def __init__(self, core: Core) -> None:
        self.core = core
        self.participants = Participants(core.store, core.access, core.hub)
        self.conversation = Conversation(core.store, core.commits, core.hub, core.access, self.participants)
        self.abouts = Abouts(core.store, core.access, core.hub)
        self.search = Search(self.conversation)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the pages use."""
        return chain(
            ThreadRoutes(web.door, self.conversation, self.participants).routes(),
            AboutRoutes(web.door, self.abouts).routes(),
            SearchRoutes(self.search).routes(),
        )
