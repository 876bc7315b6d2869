"""The route of search. What is asked is in no log: a request's query is never written, nor is any text in an error."""

from uuid import UUID

from aiohttp import web

from chat.answers import id_of, json_answer
from chat.frames import Code
from chat.limits import Bucket
from chat.search import Search
from chat.web import SIGNED_IN, Door, Refused

A_SECOND = 2
AT_ONCE = 20


class SearchApi:
    """`GET /api/search`."""

    def __init__(self, door: Door, search: Search) -> None:
        self._search = search
        self._rate = A_SECOND if door.settings.rate else 0
        self._buckets: dict[UUID, Bucket] = {}

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.add_routes([web.get("/api/search", self.find)])

    async def find(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].who
        if not self._buckets.setdefault(who.account.id, Bucket(self._rate, AT_ONCE)).take():
            raise Refused(429, Code.SLOW_DOWN, wait=1)
        within = id_of(request.query["thread"]) if "thread" in request.query else None
        query, cursor = request.query.get("q", ""), request.query.get("from")
        return json_answer(await self._search.find(who, query, within, cursor))
