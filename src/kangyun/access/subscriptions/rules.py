"""What a Subscription says, and what follows from how its receiver answers. Pure: no database, no clock.

Source: https://hl7.org/fhir/R4/subscription.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from kangyun.access.outbound import Guard
from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.search.parameters import Known, parameters
from kangyun.fhir.search.query import Query, read_query

Channel = Literal["rest-hook", "websocket"]
Content = Literal["empty", "id-only", "full-resource"]
JSON, XML = "application/fhir+json", "application/fhir+xml"
_MEDIA_TYPES = {JSON: JSON, XML: XML, "application/json": JSON, "application/xml": XML}
# The same element as later editions have it, for who wants to be told which resource but not what it says.
CONTENT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}):[ \t]*([\x21-\x7e][\x20-\x7e]{0,4000})")
OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
)
MOST_HEADERS = 50
# The receiver would not take this one, whoever sends it again: what is sent is at fault, not the way to there.
REFUSALS = frozenset({400, 405, 406, 409, 411, 412, 413, 414, 415, 416, 417, 422, 431, 451})
ATTEMPTS_IF_REFUSED = 3
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 600.0  # seconds
# After so long the resource says that its receiver does not answer, and after so much longer it is given up.
TELL_AFTER, GIVE_UP_AFTER = 300.0, 7 * 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Subscription as it was read."""

    query: Query
    channel: Channel
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    media_type: str
    content: Content
    ends: datetime | None


def read_subscription(resource: Resource, guard: Guard, zone: ZoneInfo, known: Known = parameters) -> Wanted:
    """Reads a valid Subscription. Raises Invalid, NotSupported for one that cannot be done.

    known: gives the search parameters of a type; R4's where no other are named.
    """
    channel = resource["channel"]
    kind = channel.get("type")
    if kind not in ("rest-hook", "websocket"):
        raise NotSupported("access.subscriptions.channel", at="Subscription.channel.type")
    endpoint = channel.get("endpoint", "")
    if kind == "rest-hook":
        try:
            guard.check(endpoint)
        except Invalid:
            raise Invalid("access.subscriptions.endpoint", at="Subscription.channel.endpoint") from None
    media_type, content = _payload(channel)
    return Wanted(
        query=_query(resource.get("criteria", ""), zone, known),
        channel=kind,
        endpoint=endpoint,
        headers=_headers(channel.get("header", ())),
        media_type=media_type,
        content=content,
        ends=_end(resource.get("end"), zone),
    )


def _query(criteria: str, zone: ZoneInfo, known: Known) -> Query:
    type_, _, rest = criteria.strip().partition("?")
    if type_ not in definitions().resource_types:
        raise Invalid("access.subscriptions.criteria", at="Subscription.criteria")
    query = read_query(type_, parse_qsl(rest, keep_blank_values=True), strict=True, zone=zone, known=known)
    if query.sort or query.includes or query.cursor or query.summary != "false" or query.elements:
        raise NotSupported("access.subscriptions.criteria", at="Subscription.criteria")
    return query


def _payload(channel: dict[str, Any]) -> tuple[str, Content]:
    given = channel.get("payload")
    extensions = channel.get("_payload", {}).get("extension", ())
    content = next((one.get("valueCode") for one in extensions if one.get("url") == CONTENT), None)
    if given is None:
        return JSON, "id-only" if content == "id-only" else "empty"
    media_type = _MEDIA_TYPES.get(given.partition(";")[0].strip().lower())
    if media_type is None:
        raise NotSupported("access.subscriptions.payload", at="Subscription.channel.payload")
    return media_type, content if content in ("empty", "id-only") else "full-resource"


def _headers(texts: Sequence[str | None]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for text in texts:
        match = _HEADER.fullmatch((text or "").strip())
        if match is None or match[1].lower() in OWN_HEADERS or len(found) == MOST_HEADERS:
            raise Invalid("access.subscriptions.header", at="Subscription.channel.header")
        found.append((match[1], match[2]))
    return tuple(found)


def _end(text: str | None, zone: ZoneInfo) -> datetime | None:
    return None if text is None else bounds(text, zone)[0]


def is_taken(status: int) -> bool:
    """Whether a receiver's answer means that it has the notification."""
    return 200 <= status < 300


def wait_after(failures: int) -> float:
    """Returns the seconds until a receiver that failed so many times in a row is called again."""
    return min(SHORTEST_WAIT * float(1 << min(failures - 1, 20)), LONGEST_WAIT)
