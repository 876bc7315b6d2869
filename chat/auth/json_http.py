"""How the JSON routes read what they are asked and form what they answer."""

import asyncio
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from chat.auth.door import DOOR, HttpRefusal
from chat.protocol.frames import LARGEST_SEQ, Code, encode
from chat.protocol.refusals import NotAllowed, NotFound
from storage.ids import ThreadId, read_id

T = TypeVar("T")

BODY_S = 30.0


def json_answer(value: Any, status: int = 200) -> web.Response:
    """A value as JSON. The headers that all answers share are filled in by ``chat.http.headers``."""
    return web.Response(status=status, body=encode(value), content_type="application/json")


def done() -> web.Response:
    """Done, and nothing to say."""
    return web.Response(status=204)


async def body_of(request: web.Request, kind: type[T]) -> T:
    """The body of a request: the one way in which routes read it.

    Raises HttpRefusal when it is not JSON, not of this kind, does not come to its end, or when the session that the request was
    admitted with has ended while the body came.
    """
    if not _may_be_json(request.headers.get("Content-Type", "")):
        raise HttpRefusal(400, Code.BAD_REQUEST)
    try:
        async with asyncio.timeout(BODY_S):
            raw = await request.read()
    except TimeoutError:
        raise HttpRefusal(400, Code.BAD_REQUEST) from None
    await request.app[DOOR].check_still_signed_in(request)
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise HttpRefusal(400, Code.BAD_REQUEST) from None


def _may_be_json(content_type: str) -> bool:
    """Whether a header says JSON, or nothing. Its parameters are not looked at: the library takes 0.8 s for 8 kB of them."""
    return not content_type or content_type.partition(";")[0].strip().lower() == "application/json"


def thread_in(request: web.Request) -> ThreadId:
    """The thread that the path names. Raises NotFound when it is no id."""
    return ThreadId(id_of(request.match_info["thread"]))


def id_of(raw: str) -> UUID:
    """An id. Raises NotFound when it is none: what is no id names nothing that exists."""
    found = read_id(raw)
    if found is None:
        raise NotFound
    return found


def number_in(request: web.Request, name: str, default: Any, *, minimum: int = 0, maximum: int = LARGEST_SEQ) -> Any:
    """A whole number from the query. Raises NotAllowed when it is none, or out of bounds."""
    raw = request.query.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 16 and minimum <= int(raw) <= maximum):
        raise NotAllowed
    return int(raw)
