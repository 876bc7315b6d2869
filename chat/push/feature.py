"""The card of push."""

from collections.abc import Iterable

from chat.auth.routing import Route
from chat.core import Core, Feature, Web
from chat.push.routes import PushRoutes
from chat.push.subscribing import Subscribing


class Push(Feature):
    """Being told of replies by push, in the browsers in which one chose so."""

    def __init__(self, core: Core) -> None:
        self.subscribing = Subscribing(core.store)

    def routes(self, web: Web) -> Iterable[Route]:
        """The routes that the pages use."""
        return PushRoutes(web.door, self.subscribing).routes()
