"""Mails on trial: what is seen of one that came back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.inbound.trials import Arrival, arrival_of
from tests.delivery.inbound.conftest import RELAY

AUTHOR = "bonjour@ailo.test"
SIGNED = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=ailo.test; s=s1;\r\n\tt=1; bh=x; b=d=evil\r\n"
RECEIVED = (
    "Received: from out.relay.test (out.relay.test [203.0.113.5])\r\n"
    "\tby mx.ailo.test (Postfix) with ESMTPS id 4Y [192.0.2.9]\r\n"
)
PROVEN = (
    f"Authentication-Results: {RELAY}; spf=pass (ok) smtp.mailfrom=reply.ailo.test;\r\n"
    "\tdkim=pass header.d=ailo.test; dmarc=pass header.from=ailo.test\r\n"
)
OTHERS = "Authentication-Results: relay.test; dmarc=fail\r\n"
LETTER = f"From: Ailo <{AUTHOR}>\r\nSubject: essai\r\n\r\nessai\r\n"


@pytest.mark.parametrize(
    ("head", "arrival"),
    [
        (
            f"{RECEIVED}{PROVEN}{OTHERS}{SIGNED}",
            Arrival(
                True,
                (RELAY, "relay.test"),
                ("spf=pass", "dkim=pass", "dmarc=pass"),
                (("ailo.test", "s1"),),
                "203.0.113.5",
            ),
        ),
        (OTHERS, Arrival(False, ("relay.test",))),
        ("", Arrival(False)),
        ("Received: from x ([IPv6:2001:db8::1]) by y\r\n", Arrival(False, came_from="2001:db8::1")),
        ("Received: from [192.168.1.5] (unknown [203.0.113.5]) by y\r\n", Arrival(False, came_from="203.0.113.5")),
        ("Received: from [1.2.3] ([....]) by y\r\n", Arrival(False)),
        ("Received: by y\r\nDKIM-Signature: nonsense\r\n", Arrival(False, signed=(("", ""),))),
        ("Authentication-Results:\r\nAuthentication-Results: (\r\n", Arrival(False, ("", "("))),
    ],
    ids=["vouched for", "another relay", "nothing", "IPv6", "an address for a name", "no address", "odd", "empty"],
)
def test_what_is_seen_of_it(head: str, arrival: Arrival) -> None:
    assert arrival_of(f"{head}{LETTER}".encode(), AUTHOR, RELAY) == arrival


def test_without_a_named_relay_nobody_vouches() -> None:
    assert not arrival_of(f"{PROVEN}{LETTER}".encode(), AUTHOR, None).is_proven


@given(st.binary())
def test_no_bytes_are_too_odd(raw: bytes) -> None:
    assert not arrival_of(b"DKIM-Signature: " + raw + b"\nAuthentication-Results: " + raw, AUTHOR, RELAY).is_proven
