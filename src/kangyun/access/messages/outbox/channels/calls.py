"""A call to a provider over HTTP, and what its answer means: whether anything left is told by when it failed."""

from collections.abc import Mapping

from kangyun.access.messages.outbox.sending import Failed, Refused, Throttled, Unknown
from kangyun.access.outbound import Outbound
from kangyun.base.errors import Forbidden, Invalid, Unavailable

PATIENCE = 10.0  # seconds
LARGEST = 64_000  # bytes of an answer
BUSY = {429: 30.0, 503: 10.0}
"""Statuses that say: not now; seconds after which it is tried again where nothing else is said. Our choice."""
LOST = frozenset({408, 500, 502, 504})
"""Statuses behind which it may have been taken all the same."""


async def ask(outbound: Outbound, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Returns the body of an answer 2xx. Raises Refused, Failed, Throttled, Unknown."""
    reached = False

    async def note() -> None:
        nonlocal reached
        reached = True

    try:
        status, answer = await outbound.ask(url, headers, body, PATIENCE, LARGEST, before=note)
    except (Forbidden, Invalid) as error:
        raise Refused(error.issues[0].text.rpartition(".")[2]) from None
    except Unavailable:
        raise (Unknown if reached else Failed)("no-answer" if reached else "not-connected") from None
    if status in BUSY:
        raise Throttled(str(status), BUSY[status])
    if status in LOST:
        raise Unknown(str(status))
    if not 200 <= status < 300:
        raise (Refused if status < 500 else Unknown)(str(status))
    return answer
