"""The rounds that delivery makes, until nothing is left to do: announcements that are due become letters, and go out."""

from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.settings import DeliverySettings
from storage.store import Store


async def announce_all(store: Store, settings: DeliverySettings) -> None:
    """Settle every announcement that is due."""
    while await announce_one(store, settings):
        pass


async def send_all(outbox: Outbox) -> None:
    """Take every letter that is due to its next state."""
    while await send_one_letter(outbox):
        pass


async def deliver_all(outbox: Outbox) -> None:
    """Everything that is due now."""
    await announce_all(outbox.store, outbox.settings)
    await send_all(outbox)
