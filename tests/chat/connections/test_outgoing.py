"""The bounded queue between the hub and one socket. Whole connections are tested in `tests/flows`."""

import asyncio
from collections.abc import Sequence

import pytest

from chat.connections.outgoing import FEW_FRAMES, MOST_BYTES, MOST_FRAMES, Outgoing


class Socket:
    """A socket that takes everything at once or, when full, one frame at a time until it may drain."""

    def __init__(self) -> None:
        self.is_full = False
        self.is_gone = False
        self.writes: list[list[bytes]] = []
        self.endings = 0
        self.drained = asyncio.Event()
        self.queue = Outgoing(self.write_now, self.write, self.end)

    def write_now(self, frames: Sequence[bytes]) -> bool:
        if not self.is_full:
            self.writes.append(list(frames))
        return not self.is_full

    async def write(self, frame: bytes) -> None:
        if self.is_gone:
            raise ConnectionResetError
        self.writes.append([frame])
        await self.drained.wait()

    def end(self) -> None:
        self.endings += 1


@pytest.fixture
async def socket() -> Socket:
    return Socket()


async def test_frames_of_one_turn_leave_together(socket: Socket) -> None:
    socket.queue.offer(b"un")
    socket.queue.offer(b"deux")
    await socket.queue.emptied()
    assert (socket.writes, len(socket.queue)) == ([[b"un", b"deux"]], 0)


async def test_a_full_socket_is_given_one_frame_at_a_time(socket: Socket) -> None:
    socket.is_full = True
    for frame in (b"un", b"deux", b"trois"):
        socket.queue.offer(frame)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (socket.writes, len(socket.queue)) == ([[b"un"]], 2)
    socket.drained.set()
    await asyncio.wait_for(socket.queue.emptied(), 5)
    assert socket.writes == [[b"un"], [b"deux"], [b"trois"]]


async def test_what_comes_while_it_drains_keeps_its_order(socket: Socket) -> None:
    socket.is_full = True
    socket.queue.offer(b"un")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    socket.is_full = False
    socket.queue.offer(b"deux")
    await asyncio.sleep(0)
    assert socket.writes == [[b"un"]]
    socket.drained.set()
    await asyncio.wait_for(socket.queue.emptied(), 5)
    assert socket.writes == [[b"un"], [b"deux"]]


async def test_too_many_frames_end_the_connection(socket: Socket) -> None:
    socket.is_full = True
    for _ in range(MOST_FRAMES + 3):
        socket.queue.offer(b"x")
    assert (len(socket.queue), socket.endings) == (MOST_FRAMES, 1)


async def test_too_many_bytes_end_the_connection(socket: Socket) -> None:
    socket.queue.offer(b"x" * MOST_BYTES)
    socket.queue.offer(b"x")
    assert (len(socket.queue), socket.endings) == (1, 1)


async def test_room_is_when_few_frames_wait(socket: Socket) -> None:
    socket.is_full = True
    for _ in range(FEW_FRAMES + 1):
        socket.queue.offer(b"x")
    waiting = asyncio.create_task(socket.queue.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    socket.drained.set()
    await asyncio.wait_for(waiting, 5)


async def test_a_queue_that_is_shut_drops_all(socket: Socket) -> None:
    socket.queue.offer(b"x")
    socket.queue.shut()
    socket.queue.offer(b"y" * MOST_BYTES * 2)
    await socket.queue.emptied()
    assert (socket.writes, socket.endings) == ([], 0)


async def test_a_socket_that_is_gone_ends_the_writing(socket: Socket) -> None:
    socket.is_full = socket.is_gone = True
    socket.queue.offer(b"x")
    socket.queue.offer(b"y")
    await asyncio.wait_for(socket.queue.emptied(), 5)
    assert (socket.writes, len(socket.queue)) == ([], 0)


async def test_after_a_frame_that_had_no_place_nothing_more_is_taken(socket: Socket) -> None:
    """Otherwise a browser would receive a number that does not follow the one before it."""
    socket.is_full = True
    for number in range(MOST_FRAMES + 1):
        socket.queue.offer(b"%d" % number)
    socket.is_full = False
    socket.drained.set()
    await asyncio.wait_for(socket.queue.emptied(), 5)
    socket.queue.offer(b"after")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [frame for group in socket.writes for frame in group] == [b"%d" % number for number in range(MOST_FRAMES)]


async def test_who_was_given_up_is_told_what_still_waits_and_no_more(socket: Socket) -> None:
    socket.queue.offer(b"before")
    socket.queue.give_up()
    socket.queue.offer(b"after")
    await asyncio.sleep(0)
    assert (socket.writes, socket.endings) == ([[b"before"]], 1)
