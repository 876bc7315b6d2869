"""The route of search. What is asked stands in a body, never in an address: addresses are written into the logs of proxies."""

from typing import Annotated
from uuid import UUID

import msgspec
from aiohttp import web

from chat.auth.door import SIGNED_IN, Door, HttpRefusal
from chat.auth.json_http import body_of, id_of, json_answer
from chat.auth.limits import Bucket
from chat.conversations.search import LONGEST_QUERY, Crowded, Search
from chat.protocol.frames import Code

A_SECOND = 2
AT_ONCE = 20


class Asked(msgspec.Struct, frozen=True):
    """A search: the words, in one thread or in all, and from where to go on."""

    q: Annotated[str, msgspec.Meta(max_length=LONGEST_QUERY)]
    thread: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = msgspec.field(default=None, name="from")


class SearchApi:
    """`POST /api/search`."""

    def __init__(self, door: Door, search: Search) -> None:
        self._search = search
        self._rate = A_SECOND if door.settings.rate else 0
        self._buckets: dict[UUID, Bucket] = {}

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.add_routes([web.post("/api/search", self.find)])

    async def find(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].unlocked
        if not self._buckets.setdefault(who.account.id, Bucket(self._rate, AT_ONCE)).take():
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1)
        asked = await body_of(request, Asked)
        within = id_of(asked.thread) if asked.thread is not None else None
        try:
            return json_answer(await self._search.find(who, asked.q, within, asked.cursor))
        except Crowded:
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1) from None
