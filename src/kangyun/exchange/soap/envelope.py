"""SOAP envelopes of both versions: read, and written as an answer or a fault. Pure.

A header block that must be understood and is not, is refused; others are passed over.

Source: https://www.w3.org/TR/2000/NOTE-SOAP-20000508/, https://www.w3.org/TR/soap12-part1/,
https://www.w3.org/TR/soap12-part2/#soapinhttp
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from kangyun.base.errors import Invalid, Issue, PlatformError
from kangyun.base.statuses import status_of
from kangyun.base.texts import Language, say
from kangyun.exchange.soap.markup import parsed, text_of

Version = Literal["1.1", "1.2"]
NAMESPACES: dict[Version, str] = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
MEDIA_TYPES: dict[Version, str] = {"1.1": "text/xml", "1.2": "application/soap+xml"}
OURS = "urn:kangyun:soap:1"
VERSION, MUST_UNDERSTAND = "exchange.soap.version", "exchange.soap.must-understand"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_FOR_US = ("", "http://schemas.xmlsoap.org/soap/actor/next", *(
    f"{NAMESPACES['1.2']}/role/{role}" for role in ("next", "ultimateReceiver")
))  # fmt: skip
_ROLE: dict[Version, str] = {"1.1": "actor", "1.2": "role"}
_TRUE = ("1", "true")
_KEPT = frozenset((401, 403, 405, 406, 408, 413, 415, 429, 503))
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^"';\s]{1,40})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request. payload: the element that the body holds."""

    version: Version
    payload: etree._Element


def version_of(content_type: str) -> Version:
    """Returns the version that a media type stands for: that of an answer where the request cannot be read."""
    return "1.2" if content_type.partition(";")[0].strip().lower() == MEDIA_TYPES["1.2"] else "1.1"


def read(raw: bytes, content_type: str = "") -> Envelope:
    """Reads a request. Raises Malformed, Invalid, TooLong."""
    named = _CHARSET.search(content_type)
    root = parsed(text_of(raw, named[1] if named else ""))
    name = etree.QName(root)
    version = next((one for one, namespace in NAMESPACES.items() if namespace == name.namespace), None)
    if name.localname != "Envelope" or version is None:
        raise Invalid(VERSION if name.localname == "Envelope" else "exchange.soap.no-envelope")
    space = NAMESPACES[version]
    for block in root.iterfind(f"{{{space}}}Header/*"):
        must = block.get(f"{{{space}}}mustUnderstand", "")
        if must.strip() in _TRUE and block.get(f"{{{space}}}{_ROLE[version]}", "") in _FOR_US:
            raise Invalid(MUST_UNDERSTAND)
    body = root.find(f"{{{space}}}Body")
    payload = [] if body is None else list(body)
    if len(payload) != 1:
        raise Invalid("exchange.soap.no-body")
    return Envelope(version, payload[0])


def written(version: Version, payload: etree._Element, told: Sequence[Issue] = (), language: Language = "zh") -> bytes:
    """Returns the envelope of an answer. told: what was put right or left out; it stands in a header block."""
    space = NAMESPACES[version]
    root = etree.Element(f"{{{space}}}Envelope", nsmap={"soap": space})
    if told:
        block = etree.SubElement(etree.SubElement(root, f"{{{space}}}Header"), f"{{{OURS}}}Told", nsmap={None: OURS})
        _issues(block, told, language)
    etree.SubElement(root, f"{{{space}}}Body").append(payload)
    return _bytes(root)


def fault(version: Version, error: PlatformError, language: Language = "zh", request: str = "") -> bytes:
    """Returns the envelope of a fault. request: by which the answer is found in the logs."""
    space = NAMESPACES[version]
    root = etree.Element(f"{{{space}}}Envelope", nsmap={"soap": space, "k": OURS})
    found = etree.SubElement(etree.SubElement(root, f"{{{space}}}Body"), f"{{{space}}}Fault")
    first = next((one for one in error.issues if one.severity in ("error", "fatal")), error.issues[0])
    code, said = _code(version, error), _said(first, language)
    if version == "1.1":
        etree.SubElement(found, "faultcode").text = f"soap:{code}"
        etree.SubElement(found, "faultstring", {_LANG: _tag(language)}).text = said
        detail = etree.SubElement(found, "detail")
    else:
        coded = etree.SubElement(found, f"{{{space}}}Code")
        etree.SubElement(coded, f"{{{space}}}Value").text = f"soap:{code}"
        below = etree.SubElement(coded, f"{{{space}}}Subcode")
        etree.SubElement(below, f"{{{space}}}Value").text = f"k:{first.code}"
        reason = etree.SubElement(found, f"{{{space}}}Reason")
        etree.SubElement(reason, f"{{{space}}}Text", {_LANG: _tag(language)}).text = said
        detail = etree.SubElement(found, f"{{{space}}}Detail")
    block = etree.SubElement(detail, f"{{{OURS}}}Issues", {"request": request} if request else {})
    _issues(block, error.issues, language)
    return _bytes(root)


def fault_status(version: Version, error: PlatformError) -> int:
    """Returns the HTTP status of a fault: what HTTP itself has a word for keeps it, else as the version's binding."""
    status = _status(error)
    if status in _KEPT:
        return status
    return 400 if version == "1.2" and _code(version, error) == "Sender" else 500


def sayable(text: str) -> str:
    """Returns a text without the signs that XML cannot hold."""
    return _NOT_XML.sub("", text)


def _code(version: Version, error: PlatformError) -> str:
    match error.issues[0].text:
        case text if text == VERSION:
            return "VersionMismatch"
        case text if text == MUST_UNDERSTAND:
            return "MustUnderstand"
    ours = _status(error) >= 500 or _status(error) == 429
    return {"1.1": ("Client", "Server"), "1.2": ("Sender", "Receiver")}[version][ours]


def _status(error: PlatformError) -> int:
    return 500 if error.issues[0].code == "exception" else status_of(error)


def _issues(block: etree._Element, issues: Sequence[Issue], language: Language) -> None:
    for issue in issues:
        told = etree.SubElement(block, f"{{{OURS}}}Issue", severity=issue.severity, code=issue.code, text=issue.text)
        if issue.at:
            told.set("at", sayable(issue.at))
        told.text = _said(issue, language)


def _said(issue: Issue, language: Language) -> str:
    return sayable(say(issue.text, language, issue.parameters))


def _tag(language: Language) -> str:
    return "zh-CN" if language == "zh" else "en"


def _bytes(root: etree._Element) -> bytes:
    whole: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return whole
