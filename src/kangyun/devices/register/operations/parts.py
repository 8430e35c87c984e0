"""Parameters of answers, and inputs that several operations read alike."""

import base64
import binascii
from datetime import datetime
from typing import Any

from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.devices.register.users import LONGEST_KEY
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

LONGEST_REASON = 500


def text(name: str, value: str) -> Resource:
    """Returns a parameter of text."""
    return {"name": name, "valueString": value}


def count(name: str, value: int) -> Resource:
    """Returns a parameter of a number."""
    return {"name": name, "valueInteger": value}


def at(name: str, value: datetime | None) -> list[Resource]:
    """Returns a parameter of an instant, none where there is none."""
    return [] if value is None else [{"name": name, "valueInstant": clock.instant(value)}]


def reference(name: str, value: str, display: str = "") -> Resource:
    """Returns a parameter of a Reference."""
    named: dict[str, Any] = {"reference": value} | ({"display": display} if display else {})
    return {"name": name, "valueReference": named}


def content(name: str, value: bytes) -> Resource:
    """Returns a parameter of bytes."""
    return {"name": name, "valueBase64Binary": base64.b64encode(value).decode()}


def bytes_of(inputs: Inputs, name: str) -> bytes:
    """Returns the bytes of an input. Raises Invalid."""
    given = inputs.text(name) or ""
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("devices.register.wrong-call", name=name, at=name) from None


def reason_of(inputs: Inputs) -> str:
    """Returns the reason that an act needs. Raises Invalid."""
    found = (inputs.text("reason") or "").strip()
    if not 2 <= len(found) <= LONGEST_REASON:
        raise Invalid("devices.register.reason", limit=LONGEST_REASON, at="reason")
    return found


def key_of(inputs: Inputs) -> str:
    """Returns the key that is pressed, '' for none. Raises Invalid."""
    found = (inputs.text("key") or "").strip()
    if len(found) > LONGEST_KEY or not found.isprintable():
        raise Invalid("devices.register.wrong-call", name="key", at="key")
    return found


def patient_of(inputs: Inputs, name: str = "patient") -> str:
    """Returns the id of the Patient that is named, by `Patient/…` or the id alone. Raises Invalid."""
    found = (inputs.text(name) or "").removeprefix("Patient/")
    if not found:
        raise Invalid("devices.register.wrong-call", name=name, at=name)
    return found
