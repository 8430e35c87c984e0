"""What an institution's device officer does: enrols, gives secrets and codes, lets in no more. Sees nobody's record."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

import asyncpg
from cryptography import x509

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.staff.sheets import read_sheet
from kangyun.base.errors import Invalid, TooLong
from kangyun.base.texts import say
from kangyun.devices.register import again, claims, keys, lists, rows
from kangyun.devices.register.again import What
from kangyun.devices.register.codes import QR_PREFIX
from kangyun.devices.register.credentials import digester
from kangyun.devices.register.enrolling import Outcome, enrol, handed_out
from kangyun.devices.register.labels import labels
from kangyun.devices.register.model import ADMITTED_STATES
from kangyun.devices.register.operations.parts import bytes_of, content, count, reason_of, reference, text
from kangyun.devices.register.rights import officers, officers_only
from kangyun.devices.register.rows import Row
from kangyun.devices.register.standing import say_status
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

LONGEST_NAME = 64
MOST_ROWS = 2_000
"""Of a list that comes by HTTP. `kangyun device enrol` takes 20,000."""
MOST_TOLD = 100  # faults of a list


async def enrol_(formats: Callable[[], Collection[str]], record: Record, call: Call) -> Resource:
    """Enrols a list of devices, or says what would become of it. Raises Forbidden, Invalid."""
    record.in_person()
    officers_only(record.actor)
    inputs = Inputs.of(call.parameters, frozenset({"file", "dry-run"}))
    sheet = read_sheet(bytes_of(inputs, "file"), lists.the_list().needed)
    if len(sheet.rows) > MOST_ROWS:
        raise TooLong("devices.register.list-long", most=MOST_ROWS)
    dry_run = inputs.boolean("dry-run", False)
    digests = digester(record.store.keys.index_key)
    outcome = await enrol(record, digests, sheet, formats(), dry_run=dry_run)
    return await asyncio.to_thread(_told, outcome, call)  # Thousands of labels take seconds to be drawn.


def _told(outcome: Outcome, call: Call) -> Resource:
    said = [count("enrolled" if outcome.written else "would-enrol", outcome.count), count("same", outcome.same)]
    said += [
        text("refused", say(issue.text, call.language, issue.parameters))
        for _, issues in outcome.refused[:MOST_TOLD]
        for issue in issues
    ]
    if outcome.made:
        said += [content("devices", handed_out(outcome.made)), content("labels", labels(outcome.made).encode())]
    return parameters(*said)


async def batch(record: Record, call: Call) -> Resource:
    """Makes a batch and tells its key, once. Raises Forbidden, Invalid, Conflict."""
    record.in_person()
    officers_only(record.actor)
    name = (Inputs.of(call.parameters, frozenset({"name"})).text("name") or "").strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid("devices.register.wrong-call", name="name", at="name")
    digests = digester(record.store.keys.index_key)
    async with record.store.pool.connection() as connection, connection.transaction():
        key = await keys.add_batch(connection, digests, record.institution, name, record.actor.reference, None)
        await record.leave_row_within(connection, "device-batch", 200)
    return parameters(text("user", keys.BATCH_USER), text("key", key))


async def authority(record: Record, call: Call) -> Resource:
    """Registers an authority of certificates for the institution's devices. Raises Forbidden, Invalid, Conflict."""
    record.in_person()
    officers_only(record.actor)
    certificate_ = _certificate(Inputs.of(call.parameters, frozenset({"certificate"})))
    async with record.store.pool.connection() as connection, connection.transaction():
        number = await keys.add_authority(connection, record.institution, certificate_, record.actor.reference)
        await record.leave_row_within(connection, "device-authority", 200)
    return parameters(count("authority", number))


async def claim_code(record: Record, call: Call) -> Resource:
    """Gives a device a new claim code; the one before is good no more. Raises Forbidden, NotFound."""
    digests = digester(record.store.keys.index_key)

    async def act(connection: asyncpg.Connection, device: Row) -> Resource:
        code = await claims.give(connection, digests, device.id)
        await rows.note(connection, [device.id], "claim-code", record.actor.reference)
        return parameters(text("code", code), text("qr", f"{QR_PREFIX}{code}"))

    return await _done(record, call, "claim-code", act)


