"""What grows with histories and threads is decrypted in the database's threads, never on the event loop: others are answered
while a thousand messages are unsealed, or a key is renewed in four hundred threads.

Asserted by structure, not by time: the loop's own thread decrypts none of it.
"""

import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nacl import bindings

from chat.accounts.keys import NewPassword
from chat.ailo import Ailo
from chat.auth.sign_in import Attempt
from chat.conversations.search import Search
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.maintenance.check import check_all
from tests.chat.talk import Cast, Talk
from tests.people import PASSWORD, address

NAME = "crypto_aead_xchacha20poly1305_ietf_decrypt"
Deed = Callable[[Ailo, Unlocked, Any], Awaitable[object]]


async def show_the_list(ailo: Ailo, who: Unlocked, _: object) -> None:
    assert await ailo.conversations.conversation.entries(who, Order.NEWEST, None)


async def show_a_page(ailo: Ailo, who: Unlocked, thread: Any) -> None:
    assert await ailo.conversations.conversation.before(who, thread, None, 100)


async def resume(ailo: Ailo, who: Unlocked, thread: Any) -> None:
    talk = Talk(ailo.conversations.conversation, who)
    await talk.put({"type": "resume", "threads": {str(thread): 0}})
    await talk.outlet.until("resumed")
    assert talk.outlet.of("message")


async def search(ailo: Ailo, who: Unlocked, thread: Any) -> None:
    assert (await Search(ailo.conversations.conversation).find(who, "bonjour", thread, None)).found


async def sign_in(ailo: Ailo, _: Unlocked, __: object) -> None:
    """The password is stretched in a pool; the one key that it opens is opened on the loop."""
    granted = await ailo.sign_ins.sign_in(Attempt(address("claire"), PASSWORD, "", "192.0.2.1"))
    found = await ailo.sign_ins.find(granted.cookie)
    assert found
    await ailo.conversations.conversation.entries(found.unlocked, Order.NEWEST, None)


async def renew(ailo: Ailo, _: Unlocked, __: object) -> None:
    granted = await ailo.sign_ins.sign_in(Attempt(address("claire"), PASSWORD, "", "192.0.2.1"))
    found = await ailo.sign_ins.find(granted.cookie)
    assert found
    await ailo.accounts.keys.change_password(found, NewPassword(PASSWORD, "un tout autre mot", may_be_known=True), granted.cookie)


async def check(ailo: Ailo, _: Unlocked, __: object) -> None:
    assert await check_all(ailo.store) == []


async def rotate(ailo: Ailo, _: Unlocked, __: object) -> None:
    await ailo.rotation.turn()
    await ailo.rotation.finish()


# What is decrypted on the loop, however much data there is: the account's own key, and the keyhole that was proved.
ALLOWED: dict[Deed, int] = {sign_in: 1, renew: 2}


@pytest.mark.parametrize("deed", [show_the_list, show_a_page, resume, search, sign_in, renew, check, rotate])
async def test_what_grows_is_opened_off_the_loop(ailo: Ailo, cast: Cast, monkeypatch: pytest.MonkeyPatch, deed: Deed) -> None:
    threads = [await cast.open_thread("lea", "claire"), await cast.open_thread("karim", "claire")]
    claire, lea = await cast.unlock("claire"), await cast.unlock("lea")
    for _ in range(10):
        await cast.say(claire, threads[0], "Bonjour")
        await cast.say(lea, threads[0], "Bonjour")
    opened, original = [], getattr(bindings, NAME)

    def noted(*arguments: Any) -> bytes:
        opened.append(threading.current_thread())
        return bytes(original(*arguments))

    who = Unlocked(claire.account, claire.key)
    monkeypatch.setattr(bindings, NAME, noted)
    await deed(ailo, who, threads[0])
    assert opened
    assert opened.count(threading.current_thread()) <= ALLOWED.get(deed, 0)
