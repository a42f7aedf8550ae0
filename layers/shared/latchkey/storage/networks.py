"""IP addresses as index keys. Addresses of one network are adjacent."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_LEADING = {4: 16, 6: 32}
"""Bits of the partition key. They limit the width of a network in one query."""


def address_place(text: str) -> tuple[str, str] | None:
    """Return the partition and the hexadecimal form of an IP address, or None."""
    try:
        address = _plain(ip_address(text.partition("%")[0]))
    except ValueError:
        return None
    return _partition(address), _hex(address)


def network_range(text: str) -> tuple[str, str, str]:
    """Return the partition of a network or address, and its first and last address in hexadecimal.

    Raises ValueError for an invalid network, and for one wider than a partition.
    """
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            network = IPv4Network((mapped, network.prefixlen - _MAPPED))
    if network.prefixlen < _LEADING[network.version]:
        msg = "too wide"
        raise ValueError(msg)
    first, last = network.network_address, network.broadcast_address
    return _partition(first), _hex(first), _hex(last)


_MAPPED = 96


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _partition(address: IPv4Address | IPv6Address) -> str:
    return f"IPS#{address.version}#{_hex(address)[: _LEADING[address.version] // 4]}"


def _hex(address: IPv4Address | IPv6Address) -> str:
    return f"{int(address):0{address.max_prefixlen // 4}x}"
