"""`ailo mail check`: tries the relay and the way back with letters of its own, looks the names up, and says what is missing.

It uses the settings of its own environment, which must be the service's; only what comes back is asked of the running service.
"""

import asyncio
import json
import secrets
import smtplib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from chat.console.output import say
from chat.console.printable import printable_lines
from chat.inbound.commands import TrialBegin, TrialLook
from chat.operations import control
from chat.protocol.refusals import Misuse
from chat.settings import ChatSettings
from delivery.checkup.findings import NAMES, RELAY, WAY_BACK, Finding, Grade
from delivery.checkup.records import UNANSWERED, Names, Unanswered, Unknowable
from delivery.checkup.relay import Trial, try_relay
from delivery.letters.addresses import mailable
from delivery.settings import DeliverySettings
from storage.settings import Environment

__all__ = ["MailCheck", "Way", "main", "shown"]

MARKS = {Grade.FINE: "ok     ", Grade.DOUBTFUL: "doubt  ", Grade.WRONG: "WRONG  ", Grade.UNSEEN: "unseen "}
TO_YOU, TO_OURSELVES = "a letter to you", "a letter to ourselves"
LOOK_EVERY_SECONDS = 0.2
DIRECT_SECONDS = 10.0
SUBJECT = "Ailo : essai / test"
TEXT = (
    "Cet e-mail a été envoyé par `ailo mail check`. S'il vous parvient, le relais fonctionne.\n\n"
    "This e-mail was sent by `ailo mail check`. If it reaches you, the relay works.\n"
)


@dataclass(frozen=True)
class Way:
    """How to check: who gets the letter on trial (None for the sender itself), how long a letter may take to come back, and which
    name server to ask (None for the system's)."""

    to: str | None = None
    seconds: float = 60.0
    nameserver: tuple[str, int] | None = None


def main(environ: Mapping[str, str], data: Path, way: Way, *, as_json: bool) -> int:
    """Run `ailo mail check`: print each finding as it is made; the exit code is 1 if anything is wrong."""
    environment = Environment(environ)
    settings = DeliverySettings.from_environment(environment, data, ChatSettings.from_environment(environment).origin)
    if environment.faults:
        raise Misuse("\n      ".join(environment.faults))
    if way.to is not None and mailable(way.to) is None:
        raise Misuse("ADDRESS must be an e-mail address.")

    async def find_all() -> list[Finding]:
        found = []
        async for finding in MailCheck(settings, data, way).findings():
            found.append(finding)
            if not as_json:
                say(printable_lines(shown(finding)))
        return found

    found = asyncio.run(find_all())
    if as_json:
        say(json.dumps([asdict(one) for one in found]))
    return int(any(one.grade is Grade.WRONG for one in found))


