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
EVENING, SECONDS = timedelta(hours=5) // MS, timedelta(seconds=2) // MS
# What became of some, counted from the newest: the rest went out.
DROPPED = {3: "already read", 11: "too many attempts", 18: "already read"}
REFUSED = ("smtp 550", "bounced 5.2.2")
# The last ones wait for the end of the quiet hours.
WAITING = 2


async def write_past(ailo: Ailo, played: Sequence[tuple[Script, ThreadId]], accounts: Mapping[str, AccountId], now: int) -> None:
    """Write the letters of the scripts that were played, as of ``now`` (ms since 1970)."""
    told = sorted(_told(played, accounts, now), key=lambda letter: letter.due_at)
    ends = _ends(told)

    async def work(tx: Transaction) -> None:
        for newer, letter in zip(reversed(range(len(told))), told, strict=True):
            await letters.write(tx, ailo.store.guard, letter, letter.due_at)
            claimed = await letters.claim(tx, letter.due_at, letter.due_at + 1)
            if claimed and newer < WAITING:
                await letters.hold(tx, claimed, now + EVENING, "quiet hours")
            else:
                state, reason = ends.get(newer, (State.SENT, None))
                await letters.finish(tx, letter.id, state, letter.due_at + SECONDS, reason)

    await ailo.store.database.write(work)


def _ends(told: Sequence[Letter]) -> Mapping[int, tuple[State, str]]:
    """How those ended that did not go out, counted from the newest.

    Whoever had one refused got a later one: else their page would warn them that e-mails do not arrive.
    """
    newest = list(reversed(told))
    sent = [at >= WAITING and at not in DROPPED for at in range(len(newest))]
    may_be_refused = [
        at
        for at, letter in enumerate(newest)
        if sent[at] and any(sent[later] and newest[later].account == letter.account for later in range(at))
    ]
    refused = zip(may_be_refused[:: len(REFUSED) + 1], REFUSED, strict=False)
    return {at: (State.DROPPED, why) for at, why in DROPPED.items()} | {at: (State.REFUSED, why) for at, why in refused}


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
        id=id_,
        account=account,
        kind="reply",
        cause=f"{thread}/{seq}",
        facts=facts,
        message_id=f"{id_.hex}@exemple.test",
        due_at=due_at,
        not_after=due_at + WORTH,
    )
