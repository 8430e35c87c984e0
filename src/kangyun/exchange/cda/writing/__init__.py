"""Resources written as documents of WS/T 500 and WS/T 483. `write` is all of it: the same in gives the same bytes.

Which kinds are written, of what and in which sections is `data/kinds.toml`. What the record does not hold is left out:
nothing is invented, and a document that would say nothing is not written.
"""

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from kangyun.base.errors import Invalid, NotFound
from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import FREE, TEXTS, Node
from kangyun.exchange.cda.reading.values import instant
from kangyun.exchange.cda.writing import building as b
from kangyun.exchange.cda.writing import header
from kangyun.exchange.cda.writing.content import Content
from kangyun.exchange.cda.writing.fills import FILLS
from kangyun.exchange.cda.writing.parts import Parts
from kangyun.fhir import Resource

__all__ = ["about", "kinds", "write"]

_DAY = len("2026-01-05")


def kinds() -> tuple[str, ...]:
    """Returns the codes of the kinds that are written."""
    return tuple(catalogue.table("kinds")["kinds"])


def about(kind: str) -> str:
    """Returns the type of resource that a document of a kind is of. Raises Invalid for a kind that is not written."""
    found = catalogue.table("kinds")["kinds"].get(kind)
    if found is None:
        raise Invalid(TEXTS + "not-written", kind=kind[:16], kinds="、".join(kinds()))
    return str(found["about"])


def write(kind: str, resources: Iterable[Resource], focus: Resource | None = None) -> bytes:
    """Returns a document.

    kind: its code, C0053. resources: of one patient, with the Organization that keeps it; of one stay or visit where
    the kind is of one. focus: the resource that it is of (the report, a drug of the prescription); else the first.

    Raises Invalid for a kind that is not written, NotFound where the resources have nothing for it.
    """
    about(kind)
    content = Content(catalogue.kinds()[kind], resources, focus)
    if content.patient is None:
        raise NotFound(TEXTS + "wanted-patient")
    _of_class(content)
    filled = {one.key: _filled(content, one.key) for one in content.sections}
    _needed(content, kind, {name for parts in filled.values() for name, found in parts if found})
    at = instant(content.at)
    if not at:
        raise NotFound(TEXTS + "wanted-time")
    parts: list[Node | None] = [
        *header.head(content, at), header.record_target(content, content.patient, at), header.author(content, at),
        *header.keepers(content), header.component_of(content),
    ]  # fmt: skip
    sections = [
        b.make("component", _section(one, [part for _, found in filled[one.key] for part in found]))
        for one in content.sections if any(found for _, found in filled[one.key])
    ]  # fmt: skip
    body = b.make("component", b.make("structuredBody", *sections)) if sections else None
    root = b.make("ClinicalDocument", *parts, body, classCode="DOCCLIN", moodCode="EVN")
    digest = hashlib.blake2b(b.written(root), digest_size=15).digest()
    next(one for one in root if one.tag == "id").set("extension", base64.b32encode(digest).decode())
    return b.written(root)


def _filled(content: Content, key: str) -> list[tuple[str, Parts]]:
    """Returns what each fill has for a section, by its name."""
    table = catalogue.table("kinds")
    own = table["kinds"][content.kind.code].get("fills", {})
    names = own[key] if key in own else table["fills"].get(key, ())
    filled = [(name, FILLS[name](content, key)) for name in names]
    told = {line for _, parts in filled for _, line in parts}
    # A text of the record may be what an earlier document wrote of the same resources.
    texts = [part for part in FILLS["texts"](content, key) if part[0] is not None or part[1] not in told]
    return [*filled, ("texts", texts)]


def _of_class(content: Content) -> None:
    """Raises Invalid where the kind is of visits and this is a stay, or the other way round."""
    wanted = catalogue.table("kinds")["kinds"][content.kind.code].get("classes")
    class_ = (content.encounter or {}).get("class", {}).get("code")
    if wanted and class_ in ("AMB", "EMER", "IMP") and class_ not in wanted:
        raise Invalid(TEXTS + "other-class", kind=content.kind.zh)
    hours = catalogue.table("kinds")["kinds"][content.kind.code].get("hours")
    if hours is not None and not _is_within(content.encounter or {}, hours):
        raise Invalid(TEXTS + "other-length", kind=content.kind.zh, hours=hours)


def _is_within(stay: Resource, hours: int) -> bool:
    """Whether a stay is over, and took no longer than so many hours; not where only its days are known."""
    period: Resource = stay.get("period", {})
    start, end = period.get("start", ""), period.get("end", "")
    if len(start) <= _DAY or len(end) <= _DAY:
        return False
    return datetime.fromisoformat(end) - datetime.fromisoformat(start) <= timedelta(hours=hours)


def _needed(content: Content, kind: str, there: set[str]) -> None:
    needs = catalogue.table("kinds")["kinds"][kind]["needs"]
    if "demographics" in needs or there.intersection(needs):
        return
    raise NotFound(TEXTS + "nothing-to-write", kind=content.kind.zh, wanted="、".join(needs))


def _section(section: catalogue.Section, parts: Parts) -> Node:
    if section.code.startswith("DE"):
        code = b.element_code(section.code, section.name)
    elif section.code:
        code = b.make("code", code=section.code, displayName=section.name, codeSystem=catalogue.LOINC,
                      codeSystemName="LOINC")  # fmt: skip
    else:
        code = b.make("code", displayName=section.name)
    text = b.make("text", *(
        b.make("paragraph", line.strip(), styleCode=FREE if node is None else None)
        for node, part in parts for line in part.split("\n") if line.strip()
    ))  # fmt: skip
    entries = [b.make("entry", node) for node, _ in parts if node is not None]
    return b.make("section", code, text, *entries)
