"""How fast letters leave, and how fast they are claimed: `./dev bench --letters`.

Letters that wait are composed, sent over SMTP to Postfix's `smtp-sink` on another core, and recorded, by the service's own
worker. Beside it, in the same run and by turns, Postfix's `smtp-source` sends as many letters of the same length over as many
connections to the same sink: it composes and records nothing. Then letters are claimed and given back with 1,000 and with
1,000,000 that wait.
"""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from email.headerregistry import Address
from pathlib import Path
from uuid import uuid4

from chat.ailo import open_ailo
from delivery.letters.compose import Envelope, compose
from delivery.outbox.queue import BATCH, LEASE
from delivery.settings import DeliverySettings, Relay
from delivery.worker import deliver
from storage.engine.database import Transaction
from storage.mail import letters
from storage.mail.letters import Claimed, Letter
from storage.settings import StorageSettings
from storage.store import Store
from tests.delivery.transports import postfix
from tests.load.figures import Figures, Results, of_times
from tests.load.fill import Filler
from tests.load.population import Pair, furnished, running

ACCOUNTS = 500
WAITING = (1_000, 1_000_000)
CLAIMS = 50
HOST = "127.0.0.1"
FROM = Address("Ailo", "bonjour", "ailo.test")


async def measure(folder: Path, core: int | None, total: int, workers: int, times: int) -> Results:
    """Letters a second, ours and smtp-source's by turns, and what a claim costs. ``core`` is the sink's."""
    results: Results = {}
    async with furnished(folder / "letters", ACCOUNTS) as (settings, pairs):
        async with open_ailo(settings) as ailo:
            await Filler(ailo.store).fill(pairs, len(pairs))
        with sink(core) as port:
            length = _length()
            for turn in range(times):
                results[f"composed, sent and recorded by {workers} workers, turn {turn + 1}"] = await _ours(
                    settings, pairs, port, total, workers
                )
                results[f"smtp-source, {workers} connections, turn {turn + 1}"] = await asyncio.to_thread(
                    _source, port, total, workers, length
                )
        ours, theirs = list(results.values())[0::2], list(results.values())[1::2]
        shares = sorted(one["per_second"] / other["per_second"] for one, other in zip(ours, theirs, strict=True))
        results["share of smtp-source"] = {"middle": round(shares[len(shares) // 2], 2), "least": round(shares[0], 2)}
        for waiting in WAITING:
            results[f"a claim of {BATCH}, {waiting} waiting"] = await _claims(settings, pairs, waiting)
    return results


@contextmanager
def sink(core: int | None) -> Iterator[int]:
    """Postfix's sink, on a core; yields its port."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with running([postfix.program("smtp-sink"), *user, f"{HOST}:{port}", "100"], core, postfix.environment()):
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((HOST, port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
        yield port


async def write_letters(store: Store, pairs: Sequence[Pair], total: int, begin: int = 0) -> None:
    """Letters to the members in turn, each about a message that they have not read."""
    now = store.clock()

    async def work(tx: Transaction, some: range) -> None:
        for number in some:
            pair, id_ = pairs[number % len(pairs)], uuid4()
            facts = {"thread": str(pair.thread), "seq": "1", "group": pair.member.id.hex[:24]}
            cause, message_id = f"{pair.thread}/{number}", f"{id_.hex}@{FROM.domain}"
            await letters.write(
                tx, store.guard, Letter(id_, pair.member.id, "reply", cause, facts, message_id, now + number), now
            )

    for first in range(begin, total, 10_000):
        some = range(first, min(total, first + 10_000))
        await store.database.write(lambda tx, some=some: work(tx, some))  # type: ignore[misc]


def _length() -> int:
    """The length of one of our letters in bytes."""
    at, link = 1_795_424_400_000, "https://ailo.test/"
    values = {"texts": [], "is_cut": False}
    one = Envelope("reply", FROM, "m1@example.test", "Prénom", "fr", f"{uuid4().hex}@{FROM.domain}", "0" * 24, at, link, values)
    return len(compose(one).as_bytes())


async def _ours(settings: StorageSettings, pairs: Sequence[Pair], port: int, total: int, workers: int) -> Figures:
    """With as many accounts as there are, each gets more than a day's letters."""
    async with open_ailo(replace(settings, letters_a_day=total)) as ailo:
        store = ailo.store
        await store.database.write(lambda tx: tx.run("delete from letters"))
        await write_letters(store, pairs, total)
        store.clock = lambda: time.time_ns() // 1_000_000 + total  # all are due
        by_smtp = DeliverySettings("https://ailo.test", settings.data / "mail", FROM, Relay(HOST, port), workers=workers)
        stop = asyncio.Event()
        began, cpu = time.perf_counter(), time.process_time()
        working = asyncio.create_task(deliver(store, by_smtp, stop))
        while (await store.database.read(letters.count_by_state)).get("sent", 0) < total:  # noqa: ASYNC110 (the worker tells nobody)
            await asyncio.sleep(0.05)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        stop.set()
        await working
        counted = await store.database.read(letters.count_by_state)
    assert counted == {"sent": total}, counted
    return {"letters": total, "per_second": round(total / took), "per_cpu_s": round(total / cpu)}


def _source(port: int, total: int, connections: int, length: int) -> Figures:
    said = ["-d", "-s", str(connections), "-l", str(length), "-m", str(total), "-f", FROM.addr_spec, "-t", "m1@example.test"]
    before, began = os.times(), time.perf_counter()
    subprocess.run([postfix.program("smtp-source"), *said, f"{HOST}:{port}"], check=True, env=postfix.environment())
    took, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"letters": total, "per_second": round(total / took), "per_cpu_s": round(total / cpu)}


async def _claims(settings: StorageSettings, pairs: Sequence[Pair], waiting: int) -> Figures:
    """Claim and give back, each time in one transaction, on disk."""
    async with open_ailo(settings) as ailo:
        store = ailo.store
        await store.database.write(lambda tx: tx.run("delete from letters"))
        await write_letters(store, pairs, min(waiting, 1_000))
        await _multiply(store, waiting)
        now, took = store.clock() + waiting, []
        for _ in range(CLAIMS):
            began = time.perf_counter()
            claimed = await store.database.write(lambda tx: letters.claim_some(tx, now, now + LEASE, BATCH))
            took.append(time.perf_counter() - began)
            assert len(claimed) == BATCH
            await store.database.write(lambda tx, claimed=claimed: _give_back(tx, claimed))  # type: ignore[misc]
    return of_times(took)


async def _give_back(tx: Transaction, claimed: Sequence[Claimed]) -> None:
    for letter in claimed:
        await letters.give_back(tx, letter)


async def _multiply(store: Store, waiting: int) -> None:
    """More letters like those there are, until so many wait; what they say is not looked at."""
    copied = (
        "with recursive times (beyond) as (select :first union all select beyond + 1000 from times where beyond + 1000 < :end)"
        " insert into letters (id, account, kind, cause, facts, message_id, state, due_at, attempts, written_at)"
        " select randomblob(16), account, kind, cause || '+' || beyond, facts, message_id, state, due_at + beyond, 0, written_at"
        " from (select * from letters where state = 'waiting' and leased_until is null order by due_at limit 1000), times"
    )
    for first in range(1_000, waiting, 100_000):
        end = min(first + 100_000, waiting)
        await store.database.write(lambda tx, first=first, end=end: tx.run(copied, first=first, end=end))  # type: ignore[misc]
