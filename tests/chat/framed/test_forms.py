"""What a form reads: strictly, and what was typed stays."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.auth.door import HttpRefusal
from chat.framed.forms import MOST_FIELDS, Form, parsed

TEXT = st.text(max_size=30)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=10))
def test_what_a_browser_sends_is_read(pairs: list[tuple[str, str]]) -> None:
    form = Form(parsed(urlencode(pairs).encode()))
    assert sorted(form.fields()) == sorted(pairs)


@pytest.mark.parametrize(
    "raw", [b"a=%ff", b"a", b"a=1&&b=2", b"\xc3\xa9=1", urlencode([("a", "1")] * (MOST_FIELDS + 1)).encode()]
)
def test_what_no_browser_sends_is_refused(raw: bytes) -> None:
    with pytest.raises(HttpRefusal) as refused:
        parsed(raw)
    assert refused.value.status == 400


@given(st.binary(max_size=60))
def test_nothing_else_is_raised_whatever_is_sent(raw: bytes) -> None:
    try:
        parsed(raw)
    except HttpRefusal as refused:
        assert refused.status == 400  # noqa: PT017 (most of what is drawn is fine)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", lambda form: form.text("it", longest=10, required="Écrivez un mot.")),
        ("\u200b", lambda form: form.text("it", longest=10, required="Écrivez un mot.")),
        ("x" * 11, lambda form: form.text("it", longest=10)),
        ("a\0b", lambda form: form.text("it", longest=10)),
        ("third", lambda form: form.choice("it", {"first", "second"})),
        ("1e3", lambda form: form.number("it", 0, 10_000, "Un nombre.")),
        ("٣", lambda form: form.number("it", 0, 9, "Un nombre.")),
        ("12", lambda form: form.number("it", 0, 9, "Un nombre.")),
        ("31/12/2026", lambda form: form.day("it")),
    ],
)
def test_a_refused_field_keeps_what_was_typed(typed: str, read: Callable[[Form], object]) -> None:
    form = Form({"it": [typed]})
    read(form)
    assert not form.is_fine
    assert form.errors["it"].endswith(".")
    assert form.typed("it") == typed


def test_a_fine_form_is_read() -> None:
    form = Form(parsed(b"text=+Bonjour%0D%0Aici+&role=first&many=1+000&day=2026-12-01&tick=yes&of=a&of=b"))
    assert form.text("text", longest=20, required="…") == "Bonjour\nici"
    assert form.choice("role", {"first"}) == "first"
    assert form.number("many", 1, 5000, "…") == 1000
    assert str(form.day("day")) == "2026-12-01"
    assert (form.is_ticked("tick"), form.is_ticked("other")) == (True, False)
    assert form.all_typed("of") == ["a", "b"]
    assert form.day("none") is None
    assert form.is_fine


def test_the_first_reason_stands() -> None:
    form = Form()
    form.refuse("it", "D’abord.")
    form.refuse("it", "Ensuite.")
    assert form.errors == {"it": "D’abord."}
    assert form.typed("it", "comme avant") == "comme avant"
