"""Resources as lists that a doctor reads: those that say the same become one entry. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo

from kangyun.access.look.lines import Line, concept, line_of, local
from kangyun.access.view.gathering import Houses
from kangyun.access.view.model import Entry, Event
from kangyun.fhir import Resource

Said = tuple[Resource, str]
"""A resource, and the institution it is of."""
_OVER = frozenset({"resolved", "inactive", "remission"})
# States of an order or statement by which nothing was taken.
_NEVER_GIVEN = frozenset({"cancelled", "draft", "entered-in-error", "intended", "not-taken"})
_MOST_DAYS = 3660
"""For which a prescription is believed to be given: what is written may be any number."""
# Of a visit, a vaccination, an operation that did not take place, or not yet.
_NOT_DONE = frozenset({"cancelled", "not-done", "planned", "preparation"})
# Kinds of visits, by v3-ActCode of the class.
KINDS = {
    "AMB": "outpatient", "EMER": "emergency", "IMP": "inpatient", "ACUTE": "inpatient", "NONAC": "inpatient",
    "OBSENC": "emergency", "HH": "home", "VR": "virtual", "SS": "inpatient", "PRENC": "outpatient", "FLD": "home",
}  # fmt: skip


def entries(found: Iterable[Said], houses: Houses, zone: tzinfo) -> list[Entry]:
    """Returns a line for each resource, in their order."""
    made = []
    for resource, house in found:
        line = line_of(resource, zone)
        if line is not None and line.what:
            made.append(_entry(line, house, resource, houses))
    return made


def _entry(line: Line, house: str, resource: Resource, houses: Houses) -> Entry:
    ref = f"{resource['resourceType']}/{resource['id']}"
    return Entry(line.what, line.detail, list(line.states), line.when, house=houses.place(house), ref=ref)


def together(lines: Sequence[Entry]) -> list[Entry]:
    """Returns entries of the same name as one, the newest of each with the first day and how many there are."""
    by: dict[str, Entry] = {}
    for one in lines:
        kept = by.setdefault(one.what, one)
        if kept is not one:
            kept.times += 1
            if one.when and (not kept.since or one.when < kept.since):
                kept.since = one.when[:10]
    return list(by.values())


def problems(found: Sequence[Said], houses: Houses, zone: tzinfo) -> list[Entry]:
    """Returns Conditions by name: those that stand first."""
    onset: dict[str, str] = {}
    for resource, _ in found:
        said = local(str(resource.get("onsetDateTime") or ""), zone)[:10]
        name = concept(resource.get("code"))
        if said and said < onset.get(name, "9"):
            onset[name] = said
    lines = together(entries(found, houses, zone))
    for one in lines:
        one.since = onset.get(one.what, one.since)
    return sorted(lines, key=lambda one: bool(_OVER & set(one.states)))


def medications(found: Sequence[Said], houses: Houses, zone: tzinfo, today: date) -> list[Entry]:
    """Returns medications by name, those in use first: `active`, or given for a time that is not over.

    What was stopped is over whatever time it had been given for, and so is what was given before that.
    """
    newest = sorted(found, key=lambda one: (_is_given(one[0]), _moment(one[0])), reverse=True)
    ends: dict[str, str] = {}
    stopped: set[str] = set()
    for resource, _ in newest:
        by_reference = str(resource.get("medicationReference", {}).get("display", ""))
        name = concept(resource.get("medicationCodeableConcept")) or by_reference
        if resource.get("status") == "stopped":
            stopped.add(name)
        if _is_given(resource) and name not in stopped:
            ends[name] = max(ends.get(name, ""), _lasts(resource))
    lines = together(entries(newest, houses, zone))
    for one in lines:
        one.until = ends.get(one.what, "")
        if one.until >= today.isoformat():
            one.states = ["active"]
    return sorted(lines, key=lambda one: "active" not in one.states)


def _is_given(resource: Resource) -> bool:
    return resource.get("status") not in _NEVER_GIVEN


def _moment(resource: Resource) -> str:
    period = resource.get("effectivePeriod", {})
    return str(resource.get("authoredOn") or resource.get("effectiveDateTime") or period.get("start") or "")


def _lasts(resource: Resource) -> str:
    """Returns until which day a prescription was given; empty where it does not say so in days."""
    supply = resource.get("dispenseRequest", {}).get("expectedSupplyDuration", {})
    began = _moment(resource)[:10]
    if supply.get("code") != "d" or len(began) < len("2026-11-23"):
        return ""
    first = date.fromisoformat(began)
    days = min(max(int(supply.get("value", 0)), 0), _MOST_DAYS, (date.max - first).days)
    return (first + timedelta(days=days)).isoformat()


def kind_of(encounter: Resource) -> str:
    """Returns the kind of a visit."""
    return KINDS.get(str(encounter.get("class", {}).get("code", "")), "other")


def happened(found: Iterable[Said]) -> list[Said]:
    """Returns of visits, vaccinations and operations those that took place."""
    return [one for one in found if one[0].get("status") not in _NOT_DONE]


def events(
    visits: Sequence[Said], vaccinations: Sequence[Said], operations: Sequence[Said], houses: Houses, zone: tzinfo
) -> list[Event]:
    """Returns services by kind, each with the last. What did not take place, or not yet, is none."""
    by: dict[str, Event] = {}
    dated = [(kind_of(one), one.get("period", {}).get("start", ""), house) for one, house in happened(visits)]
    dated += [("vaccination", str(one.get("occurrenceDateTime", "")), house) for one, house in happened(vaccinations)]
    dated += [
        ("operation", str(one.get("performedDateTime") or one.get("performedPeriod", {}).get("start", "")), house)
        for one, house in happened(operations)
    ]
    for kind, moment, house in dated:
        event = by.setdefault(kind, Event(kind, 0))
        event.count += 1
        day = local(moment, zone)[:10]
        if day > event.last:
            event.last, event.house = day, houses.place(house)
    return sorted(by.values(), key=lambda one: one.last, reverse=True)


def diagnoses(conditions: Sequence[Said]) -> dict[str, str]:
    """Returns the name of each Condition by its reference."""
    return {f"Condition/{one['id']}": concept(one.get("code")) for one, _ in conditions}


def reason_of(encounter: Resource, named: dict[str, str]) -> str:
    """Returns what a visit was for: its diagnoses, else the reasons it names."""
    said = [named.get(one.get("condition", {}).get("reference", ""), "") for one in encounter.get("diagnosis", ())]
    said = said if any(said) else [concept(one) for one in encounter.get("reasonCode", ())]
    return "、".join(dict.fromkeys(filter(None, said)))


def visit(said: Said, named: dict[str, str], houses: Houses, zone: tzinfo) -> Entry:
    """Returns a visit as an entry: its state is its kind."""
    one, house = said
    period = one.get("period", {})
    what = reason_of(one, named) or concept(one.get("serviceType")) or concept((one.get("type") or [{}])[0])
    return Entry(
        what, concept(one.get("serviceType")), [kind_of(one)], local(period.get("start", ""), zone),
        until=local(period.get("end", ""), zone), house=houses.place(house), ref=f"Encounter/{one['id']}",
    )  # fmt: skip


def day_of(moment: datetime, zone: tzinfo) -> date:
    """Returns the day of the region."""
    return moment.astimezone(zone).date()


def alerts(found: Iterable[Said], houses: Houses, zone: tzinfo) -> list[Entry]:
    """Returns Flags, each with its status."""
    return [
        Entry(
            concept(one.get("code")), "", [str(one.get("status", ""))],
            local(one.get("period", {}).get("start", ""), zone), house=houses.place(house), ref=f"Flag/{one['id']}",
        )
        for one, house in found
        if concept(one.get("code"))
    ]  # fmt: skip
