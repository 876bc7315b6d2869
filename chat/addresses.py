"""Addresses of the network, as limits count them."""

from ipaddress import IPv6Address, IPv6Network, ip_address


def network_of(address: str) -> str:
    """The network that one customer of a provider has: an IPv4 address, or the /64 of an IPv6 one (RFC 6177, RFC 4291 2.5.5.2).

    A port is dropped, a mapped IPv4 address is that address. "unknown" where there is no address.
    """
    try:
        found = ip_address(_bare(address.strip()))
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else str(IPv6Network((int(found), 64), strict=False))
    return str(found)


def _bare(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, _ = address.partition(":") if address.count(":") == 1 else (address, "", "")
    return host.partition("%")[0]
