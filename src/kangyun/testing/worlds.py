"""Random worlds for the gate: records, policies, consents and relations, and a slow, obvious oracle of who sees what.

The oracle knows neither SQL nor masks: it reads the resources themselves, the Consents as FHIR has them, and the
relations as they were given, and decides for each resource by itself. What it says of a query is what a world without
the hidden resources would answer.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Resource = dict[str, Any]

SENSITIVE = {"F20.0": "psychiatry", "B20": "hiv", "A51": "sexual", "Z30": "reproduction"}
PLAIN = ["J18.9", "I10", "E11"]
ICD = "http://hl7.org/fhir/sid/icd-10"
CATEGORY = {"Patient": "personal", "Consent": "personal", "List": "medical", "Encounter": "medical",
            "Organization": "resources", "Practitioner": "resources"}  # fmt: skip
OPEN = {"Organization", "Practitioner"}
INSTITUTIONS = ("Organization/h1", "Organization/h2", "Organization/h3")
PEOPLE = ("Practitioner/a", "Practitioner/b", "Practitioner/c")
ROLES = (
    "doctor",
    "nurse",
    "insurance",
    "public-health",
    "steward",
    "registrar",
    "resident",
    "researcher",
    "application",
)
PURPOSE = {"doctor": "TREAT", "nurse": "TREAT", "insurance": "HPAYMT", "public-health": "PUBHLTH", "steward": "HOPERAT",
           "registrar": "HOPERAT", "resident": "PATRQT", "researcher": "HRESCH", "application": "TREAT"}  # fmt: skip
UNSAID: tuple[Resource, ...] = (
    {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]},
    {"action": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "collect"}]}]},
)
"""What narrows a provision that the gate cannot narrow."""
Verdict = tuple[bool, set[str], bool]
"""Whether it is denied, which labels are opened, whether somebody named the asker."""


@dataclass
class Item:
    """A resource as it stands: by whom it was written, about which patient, and what its versions ever said."""

    resource: Resource
    institution: str
    patient: str | None
    codes: set[str] = field(default_factory=set)
    deleted: bool = False
    version: int = 1

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def key(self) -> str:
        return f"{self.type}/{self.resource['id']}"

    @property
    def labels(self) -> set[str]:
        """The category of its type, and what is sensitive about any of its versions."""
        return {CATEGORY.get(self.type, "health")} | {SENSITIVE[code] for code in self.codes if code in SENSITIVE}


@dataclass
class Asker:
    """Somebody who asks, as the oracle knows him."""

    reference: str
    institution: str
    role: str
    patients: tuple[str, ...]
    policy: dict[str, Any]
    level: str = ""  # of the scopes of an application that stands between
    within: str | None = None  # the patient that it was launched for
    narrowed: dict[str, str] = field(default_factory=dict)  # by type, the code that a row must have

    @property
    def purpose(self) -> str:
        return PURPOSE[self.role]

    @property
    def names(self) -> set[str]:
        return {"*", self.reference, self.institution, f"role:{self.role}"}

    @property
    def home(self) -> str:
        """Whose own is what he writes: a resident's is the residents'."""
        return "Organization/residents" if self.role in ("resident", "guardian") else self.institution


@dataclass
class Relation:
    """A reason to see a resident: about whom, to whom, since and until when, what it opens, over consent or not."""

    patient: str
    name: str
    low: datetime
    high: datetime
    opens: frozenset[str]
    over: bool
    real: bool = True


@dataclass
class World:
    items: dict[str, Item] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    consents: dict[str, Resource] = field(default_factory=dict)
    own_words: set[str] = field(default_factory=set)  # ids of consents that residents wrote themselves
    relations: list[Relation] = field(default_factory=list)

    # --- who is who

    def persons(self, patient: str | None) -> set[str | None]:
        """All registrations of a patient's resident."""
        resident = self.links.get(patient) if patient else None
        return {patient} | ({other for other, one in self.links.items() if one == resident} if resident else set())

    # --- what consents say

    def said(self, patient: str, asker: Asker, item: Item) -> Verdict:
        """Returns whether it is denied, which labels are opened, and whether somebody named the asker."""
        denied, opened, named = False, set[str](), False
        for consent in self.consents.values():
            if consent["status"] != "active" or consent["patient"]["reference"].split("/")[1] not in self.persons(
                patient
            ):
                continue
            provision = consent["provision"]
            if consent["policyRule"]["coding"][0]["code"] == "OPTOUT" and provision["type"] == "permit":
                provision = {"type": "deny", "provision": [provision]}
            verdict = said(provision, asker, item, own=consent["id"] in self.own_words)
            denied, opened, named = denied or verdict[0], opened | verdict[1], named or verdict[2]
        return denied, opened, named

    # --- what is seen

    def sees(self, asker: Asker, item: Item) -> bool:
        bound = asker.level == "patient" and not (item.patient is None and item.type in OPEN)
        if bound and (asker.within is None or item.patient not in self.persons(asker.within)):
            return False
        if item.type in asker.narrowed and (item.deleted or not has_code(item.resource, asker.narrowed[item.type])):
            return False  # Nothing is left of a deleted one by which it could be told.
        role = asker.policy["roles"][asker.role]
        types = role["reads"]
        if item.type not in types and item.type not in OPEN:
            return False
        if item.patient is None and item.type in OPEN:
            return True
        labels = item.labels
        patient = item.patient
        if role["selves"] is not None and patient is not None:
            mine = {other for one in asker.patients for other in self.persons(one)}
            if patient in mine and not labels & role["selves"]:
                return True
        none: Verdict = (False, set(), False)
        denied, opened, named = self.said(patient, asker, item) if patient else none
        relations = [
            one
            for one in self.relations
            if patient is not None
            and one.patient in self.persons(patient)
            and one.name in asker.names
            and one.low <= datetime.now(UTC) < one.high
        ]
        if role["all"] is not None and not labels & role["all"] and (role["free"] or not denied):
            return True
        if role["own"] is not None and item.institution == asker.home and not labels & role["own"] and not denied:
            return True
        if role["granted"] is not None:
            over = [one for one in relations if one.over]
            if over and not labels & (role["granted"] - set().union(*(one.opens for one in over))):
                return True
            if (relations or named) and not denied:
                opens = opened.union(*(one.opens for one in relations))
                return not labels & (role["granted"] - opens)
        return False


