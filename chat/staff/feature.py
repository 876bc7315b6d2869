"""The staff card."""

from collections.abc import Iterable
from itertools import chain

from chat.auth.routing import Roles, Route
from chat.core import Core, Feature, Web
from chat.framed.navigation import Place
from chat.pages.words import sentence
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.notes import Notes
from chat.staff.overview import Overviews
from chat.staff.overview_page import OverviewPage
from chat.staff.practices import Practices
from chat.staff.routes import StaffRoutes

# Bars of a chart.
BARS = "M4.5 19.5h15M7.5 16v-4M12 16V6.5M16.5 16V9.5"


class Staff(Feature):
    """Practices, notes, canned replies, the overview."""

    navigation = (Place("/overview", sentence("Vue d’ensemble"), BARS, Roles.STAFF, order=90),)

    def __init__(self, core: Core) -> None:
        self.practices = Practices(core.store, core.hub)
        self.notes = Notes(core.store, core.access)
        self.replies = RepliesAtHand(core.store)
        self.overviews = Overviews(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the dashboard uses, and the overview page."""
        return chain(
            StaffRoutes(web.door, self.practices, self.notes, self.replies).routes(),
            OverviewPage(self.overviews, web.pages).routes(),
        )
