"""`GET /fhir/$exam`: what the last exam of interoperability found, for who runs the installation. JSON.

    {"instant", "platform", "scores", "header": […], "rows": [[…]], "sums": […], "lines": [{…}]}

`kangyun exam` runs it; here it is only shown, in the words of the asker's language.
"""

from pathlib import Path

import msgspec

from kangyun.access.record import Record
from kangyun.base.errors import NotFound, Unavailable
from kangyun.exchange.exam.model import FILE, Report
from kangyun.exchange.exam.showing import header, row, sums
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed

NAME = "$exam"


def takes(request: HttpRequest) -> bool:
    """Whether an address is this one."""
    return request.segments == [NAME]


async def answer(request: HttpRequest, record: Record, data: Path) -> Answer:
    """Answers GET. data: the data folder. Raises Forbidden, NotFound where there was no exam yet."""
    record.administrators_only()
    if request.method not in ("GET", "HEAD"):
        raise NotAllowed(request.method, "GET", "HEAD")
    found = _last(data / FILE)
    shown = {
        "instant": found.instant, "platform": found.platform, "scores": found.scores,
        "header": header(request.language), "rows": [row(line, request.language) for line in found.lines],
        "sums": sums(found, request.language), "lines": found.lines,
    }  # fmt: skip
    return Answer(200, msgspec.json.encode(shown), resource=False, media_type="application/json")


def _last(file: Path) -> Report:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except FileNotFoundError:
        raise NotFound("exchange.exam.none") from None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        raise Unavailable("exchange.exam.unreadable") from None
