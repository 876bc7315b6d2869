"""Who is connected, who is sent what, and the grace period for those who reconnect at once."""

import asyncio

import msgspec
import pytest

from chat.protocol import hub as hub_module
from chat.protocol.hub import Hub
from storage.ids import AccountId, ThreadId, new_id

LEA, CLAIRE, KARIM, THREAD = new_id(AccountId), new_id(AccountId), new_id(AccountId), new_id(ThreadId)


class Browser:
    """A connection that keeps what it is sent."""

    def __init__(self, session_id: bytes = b"1") -> None:
        self.session_id = session_id
        self.frames: list[object] = []
        self.messages: list[int] = []
        self.is_signed_out = False
        self.is_restarted = False
        self.was_used = False
        self.told = asyncio.Event()

    def offer(self, frame: bytes) -> None:
        self.told.set()
        self.frames.append(msgspec.json.decode(frame) if frame.startswith(b"{") else frame)

    def offer_message(self, thread: ThreadId, seq: int, frame: bytes) -> None:
        self.messages.append(seq)

    def sign_out(self) -> None:
        self.is_signed_out = True

    def restart(self) -> None:
        self.is_restarted = True


def presence(account: AccountId, *, online: bool) -> dict[str, object]:
    return {"type": "presence", "account": str(account), "online": online}


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "GONE_AFTER_S", 0.0)


def test_who_comes_is_told_who_is_here(hub: Hub) -> None:
    claire, lea = Browser(), Browser()
    hub.join(CLAIRE, claire, {LEA})
    hub.join(LEA, lea, {CLAIRE, KARIM})
    assert lea.frames == [presence(CLAIRE, online=True)]
    assert claire.frames == [presence(LEA, online=True)]


def test_a_second_connection_is_no_news_to_others(hub: Hub) -> None:
    claire = Browser()
    hub.join(CLAIRE, claire, {LEA})
    hub.join(LEA, Browser(), {CLAIRE})
    hub.join(LEA, Browser(), {CLAIRE})
    assert claire.frames == [presence(LEA, online=True)]
    assert len(hub) == 3


@pytest.mark.usefixtures("no_grace")
async def test_who_goes_is_gone_after_the_grace(hub: Hub) -> None:
    claire, lea = Browser(), Browser()
    hub.join(LEA, lea, {CLAIRE})
    hub.join(CLAIRE, claire, {LEA})
    claire.told.clear()
    hub.leave(LEA, lea)
    assert hub.is_online(LEA)
    await claire.told.wait()
    assert claire.frames[-1] == presence(LEA, online=False)


async def test_who_comes_back_at_once_was_never_gone(hub: Hub) -> None:
    claire, lea = Browser(), Browser()
    hub.join(CLAIRE, claire, {LEA})
    hub.join(LEA, lea, {CLAIRE})
    hub.leave(LEA, lea)
    hub.join(LEA, Browser(), {CLAIRE})
    assert claire.frames == [presence(LEA, online=True)]
    assert hub._leaving == {}


async def test_who_has_another_connection_stays(hub: Hub) -> None:
    one, other = Browser(), Browser()
    hub.join(LEA, one, set())
    hub.join(LEA, other, set())
    hub.leave(LEA, one)
    assert hub._leaving == {}


async def test_leaving_twice_is_harmless(hub: Hub) -> None:
    hub.leave(LEA, Browser())
    assert not hub.is_online(LEA)


def test_a_frame_goes_to_every_connection_but_one(hub: Hub) -> None:
    one, other, claire = Browser(), Browser(), Browser()
    hub.join(LEA, one, set())
    hub.join(LEA, other, set())
    hub.join(CLAIRE, claire, set())
    hub.tell([LEA, CLAIRE], b"frame", except_for=one)
    assert (one.frames, other.frames, claire.frames) == ([], [b"frame"], [b"frame"])


def test_a_message_goes_to_every_connection_but_the_sending_one(hub: Hub) -> None:
    one, other, karim = Browser(), Browser(), Browser()
    hub.join(LEA, one, set())
    hub.join(LEA, other, set())
    hub.join(KARIM, karim, set())
    hub.tell_message(THREAD, 7, [LEA, CLAIRE], b"frame", one)
    assert (one.messages, other.messages, karim.messages) == ([], [7], [])


def test_a_session_that_ends_takes_its_own_connections_alone(hub: Hub) -> None:
    phone, laptop = Browser(b"phone"), Browser(b"laptop")
    hub.join(LEA, phone, set())
    hub.join(LEA, laptop, set())
    hub.sign_out(LEA, b"phone")
    assert (phone.is_signed_out, laptop.is_signed_out) == (True, False)


def test_a_new_thread_introduces_those_who_are_here(hub: Hub) -> None:
    claire, lea = Browser(), Browser()
    hub.join(CLAIRE, claire, set())
    hub.join(LEA, lea, set())
    hub.introduce([LEA, CLAIRE, KARIM])
    assert lea.frames == [presence(CLAIRE, online=True)]
    assert claire.frames == [presence(LEA, online=True)]


async def test_who_shares_no_thread_any_more_is_told_nothing(hub: Hub) -> None:
    claire, lea = Browser(), Browser()
    hub.join(CLAIRE, claire, {LEA})
    hub.join(LEA, lea, {CLAIRE})
    for account in (LEA, CLAIRE, KARIM):
        hub.separate(account, set())
    hub.leave(LEA, lea)
    hub._leaving[LEA].cancel()
    hub._gone(LEA)
    assert claire.frames == [presence(LEA, online=True)]
