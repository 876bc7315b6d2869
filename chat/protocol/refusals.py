"""What the rules of a conversation answer instead of doing something. Each becomes one code on the wire.

Refusal
├── NotFound      no such thread, or no part in it: nobody is told which
├── NotAllowed    it makes no sense: an empty text, a number beyond the end, an id that is somebody else's
├── Unseen       a message came that whoever asks has not seen
├── Outdated     somebody, or another tab, has changed meanwhile what was to be changed
└── TooLong       a text with more code points than a message holds
"""

from typing import ClassVar

from chat.protocol.frames import Code

SENTENCES = {
    Code.BAD_FRAME: "Cette demande n’a pas été comprise.",
    Code.TOO_LONG: "Ce message est trop long : 8 000 caractères au plus.",
    Code.NOT_FOUND: "Cette conversation n’existe pas.",
    Code.BUSY: "Le service est momentanément surchargé. Votre message n’est pas perdu : réessayez dans un instant.",
    Code.SLOW_DOWN: "C’est un peu trop rapide. Réessayez dans un instant.",
    Code.SIGNED_OUT: "Votre session est terminée. Reconnectez-vous.",
}
"""What each code says to whoever asked, in French; `static/words` has the English."""


class Misuse(Exception):
    """What was asked makes no sense; the text says what to do, and repeats no name or address."""


class CannotDo(Exception):
    """What was asked cannot be done as things stand; the text says what to do, and repeats no name or address."""


class Refusal(Exception):
    """A refusal to whoever asked; not a fault.

    A feature adds one by a subclass: its ``code`` on the wire, its HTTP ``status``, and what it says, in French, where the code
    is not one of ``Code``.
    """

    code: ClassVar[str] = Code.BAD_REQUEST
    status: ClassVar[int] = 400
    sentence: ClassVar[str | None] = None


class NotFound(Refusal):
    """There is no such thread, or it is none of theirs: nobody is told which."""

    code, status = Code.NOT_FOUND, 404


class NotAllowed(Refusal):
    """What was asked makes no sense."""


class Unseen(Refusal):
    """A message has come that whoever asks has not seen yet."""

    code, status = Code.MOVED_ON, 409


class Outdated(Refusal):
    """What was to be changed is not what it was when it was read."""

    code, status = Code.CONFLICT, 409


class TooLong(Refusal):
    """A text has more code points than a message holds."""