def has_code(resource: Resource, code: str) -> bool:
    return any(coding["code"] == code for coding in resource.get("code", {}).get("coding", ()))


def said(
    provision: Resource, asker: Asker, item: Item, names: set[str] | None = None, labels: set[str] | None = None,
    *, own: bool, sayable: bool = True,
) -> Verdict:  # fmt: skip
    """Reads a provision for one asker and one resource: (is it denied, which labels are opened, is the asker named).

    names, labels: of the provision that it is nested in; None for everybody, and for everything. One that names
    somebody itself is taken by that name alone. A denial holds for a label unless an exception takes it back. own: by
    the resident's own word; what is sensitive is opened by no other. Who is named is so for what is permitted him only.
    sayable: of what it is nested in; where a class or an action narrows it, nothing in it permits, and all denies.
    """
    if not holds(provision, asker):
        return False, set(), False
    whom = names_in(provision) or names
    about = labels_in(provision) or labels
    is_meant = whom is None or bool(whom & asker.names)
    denied, opened, named = False, set[str](), False
    nested = provision.get("provision", ())
    sayable = sayable and is_sayable(provision)
    if provision["type"] == "deny" and is_meant and "action" not in provision:
        rest = item.labels & (about or CATEGORIES)
        for one in nested:
            if one["type"] == "permit" and holds(one, asker) and is_sayable(one):
                excepted = names_in(one) or whom
                if excepted is None or excepted & asker.names:
                    rest -= labels_in(one) or about or CATEGORIES
        denied = bool(rest)
    if provision["type"] == "permit" and is_meant and sayable and (names is None or (whom or set()) <= names):
        opened = about or CATEGORIES
        if not labels_in(provision) or not own:
            opened = opened - set(SENSITIVE.values())
        named = bool(item.labels & opened) and any("/" in name and name in asker.names for name in whom or ())
    for one in nested:
        inner = said(one, asker, item, whom, about, own=own, sayable=sayable)
        denied, opened, named = denied or inner[0], opened | inner[1], named or inner[2]
    return denied, opened, named


