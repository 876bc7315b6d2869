"""The search route. The query goes in a body, never in a URL: proxies write URLs into their logs."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from aiohttp import web

from chat.auth.door import SIGNED_IN, HttpRefusal
from chat.auth.json_http import body_of, id_of, json_answer
from chat.auth.routing import Limit, Reach, Roles, Route
from chat.conversations.search import LONGEST_QUERY, Crowded, Search
from chat.protocol.frames import Code
from storage.ids import ThreadId

LIMIT = Limit(a_second=2, at_once=20)


class Asked(msgspec.Struct, frozen=True):
    """A search: the words, in one thread or in all, and where to continue."""

    q: Annotated[str, msgspec.Meta(max_length=LONGEST_QUERY)]
    thread: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = msgspec.field(default=None, name="from")


class SearchRoutes:
    """`POST /api/search`."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def routes(self) -> Iterable[Route]:
        """The only one."""
        yield Route("POST", "/api/search", self.find, Roles.SIGNED_IN, Reach.OWN, LIMIT)

    async def find(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].unlocked
        asked = await body_of(request, Asked)
        within = ThreadId(id_of(asked.thread)) if asked.thread is not None else None
        try:
            return json_answer(await self._search.find(who, asked.q, within, asked.cursor))
        except Crowded:
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1) from None
