"""The card of what came back by e-mail."""

from collections.abc import Iterable

from chat.auth.routing import Route
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.core import Core, Feature, Web
from chat.inbound.commands import COMMANDS
from chat.inbound.mails import Mails
from chat.inbound.routes import MailRoutes
from chat.inbound.trials import Trials


class Inbound(Feature):
    """Mails that wait for their author's word, and the whole mails behind messages; trials of the way back."""

    commands = COMMANDS

    def __init__(self, core: Core) -> None:
        participants = Participants(core.store, core.access, core.hub)
        conversation = Conversation(core.store, core.commits, core.hub, core.access, participants)
        self.mails = Mails(core.store, core.access, conversation, core.hub)
        self.trials = Trials(core.store.clock)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the conversation's pages use."""
        return MailRoutes(web.door, self.mails).routes()
