"""What one institution has of one visit: taken out of a resident's bundle, as its own system would have it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from kangyun.simulate.bundle import Bundle, Resource
from kangyun.simulate.coding import VISIT_CARD
from kangyun.simulate.documents import DOCUMENTS


@dataclass(frozen=True)
class House:
    """The institution that sends. code: its social credit code, which stands in its tables as 医疗机构代码."""

    key: str
    name: str
    code: str


@dataclass(frozen=True)
class Seen:
    """One visit. Lists are in the order in which they were written."""

    house: House
    patient: Resource
    encounter: Resource
    conditions: Sequence[Resource]
    vitals: Sequence[Resource]
    reports: Sequence[tuple[Resource, Sequence[Resource]]]
    prescriptions: Sequence[Resource]
    procedures: Sequence[Resource]
    fees: Resource | None

    @property
    def start(self) -> datetime:
        return datetime.fromisoformat(self.encounter["period"]["start"])

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.encounter["period"]["end"])

    @property
    def is_stay(self) -> bool:
        return bool(self.encounter["class"]["code"] == "IMP")

    @property
    def serial(self) -> str:
        return str(self.encounter["identifier"][0]["value"])

    @property
    def department(self) -> dict[str, str]:
        return dict(self.encounter["serviceType"]["coding"][0])

    @property
    def doctor(self) -> tuple[str, str]:
        """Staff number within the institution, and name."""
        individual = self.encounter["participant"][0]["individual"]
        return "D" + individual["reference"][-6:], individual["display"]

    @cached_property
    def card(self) -> tuple[str, str]:
        """Number and kind of the card: 9 a card of the institution, 2 its own number of the registration."""
        card = _identifier(self.patient, f"{VISIT_CARD}:{self.house.code}")
        return (card, "9") if card else ("N" + self.patient["id"].replace("-", "")[:12].upper(), "2")

    @property
    def document(self) -> tuple[str, str]:
        """Number and kind, by the codes of the tables of 2011: 1 resident identity card, 3 passport, 5 and 7 travel
        permits."""
        shown = ((_identifier(self.patient, one.system), one.in_tables) for one in DOCUMENTS.values())
        return next((one for one in shown if one[0]), ("", ""))

    @property
    def name(self) -> str:
        return str(self.patient["name"][0].get("text", ""))

    @property
    def phone(self) -> str:
        return _of_first(self.patient, "telecom", "value")

    @property
    def address(self) -> str:
        return _of_first(self.patient, "address", "text")

    @property
    def birth(self) -> str:
        return str(self.patient.get("birthDate", "")).replace("-", "")


def seen(bundle: Bundle, house: House) -> Iterator[Seen]:
    """Gives the visits to an institution in a resident's bundle, oldest first."""
    by_type: dict[str, dict[str, Resource]] = defaultdict(dict)
    for entry in bundle["entry"]:
        by_type[entry["resource"]["resourceType"]][entry["fullUrl"]] = entry["resource"]
    of_visit: dict[str, list[Resource]] = defaultdict(list)
    for kind in ("Observation", "DiagnosticReport", "MedicationRequest", "Procedure"):
        for resource in by_type[kind].values():
            of_visit[resource.get("encounter", {}).get("reference", "")].append(resource)
    for claim in by_type["Claim"].values():
        of_visit[claim["item"][0]["encounter"][0]["reference"]].append(claim)
    for url, encounter in by_type["Encounter"].items():
        if encounter["serviceProvider"]["reference"].endswith(f"|{house.code}"):
            yield _seen(house, encounter, by_type, of_visit[url])


def _seen(house: House, encounter: Resource, by_type: dict[str, dict[str, Resource]], beside: list[Resource]) -> Seen:
    observations = by_type["Observation"]
    reports = [one for one in beside if one["resourceType"] == "DiagnosticReport"]
    results = [(one, [observations[part["reference"]] for part in one["result"]]) for one in reports]
    return Seen(
        house,
        by_type["Patient"][encounter["subject"]["reference"]],
        encounter,
        [by_type["Condition"][one["condition"]["reference"]] for one in encounter["diagnosis"]],
        [one for one in beside if one["resourceType"] == "Observation" and is_vital(one)],
        results,
        [one for one in beside if one["resourceType"] == "MedicationRequest"],
        [one for one in beside if one["resourceType"] == "Procedure"],
        next((one for one in beside if one["resourceType"] == "Claim"), None),
    )


@dataclass(frozen=True, slots=True)
class Result:
    """One laboratory value as an analyser prints it. flag: N, L or H."""

    code: str
    name: str
    value: str
    unit: str
    low: str
    high: str
    flag: str


def result_of(observation: Resource) -> Result:
    """Returns the value of a laboratory Observation."""
    quantity = observation["valueQuantity"]
    limits: Resource = observation["referenceRange"][0] if "referenceRange" in observation else {}
    low, high = (str(limits[end]["value"]) if end in limits else "" for end in ("low", "high"))
    flag = observation["interpretation"][0]["coding"][0]["code"] if "interpretation" in observation else "N"
    return Result(*first_coding(observation["code"]), str(quantity["value"]), quantity["unit"], low, high, flag)


def is_vital(observation: Resource) -> bool:
    """Whether an Observation is a vital sign, not a laboratory result."""
    return bool(observation["category"][0]["coding"][0]["code"] == "vital-signs")


def first_coding(concept: dict[str, Any]) -> tuple[str, str]:
    """Returns code and display of the first coding of a CodeableConcept."""
    coding = concept["coding"][0]
    return coding["code"], coding["display"]


def _of_first(resource: Resource, name: str, part: str) -> str:
    found = resource.get(name)
    return str(found[0].get(part, "")) if found else ""


def _identifier(patient: Resource, system: str) -> str:
    return next((one["value"] for one in patient["identifier"] if one.get("system") == system), "")
