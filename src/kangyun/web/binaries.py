"""Binary as it is: its content in and out under its own media type, where the client names that type.

A Binary is also a resource like others: who asks for FHIR, or for anything, is shown JSON or XML.

Source: https://hl7.org/fhir/R4/binary.html#rest
"""

import base64
import re

from kangyun.access.record import Stored
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.web.answers import version_headers
from kangyun.web.exchange import Answer, HttpRequest, is_fhir

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}", re.IGNORECASE)
# Somebody else's content, shown under our address, may not act as ours.
_GUARDS = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}


def is_content(request: HttpRequest, type_: str) -> bool:
    """Whether the body of a write is a Binary's content, and not a resource."""
    return type_ == "Binary" and request.content_type != "" and not is_fhir(request.content_type)


def of_content(body: bytes, request: HttpRequest, id_: str | None) -> Resource:
    """Returns the Binary that a content is. Raises Invalid for a header that is no media type."""
    if not _MEDIA_TYPE.fullmatch(request.content_type):
        raise Invalid("web.header", header="Content-Type")
    resource: Resource = {"resourceType": "Binary"} | ({"id": id_} if id_ else {})
    resource["contentType"] = request.content_type
    context = request.header("x-security-context")
    if context:
        resource["securityContext"] = {"reference": context}
    return resource | ({"data": base64.b64encode(body).decode()} if body else {})


def names_content(request: HttpRequest) -> bool:
    """Whether a read of a Binary may want its content: its Accept names a type that is not FHIR's."""
    segments = request.segments
    return (
        segments[:1] == ["Binary"]
        and request.method in ("GET", "HEAD")
        and "_format" not in dict(request.pairs)
        and any(not is_fhir(kind) for kind in _wanted(request))
    )


def content(stored: Stored, request: HttpRequest) -> Answer | None:
    """Returns the content of a Binary where the client names its media type, None where it does not."""
    if stored.type != "Binary" or "_format" in dict(request.pairs):
        return None
    resource = stored.resource
    kind = str(resource.get("contentType", "")).partition(";")[0].strip().lower()
    wanted = _wanted(request)
    if is_fhir(kind) or not (kind in wanted or f"{kind.partition('/')[0]}/*" in wanted):
        return None
    try:
        body = base64.b64decode(resource.get("data", ""))
    except ValueError:
        return None
    headers = version_headers(stored) | _GUARDS
    context = resource.get("securityContext", {}).get("reference")
    if context and context.isascii() and context.isprintable():
        headers["x-security-context"] = context
    return Answer(200, body, headers, resource=False, media_type=kind)


def _wanted(request: HttpRequest) -> list[str]:
    return [part.partition(";")[0].strip().lower() for part in request.header("accept").split(",")]
