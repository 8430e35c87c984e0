"""What the index holds of a resource: tokens, clinical bounds, and narrow rows for what is ordered.

`Indexer` reads a valid resource by the compiled search parameters and makes its `IndexRow`. It resolves no reference
itself: the caller gives the `res` of every local target. docs/search.md has the table of what a value becomes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from kangyun.base import units
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.china import canonical
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.dates import ABSENT, BEIJING
from kangyun.fhir.search.extractor import Extractor, compile_extractor
from kangyun.fhir.search.parameters import Known, Parameter, Parameters, parameters
from kangyun.fhir.search.words import folded, narrative_words, searched, words
from kangyun.store.bundles import entries_here, says_whom
from kangyun.store.labelling import SEVERAL, Labelling, OneLabel, labels_of
from kangyun.store.tokens import Bound, Hasher

# The date parameter whose value stands in the columns at and until: the one that people sort by. It reads one value.
CLINICAL_DATE = {
    "Account": "period", "AdverseEvent": "date", "AllergyIntolerance": "date", "Appointment": "date",
    "AuditEvent": "date", "Basic": "created", "CarePlan": "date", "CareTeam": "date", "ChargeItem": "entered-date",
    "Claim": "created", "ClaimResponse": "created", "ClinicalImpression": "date", "Communication": "sent",
    "CommunicationRequest": "authored", "Composition": "date", "Condition": "onset-date", "Consent": "date",
    "Contract": "issued", "CoverageEligibilityRequest": "created", "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identified", "DeviceRequest": "authored-on", "DiagnosticReport": "date",
    "DocumentManifest": "created", "DocumentReference": "date", "Encounter": "date", "EpisodeOfCare": "date",
    "ExplanationOfBenefit": "created", "FamilyMemberHistory": "date", "Flag": "date", "Goal": "start-date",
    "ImagingStudy": "started", "Immunization": "date", "ImmunizationEvaluation": "date",
    "ImmunizationRecommendation": "date", "Invoice": "date", "List": "date", "MeasureReport": "date",
    "Media": "created", "MedicationAdministration": "effective-time", "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon", "MedicationStatement": "effective", "NutritionOrder": "datetime",
    "Observation": "date", "Patient": "birthdate", "PaymentNotice": "created", "PaymentReconciliation": "created",
    "Person": "birthdate", "PractitionerRole": "date", "Procedure": "date", "Provenance": "recorded",
    "QuestionnaireResponse": "authored", "RelatedPerson": "birthdate", "RequestGroup": "authored",
    "ResearchStudy": "date", "ResearchSubject": "date", "RiskAssessment": "date", "Schedule": "date",
    "ServiceRequest": "authored", "Slot": "start", "Specimen": "collected", "SupplyRequest": "date",
    "Task": "authored-on", "VisionPrescription": "datewritten",
}  # fmt: skip
# Of the parameters that place a resource in the Patient compartment, these say whom it is about.
ABOUT = ("patient", "subject", "beneficiary", "individual", "subscriber")
# Nor does the compartment have what is done for somebody, worn by him, or answered by him, or says whose he is.
ALSO_ABOUT = {
    "Device": ("patient",), "DeviceMetric": ("patient",), "GuidanceResponse": ("patient", "subject"),
    "Linkage": ("item",), "QuestionnaireResponse": ("source",), "Task": ("patient",),
}  # fmt: skip
UCUM = "http://unitsofmeasure.org"
MOST_SAID = 600
"""Characters that are kept of a term's system and of a unit: an entry of an index has room for so many."""
MOST_WORDS = 1000
Target = int | str
"""Where a literal reference leads: the `res` of a local resource, or a url."""


