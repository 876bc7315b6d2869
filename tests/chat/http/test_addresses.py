"""The key under which an address is counted."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.http.addresses import UNKNOWN, network_of, site_of

FORMS = {
    "203.0.113.9": "203.0.113.9",
    " 203.0.113.9 ": "203.0.113.9",
    "203.0.113.9:52144": "203.0.113.9",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
    "2001:DB8:1:2::1": "2001:db8:1:2::/64",
    "[2001:db8:1:2::1]": "2001:db8:1:2::/64",
    "[2001:db8:1:2::1]:52144": "2001:db8:1:2::/64",
    '"[2001:db8:1:2::1]:52144"': "2001:db8:1:2::/64",
    "fe80::1%eth0": "fe80::/64",
    "::ffff:203.0.113.9": "203.0.113.9",
    "[::ffff:203.0.113.9]:52144": "203.0.113.9",
    "64:ff9b::203.0.113.9": "203.0.113.9",
    "2002:cb00:7109::1": "203.0.113.9",
}
NO_ADDRESSES = [
    *("", "unknown", "_hidden", "203.0.113", "203.0.113.9.1", "010.0.0.1"),
    *("[", "[]:1", ":", "2001:db8::1::2", "é", "1" * 9_000),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_address_counts_as_one(form: str) -> None:
    assert network_of(form) == FORMS[form]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_counts_as_one_key(text: str) -> None:
    assert network_of(text) == UNKNOWN


@given(st.integers(0, 2**64 - 1), st.integers(1, 65_535))
def test_all_of_a_subscribers_addresses_are_one_network(host: int, port: int) -> None:
    network = int(ipaddress.IPv6Address("2001:db8:1:2::"))
    address = str(ipaddress.IPv6Address(network + host))
    assert {network_of(address), network_of(f"[{address}]:{port}")} == {"2001:db8:1:2::/64"}


@given(st.text(max_size=80))
def test_any_text_is_one_key(text: str) -> None:
    assert network_of(text)


def test_networks_of_a_site_are_told_together() -> None:
    sites = {site_of(network_of(f"2001:db8:1:{number:x}::1")) for number in range(100)}
    assert sites == {"2001:db8:1::/48"}
    assert [site_of(one) for one in ("203.0.113.9", UNKNOWN)] == ["203.0.113.9", UNKNOWN]
