"""The JSON routes of threads, thin: they read the request, call the rules, and form the answer. See docs/protocol.md."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door, HttpRefusal
from chat.auth.json_http import body_of, done, id_of, json_answer, number_in, thread_in
from chat.auth.limits import Bucket, ThreadChanges
from chat.auth.routing import Reach, Roles, Route
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.conversations.shapes import NewMessage, NewParticipant, plain
from chat.protocol.frames import Code
from chat.protocol.refusals import NotAllowed
from storage.conversations.threads import Order
from storage.ids import ThreadId

MOST_MESSAGES = 100
USUAL_MESSAGES = 50


class ThreadRoutes:
    """The routes below `/api/threads`."""

    def __init__(self, door: Door, conversation: Conversation, participants: Participants) -> None:
        self._door = door
        self._conversation = conversation
        self._participants = participants
        self._changes = ThreadChanges(door.settings.rate)

    def routes(self) -> Iterable[Route]:
        """All of them."""
        correspondents, staff = Roles.CORRESPONDENTS, Roles.STAFF
        yield Route("GET", "/api/threads", self.threads, Roles.SIGNED_IN, Reach.OWN)
        yield Route("GET", "/api/threads/{thread}/messages", self.messages, correspondents, Reach.THREAD)
        yield Route("POST", "/api/threads/{thread}/messages", self.post, correspondents, Reach.THREAD)
        yield Route("GET", "/api/threads/{thread}/access", self.access, correspondents, Reach.THREAD)
        yield Route("GET", "/api/colleagues", self.colleagues, staff, Reach.COMMON)
        yield Route("POST", "/api/threads/{thread}/participants", self.bring_in, staff, Reach.THREAD)
        yield Route("POST", "/api/threads/{thread}/hand-over", self.hand_over, staff, Reach.THREAD)
        yield Route("DELETE", "/api/threads/{thread}/participants/me", self.leave, correspondents, Reach.THREAD)

    async def threads(self, request: web.Request) -> web.Response:
        try:
            order = Order(request.query.get("order", Order.NEWEST))
        except ValueError:
            raise NotAllowed from None
        after = ThreadId(id_of(request.query["after"])) if "after" in request.query else None
        return json_answer({"threads": await self._conversation.entries(request[SIGNED_IN].unlocked, order, after)})

    async def messages(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        limit = number_in(request, "limit", USUAL_MESSAGES, minimum=1, maximum=MOST_MESSAGES)
        after = number_in(request, "after", None)
        if after is None:
            found = await self._conversation.before(who, thread, number_in(request, "before", None), limit)
        else:
            found, _ = await self._conversation.after(who, thread, after, limit)
        return json_answer({"messages": [plain(message) for message in found]})

    async def post(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        new = await body_of(request, NewMessage)
        self._door.take_turn(request)
        accepted = await self._conversation.post_and_wait(who, thread, new.id, new.text)
        return json_answer(plain(accepted.message), status=201 if accepted.is_new else 200)

    async def colleagues(self, request: web.Request) -> web.Response:
        return json_answer({"colleagues": await self._participants.colleagues(request[SIGNED_IN].unlocked)})

    async def access(self, request: web.Request) -> web.Response:
        return json_answer(await self._participants.access_list(request[SIGNED_IN].unlocked, thread_in(request)))

    async def bring_in(self, request: web.Request) -> web.Response:
        who, thread, new = request[SIGNED_IN].unlocked, thread_in(request), await body_of(request, NewParticipant)
        with self._one_change(request, thread):
            await self._participants.bring_in(who, thread, new.account, whole=new.history == "whole")
        return json_answer(await self._participants.access_list(who, thread), status=201)

    async def hand_over(self, request: web.Request) -> web.Response:
        who, thread, new = request[SIGNED_IN].unlocked, thread_in(request), await body_of(request, NewParticipant)
        with self._one_change(request, thread):
            await self._participants.hand_over(who, thread, new.account, whole=new.history == "whole")
        return done()

    async def leave(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        with self._one_change(request, thread):
            await self._participants.leave_self(who, thread)
        return done()

    @contextmanager
    def _one_change(self, request: web.Request, thread: ThreadId) -> Iterator[None]:
        """Count a change of participants, for the account and for the thread; one that fails does not count.

        Raises HttpRefusal when there were too many.
        """
        buckets = (self._door.limits_of(request[SIGNED_IN]).changes, self._changes.of(thread.bytes))
        taken = list(takewhile(Bucket.take, buckets))
        try:
            if len(taken) < len(buckets):
                raise HttpRefusal(429, Code.SLOW_DOWN, wait=buckets[len(taken)].wait)
            yield
        except Exception:
            for bucket in taken:
                bucket.give_back()
            raise
