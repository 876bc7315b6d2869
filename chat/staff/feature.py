"""The staff card."""

from collections.abc import Iterable
from itertools import chain

from chat.auth.routing import Route
from chat.core import Core, Feature, Web
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.notes import Notes
from chat.staff.overview import Overviews
from chat.staff.overview_page import OverviewPage
from chat.staff.practices import Practices
from chat.staff.routes import StaffRoutes


class Staff(Feature):
    """Practices, notes, canned replies, the overview."""

    def __init__(self, core: Core) -> None:
        self.practices = Practices(core.store, core.hub)
        self.notes = Notes(core.store, core.access)
        self.replies = RepliesAtHand(core.store)
        self.overviews = Overviews(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the dashboard uses, and the overview page."""
        return chain(
            StaffRoutes(web.door, self.practices, self.notes, self.replies).routes(),
            OverviewPage(self.overviews, web.shelf).routes(),
        )
