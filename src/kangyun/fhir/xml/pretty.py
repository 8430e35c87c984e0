"""FHIR XML for human eyes: an element a line, two spaces a level. A narrative stays as it was written.

Outside of narratives FHIR XML has no text, so a line may end between any two tags.
"""

import re

from kangyun.fhir import Resource
from kangyun.fhir.xml.writer import encode

# A tag with its attributes, whose values may hold a ">"; the declaration; and what a narrative may have besides.
_TAG = re.compile(
    rb"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(?P<end>[/?]?)(?P<name>[^\s/>?!]+)(?:[^"'>]|"[^"]*"|'[^']*')*?(?P<empty>/?)>""",
    re.DOTALL,
)
NARRATIVE = b"div"


def pretty(resource: Resource) -> bytes:
    """Returns a resource as XML in lines. Raises as `encode`."""
    text = encode(resource)
    lines: list[bytes] = []
    depth = within = begin = 0
    for tag in _TAG.finditer(text):
        step = 0 if tag["empty"] or tag["end"] == b"?" or not tag["name"] else -1 if tag["end"] else 1
        if within or tag["name"] == NARRATIVE:
            begin = begin if within else tag.start()
            within += step
            if not within:
                lines.append(b"  " * depth + text[begin : tag.end()])
            continue
        depth += min(step, 0)
        lines.append(b"  " * depth + tag[0])
        depth += max(step, 0)
    return b"\n".join(lines) + b"\n"
