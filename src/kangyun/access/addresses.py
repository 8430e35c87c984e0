"""How much may go wrong from one network address, and which of them many people share: data that a region edits. Pure.

An address is what the connection, or a gateway that is believed (`KANGYUN_TRUSTED_PROXIES`), says; who may call from it
is no business of this.
"""

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

import msgspec

from kangyun.access.rulebook import rules_of
from kangyun.base.errors import Invalid

FILE = "addresses.toml"
_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class One(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one address may: wrong sign-ins, each of which is forgotten after some seconds; residents said a day."""

    wrong_sign_ins: _AtLeastOne
    forgotten_seconds: Annotated[float, msgspec.Meta(gt=0)]
    said_a_day: _AtLeastOne


class Shared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses and networks that many people share, and for how many they count."""

    name: str
    addresses: tuple[str, ...]
    times: _AtLeastOne


class _Rules(msgspec.Struct, frozen=True):
    one: One
    shared: tuple[Shared, ...] = ()


class Addresses:
    """The limits of addresses in an installation."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        """rules: as `data/addresses.toml` has them. Raises Invalid for what cannot be."""
        try:
            read = msgspec.convert(rules, _Rules)
            self._shared: list[tuple[IPv4Network | IPv6Network, int]] = [
                (ip_network(text), shared.times) for shared in read.shared for text in shared.addresses
            ]
        except (msgspec.ValidationError, ValueError):
            raise Invalid("access.wrong-rules", file=FILE) from None
        self.one = read.one

    def times(self, source: str) -> int:
        """Returns for how many an address counts: 1, where it is none of those that are shared."""
        try:
            address = ip_address(source)
        except ValueError:
            return 1
        return max((times for network, times in self._shared if address in network), default=1)


def read_addresses(data: Path) -> Addresses:
    """Returns the limits that are in force. `data`: the data folder. Raises Invalid."""
    return Addresses(rules_of("kangyun.access", FILE, data))


@cache
def shipped() -> Addresses:
    """Returns the limits that come with the platform."""
    return read_addresses(Path("/nonexistent"))
