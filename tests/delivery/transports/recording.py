"""A transport for tests of the outbox, with outcomes set in advance. The real transports have their own tests."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from delivery.transports.transport import Message, Outcome, Sent


class RecordingTransport:
    """Returns ``outcomes`` one by one, then Sent for every letter. An exception among them is raised."""

    def __init__(self, *outcomes: Outcome | BaseException) -> None:
        self.outcomes = list(outcomes)
        self.seen: list[tuple[str, EmailMessage]] = []
        self.senders: list[str | None] = []
        self.bytes: list[bytes] = []
        self.closed = 0
        self.before_send: Callable[[], None] = lambda: None

    async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
        self.before_send()
        self.senders.append(sender)
        self.bytes.append(message.as_bytes())
        self.seen.append((recipient, message_from_bytes(self.bytes[-1], EmailMessage, policy=policy.SMTP)))
        outcome = self.outcomes.pop(0) if self.outcomes else Sent()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def close(self) -> None:
        self.closed += 1

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.seen]
