"""The exceptions that delivery raises deliberately.

DeliveryError
└── NoSuchLetter       the outbox names a kind of letter that this program cannot write

The outcome of sending a letter is not an exception: see ``transports``. No message contains an address, a name or anything
that somebody wrote.
"""


class DeliveryError(Exception):
    """The base of what delivery raises deliberately."""


class NoSuchLetter(DeliveryError):
    """A letter of a kind unknown to this program."""
