"""Network addresses as rate limits count them: one key for all the addresses that one subscriber can easily choose from."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

UNKNOWN = "unknown"
LONGEST = 64
NETWORK_BITS = 64
SITE_BITS = 48
IPV6_BITS = 128
NAT64 = int(IPv6Address("64:ff9b::")) >> 32  # RFC 6052: an IPv4 address in its last 32 bits


def network_of(text: str) -> str:
    """The network that an address counts as: the address itself for IPv4, its /64 for IPv6 (RFC 6177: what one host gets).

    Also accepts ``1.2.3.4:PORT`` and ``[v6]:PORT``, as some gateways write X-Forwarded-For. IPv4 inside IPv6 counts as IPv4.
    Anything that is not an address counts as ``unknown``, one key for all.
    """
    address = _address(text.strip(' "'))
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv4Address):
        return str(address)
    return _prefix(address, NETWORK_BITS)


def site_of(network: str) -> str:
    """The site that contains a network from ``network_of``: the /48 of an IPv6 /64 (what one site gets), else itself."""
    address, is_network, _ = network.partition("/")
    return _prefix(IPv6Address(address), SITE_BITS) if is_network else network


def _prefix(address: IPv6Address, bits: int) -> str:
    shift = IPV6_BITS - bits
    return f"{IPv6Address(int(address) >> shift << shift)}/{bits}"


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ipaddress.ip_address(_without_port(text)) if len(text) <= LONGEST else None
    except ValueError:
        return None
    return _inner(found) if isinstance(found, IPv6Address) else found


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _inner(address: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address embedded in an IPv6 address, or else that address itself."""
    if int(address) >> 32 == NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
