"""The narrative: whether the `div` of a Narrative is XHTML of the kind that R4 allows, and harmless to show.

Only the formatting chapters of HTML 4.0 and internal or image references: no script, no form, no frame, no event
attribute, no style sheet of another place, no document type and so no entity. Parsed by libxml2 with the network and
entities off; there is nothing that could be loaded.

Source: https://hl7.org/fhir/R4/narrative.html#xhtml
"""

import re
from functools import lru_cache
from typing import Any

from lxml import etree

XHTML = "{http://www.w3.org/1999/xhtml}"
XML = "{http://www.w3.org/XML/1998/namespace}"

# HTML 4.0 chapters 7 to 11 (except section 4 of chapter 9) and 15, and the element a and img.
_NAMES = {
    "a", "abbr", "acronym", "address", "b", "big", "blockquote", "br", "caption", "center", "cite", "code",
    "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike",
    "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
}  # fmt: skip
_ELEMENTS = frozenset(XHTML + name for name in _NAMES)
_ATTRIBUTES = {
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding",
    "cellspacing", "cellvalign", "char", "charoff", "charset", "cite", "class", "clear", "color", "colspan",
    "compact", "coords", "dir", "face", "frame", "headers", "height", "href", "hreflang", "hspace", "id",
    "lang", "longdesc", "name", "noshade", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "shape", "size",
    "span", "src", "start", "style", "summary", "tabindex", "title", "type", "valign", "value", "vspace",
    "width",
    XML + "id", XML + "lang", XML + "space",
}  # fmt: skip
_LINKS = ("href", "src", "cite", "longdesc")
_harmful_link = re.compile(r"[\x00-\x20]*(?:javascript|vbscript|data:(?!\s*image/))", re.IGNORECASE).match
# An image that is part of the style may stand there; anything that would be loaded or run may not.
_harmful_style = re.compile(
    r"expression\s*\(|javascript:|@import|behavior\s*:|-moz-binding|\\|url\s*\((?!\s*[\"']?data:\s*image/)",
    re.IGNORECASE,
).search

MAX_KEPT = 4096


def is_narrative(value: Any, _: object = None) -> bool:
    """Accepts the text of a `div` that R4 allows and that says something."""
    if type(value) is not str:
        return False
    return _is_allowed(value) if len(value) <= MAX_KEPT else _is_allowed.__wrapped__(value)


# Feeds and forms repeat a few generated narratives ("no narrative" and the like).
@lru_cache(256)
def _is_allowed(value: str) -> bool:
    if "<!" in value.replace("<!--", ""):
        return False  # a document type or CDATA: neither may stand in a narrative
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(value.encode("utf-8", "surrogatepass"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    return root.tag == XHTML + "div" and all(_is_harmless(element) for element in root.iter()) and _says_something(root)


def _is_harmless(element: etree._Element) -> bool:
    if element.tag is etree.Comment:
        return True
    if element.tag not in _ELEMENTS:  # processing instructions and entity references end here too
        return False
    for name, value in element.attrib.items():
        if name not in _ATTRIBUTES:
            return False
        if name in _LINKS and _harmful_link(value):
            return False
        if name == "style" and _harmful_style(value):
            return False
    return True


def _says_something(root: etree._Element) -> bool:
    return any(text.strip() for text in root.itertext()) or root.find(f".//{XHTML}img") is not None
