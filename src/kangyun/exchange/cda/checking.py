"""A document held against our rules (`data/rules.toml` and the tables beside it): what is wrong, and where. Pure.

These are rules from what is publicly known, not the official test of a document. Each finding is a refusal that refuses
nothing (`whole=False`): a document with findings is read all the same.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import TEXTS, XSI_TYPE, Node, Parsed, Unreadable, parse, place_of
from kangyun.exchange.cda.reading import values
from kangyun.exchange.entries import Refusal
from kangyun.exchange.hl7v2.mapping.datatypes import read_time
from kangyun.fhir.china import canonical, codes
from kangyun.fhir.china.systems import system

_FORMAT = re.compile(r"(?P<kind>AN|A|N)(?:(?P<least>\d+))?(?P<upto>\.\.)?(?P<most>\d+)?(?:,\d+)?")
_ICD_MOST = 20  # the format of diagnoses in WS 363 is AN..5, which no edition in use fits
_ORDERED = ("realmCode", "typeId", "templateId", "id", "code", "title", "effectiveTime", "confidentialityCode",
            "languageCode", "setId", "versionNumber", "recordTarget", "author", "custodian", "legalAuthenticator",
            "authenticator", "participant", "relatedDocument", "componentOf", "component")  # fmt: skip
Tell = Callable[..., Refusal]


def check(raw: bytes, source: str = "") -> list[Refusal]:
    """Returns what is wrong with a document; nothing for one that keeps the rules. Nothing raises."""
    try:
        parsed = parse(raw, source)
    except Unreadable as error:
        return [error.refusal]
    return list(_findings(parsed))


def _findings(parsed: Parsed) -> Iterator[Refusal]:
    def tell(text: str, node: Node, /, **parameters: str | int) -> Refusal:
        return Refusal(place_of(parsed.source, node), TEXTS + text, None, parameters, whole=False)

    root = parsed.root
    code = values.attribute(values.first(root, "code"), "code")
    kind = catalogue.kinds().get(code)
    if kind is None:
        yield tell("kind-unknown", root)
        return
    yield from _header(root, kind, tell)
    yield from _order(root, tell)
    yield from _sections(root, kind, tell)
    for node in root.iter():
        yield from _node(node, tell)


def _header(root: Node, kind: catalogue.Kind, tell: Tell) -> Iterator[Refusal]:
    for rule in catalogue.table("rules")["header"]:
        node = values.first(root, *rule["path"].split("/"))
        what = rule["path"] + (f"/@{rule['attribute']}" if "attribute" in rule else "")
        if node is None:
            yield tell("check-missing", root, what=what)
            continue
        said = values.text_of(node) if rule.get("text") else (node.get(rule["attribute"]) or "").strip()
        wanted = [one.format(template=kind.template) for one in rule.get("equals", ())]
        if not said:
            yield tell("check-missing", node, what=what)
        elif wanted and said not in wanted:
            yield tell("check-value", node, what=what, wanted="、".join(wanted))
    role = values.first(root, "recordTarget", "patientRole")
    person = values.first(role, "patient") if role is not None else None
    if role is None or not (values.numbers(role) or (person is not None and values.numbers(person))):
        yield tell("no-patient", root if role is None else role)


def _order(root: Node, tell: Tell) -> Iterator[Refusal]:
    """Elements of CDA stand in an order."""
    last = 0
    for node in root:
        at = _ORDERED.index(node.tag) if node.tag in _ORDERED else -1
        if 0 <= at < last:
            yield tell("check-order", node, section=str(node.tag))
        last = max(last, at)


def _sections(root: Node, kind: catalogue.Kind, tell: Tell) -> Iterator[Refusal]:
    seen = catalogue.sections().get(kind.code, ())
    order = [one.key for one in seen]
    last = -1
    body = values.first(root, "component", "structuredBody")
    for component in values.every(body, "component"):
        for node in values.every(component, "section"):
            code = values.first(node, "code")
            key = values.attribute(code, "code") or values.attribute(code, "displayName")
            name = catalogue.section_names().get(key, key)
            if not (values.text_of(values.first(node, "text")) or values.every(node, "entry")):
                yield tell("check-empty", node, section=name)
            if not order:
                continue
            if key not in order:
                yield tell("check-section", node, section=name, kind=kind.zh)
            elif order.index(key) < last:
                yield tell("check-order", node, section=name)
            last = max(last, order.index(key) if key in order else -1)
            if values.attribute(code, "code")[:1].isdigit() and _system(code) != catalogue.LOINC:
                yield tell("check-system", code, what=name, wanted=catalogue.LOINC)


def _system(node: Node | None) -> str:
    return values.attribute(node, "codeSystem")


def _node(node: Node, tell: Tell) -> Iterator[Refusal]:
    timed = node.tag in ("low", "high", "effectiveTime", "time", "birthTime") and node.get("value")
    # The ends of an interval of quantities are no times.
    if timed and "PQ" not in (node.getparent().get(XSI_TYPE) or "") and read_time(node.get("value")) is None:
        yield tell("time", node)
    if node.tag == "observation":
        yield from _observation(node, tell)
    if node.get("code") and node.get("codeSystem"):
        yield from _code(node, tell)


def _observation(node: Node, tell: Tell) -> Iterator[Refusal]:
    code, value = values.first(node, "code"), values.first(node, "value")
    element = values.attribute(code, "code")
    if not element.startswith("DE"):
        return
    known = catalogue.elements().get(element)
    if known is None and element not in catalogue.roles():
        yield tell("check-element", node, element=element)
    if _system(code) != catalogue.ELEMENTS:
        yield tell("check-system", code, what=element, wanted=catalogue.ELEMENTS)
    if value is None:
        return
    kind = (value.get(XSI_TYPE) or "").rpartition(":")[2]
    said = value.get("code") or value.get("value") or values.text_of(value) or values.first(value, "originalText")
    if not kind or (said is None and not len(value)) or said == "":
        yield tell("check-type", value, element=element)
        return
    wanted = catalogue.table("rules")["value_systems"].get(element)
    if wanted and value.get("code") and value.get("codeSystem") not in wanted:
        yield tell("check-system", value, what=element, wanted="、".join(wanted))
    if known is not None and kind in ("CD", "ST") and not fits(known, str(value.get("code") or values.text_of(value))):
        yield tell("check-format", value, element=element, format=known.format)


def fits(element: catalogue.Element, said: str) -> bool:
    """Whether a text fits the format of a data element; formats that are not known fit anything.

    A diagnosis may be longer than WS 363-2011 has it, since every edition of ICD-10 in use is.
    """
    found = _FORMAT.fullmatch(element.format)
    if found is None or found["most"] is None:
        return True
    most = int(found["most"])
    if element.type == "S3":
        most = max(most, _ICD_MOST)
    # A text is longer in a document than in a column of a table: only codes are held against their length.
    return element.type not in ("S3", "S2") or len(said) <= most


def _code(node: Node, tell: Tell) -> Iterator[Refusal]:
    """A code of a list that is shipped whole has to be of it."""
    name = canonical(f"urn:oid:{node.get('codeSystem')}")
    known = system(name)
    if known is None or known.content != "complete" or codes.code_system(name) is None:
        return
    if node.get("code") not in _codes(name):
        yield tell("check-code", node, list=f"{known.zh} {known.standard}".strip())


def _codes(name: str) -> frozenset[str]:
    found: Mapping[str, Any] | None = codes.code_system(name)
    return frozenset(one["code"] for one in (found or {}).get("concept", ()))
