"""The server with one of its mechanisms switched off, to see what it gains: `python -m tests.load.micro.without NAME`.

None of this is in the product. A mechanism is replaced before the modules that use it are imported.
"""

import asyncio
import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nacl import bindings

from storage.crypto import primitives
from storage.ids import ThreadId


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _hash_by_libsodium() -> None:
    def keyed_hash(key: bytes, person: bytes, message: bytes = b"", size: int = 32) -> bytes:
        return bindings.crypto_generichash_blake2b_salt_personal(message, size, key, b"", person)

    primitives.keyed_hash = keyed_hash


def _one_nonce_at_a_time() -> None:
    primitives._Nonces.AT_ONCE = 1


def _no_groups() -> None:
    _module("storage.conversations.group_commit").LARGEST_GROUP = 1


def _statement_each() -> None:
    """As it was before a group took a handful of statements: one for each message and each thread."""
    messages, threads = _module("storage.conversations.messages"), _module("storage.conversations.threads")
    statements = _module("storage.engine.sqlite_statements")

    async def add_all(tx: Any, new: Sequence[Any]) -> bool:
        return all([await messages.add(tx, message) for message in new])

    async def save_all(tx: Any, guard: Any, changed: Iterable[Any]) -> None:
        for thread in changed:
            await threads.save(tx, guard, thread)

    async def find_all(reader: Any, guard: Any, ids: Iterable[ThreadId]) -> dict[ThreadId, Any]:
        found = [await threads.find(reader, guard, id_) for id_ in ids]
        return {thread.id: thread for thread in found if thread}

    messages.add_all, threads.save_all, threads.find_all = add_all, save_all, find_all
    statements.LARGEST_CHUNK = 1  # for marks and announcements, too


def _through_the_library() -> None:
    """Every frame goes through aiohttp's writer and the connection's own task."""
    _module("chat.connections.gateway").Connection._write_now = lambda *_: False


def _plain_collector() -> None:
    gc.freeze = lambda: None
    gc.set_threshold = lambda *_: None


def _usual_switching() -> None:
    sys.setswitchinterval = lambda _: None


def _asyncio_loop() -> None:
    _module("uvloop").run = asyncio.run


def _small_wal() -> None:
    _module("storage.engine.sqlite_opening").CHECKPOINT_PAGES = 1000


def _no_sync() -> None:
    _module("storage.engine.sqlite_opening").SETTINGS["synchronous"] = 0


MECHANISMS: dict[str, Callable[[], None]] = {
    "group commit": _no_groups,
    "a handful of statements a group": _statement_each,
    "frames written straight, once a turn": _through_the_library,
    "collector frozen, rarer": _plain_collector,
    "BLAKE2b of hashlib": _hash_by_libsodium,
    "256 nonces at a time": _one_nonce_at_a_time,
    "uvloop": _asyncio_loop,
    "interpreter handed over every 0.1 ms": _usual_switching,
    "checkpoint at 20,000 pages": _small_wal,
    "(fsync: what it costs)": _no_sync,
}


if __name__ == "__main__":
    MECHANISMS[sys.argv[1]]()
    sys.argv[1:] = ["serve"]
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(_module("chat.cli").main())
