"""What the names say, as far as anybody can see: MX, SPF, DMARC, DKIM keys, and the names of addresses.

Which machines a relay sends from, and what it signs, only its operator knows; a letter that came back through it shows it.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, LifetimeTimeout, NoAnswer, NoResolverConfiguration
from dns.reversename import from_address

from delivery.checkup.findings import NAMES, Finding

__all__ = ["UNANSWERED", "Names", "Unanswered", "Unknowable"]

SECONDS = 10.0
MOST_LOOKUPS = 10  # RFC 7208, 4.6.4
MOST_LABELS = 8
LONGEST_NAME = 253
_COUNTED = re.compile(r"[+?~-]?(?:(?:include|exists):.+|(?:a|mx|ptr)(?:[:/].*)?)$", re.IGNORECASE)
_INCLUDED = re.compile(r"[+?~-]?include:(\S+)$|redirect=(\S+)$", re.IGNORECASE)


class Unanswered(Exception):
    """No name server answered."""


class Unknowable(Exception):
    """A name that cannot be looked up: it is none, or those who know it fail. The text says which."""


UNANSWERED = NAMES.unseen("no name server answered", "Try again where names can be looked up.")


@dataclass(frozen=True)
class Names:
    """Looks names up. ``sender`` is the domain in From, ``envelope`` that of the envelope's sender, ``reply`` that of the reply
    addresses, if any."""

    sender: str
    envelope: str
    reply: str | None = None
    nameserver: tuple[str, int] | None = None

    async def findings(self) -> AsyncIterator[Finding]:
        """What the records say; where no name server answers, that alone."""
        steps = [self._spf, self._dmarc, *([self._mx] if self.reply else [])]
        for step in steps:
            try:
                yield await step()
            except Unknowable as error:
                yield NAMES.unseen(str(error), "Ask whoever looks after that domain, or try again later.")
            except Unanswered:
                yield UNANSWERED
                return

    # Mail exchangers

    async def _mx(self) -> Finding:
        domain = self.reply or ""
        found = await self._texts(domain, "MX")
        hosts = [one.split()[-1].rstrip(".") for one in found] or [domain]
        if found and hosts == [""]:
            return NAMES.wrong(f"{domain} says that it takes no mail (a null MX, RFC 7505)", "Point its MX at your relay.")
        reached = [host for host in hosts if await self._addresses(host)]
        if not reached:
            return NAMES.wrong(f"{domain} has no mail exchanger with an address", f"Add a record: {domain}. MX 10 your.relay.")
        return NAMES.fine(f"mails to {domain} go to {', '.join(reached)}")

    async def _addresses(self, host: str) -> list[str]:
        return [*await self._texts(host, "A"), *await self._texts(host, "AAAA")]

    # SPF

    async def _spf(self) -> Finding:
        domain = self.envelope
        found = await self._spf_of(domain)
        if len(found) > 1:
            return NAMES.wrong(
                f"{domain} has {len(found)} SPF records, which counts as an error", "Make one of them (RFC 7208, 4.5)."
            )
        if not found:
            return NAMES.doubtful(f"{domain} has no SPF record", f'Add one: {domain}. TXT "v=spf1 include:YOUR-RELAY -all".')
        words = found[0].split()[1:]
        if any(word.lower() in {"all", "+all"} for word in words):
            return NAMES.doubtful(f"SPF of {domain} lets everybody send", "End it with -all or ~all.")
        count = await self._lookups(domain, set())
        if count > MOST_LOOKUPS:
            return NAMES.wrong(f"SPF of {domain} takes {count} lookups, and {MOST_LOOKUPS} are allowed", "Include less.")
        return NAMES.fine(
            f"{domain} has an SPF record",
            "Whether it names the machines that the relay sends from, the relay's operator knows.",
        )

    async def _spf_of(self, domain: str) -> list[str]:
        return [one for one in await self._texts(domain, "TXT") if one.lower().split(" ")[0] == "v=spf1"]

    async def _lookups(self, domain: str, seen: set[str]) -> int:
        """How many lookups a check of SPF takes (RFC 7208, 4.6.4), as far as the records name domains without macros."""
        if domain in seen or len(seen) > MOST_LOOKUPS:
            return 0
        seen.add(domain)
        words = [word for record in await self._spf_of(domain) for word in record.split()[1:]]
        count = sum(bool(_COUNTED.match(word)) or word.lower().startswith("redirect=") for word in words)
        for word in words:
            if (found := _INCLUDED.match(word)) and "%" not in word:
                count += await self._lookups((found[1] or found[2]).lower(), seen)
        return count

    # DMARC and DKIM

    async def _dmarc(self) -> Finding:
        """The record of the sender's domain, or of one above it (RFC 7489, 6.6.3), found by going up its labels."""
        labels = self.sender.split(".")[-MOST_LABELS:]
        for number in range(len(labels) - 1):
            domain = ".".join(labels[number:])
            records = await self._texts(f"_dmarc.{domain}", "TXT")
            found = [one for one in records if one.replace(" ", "").lower().startswith("v=dmarc1")]
            if len(found) > 1:
                return NAMES.wrong(f"{domain} has {len(found)} DMARC records, which count as none", "Make one of them.")
            if found:
                return self._policy(domain, _tags(found[0]))
        return NAMES.doubtful(
            f"{self.sender} has no DMARC record",
            f'Large providers ask for one: _dmarc.{self.sender}. TXT "v=DMARC1; p=none; rua=mailto:YOU".',
        )

    def _policy(self, domain: str, tags: Mapping[str, str]) -> Finding:
        policy = tags.get("p", "").lower()
        if policy not in {"none", "quarantine", "reject"}:
            return NAMES.wrong(f"DMARC of {domain} has no policy that exists", "Set p=none, p=quarantine or p=reject.")
        if tags.get("aspf", "r").lower() == "s" and self.envelope != self.sender:
            return NAMES.doubtful(
                f"DMARC of {domain} asks for the same domain in the envelope (aspf=s)",
                f"Letters come from {self.envelope}: they pass by a DKIM signature of {self.sender} alone, or with aspf=r.",
            )
        return NAMES.fine(f"{domain} has a DMARC record (p={policy})")

    async def signatures(self, signed: Sequence[tuple[str, str]]) -> Finding:
        """Whether one of the signatures (domain and selector) is ours and has its key. Raises Unanswered or Unknowable."""
        ours = [(domain, selector) for domain, selector in signed if _are_aligned(domain, self.sender)]
        if not signed:
            return NAMES.doubtful("the relay signs nothing (DKIM)", f"Have it sign as {self.sender}.")
        if not ours:
            return NAMES.doubtful(
                f"the relay signs as {', '.join(domain for domain, _ in signed)}, not as {self.sender}",
                "DMARC does not count that: have it sign with a key of your own domain.",
            )
        for domain, selector in ours:
            keys = await self._texts(f"{selector}._domainkey.{domain}", "TXT")
            if any(_tags(one).get("p") for one in keys):
                return NAMES.fine(f"the relay signs as {domain} (DKIM, selector {selector})")
        domain, selector = ours[0]
        return NAMES.wrong(
            f"the relay signs with {selector}._domainkey.{domain}, which has no key",
            "Publish the key that the relay's operator names.",
        )

    async def name_of(self, address: str) -> Finding:
        """Whether the machine that sent has a name that leads back to it. Raises Unanswered or Unknowable."""
        if not ip_address(address).is_global:
            return NAMES.unseen(
                f"letters came from {address}, which the world does not see",
                "The relay's operator sees whether its public address has a name that leads back to it.",
            )
        hosts = [one.rstrip(".") for one in await self._texts(from_address(address).to_text(), "PTR")]
        for host in hosts:
            if any(ip_address(one) == ip_address(address) for one in await self._addresses(host)):
                return NAMES.fine(f"letters come from {address}, whose name {host} leads back to it")
        return NAMES.wrong(
            f"letters come from {address}, which has no name that leads back to it",
            "Set its PTR record to the name that the relay says in EHLO, and that name's A or AAAA record to it.",
        )

    # Looking up

    async def _texts(self, name: str, kind: str) -> list[str]:
        """The records of a name, as texts; none if there are none. Raises Unanswered."""
        try:
            answer = await self._resolver().resolve(name, kind, lifetime=SECONDS)
        except (NXDOMAIN, NoAnswer):
            return []
        except (LifetimeTimeout, NoResolverConfiguration, OSError):
            raise Unanswered from None
        except DNSException:  # a name that is none, or servers that fail
            raise Unknowable(f"{name[:LONGEST_NAME]} cannot be looked up") from None
        if kind == "TXT":
            return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
        return [record.to_text() for record in answer]

    def _resolver(self) -> Resolver:
        if self.nameserver is None:
            return Resolver()
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = [self.nameserver[0]], self.nameserver[1]
        return resolver


def _tags(record: str) -> Mapping[str, str]:
    """The tags of a record (RFC 6376, 3.2): ``name=value; …``."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _are_aligned(one: str, other: str) -> bool:
    """Whether one domain is the other, or below or above it (RFC 7489, 3.1.1, without a list of public suffixes)."""
    one, other = one.lower(), other.lower()
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
