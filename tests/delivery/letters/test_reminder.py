"""The reminder that goes by itself: both languages, both bodies, and nothing in it that tells what the service is for."""

import re
from dataclasses import replace

import pytest

from delivery.letters.compose import LOCALES, Envelope
from delivery.letters.kinds import kind_named
from storage.encouragements.rules import BY_NAME, RULES
from tests.delivery.letters.test_compose import ENVELOPE, TELLING, Page, sent, text_of

AUTOMATIC = [rule.name for rule in RULES if rule.is_automatic]


def envelope(rule: str, locale: str = "fr") -> Envelope:
    values = kind_named("reminder").values({"rule": rule})
    return replace(ENVELOPE, kind="reminder", locale=locale, values=values)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("rule", AUTOMATIC)
def test_both_bodies_say_the_words_of_the_rule(rule: str, locale: str) -> None:
    message = sent(envelope(rule, locale))
    said = BY_NAME[rule].text.to(locale)
    shown = " ".join("".join(Page(text_of(message, "html")).shown).split())
    assert said in " ".join(text_of(message).split())
    assert said in shown


@pytest.mark.parametrize(("locale", "words"), [
    ("fr", ["parti tout seul", "Après deux rappels, il n’en part plus aucun", "Mon compte"]),
    ("en", ["sent by itself", "After two reminders, no more are sent", "My account"]),
])  # fmt: skip
def test_it_says_that_it_is_automatic_why_and_how_to_have_none(locale: str, words: list[str]) -> None:
    message = sent(envelope("silence", locale))
    for body in (text_of(message), " ".join(Page(text_of(message, "html")).shown)):
        assert [word for word in words if word not in " ".join(body.split())] == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("rule", AUTOMATIC)
def test_it_tells_nobody_what_the_service_is_for(rule: str, locale: str) -> None:
    message = sent(envelope(rule, locale))
    whole = " ".join([*map(str, message.values()), text_of(message), *Page(text_of(message, "html")).shown]).lower()
    assert [word for word in TELLING if word in whole] == []


def test_nothing_is_loaded_from_anywhere() -> None:
    html = text_of(sent(envelope("silence")), "html")
    page = Page(html)
    assert page.loads == []
    assert not page.tags & {"script", "link", "img", "iframe", "form", "object"}
    assert not re.search(r"@import|url\(", html)


def test_no_space_before_a_sign_breaks_a_line() -> None:
    """In French: before a colon, and inside of quotation marks."""
    assert not re.search(r"« | [»:;!?]", text_of(sent(envelope("silence"))).replace("\u00a0", "\u202f"))
