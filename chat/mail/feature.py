"""The mail card."""

from collections.abc import Iterable

from chat.auth.routing import Roles, Route
from chat.core import Core, Feature, Web
from chat.framed.navigation import Place
from chat.mail.mail_page import MailPage
from chat.mail.outbox import OutboxView
from chat.pages.words import sentence

ENVELOPE = (
    "M6 5.5h12A2.5 2.5 0 0 1 20.5 8v8.500A2.5 2.5 0 0 1 18 19H6a2.5 2.5 0 0 1-2.5-2.5V8A2.5 2.5 0 0 1 6 5.5zM4.5 7.5l7.5 6 7.5-6"
)


class Mail(Feature):
    """What waits in the outbox, what went out and what failed; sending again and giving up."""

    navigation = (Place("/mail", sentence("Courrier"), ENVELOPE, Roles.ADMINISTRATOR, order=40),)

    def __init__(self, core: Core) -> None:
        self.outbox = OutboxView(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The page."""
        return MailPage(self.outbox, web.pages).routes()
