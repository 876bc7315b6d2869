"""The work of delivery while the service runs: every job and the outbox, each repeated until nothing is left to do.

No broken letter, failing relay or stalled store ends it. Each kind of failure is logged once until the step works again.
"""

import asyncio
import logging
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from traceback import extract_tb

import delivery.jobs
from delivery.inbound.lmtp import listening
from delivery.inbound.maildir import Inbox, take_one
from delivery.inbound.receiver import Posting, Receiver, Telling
from delivery.inbound.trials import Trials
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.outbox.queue import Queue
from delivery.settings import DeliverySettings
from delivery.transports.maildir import MaildirTransport
from delivery.transports.smtp import SmtpTransport
from delivery.transports.transport import Transport
from storage.background import in_background
from storage.errors import Stalled
from storage.mail import letters
from storage.store import Store

__all__ = ["deliver", "open_post", "receiving"]

log = logging.getLogger("ailo.delivery")

# Two steps lie between an unread message and its letter; together they must take less than a second.
PAUSE_SECONDS = 0.4
# So that a mail is in its thread within 100 ms; twenty looks a second cost 1 % of a core.
INBOX_PAUSE_SECONDS = 0.05
STOP_SECONDS = 5.0

Step = Callable[[], Awaitable[bool]]
Job = Callable[[Store, DeliverySettings], Awaitable[bool]]
"""Does one thing that is due; returns whether there was one."""


def jobs() -> list[Job]:
    """The ``JOB`` of every module in `delivery/jobs/`."""
    names = sorted(info.name for info in pkgutil.iter_modules(delivery.jobs.__path__))
    return [import_module(f"delivery.jobs.{name}").JOB for name in names]


def open_post(settings: DeliverySettings) -> Transport:
    """The transport for letters: the SMTP relay if one is set, else the Maildir."""
    if settings.relay is None:
        return MaildirTransport(settings.maildir)
    return SmtpTransport(settings.relay, settings.mail_from.addr_spec)


async def deliver(store: Store, settings: DeliverySettings, stop: asyncio.Event) -> None:
    """Deliver until ``stop`` is set; then finish the current letters, or abandon them after a few seconds.

    An abandoned letter, here or after a crash, stays leased; its lease is freed at the next start.
    """
    queue = Queue(store, settings.letters_a_minute)
    outboxes = [Outbox(store, open_post(settings), settings, shared=queue) for _ in range(settings.workers)]
    loops = [
        *(asyncio.create_task(_repeat(partial(job, store, settings), stop)) for job in jobs()),
        asyncio.create_task(_free_and_send(store, outboxes, stop)),
    ]
    try:
        await stop.wait()
        await asyncio.wait(loops, timeout=STOP_SECONDS)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await _close(queue, outboxes)


@asynccontextmanager
async def receiving(
    store: Store, settings: DeliverySettings, post: Posting, tell: Telling, trials: Trials
) -> AsyncIterator[int | None]:
    """Take what comes back by e-mail while this lasts; gives the port of LMTP. Raises OSError if that cannot be listened on."""
    receiver, inbound = Receiver(store, settings, post, tell, trials), settings.inbound
    async with AsyncExitStack() as stack:
        if inbound.inbox:
            inbox = Inbox(inbound.inbox, receiver)
            watch = _repeat(lambda: take_one(inbox, store.clock()), asyncio.Event(), INBOX_PAUSE_SECONDS)
            await stack.enter_async_context(in_background(watch, "watch over the inbox"))
        yield await stack.enter_async_context(listening(receiver, *inbound.lmtp)) if inbound.lmtp else None


async def _close(queue: Queue, outboxes: Sequence[Outbox]) -> None:
    """Give back what was claimed ahead, and hang up. If the store cannot take it back, the next start frees it."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await queue.close()
    except (Stalled, TimeoutError):
        log.warning("letters that were claimed and not attempted stay claimed until the next start")
    await asyncio.gather(*(outbox.post.close() for outbox in outboxes))


async def _free_and_send(store: Store, outboxes: Sequence[Outbox], stop: asyncio.Event) -> None:
    troubles: set[str] = set()
    while not stop.is_set() and not await _safely(partial(_free_leases, store), troubles):
        await _pause(stop, PAUSE_SECONDS)
    await asyncio.gather(*(_repeat(partial(send_one_letter, outbox), stop) for outbox in outboxes))


async def _free_leases(store: Store) -> bool:
    await store.database.write(letters.free_leases)
    return True


async def _repeat(step: Step, stop: asyncio.Event, pause: float | None = None) -> None:
    troubles: set[str] = set()
    while not stop.is_set():
        if not await _safely(step, troubles):
            await _pause(stop, pause or PAUSE_SECONDS)


async def _safely(step: Step, troubles: set[str]) -> bool:
    """Run one step. If it fails, log that once and return False, so that a pause comes before the next try."""
    try:
        found = await step()
    except Exception as error:  # noqa: BLE001 (the loop survives whatever happens in a step)
        _tell_once(error, troubles)
        return False
    troubles.clear()
    return found


def _tell_once(error: Exception, troubles: set[str]) -> None:
    """Log only the error's type and location: its text may contain what nobody should read in a log."""
    place = extract_tb(error.__traceback__)[-1]
    trouble = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    if trouble not in troubles:
        troubles.add(trouble)
        log.error("a delivery step failed and will be retried: %s", trouble)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
