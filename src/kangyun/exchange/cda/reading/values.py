"""Data types of HL7 v3 as those of FHIR: II, CD, TS, IVL_TS, PQ, AD, TEL, EN, ED. Pure.

Fillers (`-`, NA, 000000000000000000) are absent values, and so is a code that is one. A code system's alias is put into
its canonical name and kept beside it; a list without an OID goes by the name that it has in `codeSystemName`.
"""

import re
from decimal import Decimal, InvalidOperation

from kangyun.base.numbers.fillers import is_filler
from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import XSI_TYPE, Node
from kangyun.exchange.cda.reading.making import NUMBER, Making, hl7, kept
from kangyun.exchange.hl7v2.mapping.datatypes import read_time
from kangyun.fhir import Resource
from kangyun.fhir.china.systems import canonical, normalised

LOCAL = "urn:kangyun:code-system:local:"
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,12})?")
_LIST = re.compile(r"[^a-z0-9]+")
_LONG = 200  # a longer text says something
_USES = {"H": "home", "HP": "home", "HV": "home", "WP": "work", "MC": "mobile", "TMP": "temp", "BAD": "old"}
_NONE_DAYS = ("19000101", "18991230", "17530101", "00010101", "99991231", "29991231", "00000000")


def attribute(node: Node | None, name: str) -> str:
    """Returns an attribute without blanks around it, however its letters are written; empty for a filler."""
    if node is None:
        return ""
    value = node.get(name)
    if value is None:
        value = next((one for key, one in node.attrib.items() if key.lower() == name.lower()), "")
    value = " ".join(value.split())
    return "" if nothing(value) else value


def nothing(text: str) -> bool:
    """Whether a text stands for nothing."""
    if not text:
        return True
    return len(text) <= _LONG and (is_filler(text) or text in catalogue.table("conventions")["fillers"]["words"])


def text_of(node: Node | None) -> str:
    """Returns the text of an element with what stands in it; 无 is an answer, `-` and NA are none."""
    if node is None:
        return ""
    text = "".join(node.itertext()).strip()
    return "" if text in ("-", "--", "/", "NA", "N/A", "null", "NULL") else text


def first(node: Node | None, *names: str) -> Node | None:
    """Returns the first element of a path of names, None where there is none."""
    for name in names:
        node = None if node is None else next((one for one in node if one.tag == name), None)
    return node


def every(node: Node | None, name: str) -> list[Node]:
    """Returns the children of a name."""
    return [] if node is None else [one for one in node if one.tag == name]


def numbers(node: Node) -> list[tuple[str, str]]:
    """Returns root and extension of each id that says something."""
    found = [
        (attribute(one, "root") or attribute(one, "assigningAuthorityName"), attribute(one, "extension"))
        for one in every(node, "id")
    ]
    return [(root, number) for root, number in found if number or (root and not root.startswith("2.16.156.10011.1."))]


def identifier(making: Making, root: str, number: str) -> Resource:
    """Returns an Identifier of an II."""
    if not root.strip() or root.startswith("urn:"):
        return {"system": root or f"{NUMBER}local:{making.feed.owner}", "value": number}
    known = catalogue.table("international")["systems"].get(root)
    system = known or (canonical(f"urn:oid:{root}") if _OID.fullmatch(root) else f"{NUMBER}local:{making.feed.owner}")
    if root and not _OID.fullmatch(root) and not number:
        return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{root.lower()}"}
    kind = making.conventions["number_types"].get(root)
    return (hl7_type(kind) if kind else {}) | {"system": system, "value": number or f"urn:oid:{root}"}


def hl7_type(kind: str) -> Resource:
    """Returns the type of an Identifier by HL7 v2-0203."""
    return {"type": hl7("v2-0203", kind)}


