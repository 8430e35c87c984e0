"""What is stored of a message that says only what has changed. Pure.

A sender leaves out what it did not mean to change, and writes `""` for what is no more. So what stands and was not said
stays, and what was said is taken whole: a list replaces a list, since nobody says which of its rows is meant. Only
periods and the way in and out of a stay are told end by end. A status or a class that had to be there and was not said
(`unknown`) takes the place of nothing.
"""

from collections.abc import Collection, Mapping
from typing import Any

from kangyun.fhir import Resource

_BY_PART = ("period", "hospitalization")
UNKNOWN_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}
_UNSAID = {"status": "unknown", "class": UNKNOWN_CLASS}


def updated(standing: Mapping[str, Any] | None, said: Mapping[str, Any], deleted: Collection[str]) -> Resource:
    """Returns what is to stand.

    standing: what stands now under the id; None where there is nothing.
    deleted:  paths of elements that the sender said are no more: `period.end`, `birthDate`. A choice goes by its name
              without a type: `deceased`.
    """
    if standing is None:
        return dict(said)
    whole = {key: value for key, value in standing.items() if not _gone(key, deleted)} | dict(said)
    for element, nothing in _UNSAID.items():
        if element in standing and said.get(element) == nothing:
            whole[element] = standing[element]
    for element in _BY_PART:
        parts = {**standing.get(element, {}), **said.get(element, {})}
        kept = {
            key: value
            for key, value in parts.items()
            if f"{element}.{key}" not in deleted or key in said.get(element, {})
        }
        whole.pop(element, None)
        if kept and element not in deleted:
            whole[element] = kept
    # The code that was written for a value goes with the value.
    for element in [one for one in whole if one.startswith("_") and one[1:] in said and one not in said]:
        del whole[element]
    return whole


def _gone(key: str, deleted: Collection[str]) -> bool:
    name = key.removeprefix("_")
    return name in deleted or ("deceased" in deleted and name.startswith("deceased"))
