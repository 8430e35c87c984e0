"""HL7's Personal Health Device guide: FHIR Observations, one or a Bundle of them, with MDC and LOINC codes.

Numeric, compound, coded, bits, string and sampled observations, and coincident time stamps. A gateway puts the times of
a device on its own line before it sends them, and says by a coincident time stamp how far the two clocks were apart;
one without the device's time means that nobody could tell, so what refers to it is doubted. Patients and Devices of a
Bundle are not read: whose a reading is says the register.

Source: http://hl7.org/fhir/uv/phd, 1.1.0 and the examples of 2.0.0.
"""

import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from kangyun.devices.formats.clocks import microseconds, offset_between
from kangyun.devices.formats.taking import UNREADABLE, Context, Taking
from kangyun.devices.formats.values import Refused, conversion
from kangyun.devices.metrics import metrics
from kangyun.devices.model import Mark, Message, Refusal, Wave

MDC: Final = "urn:iso:std:iso:11073:10101"
LOINC: Final = "http://loinc.org"
_BITS: Final = "http://terminology.hl7.org/CodeSystem/ASN1ToHL7"
_COINCIDENT: Final = "67975"
_BATTERY: Final = "67996"
_TAKEN: Final = ("final", "preliminary", "amended", "corrected")


class Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class Concept(msgspec.Struct):
    coding: list[Coding] = []
    text: str = ""


class Quantity(msgspec.Struct):
    value: float | None = None
    unit: str | None = None
    code: str | None = None
    comparator: str | None = None


class Sampled(msgspec.Struct):
    """period: milliseconds."""

    origin: Quantity
    period: float
    data: str
    dimensions: int = 1
    factor: float = 1.0


class Reference(msgspec.Struct):
    reference: str = ""


class Extension(msgspec.Struct):
    url: str = ""
    valueReference: Reference | None = None


class Period(msgspec.Struct):
    start: datetime | None = None
    end: datetime | None = None


class Part(msgspec.Struct):
    """A component, and what an Observation has in common with it."""

    code: Concept
    valueQuantity: Quantity | None = None
    valueCodeableConcept: Concept | None = None
    valueString: str | None = None
    valueBoolean: bool | None = None
    valueInteger: int | None = None
    valueSampledData: Sampled | None = None
    valueDateTime: datetime | None = None
    dataAbsentReason: Concept | None = None


class Observation(Part):
    """What is read of an Observation."""

    id: str = ""
    status: str = "final"
    effectiveDateTime: datetime | None = None
    effectiveInstant: datetime | None = None
    effectivePeriod: Period | None = None
    component: list[Part] = []
    interpretation: list[Concept] = []
    extension: list[Extension] = []


class _Entry(msgspec.Struct):
    resource: msgspec.Raw
    fullUrl: str = ""


class _Resource(msgspec.Struct):
    resourceType: str
    entry: list[_Entry] | None = None


_resource = msgspec.json.Decoder(_Resource).decode
_observation = msgspec.json.Decoder(Observation).decode


class _Codes(msgspec.Struct):
    """As in `data/codes.toml`."""

    mdc: dict[str, str]
    loinc: dict[str, str]
    about: dict[str, list[int]]
    coded: dict[str, "_Coded"]


class _Coded(msgspec.Struct):
    metric: str
    values: dict[str, int]


@cache
def _codes() -> _Codes:
    table = tomllib.loads(files(__package__).joinpath("data", "codes.toml").read_text("utf-8"))
    codes = msgspec.convert(table, _Codes)
    for one in metrics().values():
        name = one.short if one.place else one.name
        if one.mdc and one.kind != "daily":
            codes.mdc.setdefault(str(one.mdc), name)
        if one.loinc and one.kind != "daily":
            codes.loinc.setdefault(one.loinc, name)
    return codes


