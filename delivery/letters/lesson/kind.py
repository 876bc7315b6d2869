"""A lesson is worth a letter while its round goes on, or has ended with it, and while the programme that is sent has it.

Its text is read just before it is sent, as it is then, in the language that is chosen then.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

from delivery.letters.kinds import Answered, Kind, Source
from delivery.letters.lesson import about
from delivery.letters.lesson.markdown import to_html, to_plain
from storage.accounts import accounts, preferences
from storage.conversations.closest import closest
from storage.crypto.guarding import normalised_address
from storage.engine.database import Reader
from storage.ids import AccountId
from storage.programmes import enrolments, programmes

__all__ = ["KIND", "is_private", "shown"]

PRIVATE = Path(__file__).parent / "private_mailboxes.txt"


async def _why_not(reader: Reader, account: AccountId, facts: Mapping[str, str]) -> str | None:
    if not await enrolments.is_round_open(reader, account, facts["programme"], int(facts["round"])):
        return "no longer followed"
    if not await programmes.is_published(reader, facts["programme"], facts["lesson"]):
        return "no longer in the programme"
    return None


async def _read(source: Source, facts: Mapping[str, str]) -> Mapping[str, object] | None:
    """The lesson as the letter shows it; None if the programme lacks it. Raises CannotOpen if anything was tampered with."""
    reader, guard, account, locale = source.reader, source.guard, source.account, source.locale
    name, key = facts["programme"], facts["lesson"]
    programme = await programmes.find(reader, guard, name)
    if programme is None or not await programmes.is_published(reader, name, key):
        return None
    plan = await programmes.plan(reader, guard, name, programme.published)
    texts = await programmes.text(reader, guard, name, programme.published, key)
    manages = (await preferences.find(reader, guard, account)).manages
    step, steps = plan.step(key, manages)
    language = locale if locale in texts else next(iter(texts))
    title, text = plan.lessons[plan.place(key)].titles[language], texts[language]
    address = await accounts.address_of(reader, guard, account)
    subject = {"subject": title} if address and is_private(address) else {}
    return {**subject, **shown(title, text, step, steps)}


def shown(title: str, text: str, step: int, steps: int) -> dict[str, object]:
    """What the bodies show of a lesson, from its Markdown and its place in the programme."""
    return {"body_html": to_html(text), "body_text": to_plain(text), "title": title, "step": step, "steps": steps}


def is_private(address: str) -> bool:
    """Whether an address is surely no employer's: at a well-known provider of private mailboxes."""
    return normalised_address(address).rpartition("@")[2] in _private_domains()


@cache
def _private_domains() -> frozenset[str]:
    lines = PRIVATE.read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


async def _answered(source: Source, facts: Mapping[str, str]) -> Answered | None:
    """An answer is for the companion, or else for a Professional; nobody, nowhere."""
    found = await closest(source.reader, source.guard, source.account)
    return Answered(found.roster.thread, about.named(facts["programme"], facts["lesson"])) if found else None


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.programmes,
    list_name="programmes",
    read=_read,
    worth=timedelta(days=2),  # after this it comes too late for what it says about the day; it stays on the page
    page="programmes",
    answered=_answered,
)
