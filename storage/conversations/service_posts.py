"""Messages that the service writes when nobody is signed in: a welcome, a lesson, an answer that came by e-mail.

The service cannot read the thread, but it can write to it. The text is sealed to the epoch's public key, so that only
participants can open it, with the kind and the origin inside; then guarded, so that only the service can have written it.
Here the service accepts the roster on its own proof alone: it has no participant's key with which to check the chain.
"""

from dataclasses import dataclass

from storage.conversations import rosters, threads
from storage.conversations.group_commit import Post
from storage.conversations.messages import GUARDED_BODY, SealedMessage, values
from storage.crypto.epochs import THE_SERVICE, EpochSecret
from storage.crypto.guarding import Guard
from storage.crypto.primitives import Part
from storage.crypto.sealing import Place, seal_to_epoch, unseal_from_service
from storage.engine.database import Reader
from storage.errors import Damaged
from storage.ids import AccountId, MessageId, ThreadId
from storage.inbound import originals
from storage.inbound.whole_mail import WholeMail


@dataclass(frozen=True, repr=False)
class ServicePost:
    """What the service has to say. ``kind`` is `lesson`, `welcome` or `email`; ``origin`` an account, or THE_SERVICE.

    ``waits`` as in ``Post``: None leaves unchanged whether the member waits for an answer. ``mail`` is the whole mail that it
    came in: then its origin must take part, and may not have read the thread.
    """

    thread: ThreadId
    id: MessageId
    kind: str
    text: str
    origin: AccountId = THE_SERVICE
    waits: bool | None = None
    mail: WholeMail | None = None


async def prepared(reader: Reader, guard: Guard, post: ServicePost) -> Post | None:
    """The post to commit, sealed for the present participants; None when the thread does not exist, or when it came by mail
    and its origin takes part no longer. Raises CannotOpen when the thread was tampered with.
    """
    thread = await threads.find(reader, guard, post.thread)
    if thread is None:
        return None
    if not thread.is_sound:
        raise Damaged("a thread failed verification: nothing is added to it")
    roster = await rosters.find(reader, guard, thread.id, thread.epoch)
    if post.mail and roster.seat_of(post.origin) is None:
        return None
    place = Place(thread.id, thread.epoch, post.id, post.origin, post.kind)
    body = guard.guard(seal_to_epoch(roster.public_key, post.text, place), *_place(place))
    original = originals.sealed(guard, roster.public_key, place, post.mail) if post.mail else None
    return Post(
        thread.id,
        thread.epoch,
        post.id,
        post.origin,
        post.kind,
        body,
        roster.accounts(),
        post.waits,
        original=original,
        is_by_mail=post.mail is not None,
    )


def unsealed(guard: Guard, secret: EpochSecret, message: SealedMessage) -> str:
    """Read what the service wrote, with the epoch's secret. Raises CannotOpen."""
    body = guard.unguard(message.body, *GUARDED_BODY.parts(values(message)))
    return unseal_from_service(secret.private_key, body, message)


def _place(place: Place) -> tuple[Part, ...]:
    row = {"thread": place.thread.bytes, "epoch": place.epoch, "id": place.id.bytes}
    return GUARDED_BODY.parts({**row, "author": place.author.bytes, "kind": place.kind})
