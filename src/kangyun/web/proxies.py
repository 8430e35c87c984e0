"""Who really calls, where a gateway stands before us: believed only of the addresses that the operator names.

From such an address `X-Forwarded-For` gives the caller's address (the last one that is no such proxy itself), and
`X-Client-Certificate` the certificate that the gateway has seen in the handshake (TLCP, or TLS), as it escapes it for
a URL. From everywhere else both headers are taken off before anybody can read them.
"""

from collections.abc import Iterable, MutableMapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import unquote_to_bytes

from kangyun.base.crypto.certificates import Certificate
from kangyun.base.errors import Invalid

FORWARDED, CERTIFICATE = b"x-forwarded-for", b"x-client-certificate"
VERIFIED = "client_certificate"
"""Where the certificate stands in an ASGI scope: nobody else writes there."""
_ALL = (FORWARDED, b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip", b"forwarded", CERTIFICATE)
LARGEST = 16_000  # bytes of an escaped certificate
Address = IPv4Address | IPv6Address


class Proxies:
    """The proxies of an installation."""

    def __init__(self, setting: str) -> None:
        """setting: addresses and networks, separated by commas. Raises Invalid for what is neither."""
        self._networks: list[IPv4Network | IPv6Network] = []
        for part in filter(None, map(str.strip, setting.split(","))):
            try:
                self._networks.append(ip_network(part))
            except ValueError:
                raise Invalid("base.wrong-setting", name="trusted_proxies") from None

    def settle(self, scope: MutableMapping[str, Any]) -> None:
        """Says in a request's scope who calls, and takes off the headers that said so."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        said = [(name, value) for name, value in headers if name in _ALL]
        if not said:
            return
        scope["headers"] = [(name, value) for name, value in headers if name not in _ALL]
        peer = _address((scope.get("client") or ("",))[0])
        if peer is None or not self._is_proxy(peer):
            return
        forwarded = ",".join(value.decode("latin-1") for name, value in said if name == FORWARDED)
        caller = self._caller(forwarded.split(","))
        if caller is not None:
            scope["client"] = (str(caller), 0)
        certificates = [value for name, value in said if name == CERTIFICATE and value]
        if len(certificates) == 1 and len(certificates[0]) <= LARGEST:
            scope[VERIFIED] = unquote_to_bytes(certificates[0])

    def _caller(self, chain: Iterable[str]) -> Address | None:
        """Returns the last address that is no proxy of ours: what stands before it, anybody could have written."""
        for part in reversed(list(chain)):
            address = _address(part.strip())
            if address is None or not self._is_proxy(address):
                return address
        return None

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def client_certificate(scope: MutableMapping[str, Any]) -> Certificate | None:
    """Returns the certificate that a gateway of ours has seen; None where none was shown, or it cannot be read."""
    data = scope.get(VERIFIED)
    if data is None:
        return None
    try:
        return Certificate(data)
    except Invalid:
        return None


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
