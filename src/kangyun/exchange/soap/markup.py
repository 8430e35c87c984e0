"""XML from outside, read safely: no document type, no entities, nothing fetched, bounded in size and depth. Pure.

Which characters it is in is asked as of HL7 v2 (`hl7v2.characters`): what says UTF-8 and is GB18030 is common.

Source: https://www.w3.org/TR/xml/, RFC 7303 (a charset in the media type counts before the document's own).
"""

import re

from lxml import etree

from kangyun.base.errors import Issue, Malformed, TooLong
from kangyun.exchange.hl7v2.characters import decoded

MOST_MARKS = 1_000_000
"""Tags and attributes of a message: each takes some hundred bytes of memory, so that 64 MB of them were gigabytes."""
DEEPEST = 100
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]{0,200}?\?>")
_ENCODING = re.compile(rb"""<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")
_ROOT = re.compile(r"<[^!?\s]")
_LIMIT = 114  # XML_ERR_RESOURCE_LIMIT: depth, and texts that are too long
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")


def text_of(raw: bytes, charset: str = "") -> str:
    """Returns what bytes say. charset: of the media type, empty where it names none. Raises Malformed."""
    if raw.startswith(_UTF16):
        raise Malformed("exchange.soap.characters")
    named = _ENCODING.match(raw.removeprefix(b"\xef\xbb\xbf")[:300].lstrip())
    read = decoded(raw, charset or (named[1].decode("ascii") if named else ""))
    if read is None:
        raise Malformed("exchange.soap.characters")
    return read[0]


def parsed(text: str) -> etree._Element:
    """Returns the root of a document. Raises Malformed with line and column, TooLong."""
    if text.count("<") + text.count("=") > MOST_MARKS:
        raise TooLong("exchange.soap.too-many-elements", most=MOST_MARKS)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    plain = _DECLARATION.sub("", text.removeprefix("\ufeff"), count=1)
    # Before it is read: of entities that it declares and does not finish, the reader's word would name another place.
    if "<!DOCTYPE" in plain[: root.start() if (root := _ROOT.search(plain)) else len(plain)]:
        raise Malformed("exchange.soap.document-type")
    try:
        document = etree.fromstring(plain.encode(errors="surrogatepass"), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        place: dict[str, str | int] = {"line": line or 1, "column": column or 1}
        text = "beyond-limits" if error.code == _LIMIT else "not-xml"
        raise Malformed(issues=(Issue("error", Malformed.code, f"exchange.soap.{text}", None, place),)) from None
    if document.getroottree().docinfo.doctype:
        raise Malformed("exchange.soap.document-type")
    _refuse_depth(document)
    return document


def _refuse_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise Malformed("exchange.soap.too-deep", most=DEEPEST)
