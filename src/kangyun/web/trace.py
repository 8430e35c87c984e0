"""The request's id and its trace: taken from the client's headers where it gives them, else drawn.

The id stands in the log, in the audit row, in the outcome and in the header X-Request-Id of the answer. It is the one
thing of a request that a client may have logged, so it is short and of few characters.

Source: https://hl7.org/fhir/R4/http.html#custom, https://www.w3.org/TR/trace-context/
"""

import re

from kangyun.base.logging import Trace, new_trace
from kangyun.web.exchange import HttpRequest

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{1,64}")


def trace_of(request: HttpRequest) -> Trace:
    """Returns the trace of a request."""
    given = request.header("x-request-id")
    return new_trace(given if _REQUEST_ID.fullmatch(given) else None, request.header("traceparent").strip())
