"""Addresses of callers: which belong together, and which are ours."""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks:
    """A set of networks, from what TRUSTED_PROXIES says: addresses and networks, comma separated; `*` is everybody."""

    def __init__(self, told: str = "") -> None:
        names = [name.strip() for name in told.split(",") if name.strip()]
        self._everybody = "*" in names
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(name, strict=False) for name in names if name != "*"
        )

    def __contains__(self, address: str) -> bool:
        """Whether an address, as text, lies in one of the networks; what is no address does not."""
        if self._everybody:
            return True
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def network_of(address: str | None) -> str:
    """What counts as one sender: an IPv4 address, an IPv6 /64; "unknown" for all that name none."""
    if not address:
        return "unknown"
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)


def is_loopback(address: str) -> bool:
    """Whether a caller sits on this machine; an IPv4 address may come wrapped in an IPv6 one."""
    try:
        return ipaddress.ip_address(network_of(address) if address.startswith("::ffff:") else address).is_loopback
    except ValueError:
        return False
