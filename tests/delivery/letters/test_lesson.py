"""The letter of a lesson: its Markdown in both forms, its subject, and what a mail client makes of it."""

from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.letters.compose import Envelope, compose
from delivery.letters.lesson.kind import is_private
from delivery.letters.lesson.markdown import to_html, to_plain

TEXT = """La semaine dernière, vous avez **guetté** le oui.

> **À essayer**
>
> Une seule fois, dites : « Je regarde. »

## Ensuite

- respirer
- [lire](https://example.org/a?b=1&c=2)

3. compter
4. répondre
"""


def values(text: str = TEXT, **more: object) -> dict[str, object]:
    body = {"body_html": to_html(text), "body_text": to_plain(text)}
    return {"title": "Gagner dix secondes", "step": 3, "steps": 8, **body, **more}


def letter(locale: str = "fr", **more: object) -> EmailMessage:
    return compose(
        Envelope(
            kind="lesson",
            sender=Address("Ailo", "bonjour", "ailo.example"),
            recipient="lea@ailo.test",
            first_name="Léa",
            locale=locale,
            message_id="1@ailo.example",
            group="2",
            at=0,
            link="https://a.test/programmes",
            values=values(**more),  # type: ignore[arg-type]
        )
    )


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part
    return str(part.get_content())


def test_plain_text_keeps_what_the_marks_meant() -> None:
    assert to_plain(TEXT) == (
        "La semaine dernière, vous avez guetté le oui.\n\n"
        "    À essayer\n\n"
        "    Une seule fois, dites\u00a0: «\u00a0Je regarde.\u00a0»\n\n"
        "Ensuite\n\n"
        "– respirer\n"
        "– lire (https://example.org/a?b=1&c=2)\n\n"
        "3. compter\n"
        "4. répondre"
    )


def test_an_address_that_is_its_own_text_is_not_said_twice() -> None:
    assert to_plain("Appelez le [3114](tel:3114) ou <https://example.org>.") == "Appelez le 3114 ou https://example.org."


def test_html_has_the_styles_of_the_letter_in_each_element() -> None:
    html = to_html(TEXT)
    assert '<p style="margin: 0 0 16px;">La semaine dernière, vous avez <strong>guetté</strong> le oui.</p>' in html
    assert '<td class="aside"' in html
    assert "<h3 " in html
    assert '<a href="https://example.org/a?b=1&amp;c=2" style=' in html
    assert '<ol start="3" style=' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "Un <b onclick=x>mot</b>",
        "[x](javascript:alert(1))",
        "[x](http://example.org)",
        "![x](https://example.org/pixel.png)",
        "<img src=x onerror=alert(1)>",
        '[x](https://example.org "\\"><script>")',
        "```html\n<script>\n```",
    ],
)
def test_nothing_comes_through_even_if_it_was_not_refused_before(text: str) -> None:
    html = to_html(text)
    for forbidden in ("<script", "<img", "<b ", 'href="javascript', 'href="http:', "onclick=x>"):
        assert forbidden not in html


@given(st.text(alphabet="ab<>&\"'()[]!#*_-`\n 1.:/\\+=~", max_size=80))
def test_any_text_gives_both_forms(text: str) -> None:
    html = to_html(text)
    assert "<script" not in html
    assert "<img" not in html
    assert to_plain(text) == to_plain(text).strip("\n")


@pytest.mark.parametrize(("locale", "step"), [("fr", "Étape 3 sur 8"), ("en", "Step 3 of 8")])
def test_both_forms_say_the_step_the_title_the_text_and_whom_to_call(locale: str, step: str) -> None:
    message = letter(locale)
    for kind in ("plain", "html"):
        found = body(message, kind)
        for said in (step, "Gagner dix secondes", "Léa", "Je regarde.", "3114", "15", "112", "https://a.test/programmes"):
            assert said in found, (kind, said)
    assert 'href="tel:3114"' in body(message, "html")


def test_the_subject_is_neutral_unless_told_otherwise() -> None:
    assert "secondes" not in str(letter()["Subject"])
    assert str(letter(subject="Gagner dix secondes")["Subject"]) == "Gagner dix secondes"


def test_nothing_is_loaded_and_the_letter_is_not_cut_off() -> None:
    """Gmail cuts a letter off after 102 kB of HTML."""
    html = body(letter(text="Une phrase de plus. " * 1500), "html")
    assert len(html.encode()) < 102_000
    for loading in ("<img", "<link", "@import", "url(", "src="):
        assert loading not in html


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("lea@gmail.com", True),
        ("Lea@ORANGE.FR", True),
        ("lea@laposte.net", True),
        ("lea@gmail.com.example.org", False),
        ("gmail.com@example.org", False),
        ("lea@mairie.fr", False),
        ("lea@xn--gmail-.com", False),
        ("", False),
    ],
)
def test_only_a_well_known_private_mailbox_is_private(address: str, private: bool) -> None:
    assert is_private(address) is private
