"""From facts to an e-mail: what it says, what it never says, and that nobody else can write its headers."""

import json
import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.errors import NoSuchLetter
from delivery.letters.compose import LOCALES, Envelope, compose, greeted
from delivery.letters.kinds import folder_of, kinds
from delivery.letters.lesson.kind import shown

ENVELOPE = Envelope(
    kind="reply",
    sender=Address("Ailo", addr_spec="bonjour@ailo.example"),
    recipient="lea@ailo.test",
    first_name="Léa",
    locale="fr",
    message_id="0f0e0d0c0b0a09080706050403020100@ailo.example",
    group="00112233445566778899aabb",
    at=1_795_424_400_000,
    link="https://ailo.example/",
    values={"texts": [], "is_cut": False},
)
# What the bodies of a kind need besides their words.
VALUES: dict[str, dict[str, object]] = {
    "offer": {"title": "Poser ses limites", "summary": "Huit lectures de quelques minutes."},
    "unposted": {"reason": "ended"},
    "reminder": {"text_fr": "Un mot.", "text_en": "A word."},
    "reply": dict(ENVELOPE.values),
    "digest": {"count": 3, "texts": [], "is_cut": False},
    "lesson": shown("Gagner dix secondes", "Un *instant*.\n\n> **À essayer**\n>\n> Dix secondes.", 3, 8),
}
URGENT = {"tel:3114", "tel:15", "tel:112"}
HEADERS = {
    "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-auto-response-suppress",
    "content-language", "mime-version", "content-type",
}  # fmt: skip
# Words that would reveal to an employer, who may own the mailbox, what the service is for.
TELLING = ("coach", "psy", "thérap", "therap", "santé", "health", "avocat", "lawyer", "réponse de", "accompagn", "confident")


def envelope_of(kind: str, locale: str = "fr") -> Envelope:
    """The facts of a letter of this kind, as every test has them."""
    return replace(ENVELOPE, kind=kind, locale=locale, values=VALUES.get(kind, {}))


WITH_TEXTS = {"texts": [["Bonjour Léa,", "", "Deux mots & <b>un signe</b>."], ["À demain."]], "is_cut": True}
"""The values of a letter that carries the texts of two messages, of more."""


def sent(envelope: Envelope) -> EmailMessage:
    """The letter as it arrives after passing through a relay."""
    return message_from_bytes(compose(envelope).as_bytes(), EmailMessage, policy=policy.default)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


