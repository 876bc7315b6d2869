"""The bounded queue between the hub and one socket. What a whole connection does is in `tests/flows`."""

import asyncio

import pytest

from chat.gateway import MOST_QUEUED, MOST_QUEUED_BYTES, SHORT_QUEUE, Queue


class Ending:
    """Counts how often the connection was asked to end."""

    count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def ending() -> Ending:
    return Ending()


@pytest.fixture
def queue(ending: Ending) -> Queue:
    return Queue(ending)


async def test_frames_come_out_as_they_went_in(queue: Queue) -> None:
    for frame in (b"un", b"deux"):
        queue.offer(frame)
    assert [await queue.next(), await queue.next(), len(queue)] == [b"un", b"deux", 0]


async def test_too_many_frames_end_the_connection(queue: Queue, ending: Ending) -> None:
    for _ in range(MOST_QUEUED + 3):
        queue.offer(b"x")
    assert (len(queue), ending.count) == (MOST_QUEUED, 3)


async def test_too_many_bytes_end_the_connection(queue: Queue, ending: Ending) -> None:
    queue.offer(b"x" * MOST_QUEUED_BYTES)
    queue.offer(b"x")
    assert (len(queue), ending.count) == (1, 1)


async def test_room_is_when_the_queue_is_short(queue: Queue) -> None:
    for _ in range(SHORT_QUEUE + 1):
        queue.offer(b"x")
    waiting = asyncio.create_task(queue.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    while len(queue) > SHORT_QUEUE // 2 - 1:
        await queue.next()
    await asyncio.wait_for(waiting, 5)


async def test_the_queue_tells_when_it_is_empty(queue: Queue) -> None:
    queue.offer(b"x")
    emptied = asyncio.create_task(queue.emptied())
    await queue.next()
    following = asyncio.create_task(queue.next())
    await asyncio.wait_for(emptied, 5)
    queue.offer(b"y")
    assert await following == b"y"


async def test_a_queue_that_is_shut_drops_all(queue: Queue, ending: Ending) -> None:
    queue.offer(b"x")
    queue.shut()
    queue.offer(b"y" * MOST_QUEUED_BYTES * 2)
    assert (len(queue), ending.count) == (0, 0)


async def test_giving_up_ends_the_connection(queue: Queue, ending: Ending) -> None:
    queue.give_up()
    assert ending.count == 1
