"""Elements of CDA made of FHIR's data types, always in the same order: the same in gives the same bytes. Pure."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from lxml import etree

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import V3, XSI_TYPE, Node
from kangyun.fhir import Resource
from kangyun.fhir.china.systems import system

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OID = re.compile(r"urn:oid:([0-2](?:\.(?:0|[1-9]\d*))+)")
_NAMES = {catalogue.ELEMENTS: "卫生信息数据元目录", catalogue.LOINC: "LOINC"}
USES = {"home": "H", "work": "WP", "mobile": "MC", "temp": "TMP", "old": "BAD"}


def make(tag: str, *children: Node | str | None, **attributes: str | None) -> Node:
    """Returns an element; attributes and children that are None are not there. A text comes before the children."""
    node = etree.Element(tag)
    for name, value in attributes.items():
        if value is not None:
            node.set(XSI_TYPE if name == "type_" else name.rstrip("_"), clean(value))
    for child in children:
        if isinstance(child, str):
            node.text = (node.text or "") + clean(child)
        elif child is not None:
            node.append(child)
    return node


def clean(text: str) -> str:
    """Returns a text without what XML does not allow."""
    return _NOT_XML.sub("", text)


def written(root: Node) -> bytes:
    """Returns a document's bytes: UTF-8, indented, with the namespaces of CDA."""
    full = etree.Element(f"{{{V3}}}{root.tag}", nsmap={None: V3, "xsi": "http://www.w3.org/2001/XMLSchema-instance"})
    _into(root, full)
    etree.indent(full, space="  ")
    # Texts of more than one line stay as they are; only elements are indented.
    return bytes(etree.tostring(full, xml_declaration=True, encoding="UTF-8")) + b"\n"


def _into(node: Node, full: Node) -> None:
    for name, value in node.attrib.items():
        full.set(name, value)
    full.text = node.text
    for one in node:
        _into(one, etree.SubElement(full, f"{{{V3}}}{one.tag}"))
        full[-1].tail = one.tail


def ts(text: str) -> str:
    """Returns a dateTime of FHIR as a TS: in Beijing without a zone, another zone with it."""
    plain = text.replace("-", "", 2) if len(text) > 4 else text
    day, _, rest = plain.partition("T")
    if not rest:
        return day
    found = re.fullmatch(r"([\d:]+)(?:\.\d+)?(Z|[+-]\d{2}:\d{2})?", rest)
    if found is None:
        return day
    zone = {None: "", "Z": "+0000", "+08:00": ""}.get(found[2], (found[2] or "").replace(":", ""))
    return day + found[1].replace(":", "") + zone


def effective(period: Mapping[str, Any]) -> Node:
    """Returns effectiveTime of a Period."""
    low, high = period.get("start"), period.get("end")
    return make(
        "effectiveTime",
        make("low", value=ts(low)) if low else None,
        make("high", value=ts(high)) if high else None,
    )


def instance(identifier: Mapping[str, Any]) -> Node:
    """Returns an id: by OID, or by our name of the namespace where it has none."""
    found = _OID.fullmatch(identifier.get("system", ""))
    if found is not None:
        return make("id", root=found[1], extension=identifier.get("value"))
    return make("id", extension=identifier.get("value"), assigningAuthorityName=identifier.get("system") or None)


@cache
def _oids() -> Mapping[str, str]:
    known: Mapping[str, str] = catalogue.table("international")["systems"]
    return {name: oid for oid, name in reversed(list(known.items()))}


@cache
def _editions() -> Mapping[str, tuple[str, str]]:
    table: Mapping[str, str] = catalogue.table("conventions")["editions"]
    return {name: (key.split(" ")[0], key.split(" ")[1]) for key, name in table.items()}


def code_attributes(coding: Mapping[str, Any]) -> dict[str, str | None]:
    """Returns the attributes of a CD: the OID of its list, or the list's name where it has none."""
    name = coding.get("system", "")
    version = oid = None
    if name in _editions():
        version, oid = _editions()[name]
    elif found := _OID.fullmatch(name):
        oid = found[1]
    else:
        oid = _oids().get(name)
    known = system(f"urn:oid:{oid}") if oid else None
    named = _NAMES.get(oid or "") or (known.zh if known is not None else name if oid is None else None)
    return {
        "code": coding["code"], "codeSystem": oid, "codeSystemName": named or None, "codeSystemVersion": version,
        "displayName": coding.get("display"),
    }  # fmt: skip


def coded(tag: str, concept: Mapping[str, Any], first: Sequence[str] = (), **more: str) -> Node:
    """Returns a CD of a CodeableConcept. first: names of systems whose coding goes before the others."""
    codings = sorted(concept.get("coding", ()), key=lambda one: _rank(one.get("system", ""), first))
    codings = [one for one in codings if one.get("code")]
    text = concept.get("text")
    if not codings:
        return make(tag, make("originalText", text or ""), **more)
    main, *others = codings
    shown = main.get("display")
    node = make(tag, make("originalText", text) if text and text != shown else None, **more)
    node.attrib.update({k: clean(v) for k, v in code_attributes(main).items() if v is not None})
    for one in others:
        node.append(make("translation", **code_attributes(one)))
    return node


def _rank(name: str, first: Sequence[str]) -> int:
    return first.index(name) if name in first else len(first)


def element_code(element: str, name: str = "") -> Node:
    """Returns the code of a data element."""
    known = catalogue.roles().get(element)
    shown = name or (known.name if known else "") or catalogue.elements()[element].zh
    return make(
        "code", code=element, displayName=shown, codeSystem=catalogue.ELEMENTS,
        codeSystemName=_NAMES[catalogue.ELEMENTS],
    )  # fmt: skip


def observation(element: str, value: Node | None, *, name: str = "", at: str = "", beside: Sequence[Node] = ()) -> Node:
    """Returns an observation of a data element. beside: what follows its value, in CDA's order."""
    return make(
        "observation", element_code(element, name), make("effectiveTime", value=ts(at)) if at else None, value, *beside,
        classCode="OBS", moodCode="EVN",
    )  # fmt: skip


def text(value: str) -> Node:
    """Returns a value that is a text."""
    return make("value", value, type_="ST")


def number(value: Decimal | float | int) -> str:
    """Returns a number with its digits."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def within(node: Node) -> Node:
    """Returns an entryRelationship that holds an act."""
    return make("entryRelationship", node, typeCode="COMP")


def person(root: str, who: Resource, tag: str, name: str = "assignedPerson") -> Node:
    """Returns an entity of a member of staff: number and name."""
    value = who.get("identifier", {}).get("value")
    return make(tag, make("id", root=root, extension=value), make(name, make("name", who.get("display", ""))))


def telecom(point: Resource) -> Node:
    """Returns a TEL."""
    value = f"mailto:{point['value']}" if point.get("system") == "email" else point["value"]
    return make("telecom", value=value, use=USES.get(point.get("use", "")))


def address(one: Resource) -> Node:
    """Returns an AD: parts where they are known, else the text as one line."""
    parts = [("state", "state"), ("city", "city"), ("district", "county")]
    known = [make(tag, one[name]) for name, tag in parts if one.get(name)]
    lines = one.get("line", ()) if known else [one.get("text") or "".join(one.get("line", ()))]
    lines = [make("streetAddressLine", line) for line in lines if line]
    code = make("postalCode", one["postalCode"]) if one.get("postalCode") else None
    return make("addr", *known, *lines, code, use=USES.get(one.get("use", "")))
