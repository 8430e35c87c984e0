"""Giving a device to somebody and taking it back: by himself, by who acts for him, by who treats him."""

from collections.abc import Sequence
from typing import get_args

import asyncpg

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, Invalid, NotFound, RuleBroken
from kangyun.devices.register import again, claims, codes, rows, users
from kangyun.devices.register.credentials import digester
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.operations.parts import key_of, patient_of, reference, text
from kangyun.devices.register.rights import (
    GIVING,
    current_holders,
    is_officer,
    number_of,
    registration,
    users_seen,
    who,
)  # fmt: skip
from kangyun.devices.register.rows import Row
from kangyun.devices.register.standing import say_status
from kangyun.devices.register.users import Why
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs


async def claim(record: Record, call: Call) -> Resource:
    """Gives the device of a code to a resident. Raises Throttled, NotFound, Gone, Conflict, RuleBroken, Forbidden."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"code", "patient", "key"}))
    code = codes.read(inputs.text("code") or "")
    if code is None:  # Mistyped: it is no try.
        raise Invalid("devices.register.mistyped-code", at="code")
    holder, key = await registration(record, patient_of(inputs)), key_of(inputs)
    digests, pool = digester(record.store.keys.index_key), record.store.pool
    await claims.allow_try(pool, digests, record.actor.reference)
    async with pool.connection() as connection, connection.transaction():
        device = await claims.take(connection, digests, code, who(record.actor))
        await claims.forgive(connection, digests, record.actor.reference)
        # Who holds the code in his hand may use the device; who still has it must hand it back first, or share it.
        await users.assign(connection, device, key, holder, who(record.actor))
        await record.leave_row_within(connection, "device-claim", 200, [holder])
    return _given(record, device, key, call)


async def assign(record: Record, call: Call) -> Resource:
    """Gives a device that is here, or that one uses already, to somebody, or says by which key he uses it.

    Raises Forbidden, NotFound, Conflict, RuleBroken.
    """
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"patient", "key"}))
    holder, key = await registration(record, patient_of(inputs)), key_of(inputs)
    async with record.store.pool.connection() as connection, connection.transaction():
        device = await _at_hand(record, connection, call.id)
        await users.assign(connection, device, key, holder, who(record.actor))
        await record.leave_row_within(connection, "device-assign", 200, [holder])
    return _given(record, device, key, call)


async def return_(record: Record, call: Call) -> Resource:
    """Ends the use of a device: handed back, broken, lost or stolen. Raises Forbidden, NotFound, RuleBroken, Invalid.

    An officer ends it for all; who uses it, for those whom he sees or the one he names. Lost or stolen, it is revoked.
    """
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"why", "patient"}))
    why = inputs.text("why") or "returned"
    if why not in get_args(Why):
        raise Invalid("devices.register.wrong-call", name="why", at="why")
    named = None if inputs.text("patient") is None else await registration(record, patient_of(inputs))
    async with record.store.pool.connection() as connection, connection.transaction():
        device = await _at_hand(record, connection, call.id)
        current = await current_holders(connection, device.id)
        leaving = await _leaving(record, current, named)
        if not current and why not in users.GONE:
            raise RuleBroken("devices.register.not-used")
        ended = await users.hand_back(connection, device, leaving, why, who(record.actor))  # type: ignore[arg-type]
        await record.leave_row_within(connection, "device-return", 200, ended)
        left = await rows.by_number(connection, device.id)
        if why in users.GONE:
            await again.tell(record.ledger, connection, device.name, "revoke")
    if left.state == "revoked":
        await say_status(record, left, "inactive")
    return parameters(_named(record, device, call), {"name": "state", "valueCode": left.state}, text("why", why))


async def _leaving(record: Record, current: Sequence[int], named: int | None) -> list[int] | None:
    """Returns whose use ends, None for everybody's. Raises NotFound, Forbidden."""
    if named is not None:
        if named not in current:
            raise NotFound
        return [named]
    if is_officer(record.actor):
        return None
    return await users_seen(record, current)


async def _at_hand(record: Record, connection: asyncpg.Connection, id_: str | None) -> Row:
    """Returns a device, locked, with which the actor may do what its users may. Raises NotFound, Forbidden."""
    actor = record.actor
    if not (is_officer(actor) or actor.role in GIVING):
        raise Forbidden("devices.register.not-giving")
    device = await rows.by_resource(connection, number_of(record, id_), lock=True)
    if actor.administrator or (is_officer(actor) and device.institution == record.institution):
        return device
    current = await current_holders(connection, device.id)
    if await users_seen(record, current):
        return device
    # Staff take a device of their own house from the shelf; nobody takes one that somebody has whom he does not see.
    if not current and actor.role in GIVING and device.institution == record.institution:
        return device
    raise NotFound


def _given(record: Record, device: Row, key: str, call: Call) -> Resource:
    return parameters(
        _named(record, device, call), text("key", key), text("kind", kinds().of(device.kind).name(call.language))
    )


def _named(record: Record, device: Row, call: Call) -> Resource:
    called = f"{kinds().of(device.kind).name(call.language)} {device.name}"
    return reference("device", f"Device/{record.store.ids.id_of(device.resource)}", called)
