"""Open mHealth and IEEE 1752.1: data points, a header and a body, one or a list of them.

A data point must have the structure of the schema that its header names. A reading over a stretch of time is at its
end; one that is a statistic (a week's maximum) is doubted, as it is no measurement that a limit could be held against.

Source: https://www.openmhealth.org/documentation; IEEE 1752.1-2021; data/SOURCE.md.
"""

import json
import re
import tomllib
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from kangyun.devices.formats.schemas import fault
from kangyun.devices.formats.taking import UNREADABLE, Context, Taking
from kangyun.devices.formats.values import Refused, conversion
from kangyun.devices.model import Mark, Message, Refusal

_NUMBERS_ONLY: Final = re.compile(r"[0-9]+\.([0-9]+|x)")
_SECONDS: Final = "s"


@cache
def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(__package__).joinpath("data", "openmhealth.json").read_text("utf-8"))
    return found


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("data", "openmhealth.toml").read_text("utf-8"))


def schema_names() -> list[str]:
    """Returns the names and versions of the bodies that are read, such as `heart-rate-2.0`."""
    bodies = _table()["bodies"]
    return [name for name in _schemas() if re.sub(r"-[0-9]+\.[0-9]+$", "", name) in bodies]


def read(payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what data points say and what of them was refused."""
    taking = Taking(context)
    try:
        found = msgspec.json.decode(payload)
    except UNREADABLE:
        taking.refuse("devices.formats.unreadable", "$")
        return taking.result()
    several = isinstance(found, list)
    for number, point in enumerate(found if several else [found]):
        _point(taking, point, f"$[{number}]" if several else "$")
    return taking.result()


def _point(taking: Taking, point: Any, where: str) -> None:
    wrong = fault(point, "data-point-1.0", _schemas())
    if wrong is not None:
        taking.refuse("devices.formats.schema", where + wrong[1:])
        return
    header, body = point["header"], point["body"]
    name = header["schema_id"]["name"]
    schema = f"{name}-{header['schema_id']['version']}"
    bodies = _table()["bodies"]
    if name not in bodies or not _NUMBERS_ONLY.fullmatch(header["schema_id"]["version"]) or schema not in _schemas():
        taking.refuse("devices.formats.unknown-schema", f"{where}.header.schema_id")
        return
    wrong = fault(body, schema, _schemas())
    if wrong is not None:
        taking.refuse("devices.formats.schema", f"{where}.body{wrong[1:]}")
        return
    try:
        said = _ended(body.get("effective_time_frame")) or datetime.fromisoformat(header["creation_date_time"].upper())
        at, mark = taking.corrected(*taking.instant(said), f"{where}.body")
    except (ValueError, OverflowError, Refused):
        taking.refuse("devices.formats.time", f"{where}.body")
        return
    if not at:
        return
    if header.get("acquisition_provenance", {}).get("modality") == "self-reported":
        mark |= Mark.TYPED
    if "descriptive_statistic" in body:
        mark |= Mark.DOUBTED
    _body(taking, name, body, at, int(mark), f"{where}.body")


def _body(taking: Taking, name: str, body: Any, at: int, mark: int, where: str) -> None:
    if name == "geoposition":
        latitude, longitude = body["latitude"], body["longitude"]
        taking.position(float(latitude["value"]), float(longitude["value"]), "wgs84", at, mark, "", where)
        return
    found = False
    for member, metric in _table()["bodies"][name].items():
        if member not in body:
            continue
        found = True
        value = body[member]
        number, unit = (value["value"], value["unit"]) if isinstance(value, dict) else (value, None)
        taking.reading(metric, float(number), _unit(unit), at, mark, "", f"{where}.{member}")
    if not found:
        taking.refuse("devices.formats.empty", where)


def _unit(unit: str | None) -> str | None:
    return unit if unit is None else _table()["units"].get(unit, unit)


def _ended(frame: Any) -> datetime | None:
    """When a time frame ended. Raises ValueError, OverflowError, Refused."""
    if frame is None:
        return None
    if "date_time" in frame:
        return datetime.fromisoformat(frame["date_time"].upper())
    interval = frame["time_interval"]
    if "end_date_time" in interval:
        return datetime.fromisoformat(interval["end_date_time"].upper())
    if "start_date_time" in interval:
        duration = interval["duration"]
        factor, _ = conversion(_unit(duration["unit"]) or _SECONDS, "sleep-duration")  # minutes
        start = datetime.fromisoformat(interval["start_date_time"].upper())
        return start + timedelta(minutes=float(duration["value"]) * factor)
    # A local day, whose zone is not said.
    day = datetime.fromisoformat(interval["date"]).replace(tzinfo=None)
    return day + timedelta(hours=_table()["parts_of_day"][interval["part_of_day"]])
