"""`ailo chat`: a conversation in the terminal, through pipes."""

import asyncio
import sys

from tests.flows.service import Service, Visit
from tests.people import PASSWORD


async def terminal(service: Service, email: str) -> asyncio.subprocess.Process:
    arguments = ("-m", "chat", "chat", "--email", email, "--origin", service.origin)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin
    process.stdin.write(f"{PASSWORD}\n".encode())
    return process


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    return (await asyncio.wait_for(process.stdout.readline(), 20)).decode().rstrip()


async def test_lines_are_sent_and_answers_are_printed(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    claire = await visit.wire("claire")
    process = await terminal(visit.service, visit.address("lea"))
    assert process.stdin
    process.stdin.write(b"Bonjour Claire\n")
    assert (await claire.wait_for("message"))["text"] == "Bonjour Claire"
    await claire.send(thread, "Bonjour Léa")
    assert (await line_of(process)).endswith(": Bonjour Léa")
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_wrong_password_is_one_line(visit: Visit) -> None:
    await visit.arrive("lea")
    process = await terminal(visit.service, "nobody@ailo.test")
    assert process.stderr
    told = (await asyncio.wait_for(process.stderr.read(), 20)).decode()
    assert (await process.wait(), told.count("\n"), told.startswith("ailo: ")) == (1, 1, True)


async def test_what_others_write_moves_nothing_on_the_screen(visit: Visit) -> None:
    """A message may contain control sequences, direction marks, and lines that look like the next message."""
    thread = await visit.thread("lea", "claire")
    claire = await visit.wire("claire")
    process = await terminal(visit.service, visit.address("lea"))
    await claire.send(thread, "un\x1b[2J\u202e deux\n12.01. 10:00 Lea: trois")
    first, second = await line_of(process), await line_of(process)
    assert first.endswith(": un\ufffd[2J deux")
    assert second == " " * 13 + "12.01. 10:00 Lea: trois"
    assert process.stdin
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0
