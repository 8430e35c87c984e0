"""Which hosts a subscription may call: those that somebody has registered, whatever the subscriber says. Data first.

A rest-hook carries what its owner sees, or at least when something happens, to where he wants. So it goes to hosts that
the operator names (`KANGYUN_SUBSCRIPTION_HOSTS`, `policy/receivers.toml`), and an application's to the hosts of its own
addresses in the register, which a review has seen. Only who runs the installation names any other. Whether an address
may be reached at all is another question (`access.outbound`), asked of each call.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kangyun.access.actor import Actor
from kangyun.access.applications.register import Application, Applications
from kangyun.access.outbound.guard import PORTS
from kangyun.access.rulebook import rules_of
from kangyun.access.subscriptions.rules import Wanted
from kangyun.base.errors import Forbidden, Invalid

FILE = "receivers.toml"


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hosts, and the institutions whose people may name them; empty: of all."""

    name: str
    hosts: tuple[str, ...]
    institutions: tuple[str, ...] = ()


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    receivers: tuple[Receiver, ...] = ()


class Receivers:
    """The hosts that are registered in an installation."""

    def __init__(self, rules: Mapping[str, Any], named: Iterable[str] = ()) -> None:
        """rules: as `data/receivers.toml` has them. named: hosts of the setting. Raises Invalid for what cannot be."""
        try:
            self._rules = msgspec.convert(rules, _Rules).receivers
        except msgspec.ValidationError:
            raise Invalid("access.wrong-rules", file=FILE) from None
        self._named = frozenset(named)

    def allow(self, url: str, owner: Actor, application: Application | None) -> bool:
        """Whether a subscription of somebody may call a URL. application: by which he asked for it, if by one."""
        if owner.administrator and not owner.role:
            return True
        known = self._named | _hosts_of(application)
        for one in self._rules:
            if not one.institutions or owner.institution in one.institutions:
                known |= {host.strip().lower() for host in one.hosts}
        return bool(_forms(url) & known)

    async def check(self, wanted: Wanted, owner: Actor, applications: Applications) -> None:
        """Raises Forbidden where a subscription may not go to where it wants."""
        if wanted.channel == "rest-hook":
            application = await applications.get(owner.client) if owner.client else None
            if not self.allow(wanted.endpoint, owner, application):
                raise Forbidden("access.subscriptions.receiver", at="Subscription.channel.endpoint")


def read_receivers(data: Path, named: Iterable[str]) -> Receivers:
    """Returns the hosts that are registered. `data`: the data folder. Raises Invalid."""
    return Receivers(rules_of("kangyun.access", FILE, data), named)


def _hosts_of(application: Application | None) -> frozenset[str]:
    if application is None or not application.is_usable:
        return frozenset()
    addresses = (*application.redirect_uris, application.launch_url, application.jwks_uri)
    return frozenset(host for one in addresses if (host := urlsplit(one).hostname))


def _forms(url: str) -> frozenset[str]:
    """Returns the ways in which the host of a URL may be registered: with its port, and without."""
    parts = urlsplit(url)
    host, port = (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
    return frozenset({host, f"{host}:{port}", f"[{host}]:{port}"} - {""})
