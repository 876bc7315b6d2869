"""The conversations card."""

from collections.abc import Iterable
from itertools import chain
from typing import ClassVar

from chat.auth.routing import Roles, Route
from chat.auth.sign_in import SignedIn
from chat.conversations.about import Abouts
from chat.conversations.about_routes import AboutRoutes
from chat.conversations.commands import COMMANDS
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.conversations.routes import ThreadRoutes
from chat.conversations.search import Search
from chat.conversations.search_routes import SearchRoutes
from chat.core import Core, Feature, Web
from chat.framed.navigation import Place
from chat.pages.words import sentence
from storage.conversations import threads

CONVERSATIONS = sentence("Conversations")
BUBBLE = "M5.5 5h13A1.5 1.5 0 0 1 20 6.5V15a1.5 1.5 0 0 1-1.5 1.5H11L7 20v-3.500H5.5A1.5 1.5 0 0 1 4 15V6.5A1.5 1.5 0 0 1 5.5 5z"


async def _count_unread(card: "Conversations", reader: SignedIn) -> int:
    account = reader.unlocked.account.id
    return await card.core.store.database.read(lambda reader: threads.count_unread(reader, account))


class Conversations(Feature):
    """Threads: posting, reading, resuming, searching, and who takes part."""

    pages: ClassVar = {"/member": "member.html", "/dashboard": "dashboard.html"}
    navigation = (
        Place("/member", CONVERSATIONS, BUBBLE, Roles.MEMBER, order=10, count=_count_unread),
        Place("/dashboard", CONVERSATIONS, BUBBLE, Roles.STAFF, order=10, guests=Roles.ADMINISTRATOR, count=_count_unread),
    )
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
