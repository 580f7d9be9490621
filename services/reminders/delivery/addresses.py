"""Which addresses of the network a webhook may go to: public ones, and nothing that leads inside.

IPv4 by what is forbidden (IANA special-purpose registry), IPv6 by what is allowed: global unicast,
without the ranges that carry an IPv4 address within (NAT64, 6to4, Teredo).
"""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

_FORBIDDEN_V4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = [
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]


def forbidden(text: str) -> bool:
    """Whether nothing may be sent to an IP address, given as the resolver spells it."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return address not in _GLOBAL_V6 or any(address in net for net in _FORBIDDEN_V6)
        address = mapped
    return any(address in network for network in _FORBIDDEN_V4)