@dataclass
class MailCheck:
    """One check. ``data`` is the data directory of the service, which is asked what came back."""

    settings: DeliverySettings
    data: Path
    way: Way
    arrivals: list[Mapping[str, Any]] = field(default_factory=list)

    async def findings(self) -> AsyncIterator[Finding]:
        """All of them, as they are made."""
        direct, back, reports = [await self._begin() for _ in range(3)]
        is_on_its_way = False
        async for finding in self._relay(back, reports):
            is_on_its_way = finding.grade is Grade.FINE and finding.text.startswith(TO_OURSELVES)
            yield finding
        async for finding in self._way_back(direct, back if is_on_its_way else None):
            yield finding
        if reports and (came_back := await self._arrival(reports, 0)):
            yield _came_back(came_back)
        async for finding in self._names():
            yield finding

    @property
    def _sender_domain(self) -> str:
        return self.settings.mail_from.domain

    async def _relay(self, back: str | None, reports: str | None) -> AsyncIterator[Finding]:
        """Send a letter to whoever asks, and one to ourselves by the way that an answer takes, with envelopes as of letters."""
        if self.settings.relay is None:
            yield RELAY.wrong("AILO_SMTP is not set: letters go to a Maildir", "Set it to send any.")
            return
        own = self.settings.mail_from.addr_spec
        sender, to = reports or self._envelope_sender(own), self.way.to or own
        trials = [Trial(TO_YOU, sender, to, self._letter(to))]
        if back:
            trials.append(Trial(TO_OURSELVES, sender, back, self._letter(back)))
        async for finding in try_relay(self.settings.relay, trials, self._sender_domain):
            yield finding

    def _envelope_sender(self, own: str) -> str:
        """Of the domain that letters come from, also where no service runs that would take a report."""
        domain = self.settings.inbound.domain
        return f"c.{secrets.token_hex(16)}@{domain}" if domain else own

    def _letter(self, to: str) -> bytes:
        letter = EmailMessage(policy=CRLF)
        letter["From"], letter["To"], letter["Subject"] = self.settings.mail_from, to, SUBJECT
        letter["Date"] = format_datetime(datetime.now(UTC))
        letter["Message-ID"] = make_msgid(domain=self._sender_domain)
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(TEXT, cte="quoted-printable")
        return letter.as_bytes()

    # The way back

    async def _begin(self) -> str | None:
        domain = self.settings.inbound.domain
        done = await control.ask(self.data, TrialBegin()) if domain else None
        local_part = done.facts["local_part"] if done and done.facts else None
        return f"{local_part}@{domain}" if local_part else None

    async def _way_back(self, direct: str | None, through_relay: str | None) -> AsyncIterator[Finding]:
        inbound = self.settings.inbound
        if inbound.domain is None:
            yield WAY_BACK.unseen("AILO_REPLY_DOMAIN is not set: letters cannot be answered, and say so")
            return
        if direct is None:
            yield WAY_BACK.unseen(
                "no service that takes mails is running here",
                "Start it with AILO_REPLY_DOMAIN, and run this as its user, with its AILO_DATA.",
            )
            return
        yield await self._directly(direct)
        if through_relay:
            yield await self._through_relay(through_relay)

    async def _directly(self, address: str) -> Finding:
        """A mail by LMTP, or in the Maildir, as the relay brings it."""
        how, bring = self._by_lmtp() if self.settings.inbound.lmtp else self._by_maildir()
        try:
            await asyncio.to_thread(bring, address, self._letter(address))
        except (smtplib.SMTPException, OSError) as error:
            return WAY_BACK.wrong(f"{how} cannot be reached: {type(error).__name__}", "See the service's log.")
        if await self._arrival(address, DIRECT_SECONDS) is None:
            return WAY_BACK.wrong(f"the service did not take a mail by {how}", "See its log.")
        return WAY_BACK.fine(f"the service takes mails by {how}")

    def _by_lmtp(self) -> tuple[str, Any]:
        host, port = self.settings.inbound.lmtp or ("", 0)

        def bring(address: str, letter: bytes) -> None:
            with smtplib.LMTP(host, port, self._sender_domain, timeout=DIRECT_SECONDS) as client:
                client.sendmail("", address, letter)

        return f"LMTP ({host}:{port})", bring

    def _by_maildir(self) -> tuple[str, Any]:
        inbox = self.settings.inbound.inbox or Path()

        def bring(address: str, letter: bytes) -> None:
            name = f"{time.time_ns()}.check.ailo"
            (inbox / "tmp").mkdir(mode=0o700, exist_ok=True)
            (inbox / "tmp" / name).write_bytes(b"Delivered-To: " + address.encode() + b"\r\n" + letter)
            (inbox / "tmp" / name).rename(inbox / "new" / name)

        return f"the Maildir {inbox}", bring

    async def _through_relay(self, address: str) -> Finding:
        arrival = await self._arrival(address, self.way.seconds)
        if arrival is None:
            return WAY_BACK.wrong(
                f"the letter to ourselves did not come back within {self.way.seconds:.0f} s",
                f"Have the MX of {self.settings.inbound.domain} lead to a relay that passes mails on (docs/answers.md);"
                " if it only takes longer (greylisting), use --wait.",
            )
        self.arrivals.append(arrival)
        return self._judged(arrival)

    def _judged(self, arrival: Mapping[str, Any]) -> Finding:
        """What the relay says of a letter of ours that came back: as it would of a member's answer."""
        relays = ", ".join(arrival["relays"]) or "nobody"
        said, named = ", ".join(arrival["results"]) or "nothing", self.settings.inbound.authserv_id
        if arrival["is_proven"]:
            return WAY_BACK.fine(f"a letter to ourselves came back, and {named} vouches for it ({said})")
        if named is None:
            advice = f"Set AILO_AUTHSERV_ID; the mail has results of: {relays}."
        elif named.lower() not in {one.lower() for one in arrival["relays"]}:
            advice = f"{named} added no Authentication-Results; the mail has those of: {relays}."
        else:
            advice = f"{named} says {said}: an answer needs dmarc=pass. See SPF, DKIM and DMARC of {self._sender_domain} below."
        return WAY_BACK.doubtful("a letter to ourselves came back; as an answer it would wait for its author", advice)

    async def _arrival(self, address: str, seconds: float) -> Mapping[str, Any] | None:
        """What came to an address, once something has; None if nothing does in this time."""
        until = time.monotonic() + seconds
        while True:
            done = await control.ask(self.data, TrialLook(address.partition("@")[0]))
            if done and done.facts and done.facts["arrival"]:
                found: Mapping[str, Any] = done.facts["arrival"]
                return found
            if time.monotonic() > until:
                return None
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    # Names

    async def _names(self) -> AsyncIterator[Finding]:
        reply = self.settings.inbound.domain
        names = Names(self._sender_domain, reply or self._sender_domain, reply, self.way.nameserver)
        async for finding in names.findings():
            yield finding
        if not self.arrivals:
            yield NAMES.unseen(
                "no letter came back: who signs (DKIM), and from which address, cannot be seen",
                "The relay's operator sees both.",
            )
        for arrival in self.arrivals:
            async for finding in self._shown_by(names, arrival):
                yield finding

    async def _shown_by(self, names: Names, arrival: Mapping[str, Any]) -> AsyncIterator[Finding]:
        """What a letter that came back shows: as whom the relay signs, and from which address it sends."""
        signed = [(domain, selector) for domain, selector in arrival["signed"] if domain and selector]
        came_from = arrival["came_from"]
        for step in (names.signatures(signed), names.name_of(came_from) if came_from else None):
            try:
                if step:
                    yield await step
            except Unknowable as error:
                yield NAMES.unseen(str(error))
            except Unanswered:
                yield UNANSWERED


def _came_back(arrival: Mapping[str, Any]) -> Finding:
    status = ", ".join(arrival["failures"])
    if not status:
        return RELAY.doubtful("something came to the envelope's sender that is no delivery report")
    return RELAY.wrong(
        f"the relay took a letter, and reported it later: {status}",
        "Its log says why, and the report that it sent.",
    )


def shown(finding: Finding) -> str:
    """A finding, as a person reads it."""
    advice = f"\n{' ' * 19}→ {finding.advice}" if finding.advice else ""
    return f"{finding.about:<9} {MARKS[finding.grade]} {finding.text}{advice}"