async def rotate(record: Record, call: Call) -> Resource:
    """Gives a device a new secret and tells it, once; the old ones hold for some hours. Raises as `keys.rotate`."""
    given = Inputs.of(call.parameters, frozenset({"overlap-hours"})).count("overlap-hours")
    hours = keys.OVERLAP_HOURS if given is None else given
    if hours > keys.LONGEST_OVERLAP_HOURS:
        raise Invalid("devices.register.wrong-call", name="overlap-hours", at="overlap-hours")
    digests, overlap = digester(record.store.keys.index_key), timedelta(hours=hours)

    async def act(connection: asyncpg.Connection, device: Row) -> Resource:
        secret = await keys.rotate(connection, digests, device, overlap, record.actor.reference)
        return parameters(text("name", device.name), text("secret", secret))

    return await _done(record, call, "device-rotate", act, "rotate", overlap)


async def revoke(record: Record, call: Call) -> Resource:
    """Lets a device in no more, for good or until it is resumed. Raises Forbidden, NotFound, RuleBroken."""
    inputs = Inputs.of(call.parameters, frozenset({"reason", "for-good"}))
    why, for_good = reason_of(inputs), inputs.boolean("for-good", True)

    async def act(connection: asyncpg.Connection, device: Row) -> Resource:
        await (keys.revoke if for_good else keys.stop)(connection, device, record.actor.reference, why)
        return _standing(record, device, "revoked" if for_good else "stopped")

    what: What = "revoke" if for_good else "stop"
    answer = await _done(record, call, f"device-{what}", act, what)
    await _say_status(record, call)
    return answer


async def resume(record: Record, call: Call) -> Resource:
    """Lets a device in again that was stopped. Raises Forbidden, NotFound, RuleBroken."""
    why = reason_of(Inputs.of(call.parameters, frozenset({"reason"})))

    async def act(connection: asyncpg.Connection, device: Row) -> Resource:
        await keys.resume(connection, device, record.actor.reference, why)
        return _standing(record, await rows.by_number(connection, device.id), "")

    answer = await _done(record, call, "device-resume", act, "resume")
    await _say_status(record, call)
    return answer


async def certificate(record: Record, call: Call) -> Resource:
    """Lets a device in by a certificate of its own, or by a common name. Raises as `keys`."""
    inputs = Inputs.of(call.parameters, frozenset({"certificate", "subject"}))
    subject, given = (inputs.text("subject") or "").strip(), inputs.text("certificate")
    if bool(subject) == bool(given) or len(subject) > LONGEST_NAME:
        raise Invalid("devices.register.wrong-call", name="certificate", at="certificate")
    shown = _certificate(inputs) if given else None

    async def act(connection: asyncpg.Connection, device: Row) -> Resource:
        if shown is not None:
            await keys.add_certificate(connection, device, shown, record.actor.reference)
        else:
            await keys.add_subject(connection, device, subject, record.actor.reference)
        return _standing(record, device, "")

    return await _done(record, call, "device-certificate", act)


async def _done(
    record: Record, call: Call, action: str, act: Callable[[asyncpg.Connection, Row], Awaitable[Resource]],
    what: What | None = None, overlap: timedelta = timedelta(),
) -> Resource:  # fmt: skip
    """Does something with a device of the officer's institution; its row stands in the same transaction.

    what: what the ledger is told, for a restore.
    """
    record.in_person()
    officers_only(record.actor)
    async with record.store.pool.connection() as connection, connection.transaction():
        device = await officers(record, connection, call.id)
        answer = await act(connection, device)
        await record.leave_row_within(connection, action, 200)
        if what is not None:
            await again.tell(record.ledger, connection, device.name, what, overlap)
    return answer


async def _say_status(record: Record, call: Call) -> None:
    async with record.store.pool.connection() as connection:
        device = await officers(record, connection, call.id, lock=False)
    await say_status(record, device, "active" if device.state in ADMITTED_STATES else "inactive")


def _standing(record: Record, device: Row, state: str) -> Resource:
    here = reference("device", f"Device/{record.store.ids.id_of(device.resource)}", device.name)
    return parameters(here, {"name": "state", "valueCode": state or device.state})


def _certificate(inputs: Inputs) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(bytes_of(inputs, "certificate"))
    except ValueError:
        raise Invalid("devices.register.wrong-call", name="certificate", at="certificate") from None
