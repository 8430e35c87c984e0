"""Where the platform may call: public addresses, and inner hosts that a setting names.

A URL that a client gives must not reach what only we can reach: this machine, the inner network, a cloud's metadata.
So the address that a name leads to is looked at, not the name, and the call goes to that very address: a name that
leads elsewhere a moment later changes nothing.

Source: https://owasp.org/www-community/attacks/Server_Side_Request_Forgery; the registries behind
`ipaddress.is_global` are IANA's special-purpose address registries.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from kangyun.base.errors import Forbidden, Invalid, Unavailable

PORTS = {"http": 80, "https": 443}
LONGEST = 2048
# Addresses of IPv6 that lead to one of IPv4, which must be looked at in its place: where it stands in them, in bits.
_CARRIERS = (
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
    (IPv6Network("::/96"), 0),  # IPv4-compatible
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated
)


class Target(NamedTuple):
    """A call that is allowed: where to connect, and what to ask there."""

    secure: bool
    host: str
    port: int
    address: str
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets calls out. `inner`: names or addresses of inner hosts, each with or without a port, that may be called too.

    setting: the name of the setting that holds them, for the message.
    """

    inner: frozenset[str]
    setting: str

    @classmethod
    def of(cls, hosts: str, setting: str) -> "Guard":
        """Makes a guard from a setting: hosts separated by commas."""
        return cls(frozenset(host.strip().lower() for host in hosts.split(",") if host.strip()), setting)

    def check(self, url: str) -> SplitResult:
        """Looks at a URL without asking for its address. Raises Invalid for what is no http URL."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Invalid("access.outbound.not-a-url") from None
        wrong = (
            *(parts.scheme not in PORTS, not parts.hostname, port == 0, len(url) > LONGEST, not url.isascii()),
            *("@" in parts.netloc, any(sign <= " " or sign == "\x7f" for sign in url)),
        )
        if any(wrong):
            raise Invalid("access.outbound.not-a-url")
        return parts

    def target(self, url: str) -> Target:
        """Returns where to call. Blocks while the name is resolved.

        Raises Invalid, Forbidden when an address of the host may not be called, Unavailable when it has none.
        """
        parts = self.check(url)
        host = (parts.hostname or "").lower()
        port = parts.port or PORTS[parts.scheme]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unavailable("access.outbound.unknown-host") from None
        addresses = [str(one[4][0]) for one in found]
        # Names are compared as they were written: 127.1 is not 127.0.0.1 for this list, but its address is looked at.
        if not {host, f"{host}:{port}", f"[{host}]:{port}"} & self.inner and not all(map(is_public, addresses)):
            raise Forbidden("access.outbound.refused", setting=self.setting)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme == "https", host, port, addresses[0], path)


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = _carried(address)
    return address.is_global and not address.is_multicast


def _carried(address: IPv6Address) -> IPv4Address | IPv6Address:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, shift in _CARRIERS:
        if address in network:
            return IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
    return address