def read(payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what an Observation or a Bundle says and what of it was refused."""
    taking = Taking(context)
    try:
        head = _resource(payload)
    except UNREADABLE:
        taking.refuse("devices.formats.unreadable", "$")
        return taking.result()
    if head.resourceType == "Bundle":
        _bundle(taking, head.entry or [])
    elif head.resourceType == "Observation":
        for one in _readable(taking, payload, "Observation"):
            _take(taking, one, {}, "Observation")
    else:
        taking.refuse("devices.formats.no-measurement", head.resourceType if head.resourceType.isalpha() else "$")
    return taking.result()


def _bundle(taking: Taking, entries: list[_Entry]) -> None:
    found: list[tuple[Observation, str]] = []
    coincident: dict[str, Observation] = {}
    for number, entry in enumerate(entries):
        where = f"Bundle.entry[{number}].resource"
        try:
            kind = _resource(entry.resource).resourceType
        except UNREADABLE:
            taking.refuse("devices.formats.unreadable", where)
            continue
        for one in _readable(taking, entry.resource, where) if kind == "Observation" else ():
            if _code(one.code, MDC) == _COINCIDENT:
                coincident[f"Observation/{one.id}"] = coincident[entry.fullUrl] = one
            else:
                found.append((one, where))
    for one, where in found:
        _take(taking, one, coincident, where)


def _readable(taking: Taking, raw: bytes | msgspec.Raw, where: str) -> list[Observation]:
    try:
        return [_observation(raw)]
    except UNREADABLE:
        taking.refuse("devices.formats.unreadable", where)
        return []


def _take(taking: Taking, one: Observation, coincident: dict[str, Observation], where: str) -> None:
    if _code(one.code, MDC) == _COINCIDENT:
        return
    if one.status not in _TAKEN:
        taking.refuse("devices.formats.not-final", where)
        return
    at, mark = _when(taking, one, where)
    if not at:
        return
    mark |= _clock(one, coincident)
    if any(coding.code == "in-alarm" for concept in one.interpretation for coding in concept.coding):
        taking.note("device-alarm", at, _code(one.code, MDC) or "")
    _part(taking, one, at, mark, where, bool(one.component))
    bits = []
    for number, part in enumerate(one.component):
        if part.valueBoolean is not None and (bit := _code(part.code, _BITS)):
            bits += [bit] if part.valueBoolean else []
            continue
        _part(taking, part, at, mark, f"{where}.component[{number}]", False)
    if bits:
        taking.note("device-status", at, " ".join(bits))


def _when(taking: Taking, one: Observation, where: str) -> tuple[int, int]:
    period = one.effectivePeriod or Period()
    said = one.effectiveDateTime or one.effectiveInstant or period.end or period.start
    if said is None:
        return taking.context.received, 0
    return taking.corrected(*taking.instant(said), where)


def _clock(one: Observation, coincident: dict[str, Observation]) -> int:
    """What the coincident time stamp that an observation refers to says of its time."""
    for extension in one.extension:
        stamp = coincident.get(extension.valueReference.reference) if extension.valueReference else None
        if stamp is None or not extension.url.endswith("CoincidentTimeStampReference"):
            continue
        if stamp.valueDateTime is None:
            return int(Mark.CLOCK | Mark.DOUBTED)
        if stamp.effectiveDateTime is None:  # The device's clock is the better one, and stands.
            return 0
        device, gateway = stamp.valueDateTime, stamp.effectiveDateTime
        if device.tzinfo and gateway.tzinfo and offset_between(microseconds(device), microseconds(gateway)) is not None:
            return int(Mark.CLOCK)
    return 0


def _part(taking: Taking, part: Part, at: int, mark: int, where: str, has_parts: bool) -> None:
    """Takes the value of an observation or of a component."""
    mdc, codes = _code(part.code, MDC), _codes()
    if mdc is not None and mdc.isdigit() and int(mdc) in codes.about["mdc"]:
        return
    name = codes.mdc.get(mdc or "") or codes.loinc.get(_code(part.code, LOINC) or "")
    if part.valueQuantity is not None:
        _quantity(taking, part.valueQuantity, name, mdc, at, mark, where)
    elif part.valueSampledData is not None:
        _sampled(taking, part.valueSampledData, name, at, where)
    elif part.valueCodeableConcept is not None:
        _coded(taking, part.valueCodeableConcept, mdc, at, mark, where)
    elif part.valueString is not None:
        code = next((coding.code for coding in part.code.coding), "")
        taking.note("device-note", at, f"{code}: {part.valueString}")
    elif part.dataAbsentReason is not None:
        taking.refuse("devices.formats.absent", where)
    elif not has_parts:
        taking.refuse("devices.formats.unreadable", where)


def _quantity(
    taking: Taking, said: Quantity, name: str | None, mdc: str | None, at: int, mark: int, where: str
) -> None:
    if said.value is None:
        taking.refuse("devices.formats.absent", where)
    elif mdc == _BATTERY:
        taking.charge(said.value, where)
    elif not name:
        taking.refuse("devices.formats.unknown-metric", where)
    else:
        # Less than, or more than: a number that is a bound of what was measured.
        taking.reading(
            name, said.value, said.code or said.unit, at, mark | (Mark.DOUBTED if said.comparator else 0), "", where
        )


def _coded(taking: Taking, said: Concept, mdc: str | None, at: int, mark: int, where: str) -> None:
    table, value = _codes().coded.get(mdc or ""), _code(said, MDC)
    if table is not None and value in table.values:
        taking.reading(table.metric, table.values[value], None, at, mark, "", where)
    elif mdc is not None and value is not None:
        taking.note("device-note", at, f"{mdc}: {value}")
    else:
        taking.refuse("devices.formats.unknown-code", where)


def _sampled(taking: Taking, said: Sampled, name: str | None, at: int, where: str) -> None:
    one = taking.names.get(name or "")
    if one is None:
        taking.refuse("devices.formats.unknown-metric", where)
        return
    try:
        factor, offset = conversion(said.origin.code or said.origin.unit or one.metric.unit, one.metric.name)
        stretches = list(_stretches(said.data))
    except (Refused, ValueError) as why:
        taking.refuse(why.text if isinstance(why, Refused) else "devices.formats.samples", where)
        return
    period = round(said.period * 1000) if 0 < said.period < 1e9 else 0
    if said.dimensions != 1 or not period or said.origin.value is None:
        taking.refuse("devices.formats.samples", where)
        return
    for first, samples in stretches:
        origin = said.origin.value * factor + offset
        taking.wave(Wave(one.number, at + first * period, period, origin, said.factor * factor, samples), where)


def _stretches(data: str) -> list[tuple[int, tuple[int, ...]]]:
    """Returns the samples in stretches without a gap, each with the place of its first. Raises ValueError."""
    found: list[tuple[int, tuple[int, ...]]] = []
    stretch: list[int] = []
    tokens = data.split()
    for place, token in enumerate([*tokens, "E"]):
        if token not in ("E", "U", "L"):  # Error, above and below what can be measured.
            stretch.append(int(token))
        elif stretch:
            found.append((place - len(stretch), tuple(stretch)))
            stretch = []
    return found


def _code(concept: Concept, system: str) -> str | None:
    return next((coding.code for coding in concept.coding if coding.system == system), None)
