"""What a process that hears of devices opens once: their credentials, users and health, told of what changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kangyun.access.platform import Platform
from kangyun.database.pool import Pool
from kangyun.devices.register.changes import Changes
from kangyun.devices.register.credentials import Credentials, digester
from kangyun.devices.register.keys import Provisioning
from kangyun.devices.register.model import ADMITTED_STATES, Changed, Known
from kangyun.devices.register.wearers import Wearers


@dataclass(slots=True)
class Devices:
    """Devices by their numbers, as the log's records name them."""

    pool: Pool
    _kept: dict[int, Known] = field(default_factory=dict)
    _forgotten: int = 0

    async def known(self, devices: Iterable[int]) -> dict[int, Known]:
        """Returns those of these that there are, in whatever state. Raises Unavailable."""
        asked = set(devices)
        found = {device: self._kept[device] for device in asked if device in self._kept}
        missing = sorted(asked - found.keys())
        if not missing:
            return found
        forgotten = self._forgotten
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_KNOWN, missing)
        fresh = {
            row["id"]: Known(
                row["id"], row["name"], row["region"], row["institution"], row["house"], row["format"], row["zone"],
                row["kind"], row["model"], row["resource"] or 0, row["state"] in ADMITTED_STATES,
                int(row["erased"].timestamp() * 1e6) if row["erased"] is not None else 0,
            )
            for row in rows
        }  # fmt: skip
        # What was read may be older than what was to be forgotten meanwhile: then it is not kept.
        if forgotten == self._forgotten:
            self._kept.update(fresh)
        return found | fresh

    def forget(self, changed: Changed) -> None:
        """Forgets what is kept of these devices."""
        self._forgotten += 1
        if changed is None:
            self._kept.clear()
            return
        for device in changed:
            self._kept.pop(device, None)


@dataclass(frozen=True, slots=True)
class Register:
    """The register as a listener and an intake ask it. `changes.follow(stop)` must run beside them."""

    devices: Devices
    credentials: Credentials
    wearers: Wearers
    changes: Changes
    provisioning: Provisioning


def open_register(platform: Platform) -> Register:
    """Opens the register. What `changes.on` adds later is told after the register itself has forgotten."""
    pool, digests = platform.pool, digester(platform.gate.store.keys.index_key)
    register = Register(
        Devices(pool), Credentials(pool, digests), Wearers(pool), Changes(pool), Provisioning(pool, digests)
    )
    for forget in (register.devices.forget, register.credentials.forget, register.wearers.forget):
        register.changes.on(forget)
    return register


_KNOWN = """
SELECT d.id, d.name, d.region, d.institution, d.format, d.zone, d.kind, d.model, d.resource, d.state,
    d.erased, i.reference AS house
FROM device AS d JOIN institution AS i ON i.id = d.institution WHERE d.id = ANY ($1::int8[])
"""