def staff(making: Making, node: Node | None, person: str = "assignedPerson") -> Resource | None:
    """Returns a Reference to a member of staff: by number within the institution, and by name."""
    if node is None:
        return None
    name = text_of(first(node, person, "name"))
    number = next((number for _, number in numbers(node) if number), "")
    if nothing(number) and nothing(name):
        return None
    # Where a program writes the name as the number, there is no number.
    who: Resource = {"type": "Practitioner"}
    if number and number != name:
        who["identifier"] = {"system": f"{NUMBER}staff:{making.feed.owner}", "value": number}
    return who | ({"display": " ".join(name.split())} if not nothing(name) else {})


def time(making: Making, node: Node | None, name: str = "value") -> str:
    """Returns a dateTime, empty where there is none; one that cannot be read is left out and told."""
    text = attribute(node, name)
    if not text or text[:8] in _NONE_DAYS or text[:10].replace("-", "") in _NONE_DAYS:
        return ""
    found = read_time(text) if len(text) < 40 else None
    if found is None:
        making.leave_out("time", node, text)
        return ""
    return found


def instant(text: str) -> str:
    """Returns the instant of a dateTime: of a day its beginning in Beijing."""
    return text if "T" in text or not text else f"{(text + '-01-01')[:10]}T00:00:00+08:00"


def period(making: Making, node: Node | None) -> Resource:
    """Returns a Period of an IVL_TS or a TS; one that ends before it begins has no end, and that is told."""
    if node is None:
        return {}
    start = time(making, first(node, "low")) or time(making, node)
    end = time(making, first(node, "high"))
    if start and end and end[: len(start)] < start[: len(end)]:
        making.leave_out("ends-before", node, end)
        end = ""
    return {name: said for name, said in (("start", start), ("end", end)) if said}


def coding(making: Making, node: Node | None, list_: str = "other") -> Resource | None:
    """Returns a Coding of a CD, None where it has no code. list_: what a list without a name is called."""
    code = attribute(node, "code")
    if not code:
        return None
    oid, named = attribute(node, "codeSystem"), attribute(node, "codeSystemName")
    version = attribute(node, "codeSystemVersion")
    found: Resource = {"code": code}
    if display := attribute(node, "displayName"):
        found["display"] = display
    if edition := making.conventions["editions"].get(f"{version} {oid}"):
        return {"system": edition} | found
    if known := catalogue.table("international")["systems"].get(oid):
        return {"system": known} | found
    if _OID.fullmatch(oid):
        return normalised({"system": f"urn:oid:{oid}"} | found)
    if named.startswith(("urn:", "http:", "https:")):
        return {"system": named} | found
    own = _LIST.sub("-", named.lower()).strip("-") or list_
    return {"system": f"{LOCAL}{making.feed.owner}:{own}"} | found


def concept(making: Making, node: Node | None, list_: str = "other") -> Resource | None:
    """Returns a CodeableConcept of a CD with its translations, None where it says nothing."""
    if node is None:
        return None
    codings = [coding(making, one, list_) for one in (node, *every(node, "translation"))]
    found = [one for one in codings if one is not None]
    text = text_of(first(node, "originalText")) or attribute(node, "displayName")
    text = text or next((one["display"] for one in found if "display" in one), "")
    return kept({}, {"coding": found, "text": text}) or None


def number_of(text: str) -> Decimal | None:
    """Returns a number with its digits, None for what is none."""
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None


def quantity(making: Making, node: Node | None) -> Resource | None:
    """Returns a Quantity of a PQ or REAL, None where it says nothing."""
    text = attribute(node, "value")
    value = number_of(text)
    if value is None:
        if text:
            making.leave_out("number", node, text)
        return None
    return {"value": value} | unit(making, attribute(node, "unit"))


def compared(making: Making, node: Node) -> Resource | None:
    """Returns a Quantity of an interval that is open to one side, None of any other."""
    low, high = quantity(making, first(node, "low")), quantity(making, first(node, "high"))
    if (low is None) == (high is None):
        return None
    sign, found, end = ("<", high, "high") if high is not None else (">", low, "low")
    inclusive = attribute(first(node, end), "inclusive") != "false"
    return {"comparator": f"{sign}=" if inclusive else sign} | (found or {})


