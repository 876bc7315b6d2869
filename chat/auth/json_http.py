"""How the JSON routes read requests and build answers."""

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
    """Answer with a value as JSON. ``chat.http.headers`` adds the headers that all answers share."""
    return web.Response(status=status, body=encode(value), content_type="application/json")


def done() -> web.Response:
    """Answer that it is done, without a body."""
    return web.Response(status=204)


async def body_of(request: web.Request, kind: type[T]) -> T:
    """Read and decode the body of a request: the only way in which routes do so.

    Raises HttpRefusal if it is not JSON, does not match ``kind``, does not arrive within ``BODY_S``, or if the session that the
    request was admitted with ended while the body arrived.
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
    """Whether the header says JSON, or is empty. Its parameters are not parsed: aiohttp takes 0.8 s for 8 kB of them."""
    return not content_type or content_type.partition(";")[0].strip().lower() == "application/json"


def thread_in(request: web.Request) -> ThreadId:
    """The thread named in the path. Raises NotFound if it is not a valid id."""
    return ThreadId(id_of(request.match_info["thread"]))


def id_of(raw: str) -> UUID:
    """Parse an id. Raises NotFound if it is not valid: nothing that exists can have it."""
    found = read_id(raw)
    if found is None:
        raise NotFound
    return found


def number_in(request: web.Request, name: str, default: Any, *, minimum: int = 0, maximum: int = LARGEST_SEQ) -> Any:
    """An integer from the query. Raises NotAllowed if it is not one, or out of range."""
    raw = request.query.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 16 and minimum <= int(raw) <= maximum):
        raise NotAllowed
    return int(raw)
