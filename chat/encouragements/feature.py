"""The encouragements card."""

from collections.abc import Iterable

from chat.auth.routing import Route
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.core import Core, Feature, Web
from chat.encouragements.commands import COMMANDS
from chat.encouragements.routes import EncouragementRoutes
from chat.encouragements.suggestions import Suggestions
from chat.encouragements.switches import Switches


class Encouragements(Feature):
    """What is suggested to companions, and the switches of the rules."""

    commands = COMMANDS

    def __init__(self, core: Core) -> None:
        participants = Participants(core.store, core.access, core.hub)
        conversation = Conversation(core.store, core.commits, core.hub, core.access, participants)
        self.suggestions = Suggestions(core.store, core.access, conversation)
        self.switches = Switches(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the dashboard uses."""
        return EncouragementRoutes(web.door, self.suggestions, self.switches).routes()
