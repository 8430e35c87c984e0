"""Codes of the platform's own, as text that a picture or a printer carries. Pure; the caller signs, and knows the time.

`KY1.payload.signature`, both in base64url. A dynamic code holds a one-time code of the gate (`access.relations`), so it
is good once; a static one holds the card's number. Neither holds anything about the resident.

A card's number is 16 digits, the last of them by ISO/IEC 7812-1 annex B (Luhn), so that it can be typed.
"""

import base64
import binascii
import re
import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec

from kangyun.base.errors import Forbidden, RuleBroken
from kangyun.care.health_card.rules import Own, is_over
from kangyun.fhir import Resource

PREFIX = "KY1"
SYSTEM = "urn:kangyun:identifier:health-card"
KINDS = "urn:kangyun:health-card-kind"
FORM = re.compile(rf"{PREFIX}\.[A-Za-z0-9_-]{{1,400}}\.[A-Za-z0-9_-]{{1,200}}")
IDENTITY = "urn:oid:2.16.156.10011.1.3"
CardKind = Literal["static", "temporary", "newborn"]
CARD_KINDS: tuple[CardKind, ...] = ("static", "temporary", "newborn")
WITHOUT_FACTOR: frozenset[CardKind] = frozenset({"temporary", "newborn"})
"""Who has no telephone to be asked: good only in the house that gave the card, and it opens nothing there."""


class Payload(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is signed. kind: dynamic, or of the card. what: the one-time code, or the number. Times: since 1970."""

    kind: Literal["dynamic", "static", "temporary", "newborn"]
    what: str
    made: int
    until: int


def packed(payload: Payload) -> bytes:
    """Returns what is signed."""
    return msgspec.json.encode(payload)


def text_of(message: bytes, signature: bytes) -> str:
    """Returns a code."""
    return f"{PREFIX}.{_text(message)}.{_text(signature)}"


def parts_of(code: str) -> tuple[bytes, bytes]:
    """Returns what is signed and the signature. Raises Forbidden for what is no code of ours."""
    try:
        _, message, signature = code.split(".")
        return _bytes(message), _bytes(signature)
    except (ValueError, binascii.Error):
        raise Forbidden("care.health_card.not-ours") from None


def read(message: bytes, now: datetime, skew_seconds: float) -> Payload:
    """Returns what a code says whose signature is ours. Raises Forbidden for one that is over, or not begun."""
    try:
        payload = msgspec.json.decode(message, type=Payload)
        made, until = (datetime.fromtimestamp(one, UTC) for one in (payload.made, payload.until))
    except (msgspec.DecodeError, ValueError, OverflowError, OSError):
        raise Forbidden("care.health_card.not-ours") from None
    if made - timedelta(seconds=skew_seconds) > now:
        raise Forbidden("care.health_card.not-ours")
    if is_over(until, now, skew_seconds):
        raise Forbidden("care.health_card.over")
    return payload


def new_number() -> str:
    """Returns a card's number, drawn at random."""
    digits = f"{secrets.randbelow(10**15):015}"
    return digits + _check(digits)


def is_number(text: str) -> bool:
    """Whether this is a card's number."""
    return len(text) == 16 and text.isascii() and text.isdecimal() and _check(text[:15]) == text[15]


def until_of(kind: CardKind, rules: Own, now: datetime) -> datetime:
    """Returns until when a card of a kind is good."""
    times = {
        "static": timedelta(days=rules.static_days),
        "temporary": timedelta(hours=rules.temporary_hours),
        "newborn": timedelta(days=rules.newborn_days),
    }
    return (now + times[kind]).replace(microsecond=0)


def may_have(patient: Resource, kind: CardKind, rules: Own, today: date) -> None:
    """Raises RuleBroken for a card that a registration may not have."""
    if not patient.get("active", True) or patient.get("deceasedBoolean", "deceasedDateTime" in patient):
        raise RuleBroken("care.health_card.not-active")
    if kind == "temporary" and any(one.get("system") == IDENTITY for one in patient.get("identifier", ())):
        raise RuleBroken("care.health_card.is-identified")
    if kind == "newborn":
        born = str(patient.get("birthDate", ""))
        if len(born) != 10 or not 0 <= (today - date.fromisoformat(born)).days <= rules.newborn_age_days:
            raise RuleBroken("care.health_card.not-newborn", days=rules.newborn_age_days)


def identifier(number: str, kind: CardKind, starts: datetime, ends: datetime) -> Resource:
    """Returns a card as the registration has it."""
    return {
        "use": "secondary" if kind == "static" else "temp",
        "type": {"coding": [{"system": KINDS, "code": kind}]},
        "system": SYSTEM,
        "value": number,
        "period": {"start": _instant(starts), "end": _instant(ends)},
    }


def ended(patient: Resource, number: str, now: datetime) -> Resource:
    """Returns a card of a registration as one that was revoked. Raises RuleBroken where there is none in use."""
    for one in cards_of(patient):
        if one.get("value") == number and one.get("use") != "old":
            return one | {"use": "old", "period": {**one.get("period", {}), "end": _instant(now)}}
    raise RuleBroken("care.health_card.no-such-card")


def cards_of(patient: Resource) -> list[dict[str, Any]]:
    """Returns the cards of a registration."""
    return [one for one in patient.get("identifier", ()) if one.get("system") == SYSTEM]


def in_use(patient: Resource, now: datetime) -> tuple[str, datetime]:
    """Returns number and end of the static card that a registration has. Raises RuleBroken where there is none."""
    for one in cards_of(patient):
        until = one.get("period", {}).get("end")
        if kind_of(one) == "static" and one.get("use") != "old" and until and "value" in one:
            ends = datetime.fromisoformat(until)
            if ends.tzinfo is not None and ends > now:
                return str(one["value"]), ends
    raise RuleBroken("care.health_card.no-such-card")


def kind_of(card: Resource) -> str:
    """Returns the kind of a card."""
    codings = card.get("type", {}).get("coding", ())
    return next((str(one["code"]) for one in codings if one.get("system") == KINDS and "code" in one), "static")


def _check(digits: str) -> str:
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(raw) != text:  # One code has one text: what differs in bits that mean nothing is another.
        raise ValueError
    return raw
