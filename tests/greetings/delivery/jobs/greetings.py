"""A letter to whoever has a new greeting."""

from uuid import uuid4

from storage.greetings import greetings

from delivery.settings import DeliverySettings
from storage.engine.database import Transaction
from storage.mail import letters
from storage.mail.letters import Letter
from storage.store import Store


async def greet_one(store: Store, settings: DeliverySettings) -> bool:
    """Write the letter that has been due for longest; return whether there was one."""
    now = store.clock()

    async def work(tx: Transaction) -> bool:
        account = await greetings.take_due(tx, now)
        if account:
            id_ = uuid4()
            letter = Letter(id_, account, "greeting", "bleu", {"group": "0" * 24, "colour": "bleu"}, f"{id_.hex}@ailo.test", now)
            await letters.write(tx, store.guard, letter, now)
        return account is not None

    return await store.database.write(work)


JOB = greet_one
