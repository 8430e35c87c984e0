"""What a process that hears of devices opens once: their credentials, users and health, told of what changes."""

from collections.abc import Iterable
from dataclasses import dataclass

from kangyun.access.platform import Platform
from kangyun.database.pool import Pool
from kangyun.devices.register.changes import Changes
from kangyun.devices.register.credentials import Credentials, digester
from kangyun.devices.register.keys import Provisioning
from kangyun.devices.register.mind import Mind
from kangyun.devices.register.model import ADMITTED_STATES, Known
from kangyun.devices.register.wearers import Wearers


class Devices:
    """Devices by their numbers, as the log's records name them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._mind = Mind(self._read)
        self.forget = self._mind.forget

    async def known(self, devices: Iterable[int]) -> dict[int, Known]:
        """Returns those of these that there are, in whatever state. Raises Unavailable."""
        return await self._mind.of(devices)

    async def _read(self, devices: list[int]) -> dict[int, Known]:
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_KNOWN, devices)
        return {
            row["id"]: Known(
                row["id"], row["name"], row["region"], row["institution"], row["house"], row["format"], row["zone"],
                row["kind"], row["model"], row["resource"] or 0, row["state"] in ADMITTED_STATES,
                int(row["erased"].timestamp() * 1e6) if row["erased"] is not None else 0,
            )
            for row in rows
        }  # fmt: skip


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
