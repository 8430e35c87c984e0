"""What a device, or the phone that forwards it, sends by HTTP: who it is, and how much it may send.

A device shows the credentials by which it would connect by MQTT. Its readings are on disk before it is answered.
"""

import base64
import binascii
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from kangyun.base.errors import Forbidden, NotSupported, SignInNeeded, Throttled
from kangyun.devices import formats
from kangyun.devices.doors.opened import Doors, Taken
from kangyun.devices.register.model import Admitted

BURST, PER_SECOND = 60, 1.0
"""Requests of a device: a phone that was away sends its batches at once, and then seldom."""
MOST_DEVICES = 50_000  # whose allowances are kept in mind


@dataclass(slots=True)
class _Allowance:
    left: float
    filled: float


@dataclass(frozen=True, slots=True)
class Batches:
    """Takes batches. One for a process."""

    doors: Doors
    _allowances: OrderedDict[str, _Allowance] = field(default_factory=OrderedDict)

    async def admitted(self, device: str, authorization: str) -> Admitted:
        """Returns the device that a request comes from. Raises SignInNeeded, Throttled, Unavailable.

        authorization: `Basic`, of the device's name and secret, or `Bearer` and the secret.
        """
        name, secret = _shown(device, authorization)
        if name != device or not secret:
            raise SignInNeeded("devices.doors.unknown-credentials")
        found = await self.doors.register.credentials.check(name, secret)
        if found is None:
            raise SignInNeeded("devices.doors.unknown-credentials")
        self._allow(name)
        return found

    async def take(self, device: Admitted, format_: str, body: bytes) -> Taken:
        """Stores a batch. format: another than the device's own where a phone forwards several, '' for its own.

        Raises NotSupported for a format that is not known, Forbidden for another device's mapping.
        """
        chosen = format_ or device.format
        if chosen not in formats.names() or chosen == formats.TYPED:  # That is a person's word.
            raise NotSupported("devices.formats.unknown-format", at="format")
        if chosen.startswith(formats.MAPPED) and chosen != device.format:
            raise Forbidden("devices.doors.other-format", at="format")
        return await self.doors.keep(device.device, chosen, device.zone, body)

    def _allow(self, name: str) -> None:
        now = time.monotonic()
        found = self._allowances.pop(name, None) or _Allowance(BURST, now)
        found.left = min(found.left + (now - found.filled) * PER_SECOND, BURST)
        found.filled = now
        self._allowances[name] = found
        if len(self._allowances) > MOST_DEVICES:
            self._allowances.popitem(last=False)
        if found.left < 1:
            raise Throttled("devices.doors.too-often")
        found.left -= 1


def _shown(device: str, authorization: str) -> tuple[str, str]:
    scheme, _, shown = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return device, shown.strip()
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(shown.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, secret
