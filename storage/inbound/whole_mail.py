"""The whole of a mail as it is kept: its subject, all of its text, and the names of what was attached."""

import msgspec

from storage.errors import Damaged

LONGEST_MESSAGE = 8_000
CUT = "\n\n[…]"


class WholeMail(msgspec.Struct, frozen=True):
    """A mail beyond what its author wrote themselves. ``words`` are those; ``text`` is all of it, quotes and signature too.

    ``about`` are the service's words before them, which say what they answer, where the conversation does not show it.
    """

    words: str
    text: str
    subject: str = ""
    attachments: tuple[str, ...] = ()
    about: str = ""

    @property
    def message(self) -> str:
        """The words as a message holds them: 8,000 characters at most. The rest is in the whole mail."""
        whole = f"{self.about}\n\n{self.words}" if self.about else self.words
        return whole if len(whole) <= LONGEST_MESSAGE else whole[: LONGEST_MESSAGE - len(CUT)] + CUT

    def encoded(self) -> str:
        """As it is sealed."""
        return msgspec.json.encode(self).decode()


def decoded(sealed: str) -> WholeMail:
    """What ``encoded`` made. Raises Damaged."""
    try:
        return msgspec.json.decode(sealed, type=WholeMail)
    except msgspec.DecodeError:
        raise Damaged("a mail cannot be decoded") from None
