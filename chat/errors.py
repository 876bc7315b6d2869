"""What the rules of a conversation answer instead of doing something. Each becomes one code on the wire.

ConversationError
├── NotFound      no such thread, or no part in it: nobody is told which
├── NotAllowed    it makes no sense: an empty text, a number beyond the end, an id that is somebody else's
├── MovedOn       a message came that whoever asks has not seen
├── Overtaken     somebody, or another tab, has changed meanwhile what was to be changed
└── TooLong       a text with more code points than a message holds
"""


class ConversationError(Exception):
    """A refusal to somebody who is signed in; not a fault."""


class NotFound(ConversationError):
    """There is no such thread, or it is none of theirs: nobody is told which."""


class NotAllowed(ConversationError):
    """What was asked makes no sense."""


class MovedOn(ConversationError):
    """A message has come that whoever asks has not seen yet."""


class Overtaken(ConversationError):
    """What was to be changed is not what it was when it was read."""


class TooLong(ConversationError):
    """A text has more code points than a message holds."""
