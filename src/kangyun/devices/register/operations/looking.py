"""How devices are: one person's in sentences, an institution's in figures and as a list; what was refused of one."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args

from kangyun.access.events.rows import standing
from kangyun.access.identities.model import OF_RESIDENTS
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.staff.sheets import workbook
from kangyun.access.upward import of_same, those_seen
from kangyun.base import clock
from kangyun.base.errors import Invalid, NotFound
from kangyun.base.texts import Language, say
from kangyun.devices.register import health as healths
from kangyun.devices.register import rows
from kangyun.devices.register.health import REFUSALS_KEPT_DAYS, Health, State, state_of
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.operations.parts import at, content, count, reference, text
from kangyun.devices.register.rights import current_holders, is_officer, number_of, officers_only, users_seen
from kangyun.devices.register.sentences import SELF, STAFF, owner_word, sentence
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

MOST_LISTED = 500
HEADER = (
    "设备名", "种类", "型号", "序列号", "状态", "在用", "最近收到", "最近测量", "电量%", "时钟差（秒）", "固件",
    "未收下条数", "待确认是谁", "说明",
)  # fmt: skip


async def device_health(record: Record, call: Call) -> Resource:
    """Returns how the devices of a resident are, or one device. Raises NotFound, Forbidden."""
    now = clock.now()
    if call.type == "Device":
        return await _of_device(record, call, now)
    record.may_read("Device")
    holders = await seen_registrations(record, str(call.id))
    async with record.store.pool.connection() as connection:
        found = await healths.of_holders(connection, holders)
    owner = await _owner(record, holders)
    await record.leave_row("device-health", 200, holders)
    return parameters(*(_part(record, one, owner, call.language, now) for one in found))


async def _of_device(record: Record, call: Call, now: datetime) -> Resource:
    row, holders = await _may_know(record, call.id)
    async with record.store.pool.connection() as connection:
        found = await healths.of_device(connection, row)
    assert found is not None
    await record.leave_row("device-health", 200, holders)
    owner = await _owner(record, holders) if holders else STAFF
    return parameters(_part(record, found, owner, call.language, now))


async def device_refusals(record: Record, call: Call) -> Resource:
    """Returns what was refused of a device, or taken with a mark only, and why. Raises NotFound."""
    device, holders = await _may_know(record, call.id)
    since = clock.now().astimezone(record.store.zone).date() - timedelta(days=REFUSALS_KEPT_DAYS)
    async with record.store.pool.connection() as connection:
        found = await healths.refusals(connection, device, since)
    await record.leave_row("device-refusals", 200, holders)
    return parameters(*(
        {
            "name": "refusal",
            "part": [
                text("text", _reason(row["reason"], call.language)),
                {"name": "reason", "valueCode": row["reason"]},
                *([text("place", row["place"])] if row["place"] else []),
                count("count", row["count"]), *at("first", row["first"]), *at("last", row["last"]),
            ],
        }
        for row in found
    ))  # fmt: skip


async def fleet(record: Record, call: Call) -> Resource:
    """Returns an institution's devices: counts by state, and those that are not well, or a workbook of all.

    state: only those; as: xlsx. Raises Forbidden, Invalid.
    """
    record.in_person()
    officers_only(record.actor)
    inputs = Inputs.of(call.parameters, frozenset({"state", "as"}))
    states, form = inputs.texts("state"), inputs.text("as") or ""
    if not set(states) <= set(get_args(State)) or form not in ("", "xlsx"):
        raise Invalid("devices.register.wrong-call", name="state" if states else "as")
    now = clock.now()
    found = await fleet_of(record)
    stated = [(one, state_of(one, kinds(), now)) for one in found]
    counted = Counter(state for _, state in stated)
    await record.leave_row("device-fleet", 200, [])
    chosen = [pair for pair in stated if pair[1] in (states or get_args(State))]
    said = [count("total", len(found)), *(count(state, counted[state]) for state in healths.STATES)]
    if form == "xlsx":
        return parameters(*said, content("devices", fleet_list(chosen, now, record)))
    if not states:
        chosen = [pair for pair in chosen if pair[1] not in ("sending", "unused", "revoked")]
    chosen.sort(key=lambda pair: healths.silent_for(pair[0], now), reverse=True)
    return parameters(*said, *(_part(record, one, STAFF, call.language, now) for one, _ in chosen[:MOST_LISTED]))


async def fleet_of(record: Record) -> list[Health]:
    """Returns all devices of the actor's institution; all there are, for the administrator."""
    institution = None if record.actor.administrator else record.institution
    found: list[Health] = []
    async with record.store.pool.connection() as connection:
        while more := await healths.of_institution(connection, institution, found[-1].device if found else 0):
            found += more
    return found


