"""`GET /apps`: what the console is told of the apps that are installed here, for whoever is signed in.

It tells nobody's data: names in two languages, what each may read and write, and its operations.
"""

import msgspec

from kangyun.catalog import catalog
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed

NAME = "apps"


def takes(request: HttpRequest) -> bool:
    """Whether an address is this one."""
    return request.segments == [NAME]


def answer(request: HttpRequest) -> Answer:
    """Answers GET. Raises NotAllowed."""
    if request.method not in ("GET", "HEAD"):
        raise NotAllowed(request.method, "GET", "HEAD")
    body = msgspec.json.encode({"apps": catalog().described()})
    return Answer(200, body, resource=False, media_type="application/json")
