"""What a contact is to the resident: mother, father, spouse, child, or nothing that counts here. Pure."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from kangyun.identity.registration.fields import objects, text


def relation_of(concepts: Sequence[Mapping[str, Any]]) -> str:
    """Returns the first relation that codes or words of CodeableConcepts say; empty where they say none."""
    table = _table()
    for concept in concepts:
        for coding in objects(concept.get("coding")):
            code, system = text(coding.get("code")), text(coding.get("system"))
            found = table["hl7"].get(code, "") or table["words"].get(text(coding.get("display")), "")
            if not found and ("2.3.3.8" in system or "4761" in system):
                found = next((one for digits, one in table["gb4761"].items() if code.startswith(digits)), "")
            if found:
                return str(found)
        if text(concept.get("text")) in table["words"]:
            return str(table["words"][text(concept.get("text"))])
    return ""


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files(__package__).joinpath("data", "relations.toml").read_text("utf-8"))
