"""The reasons for which a request in a conversation is refused. Each maps to one code on the wire.

Refusal
├── NotFound      no such thread, or the account takes no part in it: the answer does not reveal which
├── NotAllowed    an invalid request: an empty text, a number beyond the end, an id that belongs to somebody else
├── Unseen        a message arrived that the requester has not seen
├── Outdated      somebody else, or another tab, has changed the object meanwhile
└── TooLong       a text with more code points than a message may have
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
"""The message that users see for each code, in French; `static/words` has the English."""


class Misuse(Exception):
    """An invalid request; the text says what to do instead, and repeats no name or address."""


class CannotDo(Exception):
    """A request that the current state does not allow; the text says what to do, and repeats no name or address."""


class Refusal(Exception):
    """A request was refused; this is not a fault of the service.

    A feature adds its own by subclassing: the ``code`` on the wire, the HTTP ``status``, and, if the code is not one of
    ``Code``, the ``sentence`` that users see, in French.
    """

    code: ClassVar[str] = Code.BAD_REQUEST
    status: ClassVar[int] = 400
    sentence: ClassVar[str | None] = None


class NotFound(Refusal):
    """No such thread, or somebody else's: the answer does not reveal which."""

    code, status = Code.NOT_FOUND, 404


class NotAllowed(Refusal):
    """The request is invalid."""


class Unseen(Refusal):
    """A message has arrived that the requester has not seen yet."""

    code, status = Code.MOVED_ON, 409


class Outdated(Refusal):
    """The object has changed since the requester read it."""

    code, status = Code.CONFLICT, 409


class TooLong(Refusal):
    """A text has more code points than a message may have."""