class Page(HTMLParser):
    """What a page loads, links to and shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.loads: list[str] = []
        self.shown: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name == "href"}
        self.loads += [value or "" for name, value in attrs if name in {"src", "background", "poster", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


@pytest.mark.parametrize(("locale", "subject", "hello"), [
    ("fr", "Un nouveau message vous attend", "Bonjour Léa,"),
    ("en", "A new message is waiting for you", "Hello Léa,"),
    ("de", "Un nouveau message vous attend", "Bonjour Léa,"),
])  # fmt: skip
def test_it_speaks_the_reader_s_language(locale: str, subject: str, hello: str) -> None:
    message = sent(replace(ENVELOPE, locale=locale))
    assert message["Subject"] == subject
    assert text_of(message).startswith(hello)
    assert hello in text_of(message, "html")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", kinds())
def test_both_parts_lead_to_the_same_place(kind: str, locale: str) -> None:
    message = sent(envelope_of(kind, locale))
    assert Page(text_of(message, "html")).links == {ENVELOPE.link, *URGENT}
    assert set(re.findall(r"https?://\S+", text_of(message))) == {ENVELOPE.link}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", kinds())
def test_both_parts_say_the_same_words(kind: str, locale: str) -> None:
    message = sent(envelope_of(kind, locale))
    shown = " ".join("".join(Page(text_of(message, "html")).shown).split())
    said = [line for line in text_of(message).splitlines() if line and not line.endswith(":")]
    assert all(" ".join(line.split()) in shown for line in said)


@pytest.mark.parametrize(("locale", "can", "cannot"), [
    ("fr", "Vous pouvez y répondre", "ne sont pas lues"),
    ("en", "You can reply to it", "are not read"),
])  # fmt: skip
def test_a_letter_says_whether_it_can_be_answered_and_who_reads_the_answer(locale: str, can: str, cannot: str) -> None:
    plain = sent(replace(ENVELOPE, locale=locale))
    assert cannot in text_of(plain)
    assert plain["Reply-To"] is None
    answerable = sent(replace(ENVELOPE, locale=locale, reply_to=Address("Ailo", "r.abc", "reply.ailo.test")))
    assert can in text_of(answerable)
    assert cannot not in text_of(answerable)
    assert answerable["Reply-To"] == "Ailo <r.abc@reply.ailo.test>"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", ["reply", "digest"])
def test_texts_are_the_same_in_both_parts(kind: str, locale: str) -> None:
    message = sent(replace(envelope_of(kind, locale), values={"count": 2, **WITH_TEXTS}))
    shown = " ".join("".join(Page(text_of(message, "html")).shown).split())
    said = [line.removeprefix("> ") for line in text_of(message).splitlines() if line and not line.endswith(":")]
    assert "Deux mots & <b>un signe</b>." in said
    assert all(" ".join(line.split()) in shown for line in said if line.strip(">"))


@pytest.mark.parametrize(("locale", "words"), [
    ("fr", "Besoin d’aide tout de suite\u00a0? Appelez le 3114, le 15 ou le 112. Ailo n’est pas un service d’urgence."),
    ("en", "Need help right now? In France, call 3114, 15 or 112. Ailo is not an emergency service."),
])  # fmt: skip
@pytest.mark.parametrize("kind", kinds())
def test_every_letter_says_whom_to_call_at_once(kind: str, locale: str, words: str) -> None:
    message = sent(envelope_of(kind, locale))
    assert text_of(message).rstrip().endswith(words)
    assert words in "".join(Page(text_of(message, "html")).shown)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", kinds())
def test_nothing_is_loaded_from_anywhere(kind: str, locale: str) -> None:
    html = text_of(sent(envelope_of(kind, locale)), "html")
    page = Page(html)
    assert page.loads == []
    assert not page.tags & {"script", "link", "img", "iframe", "form", "object"}
    assert not re.search(r"@import|url\(", html)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", kinds())
def test_no_mail_client_cuts_it(kind: str, locale: str) -> None:
    """Gmail cuts at 102 kB."""
    assert len(compose(envelope_of(kind, locale)).as_bytes()) < 102_000
    assert len(text_of(sent(envelope_of(kind, locale)), "html").encode()) < 51_000


@pytest.mark.parametrize("kind", kinds())
def test_every_tag_of_the_template_was_understood(kind: str) -> None:
    html = text_of(sent(envelope_of(kind)), "html")
    assert not {tag for tag in Page(html).tags if tag.startswith("mj")}
    assert "{{" not in html
    assert "[%" not in html
    assert html.count("<style") >= 3
    assert "prefers-color-scheme: dark" in html
    assert "[data-ogsc]" in html
    assert '<meta name="color-scheme" content="light dark"' in html


def test_it_says_its_language_in_html_too() -> None:
    assert '<html lang="en"' in text_of(sent(replace(ENVELOPE, locale="en")), "html")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", kinds())
def test_nothing_tells_what_the_service_is_for(kind: str, locale: str) -> None:
    message = sent(envelope_of(kind, locale))
    whole = " ".join([*map(str, message.values()), text_of(message), *Page(text_of(message, "html")).shown]).lower()
    assert [word for word in TELLING if word in whole] == []


@pytest.mark.parametrize("header", ["Subject", "From", "To"])
@pytest.mark.parametrize("kind", kinds())
def test_no_name_is_in_the_headers(kind: str, header: str) -> None:
    assert "Léa" not in sent(envelope_of(kind))[header]


@pytest.mark.parametrize(("locale", "count", "words"), [
    ("fr", 1, "dans une conversation."), ("fr", 2, "dans 2 conversations."),
    ("en", 1, "in one conversation."), ("en", 30, "in 30 conversations."),
])  # fmt: skip
def test_a_digest_says_how_many_conversations_wait(locale: str, count: int, words: str) -> None:
    message = sent(replace(ENVELOPE, kind="digest", locale=locale, values={**VALUES["digest"], "count": count}))
    assert words in text_of(message)
    assert words in text_of(message, "html")


def test_its_headers_are_these_and_no_others() -> None:
    message = sent(ENVELOPE)
    assert {name.lower() for name in message} == HEADERS
    assert message["Message-ID"] == "<0f0e0d0c0b0a09080706050403020100@ailo.example>"
    assert message["References"] == message["In-Reply-To"] == "<00112233445566778899aabb@ailo.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Content-Language"] == "fr"
    assert message["Date"] == "Mon, 23 Nov 2026 09:00:00 +0000"


def test_ids_of_a_long_domain_stay_whole() -> None:
    domain = "-".join(["verylongname"] * 4) + ".example"
    message = compose(replace(ENVELOPE, sender=Address("", "a", domain), message_id=f"{'0' * 32}@{domain}"))
    assert f"\r\nReferences: <{ENVELOPE.group}@{domain}>\r\n".encode() in message.as_bytes()
    assert f"\r\nMessage-ID: <{'0' * 32}@{domain}>\r\n".encode() in message.as_bytes()


def test_the_same_facts_give_the_same_bytes() -> None:
    assert compose(ENVELOPE).as_bytes() == compose(ENVELOPE).as_bytes()


def test_any_relay_can_carry_it() -> None:
    raw = compose(ENVELOPE).as_bytes()
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n") if not line.startswith(b"Content-Type")) <= 76
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_an_unknown_kind_is_not_written() -> None:
    with pytest.raises(NoSuchLetter):
        compose(replace(ENVELOPE, kind="../../secret"))


@pytest.mark.parametrize("kind", kinds())
def test_all_languages_have_the_same_words(kind: str) -> None:
    for folder in (folder_of(kind), folder_of(kind).parent):
        keys = [set(json.loads((folder / f"{locale}.json").read_text("utf-8"))) for locale in LOCALES]
        assert all(found == keys[0] for found in keys)


@pytest.mark.parametrize(
    "name", ["Léa", "Jean-Marie", "D’Arcy", "Anne Sophie", "J. P.", "Зоя", "Nguyễn", "李", "रवि", "Le\u0301a"]
)
def test_a_name_is_greeted(name: str) -> None:
    assert greeted(name) == name


@pytest.mark.parametrize("name", [
    "", "  ", "www.x.test", "https://x.test", "a@b.c", "<b>Léa</b>", "L" * 61, "{name}", "Léa\x00", "Léa\u202e", "Léa2", "!",
    "-", "lea.test",
])  # fmt: skip
def test_what_is_no_name_is_not_greeted(name: str) -> None:
    assert greeted(name) == ""
    assert text_of(sent(replace(ENVELOPE, first_name=name))).startswith("Bonjour,")


@given(st.text(max_size=80) | st.sampled_from(["Léa\r\nBcc: x@y.test", "Léa\n\nBody", "\r\n.\r\n", "=?utf-8?q?x?=", "</a>"]))
def test_no_name_writes_a_header_or_a_tag(first_name: str) -> None:
    message = sent(replace(ENVELOPE, first_name=first_name))
    plain = sent(ENVELOPE)
    assert [*message.items()] == [*plain.items()]
    assert Page(text_of(message, "html")).tags == Page(text_of(plain, "html")).tags
    assert text_of(message).splitlines()[1:] == text_of(plain).splitlines()[1:]


@given(st.text(max_size=60).map(lambda text: f"lea{text}@ailo.test") | st.just("lea@ailo.test\r\nBcc: x@y.test"))
def test_no_address_writes_a_header(recipient: str) -> None:
    try:
        message = sent(replace(ENVELOPE, recipient=recipient))
    except ValueError:
        return
    assert {name.lower() for name in message} == HEADERS


@given(st.text(max_size=60))
def test_no_sender_s_name_writes_a_header(name: str) -> None:
    try:
        sender = Address(name, addr_spec="bonjour@ailo.example")
        message = sent(replace(ENVELOPE, sender=sender))
    except ValueError:
        return
    assert {name.lower() for name in message} == HEADERS


@pytest.mark.parametrize(("locale", "words"), [("fr", "« Mon compte »"), ("en", "“My account”")])
@pytest.mark.parametrize("kind", kinds())
def test_a_letter_says_where_to_choose_otherwise(kind: str, locale: str, words: str) -> None:
    message = sent(envelope_of(kind, locale))
    assert words in text_of(message).replace("\N{NO-BREAK SPACE}", " ")
    assert words in " ".join(Page(text_of(message, "html")).shown).replace("\N{NO-BREAK SPACE}", " ")