def unit(making: Making, written: str) -> Resource:
    """Returns a unit as it was written, and by UCUM where that is known."""
    if not written or written == "1":
        return {}
    ucum = making.conventions["units"].get(written)
    if ucum is None and not making.chinese:
        ucum = written
    return {"unit": written} | ({"system": "http://unitsofmeasure.org", "code": ucum} if ucum else {})


def value(making: Making, node: Node | None, list_: str = "other") -> Resource:
    """Returns the value of an observation as a choice of Observation.value; empty where it says nothing."""
    if node is None:
        return {}
    kind = (node.get(XSI_TYPE) or "").rpartition(":")[2]
    if kind in ("PQ", "REAL", "MO"):
        found = quantity(making, node)
        return {"valueQuantity": found} if found else {}
    if kind in ("IVL_PQ", "IVL_REAL"):
        bound = compared(making, node)
        return {"valueQuantity": bound} if bound else {}
    if kind == "INT":
        number = number_of(attribute(node, "value"))
        return {"valueInteger": int(number)} if number is not None and abs(number) < 2**31 else {}
    if kind == "BL":
        said = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}.get(
            attribute(node, "value").lower() or (node.get("value") or "").strip().lower()
        )
        return {} if said is None else {"valueBoolean": said}
    if kind == "TS":
        at = time(making, node)
        return {"valueDateTime": at} if at else {}
    if kind in ("CD", "CE", "CO", "CV", "CS"):
        said_ = concept(making, node, list_)
        return {"valueCodeableConcept": said_} if said_ else {}
    text = text_of(node) or attribute(node, "displayName") or attribute(node, "value")
    return {"valueString": text} if text else {}


def address(node: Node) -> Resource | None:
    """Returns an Address of an AD, None where it says nothing."""
    said = {one.tag: text_of(one) for one in node if not nothing(text_of(one))}
    if not said:
        text = text_of(node)
        return None if nothing(text) else {"text": text}
    order = ("state", "city", "county", "township", "streetName", "houseNumber")
    line = [said[name] for name in ("township", "streetName", "houseNumber") if name in said]
    lines = [text_of(one) for one in every(node, "streetAddressLine") if not nothing(text_of(one))]
    parted = said.keys() & {"state", "city", "county"}
    found = kept({}, {
        "use": _USES.get(attribute(node, "use").split(" ")[0]),
        "text": "".join([*(said[name] for name in order if name in said), *lines]),
        "line": [*line, *lines] if parted or line else [], "city": said.get("city"), "district": said.get("county"),
        "state": said.get("state"), "postalCode": said.get("postalCode"), "country": said.get("country"),
    })  # fmt: skip
    return found if found.keys() - {"use"} else None


def telecom(node: Node) -> Resource | None:
    """Returns a ContactPoint of a TEL, None where it says nothing."""
    written = attribute(node, "value")
    scheme, _, rest = written.partition(":")
    system = {"tel": "phone", "mailto": "email", "fax": "fax", "http": "url", "https": "url"}.get(scheme.lower())
    number = rest if system in ("phone", "email", "fax") else written
    if nothing(number):
        return None
    system = system or ("email" if "@" in number else "phone")
    use = _USES.get(attribute(node, "use").split(" ")[0])
    return {"system": system, "value": number} | ({"use": use} if use else {})


def name_of(node: Node | None) -> Resource | None:
    """Returns a HumanName of an EN: a Chinese one is mostly a text as a whole."""
    if node is None:
        return None
    given = [text_of(one) for one in every(node, "given") if text_of(one)]
    family = text_of(first(node, "family"))
    if family or given:
        text = f"{family}{''.join(given)}" if not (family + "".join(given)).isascii() else " ".join([*given, family])
        return kept({"text": text.strip()}, {"family": family, "given": given})
    text = " ".join(text_of(node).split())
    return None if nothing(text) else {"text": text}
