"""How a browser is named in the list of sessions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.auth.devices import BROWSERS, SYSTEMS, device_of

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox, Linux"),
        (f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87", "Edge, Windows"),
        (f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Chrome, Windows"),
        (f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 OPR/112.0.0.0", "Opera, Windows"),
        (f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari, macOS"),
        (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari, iPhone"),
        (f"{IPHONE} FxiOS/128.0 Mobile/15E148 Safari/605.1.15", "Firefox, iPhone"),
        (f"{IPHONE} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1", "Chrome, iPhone"),
        (f"{ANDROID} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", "Samsung Internet, Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36", "Chrome, ChromeOS"),
        ("ailo", "ailo chat"),
        ("curl/8.5.0", ""),
        ("Mozilla/5.0 (Windows NT 10.0)", "Windows"),
        ("", ""),
    ],
)
def test_a_browser_is_called_by_its_name_and_its_system(said: str, named: str) -> None:
    assert device_of(said) == named


WORDS = {name for name, _ in (*BROWSERS, *SYSTEMS)}


@given(st.text(max_size=300) | st.from_regex(re.compile("|".join(pattern for _, pattern in (*BROWSERS, *SYSTEMS)))))
def test_nothing_is_kept_but_words_of_ours(said: str) -> None:
    assert set(device_of(said).split(", ")) <= WORDS | {""}


def test_what_is_too_long_is_not_looked_through() -> None:
    assert device_of("x" * 10_000 + "Firefox/1") == ""
