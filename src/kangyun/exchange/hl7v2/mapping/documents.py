"""TXA with OBX: documents, and what is enclosed in results. Pure.

What was enclosed is kept as it was, byte for byte, in a Binary; lines of text become one text/plain in UTF-8. A
notification without content (T01) makes a DocumentReference that says where the document is not: it has a title only.
"""

import base64
import binascii

from kangyun.exchange.hl7v2.mapping import datatypes, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource

_TYPES = {
    "PDF": "application/pdf", "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff",
    "GIF": "image/gif", "HTML": "text/html", "XML": "application/xml", "RTF": "application/rtf",
    "DICOM": "application/dicom",    "WORD": "application/msword", "TXT": "text/plain", "PLAIN": "text/plain",
}  # fmt: skip
_UNKNOWN = "application/octet-stream"


def document(making: Making, does: str) -> None:
    """T01 to T11. does: what the event brings; `revoke` for T11, `appends` and `replaces` name the parent's place."""
    who = visits.subject(making, introduced=True)
    stay = visits.visit_of(making, who)
    segment = making.message.first("TXA")
    if segment is None:
        raise making.refuse("segment-missing", making.message.header, segment="TXA")
    number = segment.text(12)
    if not number:
        raise making.refuse("no-document", segment, "12")
    resource: Resource = {
        "resourceType": "DocumentReference", "masterIdentifier": datatypes.own_number(making, "document", number),
        "status": "entered-in-error" if does == "revoke" else "current", "subject": {"reference": who},
    }  # fmt: skip
    if state := making.code("document_status", segment.text(17)):
        resource["docStatus"] = state
    if kind := datatypes.concept(making, segment, 2, "document-type"):
        resource["type"] = kind
    if written := datatypes.instant(making, segment, 6) or datatypes.instant(making, segment, 4):
        resource["date"] = written
    if authors := datatypes.people(making, segment, 9):
        resource["author"] = authors
    if stay:
        resource["context"] = {"encounter": [{"reference": stay}]}
    parent = segment.text(13)
    if parent and does in ("appends", "replaces"):
        target = f"DocumentReference/{making.id('document', parent)}"
        resource["relatesTo"] = [{"code": does, "target": {"reference": target}}]
    title = segment.text(16) or (kind or {}).get("text") or number
    resource["content"] = [{"attachment": one} for one in _contents(making, number, title)]
    making.store(making.id("document", number), resource, segment, acts="revoke" if does == "revoke" else "store")


def _contents(making: Making, number: str, title: str) -> list[Resource]:
    found: list[Resource] = []
    lines: list[str] = []
    at: Segment | None = None
    for segment in making.message.all("OBX"):
        if segment.text(2).upper() in ("ED", "RP"):
            if one := attachment(making, segment, "content", number, str(len(found))):
                found.append({"title": title} | one)
        elif said := "\n".join(parts.whole() for parts in segment.repetitions(5)):
            lines.append(said)
            at = at or segment
    if lines and at is not None:
        raw = "\n".join(lines).encode()
        found.append({"title": title} | _kept(making, at, "text/plain;charset=utf-8", raw, "content", number, "text"))
    return found or [{"title": title}]


def attachment(making: Making, segment: Segment, *key: str) -> Resource | None:
    """Returns the Attachment of an OBX of type ED, whose data become a Binary, or of RP; None where it is empty."""
    parts = segment.first(5)
    if segment.text(2).upper() == "RP":
        pointer = parts.text(1)
        return {"url": pointer} if pointer and not any(sign.isspace() for sign in pointer) else None
    kind = (parts.text(3) or parts.text(2)).upper()
    type_ = _TYPES.get(kind, _UNKNOWN)
    raw = _decoded(parts.text(4), parts.text(5))
    if raw is None:
        making.leave_out("enclosed", segment, "5.5", "")
        return None
    return _kept(making, segment, type_, raw, *key) if raw else None


def _decoded(encoding: str, text: str) -> bytes | None:
    try:
        if encoding.lower() == "base64":
            return base64.b64decode("".join(text.split()), validate=True)
        if encoding.lower() == "hex":
            return bytes.fromhex(text)
    except (binascii.Error, ValueError):
        return None
    return text.encode()


def _kept(making: Making, segment: Segment, type_: str, raw: bytes, *key: str) -> Resource:
    binary: Resource = {
        "resourceType": "Binary", "contentType": type_, "data": base64.b64encode(raw).decode(),
    }  # fmt: skip
    # A content stays its patient's for ever: after a merge the survivor's correction is a content of its own.
    who = next(one.id for one in making.entries.values() if one.resource["resourceType"] == "Patient")
    reference = making.store(making.id("binary", who, *key), binary, segment)
    return {"contentType": type_, "url": reference, "size": len(raw)}
