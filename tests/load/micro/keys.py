"""What keys cost: the chains of 50 threads, signing in with 400, renewing 400. `python -m tests.load.micro.keys`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from chat.accounts.keys import NewPassword
from chat.ailo import Ailo
from chat.auth.sign_in import Attempt, SignedIn
from storage.conversations import roster_chain, threads
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.crypto import keyholes
from storage.engine.database import Reader
from storage.ids import ThreadId
from tests.chat.talk import Cast, opened_rooms
from tests.people import PASSWORD, address

THREADS = 400
CLAIRE = Attempt(address("claire"), PASSWORD, "", "192.0.2.1")


async def main() -> None:
    with TemporaryDirectory() as folder:
        async with opened_rooms(Path(folder)) as ailo:
            claire = await furnish(ailo)
            ids = await ailo.store.database.read(lambda reader: threads.ids_of(reader, claire.account.id))
            await tell("verify the chains of 50 threads", lambda: verify(ailo, claire, ids[:50]))
            await tell("verify and unlock all 400", lambda: unlock(ailo, claire, ids))
            await tell("sign in and list the first 50 of 400", lambda: arrive(ailo))
            await tell("of which Argon2id (the example's)", stretch)
            me, cookie = await signed_in(ailo)
            change = NewPassword(PASSWORD, "un tout autre mot", may_be_known=True)
            await tell("renew a key with 400 threads", lambda: ailo.accounts.keys.change_password(me, change, cookie), times=1)


async def tell(what: str, work: Callable[[], Awaitable[None]], times: int = 5) -> None:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    print(f"{what}: {min(taken) * 1000:.1f} ms")


async def furnish(ailo: Ailo) -> Unlocked:
    """Claire has 400 threads of three messages; a companion was brought into every fourth, with its history."""
    cast = Cast(ailo)
    await cast.arrive()
    claire, sam = await cast.unlock("claire"), await cast.account("sam")
    for number in range(THREADS):
        await cast.add(f"member-{number}")
        member = await cast.unlock(f"member-{number}")
        thread = await cast.open_thread(f"member-{number}", "claire")
        await cast.say(member, thread, "Bonjour", "Encore")
        await cast.say(claire, thread, "Bonjour")
        if number % 4 == 0:
            await ailo.conversations.participants.bring_in(claire, thread, sam.id, whole=True)
    return claire


async def verify(ailo: Ailo, who: Unlocked, ids: Sequence[ThreadId]) -> None:
    async def read(reader: Reader) -> None:
        for id_ in ids:
            if thread := await threads.find(reader, ailo.store.guard, id_):
                await roster_chain.verified(reader, ailo.store.guard, who.key, thread)

    await ailo.store.database.read(read)


async def unlock(ailo: Ailo, who: Unlocked, ids: Sequence[ThreadId]) -> None:
    fresh = Unlocked(who.account, who.key)

    async def read(reader: Reader) -> None:
        for id_ in ids:
            if thread := await threads.find(reader, ailo.store.guard, id_):
                await fresh.latest_epoch(reader, ailo.store.guard, thread)

    await ailo.store.database.read(read)


async def signed_in(ailo: Ailo) -> tuple[SignedIn, str]:
    granted = await ailo.sign_ins.sign_in(CLAIRE)
    found = await ailo.sign_ins.find(granted.cookie)
    assert found
    return found, granted.cookie


async def arrive(ailo: Ailo) -> None:
    me, _ = await signed_in(ailo)
    assert len(await ailo.conversations.conversation.entries(me.unlocked, Order.NEWEST, None)) == threads.PAGE


async def stretch() -> None:
    keyholes.stretch(PASSWORD, bytes(16), keyholes.EXAMPLE_PROFILE)


if __name__ == "__main__":
    asyncio.run(main())
