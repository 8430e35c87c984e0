"""Alarms as they are shown, to a desk's list and by its websocket: one form for both, persons masked until opened."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import asyncpg

from kangyun.access.at_desk import faces
from kangyun.access.circle import address_of
from kangyun.access.events.people import called
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.texts import Language
from kangyun.devices.alarms.plan import LEVELS, SHOWN
from kangyun.devices.alarms.raising import SQL, Alarms, micros_of, place_of
from kangyun.devices.alarms.states import table
from kangyun.devices.alarms.words import place_in_words, read_evidence, sentence_of
from kangyun.devices.signals import Warning
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of

Shown = dict[str, Any]
"""An alarm by the names of its parts; instants as text, nothing where it is not known."""
_LEVELS = {number: name for name, number in LEVELS.items()}


async def shown(record: Record, alarms: Alarms, rows: Sequence[Any], language: Language = "zh") -> list[Shown]:
    """Returns alarms as this actor is shown them. The caller has found out that he sees them, and leaves the row."""
    if not rows:
        return []
    people = await faces(record, {row["holder"] for row in rows})
    async with record.store.pool.connection() as connection:
        newest = await connection.fetch(SQL["newest_of_each"], [row["id"] for row in rows])
        known = {row["alarm"]: one for row, one in zip(newest, await opened(connection, alarms, newest), strict=True)}
        houses = await connection.fetch(SQL["institutions"], sorted({row["desk"] for row in rows}))
        coming = {row["alarm"]: row for row in await connection.fetch(SQL["next_of_each"], [row["id"] for row in rows])}
        desks = {row["id"]: row["reference"] for row in houses}
        named = {*desks.values(), *(row["owner"] for row in rows if row["owner"])}
        names = (await called(connection, record.store, named)).names
    return [
        _one(row, people.get(row["holder"]), known.get(row["id"]), desks.get(row["desk"]), alarms.zone, language)
        | _who(row, desks.get(row["desk"], ""), names)
        | _next(coming.get(row["id"]))
        for row in rows
    ]


def _who(row: Any, desk: str, names: Mapping[str, str]) -> Shown:
    """Returns how the desk, and who has it in hand, are called."""
    pairs = (("desk-name", names.get(desk)), ("owner-name", names.get(row["owner"] or "")))
    return {name: value for name, value in pairs if value}


def _next(timer: Any) -> Shown:
    """Returns what the clock does next: whom it tells (`tell`, `repeat`), or whose word is over, and when."""
    if timer is None:
        return {}
    of_plan = {"whom": timer["whom"]} if timer["kind"] in ("tell", "repeat") else {}
    return {"next": timer["kind"], "due": clock.instant(timer["due"]), **of_plan}


async def opened(connection: asyncpg.Connection, alarms: Alarms, rows: Sequence[Any]) -> list[Warning]:
    """Opens rows of evidence (`holder`, `rule`, `at`, `key`, `sealed`)."""
    return [
        read_evidence(
            await alarms.kept.open(
                connection, row["key"], row["sealed"], place_of(row["holder"], row["rule"], micros_of(row["at"]))
            )
        )
        for row in rows
    ]


async def evidence_of(connection: asyncpg.Connection, alarms: Alarms, alarm: int, most: int) -> list[Warning]:
    """Returns what an alarm rests on, the newest first."""
    return await opened(connection, alarms, await connection.fetch(SQL["evidence"], alarm, most))


def _one(
    row: Any, patient: Resource | None, evidence: Warning | None, desk: str | None, zone: tzinfo, language: Language
) -> Shown:
    state = table().states[row["state"]]
    outcome = table().outcomes.get(row["outcome"] or "")
    found: dict[str, Any] = {
        "id": row["id"], "version": row["version"], "rule": row["rule"],
        "level": _LEVELS[row["level"]], "level-text": SHOWN[row["level"]],
        "state": row["state"], "state-text": state.zh,
        "outcome": row["outcome"], "outcome-text": outcome.zh if outcome else None,
        "text": sentence_of(evidence, zone, clock.now(), language=language) if evidence else None,
        "count": row["count"], "quiet": row["quiet"], "desk": desk, "owner": row["owner"],
        "since": row["since"], "newest": row["newest"], "raised": row["raised"],
        "acknowledged": row["acknowledged"], "closed": row["closed"],
        "patient": f"Patient/{patient['id']}" if patient else None,
        "name": name_of(patient) if patient else None,
        "place": place_in_words(evidence, address_of(patient or {})) if evidence and evidence.position else None,
    }  # fmt: skip
    return {name: _plain(value) for name, value in found.items() if value not in (None, "")}


def _plain(value: Any) -> Any:
    return clock.instant(value) if isinstance(value, datetime) else value


def as_parts(name: str, one: Mapping[str, Any]) -> Resource:
    """Returns an alarm as a parameter with parts."""
    return {"name": name, "part": [_part(part, value) for part, value in one.items()]}


_TYPES = {"since", "newest", "raised", "acknowledged", "closed", "at", "due"}


def _part(name: str, value: Any) -> Resource:
    if isinstance(value, bool):
        return {"name": name, "valueBoolean": value}
    if isinstance(value, int):
        return {"name": name, "valueInteger": value}
    if name in _TYPES:
        return {"name": name, "valueInstant": value}
    if name in ("patient", "owner", "desk"):
        return {"name": name, "valueReference": {"reference": value}}
    return {"name": name, "valueString": value}


def row_of(one: Mapping[str, Any], zone: tzinfo) -> list[str]:
    """Returns an alarm as a line of a workbook, all of it text."""

    def at(name: str) -> str:
        return f"{datetime.fromisoformat(one[name]).astimezone(zone):%Y-%m-%d %H:%M:%S}" if name in one else ""

    plain = [str(one.get(name, "")) for name in ("id", "level-text", "state-text", "rule", "name", "text", "count")]
    return [
        *plain, at("raised"), at("newest"), at("acknowledged"), str(one.get("owner", "")), at("closed"),
        str(one.get("outcome-text", "")),
    ]  # fmt: skip


HEADER = (
    *("编号", "级别", "状态", "规则", "居民", "说明", "次数", "告警时间", "最近一次", "响应时间", "处理人", "办结时间"),
    "结果",
)
