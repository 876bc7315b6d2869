"""What delivery raises on purpose.

DeliveryError
└── NoSuchLetter       the outbox names a kind of letter that this program cannot write

How the sending of a letter ended is no error: see ``transports``. No text here holds an address, a name or a word of anybody.
"""


class DeliveryError(Exception):
    """Whatever delivery may raise on purpose."""


class NoSuchLetter(DeliveryError):
    """A letter of a kind unknown to this program."""
