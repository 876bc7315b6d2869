"""Which addresses can be mailed, and in what form."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.policy import default as policy

from email_validator import EmailNotValidError, validate_email

__all__ = ["mailable", "sender"]


def mailable(address: str) -> str | None:
    """The form of an address that any relay accepts (its domain in ASCII), or None if it cannot be mailed.

    Nothing is looked up. Characters beyond ASCII before the @ would need SMTPUTF8 on every relay along the way: refused.
    """
    try:
        return validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False).ascii_email
    except EmailNotValidError:
        return None


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
