"""A resident's choices in plain words, and the Consent that each of them is. Pure but for reading its data.

What a choice comes to is compiled as every Consent is (`compiling`): nothing is decided here.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from kangyun.access.consent.compiling import LEAVES_OUT, ROLE_SYSTEM, WRITER
from kangyun.base.texts import Language
from kangyun.fhir import Resource

SYSTEM = "urn:kangyun:choice"
"""System of the identifier by which a Consent is a choice: its name, or `institution/` and the Organization's id."""
INSTITUTION = "institution/"
_REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One switch, as `data/choices.toml` has it."""

    name: str
    usual: bool
    zh: str
    en: str
    denies: tuple[str, ...] = ()
    opens: str = ""
    about_zh: str = ""
    about_en: str = ""

    def words(self, language: Language) -> tuple[str, str]:
        """Returns what it says, and what that means; the second may be empty."""
        return (self.zh, self.about_zh) if language == "zh" else (self.en, self.about_en)


class Choices(msgspec.Struct, frozen=True):
    """The whole of `data/choices.toml`."""

    choice: tuple[Choice, ...]
    opening: Mapping[str, tuple[str, ...]]


@cache
def choices() -> Choices:
    """Returns the shipped choices."""
    text = files("kangyun.access.consent").joinpath("data", "choices.toml").read_bytes()
    return msgspec.toml.decode(text, type=Choices)


def find(name: str) -> Choice | None:
    """Returns a choice by its name, None where there is none, or it is one of an institution."""
    return next((one for one in choices().choice if one.name == name), None)


def consent(patient: str, name: str, *, on: bool, made: str, label_system: str, homes: Sequence[str]) -> Resource:
    """Returns the Consent of a choice, of which nothing is left to say where it is as usual: inactive.

    made: the instant. label_system: of security labels. homes: institutions that have treated him (`Organization/…`).
    """
    choice = find(name)
    usual = True if choice is None else choice.usual
    return {
        "resourceType": "Consent",
        "identifier": [{"system": SYSTEM, "value": name}],
        "status": "inactive" if on == usual else "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": made,
        "policyRule": {"text": "居民端选择"},
        "provision": _provision(choice, name, label_system, homes),
    }


def _provision(choice: Choice | None, name: str, label_system: str, homes: Sequence[str]) -> dict[str, Any]:
    if choice is None:
        return {"type": "deny", "actor": [_actor({"reference": f"Organization/{name.removeprefix(INSTITUTION)}"})]}
    if choice.opens:
        roles = choices().opening["roles"]
        return {
            "type": "permit",
            "actor": [_actor({"identifier": {"system": ROLE_SYSTEM, "value": role}}) for role in roles],
            "securityLabel": [{"system": label_system, "code": choice.opens}],
        }
    made: dict[str, Any] = {
        "type": "deny",
        "purpose": [{"system": _REASONS, "code": one} for one in choice.denies],
    }
    if choice.name == "elsewhere":
        # As a permission it would be a reason to see all of him, for ever, which none of them had while it was on.
        left_out = [{"url": LEAVES_OUT, "valueBoolean": True}]
        # To whom he goes later is none of these, and sees what it writes itself.
        actors = [*(_actor({"reference": one}) for one in homes), _actor({"identifier": WRITER})]
        made["provision"] = [{"extension": left_out, "type": "permit", "actor": actors}]
    return made


def _actor(reference: dict[str, Any]) -> dict[str, Any]:
    return {"role": {"text": "recipient"}, "reference": reference}