CATEGORIES = {"personal", "health", "medical", "payment", "resources", "public"}


def is_sayable(provision: Resource) -> bool:
    return not any(name in provision for one in UNSAID for name in one)


def labels_in(provision: Resource) -> set[str] | None:
    return {coding["code"] for coding in provision.get("securityLabel", ())} or None


def names_in(provision: Resource) -> set[str] | None:
    return {name_of(actor) for actor in provision.get("actor", ())} or None


def holds(provision: Resource, asker: Asker) -> bool:
    purposes = {coding["code"] for coding in provision.get("purpose", ())}
    if purposes and asker.purpose not in purposes:
        return False
    period = provision.get("period", {})
    low = datetime.fromisoformat(period["start"]) if "start" in period else None
    high = datetime.fromisoformat(period["end"]) if "end" in period else None
    now = datetime.now(UTC)
    return (low is None or low <= now) and (high is None or high >= now)


def name_of(actor: Resource) -> str:
    reference = actor["reference"]
    return reference["reference"] if "reference" in reference else f"role:{reference['identifier']['value']}"


# --- random parts


def make_items(rng: random.Random) -> tuple[list[tuple[str, Resource]], list[str]]:
    """Returns resources to be written: (method, institution, resource)."""
    made: list[tuple[str, Resource]] = []
    patients = [f"h{rng.randint(1, 3)}-p{number}" for number in range(5)]
    for number in range(2):
        made.append(
            ("Organization/h1", {"resourceType": "Organization", "id": f"h1-o{number}", "name": f"Org {number}"})
        )
        made.append(
            (
                "Organization/h2",
                {"resourceType": "Practitioner", "id": f"h2-d{number}", "name": [{"family": f"Doc{number}"}]},
            )
        )
    for place, id_ in enumerate(patients):
        home = f"Organization/{id_[:2]}"
        made.append((home, {
            "resourceType": "Patient", "id": id_, "name": [{"family": rng.choice(("Zhang", "Wang", "Li"))}],
            "gender": rng.choice(("male", "female")), "birthDate": f"19{rng.randint(40, 99)}-0{rng.randint(1, 9)}-11",
            "generalPractitioner": [{"reference": f"Practitioner/h2-d{place % 2}"}],
        }))  # fmt: skip
    for number in range(26):
        institution = rng.choice(INSTITUTIONS)
        prefix = institution.split("/")[1]
        patient = rng.choice([*patients, None]) if number % 9 == 0 else rng.choice(patients)
        made.append((institution, clinical(rng, f"{prefix}-r{number}", patient)))
    return made, patients


def clinical(rng: random.Random, id_: str, patient: str | None) -> Resource:
    code = rng.choice([*SENSITIVE, *PLAIN, *PLAIN])
    coded: Resource = {"coding": [{"system": ICD, "code": code}]}
    subject = {"reference": f"Patient/{patient}"} if patient else None
    kind = rng.choice(("Observation", "Condition", "Encounter", "List", "Observation"))
    day = f"2026-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}"
    match kind:
        case "Observation":
            found: Resource = {"resourceType": kind, "id": id_, "status": "final", "code": coded,
                     "effectiveDateTime": day,
                     "performer": [{"reference": f"Practitioner/h2-d{rng.randint(0, 1)}"}]}  # fmt: skip
        case "Condition":
            found = {
                "resourceType": kind,
                "id": id_,
                "code": coded,
                "subject": subject or {"display": "nobody"},
                "onsetDateTime": day,
            }
            return found
        case "Encounter":
            found = {
                "resourceType": kind,
                "id": id_,
                "status": "finished",
                "class": {"code": "AMB"},
                "reasonCode": [coded],
                "period": {"start": day},
            }
        case _:
            names = [f"{rng.choice(('h1', 'h2', 'h3'))}-r{rng.randint(0, 25)}" for _ in range(4)]
            entries = [{"item": {"reference": f"Observation/{name}"}} for name in names]
            found = {"resourceType": "List", "id": id_, "status": "current", "mode": "working", "code": coded,
                     "entry": entries}  # fmt: skip
    return found | ({"subject": subject} if subject else {})