@dataclass(slots=True)
class IndexRow:
    """What the index holds of one resource. Narrow rows are without `res`.

    about: all whom it is about, where it was made of a resource; `patient` where that is one.
    """

    patient: int | None
    at: datetime
    until: datetime
    present: int
    links: int
    tok: list[int]
    dates: list[tuple[int, datetime, datetime]]
    quantities: list[tuple[int, float, float, int, int]]
    strings: list[tuple[int, str]]
    labels: int = 0
    about: frozenset[int] = field(default=frozenset(), compare=False)


@dataclass(slots=True)
class News:
    """What came up in the rows of one commit and is not known to be in the database: terms and units.

    `met_…`: by what the indexer knows them, once the commit has brought them (`Indexer.learn`).
    """

    terms: dict[tuple[int, int], tuple[str | None, str | None, set[int]]] = field(default_factory=dict)
    units: dict[int, tuple[str, str, str | None, float, float]] = field(default_factory=dict)
    met_terms: set[tuple[int, str | None]] = field(default_factory=set)
    met_units: dict[tuple[str | None, str | None], int] = field(default_factory=dict)

    def add(self, other: "News") -> None:
        """Adds the terms and units of another commit to what is to be written."""
        for place, (system, code, found) in other.terms.items():
            known = self.terms.setdefault(place, (system, code, set()))
            known[2].update(found)
        self.units.update(other.units)

    def term_rows(self) -> list[tuple[Any, ...]]:
        """Returns the rows of `term`, sorted."""
        return sorted(
            (
                (token, parameter, system and system[:MOST_SAID], code, sorted(found))
                for (token, parameter), (system, code, found) in self.terms.items()
            ),
            key=lambda row: row[:2],
        )

    def unit_rows(self) -> list[tuple[Any, ...]]:
        """Returns the rows of `unit`, sorted."""
        return sorted(
            (hash_, system[:MOST_SAID], code[:MOST_SAID], *rest) for hash_, (system, code, *rest) in self.units.items()
        )


