"""The body of a document: sections, their narrative, and the resources of their entries, as a Composition. Pure.

Nothing that a section says is lost: narrative stays narrative, a text of an entry stands under its data element in a
section of its own, and all else is a resource that the section refers to.
"""

from html import escape

from lxml import etree

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import FREE, Node
from kangyun.exchange.cda.reading import acts, clinical, header, international, reports, values
from kangyun.exchange.cda.reading.clinical import Found
from kangyun.exchange.cda.reading.making import Making, kept
from kangyun.exchange.cda.reading.nodes import Observed
from kangyun.fhir import Resource

XHTML = "http://www.w3.org/1999/xhtml"
_LINES = ("paragraph", "tr", "item", "br", "caption")
MOST_TEXT = 1024 * 1024  # bytes of a string, https://hl7.org/fhir/R4/datatypes.html#string


def read(making: Making) -> None:
    """Adds what the sections come to, the report that they are of, and the Composition that holds them together."""
    body = values.first(making.parsed.root, "component", "structuredBody")
    sections: list[Resource] = []
    reported = Found()
    if body is not None:
        for component in values.every(body, "component"):
            for node in values.every(component, "section"):
                if section := _section(making, node, reported):
                    sections.append(section)
    reports.report(making, reported)
    if sections:
        _composition(making, sections)


def _section(making: Making, node: Node, reported: Found) -> Resource | None:
    code = values.first(node, "code")
    key = values.attribute(code, "code")
    title = values.text_of(values.first(node, "title")) or values.attribute(code, "displayName")
    found = Found()
    _entries(making, node, key, found)
    reported.references += found.references
    reported.texts += found.texts
    below = [
        one
        for component in values.every(node, "component")
        for inner in values.every(component, "section")
        if (one := _section(making, inner, reported))
    ]
    resource: Resource = {}
    concept = values.concept(making, code, "section")
    block = values.first(node, "text")
    lines = _lines(block)
    free = [] if block is None else [one for one in block.iter("paragraph") if one.get("styleCode") == FREE]
    found.texts += [("", "", text) for one in free if (text := values.text_of(one))]
    kept(resource, {
        "title": title or catalogue.section_names().get(key, title), "code": concept,
        "text": narrative(lines), "entry": [{"reference": one} for one in dict.fromkeys(found.references)],
        "section": [_text(element, name, text) for element, name, text in found.texts] + below,
    })  # fmt: skip
    return resource if resource.keys() & {"text", "entry", "section"} else None


def _text(element: str, name: str, text: str) -> Resource:
    known = catalogue.elements().get(element)
    title = name or (known.zh if known else element)
    found: Resource = {"title": title or "文字"}
    if element:
        coding = {"system": f"urn:oid:{catalogue.ELEMENTS}", "code": element, "display": title}
        found["code"] = {"coding": [coding]}
    return found | {"text": narrative(text.split("\n"))}


def narrative(lines: list[str]) -> Resource | None:
    """Returns lines of text as a Narrative, None where there are none."""
    said = [line.strip() for line in lines if line.strip()]
    if not said:
        return None
    inner = "<br/>".join(escape(line, quote=False) for line in said)
    return {"status": "generated", "div": f'<div xmlns="{XHTML}">{inner}</div>'}


def _lines(node: Node | None) -> list[str]:
    """Returns the lines of a narrative block: a row of a table is one, its cells apart."""
    if node is None:
        return []
    lines = [""]
    for event, one in _walk(node):
        if event == "start":
            if one.tag in _LINES:
                lines.append("")
            lines[-1] += " ".join((one.text or "").split("\t"))
        else:
            if one.tag in ("td", "th"):
                lines[-1] += " "
            if one.tag in _LINES:
                lines.append("")
            if one is not node:
                lines[-1] += one.tail or ""
    split = [part for line in lines for part in line.split("\n")]
    said = [" ".join(part.split()) for part in split]
    return [] if values.nothing("".join(said)) or "".join(said) in ("-", "/") else [one for one in said if one]


def _walk(node: Node) -> list[tuple[str, Node]]:
    return [(event, one) for event, one in etree.iterwalk(node, events=("start", "end")) if isinstance(one.tag, str)]


def _entries(making: Making, node: Node, key: str, found: Found) -> None:
    groups: list[Observed] = []
    for entry in values.every(node, "entry"):
        for one in entry:
            if not isinstance(one.tag, str):
                continue
            if not making.chinese:
                international.entry(making, one, key, found)
            elif one.tag == "substanceAdministration":
                _refer(found, acts.medication(making, one, key))
            elif one.tag == "procedure":
                _refer(found, acts.procedure(making, one, key))
            elif one.tag in ("observation", "organizer", "act", "encounter", "supply"):
                groups.append(clinical.group_of(making, one))
    for group in _together(groups):
        clinical.read_group(making, group, key, found)


def _refer(found: Found, reference: str) -> None:
    if reference:
        found.references.append(reference)


def _together(groups: list[Observed]) -> list[Observed]:
    """Returns what belongs together in one group: a name after its code, a diastolic pressure after the systolic."""
    pairs = {("diagnosis", "diagnosis-name"), ("systolic", "diastolic"), ("laboratory-item", "laboratory-value")}
    merged: list[Observed] = []
    for group in groups:
        before = merged[-1] if merged else None
        if before is not None and (before.inside[0] if not before.role and before.inside else before).role:
            last = before if before.role else before.inside[0]
            if (last.role, group.role) in pairs and before.node.tag == group.node.tag == "observation":
                merged[-1] = Observed(
                    before.node, "", "", {}, [*(before.inside if not before.role else [before]), group]
                )
                continue
        merged.append(group)
    return merged


def _composition(making: Making, sections: list[Resource]) -> None:
    root = making.parsed.root
    title = values.text_of(values.first(root, "title"))
    writers = header.authors(making) or [{"reference": making.feed.institution}]
    resource: Resource = {
        "resourceType": "Composition", "language": "zh-CN" if making.chinese else "en",
        "identifier": {"system": f"urn:oid:{catalogue.DOCUMENT_NUMBER}", "value": making.number},
        "status": "final", "type": header.type_of(making),
    } | making.about() | {
        "date": making.at, "author": writers, "title": title or header.type_of(making)["text"],
        "custodian": {"reference": making.feed.institution}, "section": sections,
    }  # fmt: skip
    kept(resource, {"attester": header.signers(making)})
    making.store(making.id("document-composition", making.number), resource, root)
