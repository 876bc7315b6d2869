"""Which addresses can be mailed, and in what form."""

import re
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.policy import default as policy

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

__all__ = ["mailable", "sender"]

_USUAL = re.compile(r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}")
LONGEST_USUAL = 60  # short enough for every limit: 63 for a label, 64 before the @
_SPECIAL = tuple(f"{before}{name}" for name in SPECIAL_USE_DOMAIN_NAMES if name != "test" for before in "@.")


def mailable(address: str) -> str | None:
    """The form of an address that any relay accepts (its domain in ASCII), or None if it cannot be mailed.

    Nothing is looked up. An address of a usual form is known at sight, in a hundredth of the time.
    Characters beyond ASCII before the @ would need SMTPUTF8 on every relay along the way: refused.
    """
    if _is_usual(address):
        return address
    try:
        return validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False).ascii_email
    except EmailNotValidError:
        return None


def _is_usual(address: str) -> bool:
    """Whether the validator would return this address as it is; False where only it can say."""
    return len(address) <= LONGEST_USUAL and _USUAL.fullmatch(address) is not None and not address.endswith(_SPECIAL)


def sender(text: str) -> Address | None:
    """Read `name@host` or `Name <name@host>`; None unless it is exactly one address that can be mailed."""
    if not text.isprintable():
        return None
    try:
        header = policy.header_factory("from", text)
        found = header.addresses
    except (HeaderParseError, IndexError, ValueError):
        return None
    usable = mailable(found[0].addr_spec) if len(found) == 1 and not header.defects else None
    return Address(found[0].display_name, addr_spec=usable) if usable else None
