"""The programmes card."""

from collections.abc import Iterable
from itertools import chain

from chat.auth.routing import Roles, Route
from chat.core import Core, Feature, Web
from chat.framed.navigation import Place
from chat.pages.words import sentence
from chat.programmes.commands import COMMANDS
from chat.programmes.offers import Offers
from chat.programmes.pages.answers import Answers
from chat.programmes.pages.author_pages import AUTHORS, AuthorPages
from chat.programmes.pages.member_pages import MemberPages
from chat.programmes.programmes import Programmes

LABEL = sentence("Parcours")
# A winding way between two places.
ICON = (
    "M8 18.500h7.500a3.250 3.250 0 0 0 0-6.500h-7a3.250 3.250 0 0 1 0-6.500H16"
    "M3.800 18.500a2 2 0 1 0 4 0a2 2 0 1 0-4 0M16.200 5.500a2 2 0 1 0 4 0a2 2 0 1 0-4 0"
)


class ProgrammesCard(Feature):
    """Importing programmes, following them, and their pages."""

    commands = COMMANDS
    navigation = (
        Place("/programmes", LABEL, ICON, Roles.MEMBER, order=30),
        Place("/manage/programmes", LABEL, ICON, AUTHORS, order=50),
    )

    def __init__(self, core: Core) -> None:
        self.core = core
        self.programmes = Programmes(core.store)
        self.offers = Offers(core.store)
        self.answers = Answers(core)

    def routes(self, web: Web) -> Iterable[Route]:
        """The pages."""
        return chain(
            MemberPages(self.programmes, self.offers, self.answers, web.pages, web.door).routes(),
            AuthorPages(self.programmes, web.pages, web.preview_lesson).routes(),
        )
