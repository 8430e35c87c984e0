"""The Device of the record says whether a device is in use: written by the register itself, in its institution's name.

Who reports a device as stolen writes no Devices; that it is over follows from his word, in the same request.
"""

from typing import Literal

from kangyun.access.actor import Actor
from kangyun.access.record import Record
from kangyun.devices.register.rights import OFFICER
from kangyun.devices.register.rows import Row

REGISTER = "Device/device-register"
"""Under which name it writes: nobody else has it (`identities.model.RESERVED`)."""


async def say_status(record: Record, device: Row, status: Literal["active", "inactive"]) -> None:
    """Writes a Device's status, where it is another. Raises as a commit does."""
    if not device.resource:
        return
    actor = Actor(REGISTER, "", device.house, "HOPERAT", role=OFFICER)
    own = await record.gate.open(actor, record.circumstances)
    id_ = own.store.ids.id_of(device.resource)
    stored = await own.read("Device", id_, whole=True)
    if stored.resource.get("status") != status:
        resource = {**stored.resource, "status": status}
        await own.commit([own.operation("update", "Device", id=id_, resource=resource)], "device-status", whole=True)
