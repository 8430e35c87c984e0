"""Documents of WS/T 500 and WS/T 483 over HTTP: `Encounter/[id]/$document-cn?kind=C0053` and its like.

The answer is the document itself, made of what the reader may see; nothing is stored. The same record gives the same
bytes. Which kind is of which type of resource is `exchange/cda/data/kinds.toml`.
"""

from kangyun.access.record import Record
from kangyun.base.errors import Invalid
from kangyun.exchange.cda import writing
from kangyun.exchange.cda.gathering import document
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed

NAME = "$document-cn"
TYPES = tuple(sorted({writing.about(kind) for kind in writing.kinds()}))
# Somebody's words, shown under our address, may not act as ours.
_GUARDS = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}


def takes(request: HttpRequest) -> bool:
    """Whether an address is of this operation."""
    segments = request.segments
    return len(segments) == 3 and segments[2] == NAME and segments[0] in TYPES


async def answer(request: HttpRequest, record: Record) -> Answer:
    """Answers with a document. Raises as `gathering.document`, and Invalid where no kind is named."""
    if request.method not in ("GET", "HEAD"):
        raise NotAllowed(request.method, "GET", "HEAD")
    kind = request.option("kind")
    if not kind:
        raise Invalid("exchange.cda.kind-wanted")
    type_, id_, _ = request.segments
    body = await document(record, type_, id_, kind)
    return Answer(200, body, dict(_GUARDS), resource=False, media_type="application/xml")
