"""A lesson's letter as its authors look at it before anybody gets it: the same bytes, to nobody."""

from email.headerregistry import Address
from email.message import EmailMessage

from delivery.letters.compose import Envelope, compose
from delivery.letters.lesson.kind import KIND, shown

__all__ = ["preview"]


def preview(sender: Address, link: str, locale: str, title: str, text: str, step: int, steps: int) -> str:
    """The HTML of a lesson's letter, from its Markdown and its place in the programme, greeting nobody by name."""
    message = compose(
        Envelope(
            kind="lesson",
            sender=sender,
            recipient=sender.addr_spec,
            first_name="",
            locale=locale,
            message_id=f"preview@{sender.domain}",
            group="preview",
            at=0,
            link=f"{link}{KIND.page}",
            values=shown(title, text, step, steps),
        )
    )
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    return str(html.get_content())