def make_consent(rng: random.Random, number: int, patients: Sequence[str]) -> Resource:
    patient = rng.choice(patients)
    return {
        "resourceType": "Consent", "id": f"c{number}", "status": rng.choice(("active", "active", "active", "inactive")),
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"coding": [{"code": rng.choice((*["regional"] * 8, "OPTOUT"))}]},
        "provision": make_provision(rng, 0),
    }  # fmt: skip


def make_provision(rng: random.Random, depth: int) -> Resource:
    made: Resource = {"type": rng.choice(("deny", "deny", "permit"))}
    if rng.random() < 0.1:
        made |= rng.choice(UNSAID)
    if rng.random() < 0.55:
        made["actor"] = [make_actor(rng) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.3:
        system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
        made["purpose"] = [{"system": system, "code": code} for code in rng.sample(sorted(set(PURPOSE.values())), 2)]
    if rng.random() < 0.5:
        names = [*SENSITIVE.values(), "health", "medical", "personal"]
        made["securityLabel"] = [
            {"system": "urn:kangyun:label", "code": code} for code in rng.sample(names, rng.randint(1, 2))
        ]
    if rng.random() < 0.25:
        now = datetime.now(UTC)
        start, end = now + timedelta(days=rng.randint(-9, 3)), now + timedelta(days=rng.randint(-3, 9))
        if start < end:
            made["period"] = {
                "start": start.isoformat(timespec="milliseconds"),
                "end": end.isoformat(timespec="milliseconds"),
            }
    if depth < 2 and rng.random() < 0.5:
        made["provision"] = [make_provision(rng, depth + 1) for _ in range(rng.randint(1, 2))]
    return made


def make_actor(rng: random.Random) -> Resource:
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    name = rng.choice([*INSTITUTIONS, *PEOPLE, "doctor", "insurance"])
    reference = {"reference": name} if "/" in name else {"identifier": {"system": "urn:kangyun:role", "value": name}}
    return {"role": role, "reference": reference}


def make_policy(rng: random.Random) -> dict[str, Any]:
    """Returns roles as the oracle reads them: types that are read, and ways with the labels that they leave closed."""
    types = ["Patient", "Observation", "Condition", "Encounter", "List", "Consent"]
    roles = {}
    for name in ROLES:
        resident = name == "resident"

        def way(likely: float) -> frozenset[str] | None:
            names = sorted({*SENSITIVE.values(), "health", "payment", "personal"})
            return frozenset(rng.sample(names, rng.randint(0, 4))) if rng.random() < likely else None

        roles[name] = {
            "reads": set(types if rng.random() < 0.7 else rng.sample(types, 3)),
            "own": None if resident else way(0.6),
            "granted": None if resident else way(0.7),
            "all": None if resident else way(0.25),
            "selves": way(1) if resident else None,
            "free": rng.random() < 0.3,
        }
    return {"roles": roles}


def make_relation(rng: random.Random, patients: Sequence[str]) -> Relation:
    start = datetime.now(UTC) - timedelta(hours=rng.randint(1, 5))
    return Relation(
        patient=rng.choice(patients),
        name=rng.choice([*INSTITUTIONS, *PEOPLE]),
        low=start,
        high=start + timedelta(hours=rng.randint(1, 9), minutes=30),
        opens=frozenset(rng.sample(sorted(SENSITIVE.values()), rng.randint(0, 3))),
        over=rng.random() < 0.2,
    )


def make_asker(rng: random.Random, policy: dict[str, Any], patients: Sequence[str]) -> Asker:
    role = rng.choice(ROLES)
    level = rng.choice(("", "", "", "user", "patient"))
    narrowed = {type_: rng.choice([*SENSITIVE, *PLAIN]) for type_ in ("Observation", "Condition")}
    return Asker(
        level=level,
        within=rng.choice([*patients, None]) if level == "patient" else None,
        narrowed=narrowed if level and rng.random() < 0.5 else {},
        reference=rng.choice(PEOPLE) if role != "resident" else f"Patient/{patients[0]}",
        institution=rng.choice(INSTITUTIONS),
        role=role,
        patients=tuple(rng.sample(patients, rng.randint(1, 2))) if role == "resident" else (),
        policy=policy,
    )


def seeded(seed: int) -> random.Random:
    return random.Random(seed)
