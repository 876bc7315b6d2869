"""The mails of the example: a message that came as an answer to a letter, and one that waits for its owner's word."""

import msgspec

from chat.example.cast import typeset
from chat.example.conversations import Line
from storage.accounts.accounts import Account, Role
from storage.conversations import service_posts
from storage.conversations.group_commit import Post
from storage.conversations.service_posts import ServicePost
from storage.errors import Stalled
from storage.ids import MessageId, ThreadId, new_id
from storage.inbound import quarantine
from storage.inbound.quarantine import Owner
from storage.inbound.whole_mail import WholeMail
from storage.store import Store

__all__ = ["leave_in_quarantine", "posted_by_mail"]

SUBJECT = "Re: Un nouveau message vous attend"
QUOTED = """

Envoyé de mon iPhone

> Le 12 nov. à 17:02, Ailo <bonjour@ailo.example> a écrit :
>
> Un nouveau message vous attend. Par discrétion, cet e-mail n'en dit pas davantage."""
WAITS = """J'ai fini par dire non à la réunion de vendredi. Ça s'est bien passé.

Je vous raconte demain."""


async def posted_by_mail(store: Store, author: Account, thread: ThreadId, line: Line) -> Post:
    """A line as the receiver of mails posts it, at its own time. Raises Stalled."""
    whole = WholeMail(line.text, line.text + typeset(QUOTED), SUBJECT)
    is_of_member = author.role is Role.MEMBER
    post = ServicePost(thread, new_id(MessageId), "email", whole.message, author.id, waits=is_of_member, mail=whole)
    item = await store.database.read(lambda reader: service_posts.prepared(reader, store.guard, post))
    if item is None:
        raise Stalled("a thread of the example is missing")
    return msgspec.structs.replace(item, at=line.at)


async def leave_in_quarantine(store: Store, owner: Account, thread: ThreadId) -> None:
    """Leave a mail that nobody vouches for, as from a mailbox at work that signs nothing."""
    words = typeset(WAITS)
    whole = WholeMail(words, words + typeset(QUOTED), SUBJECT, ("IMG_2041.jpeg",))
    place = Owner(owner.id, thread, owner.generation, owner.public_key)
    await store.database.write(lambda tx: quarantine.keep(tx, place, new_id(MessageId), whole, store.clock()))
