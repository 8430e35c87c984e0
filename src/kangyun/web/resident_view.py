"""What the console shows of residents, as JSON that is small: the shapes are those of `access.view.model`.

    GET /fhir/$residents?q=…            residents by what people type; without it, who was treated lately
    GET /fhir/Patient/[id]/$view        the first view: front page, allergies, problems, medications, what is hidden
    GET /fhir/Patient/[id]/$view?part=timeline | tests | documents | family | consents

The id is a resident's or a registration's.
"""

import msgspec

from kangyun.access.record import Record
from kangyun.access.view.finding import find, lately
from kangyun.access.view.first import first
from kangyun.access.view.parts import PARTS
from kangyun.base.errors import Invalid
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed

FIND, VIEW = "$residents", "$view"


def takes(request: HttpRequest) -> bool:
    """Whether an address is one of these."""
    segments = request.segments
    return segments == [FIND] or (len(segments) == 3 and segments[0] == "Patient" and segments[2] == VIEW)


async def answer(request: HttpRequest, record: Record) -> Answer:
    """Answers GET. Raises Invalid, NotFound, Gone, Forbidden, TooCostly."""
    if request.method not in ("GET", "HEAD"):
        raise NotAllowed(request.method, "GET", "HEAD")
    if request.segments == [FIND]:
        asked = request.option("q")
        return _said(await (find(record, asked, request.option("_cursor")) if asked else lately(record)))
    part, id_ = request.option("part"), request.segments[1]
    if part is None:
        return _said(await first(record, id_))
    if part not in PARTS:
        raise Invalid("access.view.no-such-part", at="part")
    return _said(await PARTS[part](record, id_))


def _said(answered: msgspec.Struct) -> Answer:
    return Answer(200, msgspec.json.encode(answered), resource=False, media_type="application/json")
