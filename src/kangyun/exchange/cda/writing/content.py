"""What a document is written of: resources of one patient, sorted so that their order decides nothing. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.fhir import Resource

EXTENSION = "urn:kangyun:extension:"
DIAGNOSIS_TYPE = "urn:kangyun:code-system:document-diagnosis"
_WORDS = (("入院", "admission"), ("出院", "discharge"), ("门", "outpatient"), ("术前", "preoperative"),
          ("术后", "postoperative"))  # fmt: skip
_USES = {"AD": "admission", "DD": "discharge", "pre-op": "preoperative", "post-op": "postoperative"}
_WRONG = ("entered-in-error", "cancelled")
_TAG = re.compile(r"<br\s*/?>|</p>|</div>|</tr>|</li>")
_ANY_TAG = re.compile(r"<[^>]*>")


class Content:
    """Resources of one patient and, where the document is of one, of one stay.

    focus: the resource that the document is of. house: the Organization that keeps the document.
    """

    def __init__(self, kind: catalogue.Kind, resources: Iterable[Resource], focus: Resource | None = None) -> None:
        self.kind = kind
        whole = [one for one in resources if not _is_wrong(one)]
        ranks = _ranks(whole)
        self.resources = sorted(whole, key=lambda one: _order(one, ranks))
        self.patient = self._one("Patient")
        self.encounter = self._one("Encounter")
        self.house = self._one("Organization")
        self.compositions = self._compositions()
        self.composition = self.compositions[0] if self.compositions else None
        self.focus = focus if focus is not None else self._focus()
        self.sections = _sections(kind.code)

    def all(self, type_: str) -> list[Resource]:
        """Returns the resources of a type."""
        return [one for one in self.resources if one["resourceType"] == type_]

    def _one(self, type_: str) -> Resource | None:
        found = self.all(type_)
        return found[0] if found else None

    def _compositions(self) -> list[Resource]:
        """Returns the texts of the record: where a document of this kind came in, its own only."""
        found = self.all("Composition")
        own = [one for one in found if any(c.get("code") == self.kind.code for c in _codings(one.get("type")))]
        return own or found

    def _focus(self) -> Resource | None:
        about = catalogue.table("kinds")["kinds"][self.kind.code]["about"]
        found = self.all(about)
        if about == "DiagnosticReport":
            laboratory = self.kind.code == "C0007"
            found = [one for one in found if is_laboratory(one) in (laboratory, None)]
        return found[0] if found else None

    @property
    def at(self) -> str:
        """When the document is of: the latest change of what it is written of, else the latest time in it."""
        changed = sorted(one["meta"]["lastUpdated"] for one in self.resources if "lastUpdated" in one.get("meta", {}))
        if changed:
            return str(changed[-1])
        if self.composition is not None:
            return str(self.composition["date"])
        times = [time for one in self.resources if (time := when(one))]
        period = (self.encounter or {}).get("period", {})
        return str(period.get("end") or max(times, default="") or period.get("start") or "")

    def observations(self, category: str) -> list[Resource]:
        """Returns Observations of a category."""
        return [
            one for one in self.all("Observation")
            if any(c.get("code") == category for part in one.get("category", ()) for c in _codings(part))
        ]  # fmt: skip

    def results(self) -> list[Resource]:
        """Returns the Observations of laboratories: those of the report where the document is of one that names any."""
        found = self.observations("laboratory")
        report = self.focus if (self.focus or {}).get("resourceType") == "DiagnosticReport" else None
        if report is None:
            return found
        named = {one.get("reference") for one in report.get("result", ())}
        back = f"DiagnosticReport/{report.get('id')}"
        own = [
            one for one in found if f"Observation/{one.get('id')}" in named
            or (extension_of(one, "report") or {}).get("reference") == back
        ]  # fmt: skip
        return own or ([] if named else found)

    def diagnoses(self, section: str) -> list[Resource]:
        """Returns the Conditions that belong into a section of this kind."""
        return [one for one in self.all("Condition") if self._place(one) == section]

    def _place(self, condition: Resource) -> str:
        keys = [one.key for one in self.sections]
        role = self.role(condition)
        own = {"admission": "46241-6", "discharge": "11535-2", "preoperative": "10219-4", "postoperative": "10218-6",
               "outpatient": "29548-5", "": "11535-2"}[role]  # fmt: skip
        if own in keys:
            return own
        if role == "admission" and "11535-2" in keys:
            return ""
        return next((key for key in ("29548-5", "11535-2", "10218-6") if key in keys), "")

    def role(self, condition: Resource) -> str:
        """Returns what a diagnosis is to its stay: admission, discharge, …; empty where nothing says it."""
        for part in condition.get("category", ()):
            for coding in _codings(part):
                if coding.get("system") == DIAGNOSIS_TYPE:
                    return str(coding["code"])
                named = coding.get("display", "")
                if coding.get("system", "").endswith(":diagnosis-type") and named:
                    return next((role for word, role in _WORDS if word in named), "")
        reference = f"Condition/{condition.get('id')}"
        for one in (self.encounter or {}).get("diagnosis", ()):
            if one.get("condition", {}).get("reference") == reference:
                use = next((c.get("code", "") for c in _codings(one.get("use"))), "")
                return _USES.get(use, "")
        return ""

    def texts(self, section: str) -> list[tuple[str, str, str]]:
        """Returns data element, title and text of what the Composition has for a section."""
        found: list[tuple[str, str, str]] = []
        for part in (part for one in self.compositions for part in one.get("section", ())):
            codes = [c.get("code", "") for c in _codings(part.get("code"))]
            below = part.get("section", ())
            if section in codes or (not codes and part.get("title") == section):
                found += [one for inner in below if (one := _leaf(inner))]
                if not below and not part.get("entry"):
                    found += [("", "", line) for line in lines(part.get("text"))]
            elif not codes and (known := catalogue.titles().get(part.get("title", ""))) and known.section == section:
                text = "\n".join(lines(part.get("text")))
                if text:
                    found.append((known.element, known.title, text))
        return list(dict.fromkeys(found))


def is_laboratory(report: Mapping[str, Any]) -> bool | None:
    """Whether a report is a laboratory's; None where it does not say."""
    codes = [c.get("code") for part in report.get("category", ()) for c in _codings(part)]
    return "LAB" in codes if codes else None


