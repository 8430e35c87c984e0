"""Who issued a code looks at it: an adaptor each issuer. README.md has what is sent and answered.

`Gateway` is the one there is: a small message over HTTP, so that a region puts a few lines between it and its issuer,
whose own interface is nobody's standard. Another adaptor is another class with `look`.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from kangyun.access.apps import Named
from kangyun.access.messages.senders import signature
from kangyun.access.outbound import Guard, Outbound
from kangyun.base.errors import Forbidden, NotSupported, Unavailable
from kangyun.care.health_card.rules import Issuer, Kind, Rules, is_over, read_plain

PATIENCE = 10.0  # seconds
LARGEST = 10_000  # bytes of an answer
MOST_IDENTIFIERS = 10


@dataclass(frozen=True, slots=True)
class Presented:
    """A code as its issuer knows it. dynamic: it was made just now, for this once; else it needs a second factor."""

    named: Named
    dynamic: bool


class Adaptor(Protocol):
    """An issuer. Raises Forbidden for a code that is not good (any more), Unavailable where it cannot be asked."""

    async def look(self, code: str, kind: str, institution: str, now: datetime) -> Presented: ...


class _Number(msgspec.Struct, frozen=True):
    system: str
    value: str


class _Answer(msgspec.Struct, frozen=True):
    status: Literal["good", "unknown", "expired", "used", "revoked"]
    dynamic: bool = False
    plain: str = ""
    identifiers: tuple[_Number, ...] = ()


@dataclass(frozen=True, slots=True)
class Gateway:
    """The region's gateway to an issuer."""

    place: Issuer
    kind: Kind
    skew_seconds: float

    async def look(self, code: str, kind: str, institution: str, now: datetime) -> Presented:
        """Asks. Raises Forbidden, Unavailable."""
        asked = msgspec.json.encode({"kind": kind, "code": code, "institution": institution})
        headers = {
            "content-type": "application/json",
            "x-kangyun-signature": signature(self.place.key.encode(), asked),
        }
        outbound = _outbound(urlsplit(self.place.url).netloc.lower())
        status, body = await outbound.ask(self.place.url, headers, asked, PATIENCE, LARGEST)
        try:
            if status != 200 or len(body) > LARGEST:
                raise Unavailable("care.health_card.issuer-failed", kind=kind)
            answer = msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError:
            raise Unavailable("care.health_card.issuer-failed", kind=kind) from None
        if answer.status != "good":
            raise Forbidden("care.health_card.over" if answer.status == "expired" else "care.health_card.not-good")
        return self._presented(answer, now)

    def _presented(self, answer: _Answer, now: datetime) -> Presented:
        numbers = [f"{one.system}|{one.value}" for one in answer.identifiers[:MOST_IDENTIFIERS]]
        dynamic = answer.dynamic
        if self.kind.plain:
            plain = read_plain(answer.plain)
            if plain.until is not None and is_over(plain.until, now, self.skew_seconds):
                raise Forbidden("care.health_card.over")
            dynamic = plain.until is not None
            numbers = [f"{system}|{plain.card}" for system in self.kind.systems] + numbers
        return Presented(Named(tuple(numbers)), dynamic)


def adaptor_of(name: str, rules: Rules) -> Adaptor:
    """Returns the adaptor for a kind of code. Raises NotSupported where the region has set no issuer for it."""
    kind = rules.kinds[name]
    place = rules.issuers.get(kind.issuer)
    if place is None:
        raise NotSupported("care.health_card.no-issuer", kind=name)
    return Gateway(place, kind, rules.limits.skew_seconds)


@cache
def _outbound(host: str) -> Outbound:
    """The operator has written the address: it may be an inner one."""
    return Outbound(Guard(frozenset({host}), "policy/health_card.toml"))
