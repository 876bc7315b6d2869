"""The rounds of delivery, run until nothing is left to do: due announcements become letters, and due letters are sent."""

from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.settings import DeliverySettings
from storage.store import Store


async def announce_all(store: Store, settings: DeliverySettings) -> None:
    """Settle every announcement that is due."""
    while await announce_one(store, settings):
        pass


async def send_all(outbox: Outbox) -> None:
    """Attempt every letter that is due."""
    while await send_one_letter(outbox):
        pass


async def deliver_all(outbox: Outbox) -> None:
    """Do everything that is due now."""
    await announce_all(outbox.store, outbox.settings)
    await send_all(outbox)
