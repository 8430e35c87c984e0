"""Bytes of a CDA document made a tree, or a refusal that says where and why not. Pure.

Entities, DTDs and the network are off; size, depth and the number of elements are bounded. The encoding is that which
is declared where the bytes are of it, else the one that they are of. Names lose the namespace of HL7 v3, which many
senders leave out; elements of other namespaces keep theirs.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from kangyun.exchange.entries import Place, Refusal

TEXTS = "exchange.cda."
MOST_BYTES = 20 * 1024 * 1024
MOST_ELEMENTS = 200_000
MOST_DEPTH = 120
V3 = "urn:hl7-org:v3"
FREE = "xFreeText"
"""How a paragraph is marked that no entry says again. CDA leaves marks that begin with x to whoever writes."""
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,200}?\?>")
_ENCODING = re.compile(rb"<\?xml[^>]{0,120}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_GB = {"gbk", "gb2312", "gb18030", "cp936", "gb_2312-80", "x-gbk"}
_KNOWN = frozenset(("utf-8", "utf-16", "gb18030", "us-ascii", "ascii", "iso-8859-1", "windows-1252", "big5"))
_ONE_BYTE = frozenset(("iso-8859-1", "windows-1252"))
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_DOCTYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_CUT = frozenset((4, 5, 74, 77))  # document empty, document end, element not finished, tag not finished: libxml2
_DEEP = 114  # XML_ERR_RESOURCE_LIMIT: depth, and nodes that are too long

Node = Any
"""An element of lxml: its types are not known here."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document. told: what was put right, beside it."""

    root: Node
    raw: bytes
    source: str
    encoding: str
    told: tuple[Refusal, ...] = ()


class Unreadable(Exception):
    """Bytes are no document that can be taken; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def parse(raw: bytes, source: str) -> Parsed:
    """Returns the document. Raises Unreadable, and nothing else whatever the bytes are."""
    if len(raw) > MOST_BYTES:
        raise _unreadable(source, "too-large", most=MOST_BYTES // 1024 // 1024)
    text, encoding, told = _decoded(raw, source)
    # The declaration names an encoding that the text no longer has; its lines stay, for the numbers of the others.
    text = _DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text.removeprefix("\ufeff"), count=1)
    if found := _DOCTYPE.search(text):
        raise _unreadable(source, "doctype", row=text.count("\n", 0, found.start()) + 1)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True, recover=False, encoding="utf-8",
    )  # fmt: skip
    try:
        root = etree.fromstring(text.encode("utf-8", "surrogatepass"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        # What lxml says may quote the document.
        code, line = getattr(error, "code", 0), getattr(error, "lineno", 1) or 1
        reason = "too-deep" if code == _DEEP else "cut" if code in _CUT or not text.rstrip().endswith(">") else "broken"
        raise _unreadable(source, reason, row=line) from None
    _plain(root, source)
    if root.tag != "ClinicalDocument":
        raise _unreadable(source, "no-document", row=1)
    return Parsed(root, raw, source, encoding, told)


def looks_like(raw: bytes) -> bool:
    """Whether a file's first bytes may be those of a CDA document: markup, and not a web page or a workbook's XML."""
    head = raw[:4096].replace(b"\x00", b"")
    return head.lstrip(codecs.BOM_UTF8 + b"\xff\xfe \t\r\n").startswith(b"<") and b"ClinicalDocument" in head


def path_of(node: Node) -> str:
    """Returns where an element stands: /ClinicalDocument/component/structuredBody/component[3]/section."""
    parts = []
    while node is not None:
        above = node.getparent()
        same = [] if above is None else [one for one in above if one.tag == node.tag]
        name = str(node.tag).rpartition("}")[2]
        parts.append(f"{name}[{same.index(node) + 1}]" if len(same) > 1 else name)
        node = above
    return "/" + "/".join(reversed(parts))


def place_of(source: str, node: Node) -> Place:
    """Returns the place of an element: its line and its path."""
    return Place(source, node.sourceline, path_of(node))


def _decoded(raw: bytes, source: str) -> tuple[str, str, tuple[Refusal, ...]]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        declared = "utf-16"
    else:
        found = _ENCODING.search(raw[:400])
        named = found[1].decode("ascii").lower() if found else ""
        declared = "gb18030" if named in _GB else named or "utf-8"
    # What is of other sets hardly ever is UTF-8 by chance, so what is both is UTF-8, whatever was declared. Sets of one
    # byte take any bytes: templates from abroad say ISO-8859-1 of what is Chinese.
    first = () if declared == "utf-16" else ("utf-8", *(("gb18030",) if declared in _ONE_BYTE and _is_gb(raw) else ()))
    told = (declared,) if declared in _KNOWN and declared != "gb18030" else ()
    for codec in dict.fromkeys((*first, *told, "utf-8", "gb18030")):
        try:
            text = raw.decode(codec)
        except (UnicodeError, LookupError):
            continue
        wrong = (
            Refusal(Place(source, 1), TEXTS + "encoding-differs", None, {"encoding": codec}, whole=False, taken=True),
        )
        return text, codec, () if codec == declared or raw.isascii() else wrong
    raise _unreadable(source, "characters")


def _is_gb(raw: bytes) -> bool:
    """Whether all that is beyond ASCII are pairs of GB 2312, as accents between Latin letters never are."""
    return all(len(run) % 2 == 0 and min(run) > 0xA0 for run in _BEYOND_ASCII.findall(raw))


def _plain(root: Node, source: str) -> None:
    """Takes the namespace of HL7 v3 off all names, and bounds depth and number."""
    prefix = f"{{{V3}}}"
    count = depth = 0
    for event, node in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        count += 1
        depth += 1
        if depth > MOST_DEPTH:
            raise _unreadable(source, "too-deep", row=node.sourceline)
        if count > MOST_ELEMENTS:
            raise _unreadable(source, "too-many", row=node.sourceline, most=MOST_ELEMENTS)
        if isinstance(node.tag, str) and node.tag.startswith(prefix):
            node.tag = node.tag[len(prefix) :]


def _unreadable(source: str, text: str, row: int | None = None, **parameters: str | int) -> Unreadable:
    return Unreadable(Refusal(Place(source, row), TEXTS + text, None, parameters))