def fleet_list(stated: Sequence[tuple[Health, State]], now: datetime, record: Record) -> bytes:
    """Returns the workbook of a fleet: no name of anybody stands in it."""
    zone = record.store.zone
    table = []
    for one, state in stated:
        when = [each.astimezone(zone).strftime("%Y-%m-%d %H:%M") if each else "" for each in (one.heard, one.reading)]
        table.append((
            one.name, kinds().of(one.kind).zh, one.model, one.serial, say(f"devices.register.state-{state}"),
            "是" if one.used else "否", *when, _number(one.battery), _number(one.offset_s), one.firmware or "",
            str(one.refused), str(one.questions), sentence(one, STAFF, kinds(), "zh", now, zone),
        ))  # fmt: skip
    return workbook("设备", HEADER, table)


async def seen_registrations(record: Record, id_: str) -> list[int]:
    """Returns the registrations of a resident that the actor sees. Raises NotFound, Forbidden."""
    stored = await record.read("Patient", id_, whole=True)
    resident = record.resident_of("Patient", id_)
    if resident is not None:
        async with record.store.pool.connection() as connection:
            located = (await record.store.reader.of_residents(connection, [resident], record.sight))[resident]
        return sorted(one.res for one in located)
    return sorted({stored.res, *await those_seen(record, await of_same(record.gate, [stored.res]))})


async def _may_know(record: Record, id_: str | None) -> tuple[int, list[int]]:
    """Returns a device's number and its users whom the actor sees. Raises NotFound where he may not know of it."""
    async with record.store.pool.connection() as connection:
        device = await rows.by_resource(connection, number_of(record, id_))
        current = await current_holders(connection, device.id)
    seen = await users_seen(record, current)
    actor = record.actor
    if seen or actor.administrator or (is_officer(actor) and device.institution == record.institution):
        return device.id, seen
    raise NotFound


async def _owner(record: Record, holders: Sequence[int]) -> str:
    """Returns how the actor would call whose device it is."""
    if record.actor.role not in OF_RESIDENTS:
        return STAFF
    async with record.store.pool.connection() as connection:
        found = list((await standing(connection, record.store, set(holders))).values())
        relations = await connection.fetch(_RELATIONS, record.actor.reference, [one.id for one in found])
    relation = next((row["relation"] for row in relations if row["relation"] != "ONESELF"), "")
    if not relation and record.actor.role == "resident":
        return SELF
    return owner_word(relation, found[0].resource if found else {})


def _part(record: Record, one: Health, owner: str, language: Language, now: datetime) -> Resource:
    called = f"{kinds().of(one.kind).name(language)} {one.name}"
    battery = [] if one.battery is None else [{"name": "battery", "valueDecimal": one.battery}]
    return {
        "name": "device",
        "part": [
            text("text", sentence(one, owner, kinds(), language, now, record.store.zone)),
            {"name": "state", "valueCode": state_of(one, kinds(), now)},
            reference("device", f"Device/{record.store.ids.id_of(one.resource)}", called),
            *at("heard", one.heard), *at("reading", one.reading), *battery,
            *([text("firmware", one.firmware)] if one.firmware else []),
            count("refused", one.refused), count("questions", one.questions),
        ],
    }  # fmt: skip


def _reason(reason: str, language: Language) -> str:
    """Returns why something was refused, in words; the text's id where it has none here."""
    try:
        return say(reason, language, _Blank())
    except (KeyError, FileNotFoundError, ModuleNotFoundError):
        return reason


class _Blank(dict[str, str | int]):
    """Places of a text whose values are not kept: a refusal quotes no value."""

    def __missing__(self, key: str) -> str:
        return "…"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


_RELATIONS = """
SELECT p.relation FROM identity_proxy AS p JOIN identity AS i ON i.id = p.identity
WHERE i.reference = $1 AND p.patient = ANY ($2::text[]) AND p.taken IS NULL
    AND (p.ends IS NULL OR p.ends > clock_timestamp())
ORDER BY p.id
"""
