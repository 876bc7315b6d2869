"""The letters that the example would have written in the last fortnight, for the page of its outbox.

Each tells of a message that a while ago waited to be read; most went out. What a relay would have refused is invented.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

from chat.ailo import Ailo
from chat.example.conversations import Script
from storage.engine.database import Transaction
from storage.ids import AccountId, ThreadId
from storage.mail import letters
from storage.mail.letters import Letter, State

__all__ = ["write_past"]

MS = timedelta(milliseconds=1)
FORTNIGHT, GRACE, WORTH = timedelta(days=14) // MS, timedelta(minutes=3) // MS, timedelta(days=3) // MS
EVENING = timedelta(hours=5) // MS
# What became of the others, by their number: the rest went out.
ENDED = {
    1: (State.REFUSED, "smtp 550"),
    5: (State.DROPPED, "already read"),
    9: (State.DROPPED, "too many attempts"),
    14: (State.REFUSED, "smtp 552"),
    19: (State.DROPPED, "already read"),
}
# The last ones wait for the end of the quiet hours.
WAITING = 2


async def write_past(ailo: Ailo, played: Sequence[tuple[Script, ThreadId]], accounts: Mapping[str, AccountId], now: int) -> None:
    """Write the letters of the scripts that were played, as of ``now`` (ms since 1970)."""
    told = sorted(_told(played, accounts, now), key=lambda letter: letter.due_at)

    async def work(tx: Transaction) -> None:
        for number, letter in enumerate(told):
            await letters.write(tx, ailo.store.guard, letter, letter.due_at)
            if number >= len(told) - WAITING:
                await _wait(tx, letter, now + EVENING)
            else:
                state, reason = ENDED.get(number, (State.SENT, None))
                await letters.finish(tx, letter.id, state, letter.due_at + GRACE // 2, reason)

    await ailo.store.database.write(work)


def _told(played: Sequence[tuple[Script, ThreadId]], accounts: Mapping[str, AccountId], now: int) -> Iterator[Letter]:
    """A letter to everybody else for each message that opens a turn."""
    for script, thread in played:
        for seq, (before, line) in enumerate(zip([None, *script.lines], script.lines, strict=False), 1):
            if line.at < now - FORTNIGHT or line.at > now - GRACE or (before and before.author == line.author):
                continue
            for key in script.people:
                if key != line.author:
                    yield _letter(accounts[key], thread, seq, line.at + GRACE)


def _letter(account: AccountId, thread: ThreadId, seq: int, due_at: int) -> Letter:
    id_ = uuid4()
    facts = {"thread": str(thread), "seq": str(seq), "group": thread.hex[:24]}
    return Letter(
        id=id_, account=account, kind="reply", facts=facts, message_id=f"{id_.hex}@exemple.test", due_at=due_at,
        not_after=due_at + WORTH,
    )  # fmt: skip


async def _wait(tx: Transaction, letter: Letter, until: int) -> None:
    """Let a letter wait as if its reader wanted none before ``until``."""
    claimed = await letters.claim(tx, letter.due_at, letter.due_at + 1)
    if claimed:
        await letters.hold(tx, claimed, until, "quiet hours")
