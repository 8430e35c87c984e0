"""Results, vital signs and reports made entries. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import Node
from kangyun.exchange.cda.writing import building as b
from kangyun.exchange.cda.writing.content import Content, extension_of, when
from kangyun.exchange.cda.writing.parts import Parts, counts, listed, organizer, shown
from kangyun.fhir import Resource

UCUM = "http://unitsofmeasure.org"
LOCAL = "urn:kangyun:code-system:local:"
_SIGNS = {"N": ("1", "正常"), "IND": ("3", "不确定")}
_ARROWS = {"H": "↑", "HH": "↑↑", "L": "↓", "LL": "↓↓"}


def laboratory(content: Content, section: str) -> Parts:
    """Observations of a laboratory, of the report where the document is of one."""
    groups = {catalogue.roles()[e].code for e in ("DE04.50.001.00", "DE04.50.010.00")}
    found: Parts = []
    for one in content.results():
        if {c.get("code") for c in one.get("code", {}).get("coding", ())}.isdisjoint(groups):
            found.append(_result(one))
    return found


def _result(one: Resource) -> tuple[Node, str]:
    concept = one.get("code", {})
    codings = [c for c in concept.get("coding", ()) if c.get("code")]
    local = len(codings) == 1 and codings[0].get("system", "").startswith(LOCAL)
    specimen = one.get("specimen", {}).get("display")
    beside = [b.within(b.observation("DE04.50.134.00", b.text(specimen)))] if specimen else []
    at = when(one)
    item = None
    if codings:
        value = b.text(codings[0]["code"]) if local else b.coded("value", {"coding": codings}, type_="CD")
        item = b.observation("DE04.30.019.00", value, at=at, beside=beside)
        at, beside = "", []
    name = b.observation("DE04.30.020.00", b.text(shown(concept)), at=at, beside=beside) if shown(concept) else None
    flags = [c for part in one.get("interpretation", ()) for c in part.get("coding", ())]
    sign = None
    if flags:
        code, word = _SIGNS.get(flags[0].get("code", ""), ("2", "异常"))
        coding = {"system": "urn:oid:2.16.156.10011.2.3.2.38", "code": code, "display": word}
        sign = b.observation("DE04.30.017.00", listed("DE04.30.017.00", coding))
    value, words = _value(one, flags)
    arrow = _ARROWS.get(flags[0].get("code", ""), "") if flags else ""
    return organizer("CLUSTER", item, name, sign, value), f"{shown(concept)}：{words}{arrow}"


def _value(one: Resource, flags: Sequence[Mapping[str, Any]]) -> tuple[Node | None, str]:
    """Returns the observation of a value, and the value in words."""
    judged = [b.make("interpretationCode", **b.code_attributes(flag)) for flag in flags]
    ranges = [b.make("referenceRange", _range(part)) for part in one.get("referenceRange", ())]
    quantity = one.get("valueQuantity")
    if quantity is None:
        said = one.get("valueCodeableConcept")
        words = shown(said) if said else str(one.get("valueString", one.get("valueInteger", "")))
        if not words:
            return None, ""
        value = b.coded("value", said, type_="CD") if said and said.get("coding") else b.text(words)
        return b.observation("DE04.30.009.00", value, beside=[*judged, *ranges]), words
    unit, ucum = quantity.get("unit", ""), quantity.get("code") if quantity.get("system") == UCUM else None
    figure = b.number(quantity["value"])
    compared = quantity.get("comparator")
    if compared:
        bound = "high" if "<" in compared else "low"
        end = b.make(bound, value=figure, unit=ucum, inclusive="true" if "=" in compared else "false")
        value = b.make("value", end, type_="IVL_PQ")
    elif ucum:
        value = b.make("value", value=figure, unit=ucum, type_="PQ")
    else:
        value = b.make("value", value=figure, type_="REAL")
    measured = [b.within(b.observation("DE04.30.016.00", b.text(unit)))] if unit else []
    act = b.observation("DE04.30.015.00", value, beside=[*judged, *measured, *ranges])
    return act, f"{compared or ''}{figure} {unit}".strip()


def _range(part: Resource) -> Node:
    ends = [
        b.make(name, value=b.number(part[name]["value"]), unit=part[name].get("unit"))
        for name in ("low", "high") if counts(part.get(name))
    ]  # fmt: skip
    said = b.make("text", part["text"]) if part.get("text") else None
    return b.make("observationRange", said, b.make("value", *ends, type_="IVL_PQ") if ends else None)


def _by_loinc(roles: Sequence[str]) -> dict[str, catalogue.Role]:
    found: dict[str, catalogue.Role] = {}
    for one in catalogue.roles().values():
        if one.role in roles:
            found |= {one.element: one, one.code: one}
    return found


def _role_of(concept: Mapping[str, Any], table: Mapping[str, catalogue.Role]) -> catalogue.Role | None:
    codes = [c.get("code", "") for c in concept.get("coding", ())]
    return next((table[code] for code in codes if code in table), None)


def vital_signs(content: Content, section: str) -> Parts:
    """Observations of vital signs that have a data element; a blood pressure as both of its values together."""
    table = _by_loinc(("vital", "systolic", "diastolic"))
    found: Parts = []
    for one in content.observations("vital-signs"):
        known = _role_of(one.get("code", {}), table)
        at = when(one)
        if known is not None and counts(one.get("valueQuantity")):
            found.append(_sign(known, one["valueQuantity"], at))
            continue
        parts = [
            _sign(role, part["valueQuantity"], at) for part in one.get("component", ())
            if (role := _role_of(part.get("code", {}), table)) and counts(part.get("valueQuantity"))
        ]  # fmt: skip
        if parts:
            found.append((organizer("BATTERY", *(node for node, _ in parts)), "，".join(line for _, line in parts)))
    return found


def _sign(role: catalogue.Role, quantity: Resource, at: str) -> tuple[Node, str]:
    units: Mapping[str, str] = catalogue.table("conventions")["units"]
    unit = next((word for word, ucum in units.items() if ucum == quantity.get("code")), "")
    unit = unit or quantity.get("unit") or role.unit
    figure = b.number(quantity["value"])
    value = b.make("value", value=figure, unit=unit, type_="PQ")
    return b.observation(role.element, value, at=at), f"{role.name}：{figure}{unit}"


def blood_group(content: Content, section: str) -> Parts:
    """The blood group by ABO and Rh."""
    table = _by_loinc(("blood-group",))
    acts = []
    words = []
    for one in content.all("Observation"):
        role = _role_of(one.get("code", {}), table)
        if role is not None and one.get("valueCodeableConcept", {}).get("coding"):
            acts.append(b.observation(role.element, b.coded("value", one["valueCodeableConcept"], type_="CD")))
            words.append(f"{role.name.removesuffix('代码')}：{shown(one['valueCodeableConcept'])}")
    return [(organizer("BATTERY", *acts), "，".join(words))] if acts else []


def examination(content: Content, section: str) -> Parts:
    """What an examination found, and what it means."""
    report = content.focus or {}
    findings = [extension_of(report, "findings") or ""]
    for one in report.get("extension", ()):
        if one.get("url", "").endswith(":report-part"):
            said = {part["url"]: part.get("valueString", "") for part in one.get("extension", ())}
            findings.append(f"{said.get('title', '')}：{said.get('text', '')}".strip("："))
    found: Parts = []
    for element, text in (
        ("DE04.50.131.00", "\n".join(filter(None, findings))),
        ("DE04.50.132.00", report.get("conclusion")),
    ):
        if text:
            found.append((b.observation(element, b.text(text)), f"{catalogue.roles()[element].name}：{text}"))
    return found


def examination_item(content: Content, section: str) -> Parts:
    """Which examination it was."""
    report = content.focus or {}
    concept = report.get("code", {})
    if content.kind.code != "C0006" or not shown(concept):
        return []
    code = next((c["code"] for c in concept.get("coding", ()) if c.get("code")), None)
    at = report.get("effectiveDateTime", "")
    kind = b.observation("DE04.30.018.00", b.text(shown(concept)))
    item = [(b.observation("DE04.30.019.00", b.text(code), at=at), f"检查项目代码：{code}")] if code else []
    return [(kind, f"检查：{shown(concept)}"), *item]


def laboratory_report(content: Content, section: str) -> Parts:
    """What the laboratory concludes."""
    report = content.focus or {}
    text = report.get("conclusion")
    return [(b.observation("DE04.50.130.00", b.text(text)), f"检验报告结果：{text}")] if text else []