def _leaf(part: Resource) -> tuple[str, str, str] | None:
    text = "\n".join(lines(part.get("text")))
    element = next((c["code"] for c in _codings(part.get("code")) if c.get("code", "").startswith("DE")), "")
    known = catalogue.roles().get(element)
    # What has a role is written of its resource.
    if not text or (known is not None and known.role not in ("text", "drug-use")):
        return None
    return element, part.get("title", "") if element else "", text


def lines(narrative: Mapping[str, Any] | None) -> list[str]:
    """Returns the lines of a Narrative."""
    if not narrative:
        return []
    text = unescape(_ANY_TAG.sub("", _TAG.sub("\n", narrative.get("div", ""))))
    return [line.strip() for line in text.split("\n") if line.strip()]


def extension_of(resource: Mapping[str, Any], name: str) -> Any:
    """Returns the value of an extension of ours, None where there is none."""
    for one in resource.get("extension", ()):
        if one.get("url") == EXTENSION + name:
            return next((value for key, value in one.items() if key.startswith("value")), None)
    return None


def _codings(concept: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (concept or {}).get("coding", ())
    return found


def _sections(code: str) -> list[catalogue.Section]:
    """Returns the sections of a kind: those that were seen, or ours."""
    ours = catalogue.table("kinds")["kinds"].get(code, {}).get("sections")
    if ours is None:
        return list(catalogue.sections().get(code, ()))
    names = catalogue.section_names()
    return [catalogue.Section(key, names[key], "unverified") for key in ours]


def when(one: Mapping[str, Any]) -> str:
    """Returns the time that a resource is of, empty where it has none."""
    for name in ("effectiveDateTime", "performedDateTime", "occurrenceDateTime", "authoredOn", "recordedDate", "issued",
                 "onsetDateTime", "date"):  # fmt: skip
        if one.get(name):
            return str(one[name])
    for name in ("performedPeriod", "effectivePeriod", "period"):
        if one.get(name, {}).get("start"):
            return str(one[name]["start"])
    return ""


def _ranks(resources: Iterable[Resource]) -> Mapping[str, int]:
    """Returns the place of each resource that a text or a stay names in an order of its own."""
    found: dict[str, int] = {}
    for one in resources:
        named: list[tuple[int, str]] = []
        if one["resourceType"] == "Encounter":
            listed = list(enumerate(one.get("diagnosis", ())))
            named = [(d.get("rank", n + 1), d.get("condition", {}).get("reference", "")) for n, d in listed]
        elif one["resourceType"] == "Composition":
            entries = [e.get("reference", "") for part in one.get("section", ()) for e in part.get("entry", ())]
            named = list(enumerate(entries))
        for rank, reference in named:
            found.setdefault(reference, rank)
    return found


def _order(one: Resource, ranks: Mapping[str, int]) -> tuple[str, int, int, str, str]:
    """Returns by what resources are sorted: what is said of their order first, then the main one, time and code."""
    main = 0 if extension_of(one, "main-diagnosis") == "1" else 1
    rank = ranks.get(f"{one['resourceType']}/{one.get('id')}", 10_000)
    return one["resourceType"], rank, main, when(one), _named(one)


def _named(one: Mapping[str, Any]) -> str:
    parts = []
    for name in ("code", "vaccineCode", "medicationCodeableConcept"):
        concept = one.get(name) or {}
        parts += [*[c.get("code", "") for c in _codings(concept)][:1], concept.get("text", "")]
    return "\x1f".join(parts)


def _is_wrong(one: Mapping[str, Any]) -> bool:
    verified = [c.get("code") for c in _codings(one.get("verificationStatus"))]
    return one.get("status") in _WRONG or any(code in ("entered-in-error", "refuted") for code in verified)