class Indexer:
    """Makes index rows. One for a process; not for two resources at once."""

    def __init__(
        self, hasher: Hasher, zone: tzinfo = BEIJING, known: Known = parameters, labelling: Labelling | None = None,
        bases: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """bases: own base URLs, each with a slash at its end."""
        self.hasher = hasher
        self._bases = bases
        self.labelling: Labelling = labelling or OneLabel()
        self._zone = zone
        self._known = known
        self._extractors: dict[str, Extractor] = {}
        self._sort_extractors: dict[tuple[str, tuple[str, ...]], Extractor] = {}
        self._bound: dict[str, dict[str, Bound]] = {}
        self._known_terms: set[tuple[int, str | None]] = set()
        self._known_units: dict[tuple[str | None, str | None], int] = {}
        self._news: News | None = None
        self._about: set[int] = set()

    def bound(self, resource_type: str) -> Mapping[str, Bound]:
        """Returns the parameters of a type with their salts."""
        found = self._bound.get(resource_type)
        if found is None:
            found = self._bound[resource_type] = self._bind(resource_type, self._known(resource_type))
        return found

    def forget_parameters(self) -> None:
        """After the registry has changed: what was compiled is compiled again."""
        self._extractors.clear()
        self._sort_extractors.clear()
        self._bound.clear()

    def row(self, resource: Resource, own: int, targets: Mapping[str, Target], news: News | None = None) -> IndexRow:
        """Returns the index row of a valid resource whose `res` is `own`.

        targets: for each literal reference in it that leads to a resource, where to.
        news:    of the commit that the row is for: terms and units are added to it. None: the row is only looked at.
        """
        resource_type = resource["resourceType"]
        within = self._about_within(resource, targets) if resource_type == "Bundle" else set()
        extract = self._extractors.get(resource_type)
        if extract is None:
            bound = self.bound(resource_type)
            extract = compile_extractor(
                resource_type, self._known(resource_type), lambda parameter: bound[parameter.code], self._zone
            )
            self._extractors[resource_type] = extract
        self._begin(targets, news)
        extract(resource, self)
        text = resource.get("text")
        if text is not None:
            self._narrative(resource_type, text)
        links = list(dict.fromkeys(self._links))
        tokens = dict.fromkeys(self._tok)
        self._about = {own} if resource_type == "Patient" else within or self._nearest() or self._of_context(resource)
        return IndexRow(
            patient=next(iter(self._about)) if len(self._about) == 1 else None,
            at=self._at[0],
            until=self._at[1],
            present=self._present,
            links=len(links),
            tok=[*links, *tokens],
            dates=self._dates,
            quantities=self._quantities,
            strings=list(dict.fromkeys(self._strings)),  # A name's text says again what its parts say.
            labels=labels_of(resource, self.labelling) | (SEVERAL if len(self._about) > 1 else 0),
            about=frozenset(self._about),
        )

    def _about_within(self, bundle: Resource, targets: Mapping[str, Target]) -> set[int]:
        """Returns whom the entries of a Bundle are about."""
        found: set[int] = set()
        for entry in entries_here(bundle, self._bases):
            resource = entry["resource"]
            own = targets.get(f"Patient/{resource.get('id')}")
            self.row(resource, own if isinstance(own, int) else 0, targets)
            if says_whom(bundle, resource):
                return self._about
            found |= self._about - {0}
        return found

    def _of_context(self, resource: Resource) -> set[int]:
        """Returns the patient of a Binary: what it belongs to is no search parameter."""
        context = resource.get("securityContext") if resource["resourceType"] == "Binary" else None
        text = context.get("reference") if context is not None else None
        target = self._targets.get(text) if text is not None and "Patient/" in text else None
        return {target} if isinstance(target, int) else set()

    def _begin(self, targets: Mapping[str, Target], news: News | None) -> None:
        self._targets = targets
        self._news = news
        self._present = 0
        self._links: list[int] = []
        self._tok: list[int] = []
        self._at = ABSENT
        self._dates: list[tuple[int, datetime, datetime]] = []
        self._quantities: list[tuple[int, float, float, int, int]] = []
        self._strings: list[tuple[int, str]] = []
        self._patients: dict[int, set[int]] = {}

    def _nearest(self) -> set[int]:
        return self._patients[min(self._patients)] if self._patients else set()

    # --- the sink of the extractor

    def token(self, bound: Bound, values: Iterable[tuple[str | None, str | None, str | None]]) -> None:
        self._present |= bound.bit
        known = bound.known
        for system, code, display in values:
            tokens = known.get((system, code)) or bound.codes(system, code)
            self._tok += tokens
            if (system or display) and code is not None and (tokens[0], display) not in self._known_terms:
                self._term(bound, tokens[0], system, code, display)

    def of_type(self, bound: Bound, values: Iterable[tuple[str | None, str | None, str]]) -> None:
        for system, code, value in values:
            if system and code:
                self._tok.append(bound.hash(b"o", canonical(system), code, value))

    def text(self, bound: Bound, values: Iterable[str]) -> None:
        for value in values:
            token = bound.hash(b"x", folded(value))
            self._tok.append(token)
            if (token, value) not in self._known_terms:
                self._term(bound, token, None, None, value)

    def string(self, bound: Bound, values: Iterable[str]) -> None:
        for value in values:
            self._present |= bound.bit
            text, parts, sounds = searched(value)
            self._tok.append(bound.hash(b"e", value))
            self._tok += map(bound.gram, parts)
            self._strings.append((bound.salt, text))
            self._strings += [(bound.salt, sound) for sound in sounds]

    def uri(self, bound: Bound, values: Iterable[str]) -> None:
        for value in values:
            self._present |= bound.bit
            self._uri(bound, value)

    def reference(
        self, bound: Bound, values: Iterable[tuple[str | None, tuple[str | None, str | None] | None, str | None]]
    ) -> None:
        for text, identifier, _ in values:
            self._present |= bound.bit
            if text is not None:
                target = self._targets.get(text)
                if type(target) is int:
                    self._links.append(target ^ bound.salt)
                    self._point(bound, text, target)
                elif not text.startswith("#"):
                    self._uri(bound, target if isinstance(target, str) else text)
            if identifier is not None and identifier[1] is not None:
                self._tok.append(bound.hash(b"i", canonical(identifier[0] or ""), identifier[1]))
                self._tok.append(bound.hash(b"i", identifier[1]))

    def date(self, bound: Bound, values: Iterable[tuple[datetime, datetime]]) -> None:
        for low, high in values:
            self._present |= bound.bit
            if bound.clinical:
                self._at = (low, high)
            else:
                self._dates.append((bound.salt, low, high))

    def number(self, bound: Bound, values: Iterable[tuple[float, float]]) -> None:
        for low, high in values:
            self._present |= bound.bit
            self._quantities.append((bound.salt, low, high, 0, 0))

    def quantity(self, bound: Bound, values: Iterable[tuple[float, float, str | None, str | None, str | None]]) -> None:
        for low, high, system, code, unit in values:
            self._present |= bound.bit
            self._quantities.append((bound.salt, low, high, self._unit(system, code, unit), 0))

    def composite(self, bound: Bound, components: Sequence[Sequence[Any]]) -> None:
        first, second = bound.parts[0], bound.parts[1]
        kind = second.parameter.type
        if first.parameter.type != "token":
            return
        for system, code, _ in components[0]:
            if code is None:
                continue
            if kind in ("token", "reference"):
                self._pairs(bound, system, code, kind, components[1])
                continue
            key = bound.salt ^ bound.hash(b"k", code)
            owner = self.hasher.small(canonical(system)) if system else 0
            if kind == "quantity":
                for low, high, unit_system, unit_code, unit in components[1]:
                    self._quantities.append((key, low, high, self._unit(unit_system, unit_code, unit), owner))
            elif kind == "number":
                # Start and end of a span: the two numbers of one row.
                end = components[2] if len(components) > 2 else components[1]
                for (low, _), (_, high) in zip(components[1], end, strict=False):
                    self._quantities.append((key, low, high, 0, owner))
            elif kind == "date":
                self._dates += [(key, low, high) for low, high in components[1]]
            elif kind == "string":
                self._strings += [(key, folded(value)) for value in components[1]]

    # --- parts of it

    def _pairs(self, bound: Bound, system: str | None, code: str, kind: str, values: Sequence[Any]) -> None:
        owners = [code] if system is None else [code, f"{canonical(system)}|{code}"]
        for value in values:
            if kind == "reference":
                target = self._targets.get(value[0]) if value[0] else None
                forms = [str(target)] if target is not None else []
            else:
                forms = [form for form in (value[1], f"{canonical(value[0])}|{value[1]}" if value[0] else None) if form]
            self._tok += [bound.hash(b"k", owner, form) for owner in owners for form in forms]

    def _point(self, bound: Bound, text: str, target: int) -> None:
        if bound.narrowed:
            resource_type = text.rsplit("/", 2)[-2] if "/_history/" not in text else text.rsplit("/", 4)[-4]
            self._present |= bound.narrowed.get(resource_type, 0)
        if bound.patient_rank and "Patient/" in text:
            self._patients.setdefault(bound.patient_rank, set()).add(target)

    def _uri(self, bound: Bound, value: str) -> None:
        tokens = bound.uris.get(value) or bound.uri(value)
        self._tok += tokens
        if bound.code == "_profile" and (tokens[0], None) not in self._known_terms:
            self._term(bound, tokens[0], None, value, None)  # for $meta, which lists the profiles in use

    def _term(self, bound: Bound, token: int, system: str | None, code: str | None, display: str | None) -> None:
        news = self._news
        if news is None or (token, display) in news.met_terms:
            return
        news.met_terms.add((token, display))
        entry = news.terms.setdefault((token, bound.salt), (canonical(system) if system else system, code, set()))
        entry[2].update(self.hasher.number(word.encode()) for word in words(display or ""))

    def _unit(self, system: str | None, code: str | None, unit: str | None) -> int:
        name = code or unit
        if name is None:
            return 0
        known = self._known_units.get((system, name))
        if known is None:
            known = self.hasher.small(f"{system or ''}|{name}")
            if self._news is not None and known not in self._news.units:
                self._news.units[known] = (system or "", name, *_dimension(system, name))
                self._news.met_units[system, name] = known
        return known

    def _narrative(self, resource_type: str, text: dict[str, Any]) -> None:
        prefix = f"{resource_type}._text\0w".encode()
        self._tok += [
            self.hasher.number(prefix + word.encode()) for word in narrative_words(text.get("div", ""))[:MOST_WORDS]
        ]

    def sort_texts(self, resource: Resource, parameter: Parameter) -> list[str]:
        """Returns the values by which a token, reference or uri parameter sorts: codes, references, uris."""
        resource_type = parameter.resource_type
        codes = parameter.alias_of or (parameter.code,)
        known = self._known(resource_type)
        extract = self._sort_extractors.get((resource_type, codes))
        if extract is None:
            chosen = {code: known[code] for code in codes}
            extract = compile_extractor(resource_type, chosen, lambda one: one, self._zone)
            self._sort_extractors[resource_type, codes] = extract
        texts = _Texts()
        extract(resource, texts)
        return texts.found

    def learn(self, news: News) -> None:
        """Takes in what a commit has brought: it is in the database."""
        if len(self._known_terms) > MOST_KNOWN_TERMS:
            self._known_terms.clear()
        if len(self._known_units) > MOST_KNOWN_TERMS:
            self._known_units.clear()
        self._known_terms |= news.met_terms
        self._known_units |= news.met_units

    def _bind(self, resource_type: str, chosen: Parameters) -> dict[str, Bound]:
        bound = {code: Bound(parameter, self.hasher) for code, parameter in chosen.items()}
        about = definitions().compartments["Patient"].get(resource_type, ())
        for code, one in bound.items():
            parameter = one.parameter
            one.clinical = CLINICAL_DATE.get(resource_type) == code
            one.labelled = code in self.labelling.parameters
            if parameter.only:
                for base in parameter.alias_of:
                    bound[base].narrowed[parameter.only] = one.bit
            if parameter.parts:
                one.parts = tuple(bound[code_] for code_, _ in parameter.parts[0][1])
            if code in about or code in ALSO_ABOUT.get(resource_type, ()):
                rank = ABOUT.index(code) + 1 if code in ABOUT else len(ABOUT) + 1
                for real in parameter.alias_of or (code,):
                    bound[real].patient_rank = min(bound[real].patient_rank or rank, rank)
        return bound


class _Texts:
    """A sink that keeps the texts of tokens, references and uris."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def token(self, bound: Any, values: Iterable[Any]) -> None:
        self.found += [code for _, code, _ in values if code]

    def reference(self, bound: Any, values: Iterable[Any]) -> None:
        self.found += [text for text, _, _ in values if text]

    def uri(self, bound: Any, values: Iterable[str]) -> None:
        self.found += values

    def _nothing(self, bound: Any, values: Iterable[Any]) -> None:
        return None

    of_type = text = string = date = number = quantity = composite = _nothing


MOST_KNOWN_TERMS = 100_000


def _dimension(system: str | None, code: str) -> tuple[str | None, float, float]:
    """Dimension, factor and shift of a UCUM unit; a unit of no known dimension is comparable with itself only."""
    if system != UCUM:
        return None, 1.0, 0.0
    try:
        unit = units.parse(code)
        return unit.canonical, float(unit.factor), float(unit.offset)
    except (Invalid, OverflowError):
        return None, 1.0, 0.0
