"""The golden Patient: what the registrations of one resident come to. Pure.

It is made whenever it is read, of the registrations that the reader may see, as they are shown to him: nobody learns
more of a resident by it than by the registrations one by one, and nothing is kept twice. Each element says by an
extension (`ORIGIN`) of which registration its value is. What survives of several values says `data/survivorship.toml`.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from kangyun.fhir import Resource
from kangyun.fhir.json import canonical
from kangyun.store import body
from kangyun.store.model import UPDATED, Stored

ORIGIN = "urn:kangyun:extension:origin"
"""Of a value: the registration that it is of."""
RESIDENT = {"system": "urn:kangyun:kind-of-patient", "code": "resident", "display": "居民"}
"""The tag of golden Patients."""
Rule = Literal["most", "newest"]


class Survivorship(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules as data. one: in which order a value is chosen. all: how many values there may be."""

    one: Mapping[str, tuple[Rule, ...]]
    all: Mapping[str, int]


@cache
def rules() -> Survivorship:
    """Returns the rules that are shipped."""
    text = files("kangyun.identity").joinpath("data", "survivorship.toml").read_bytes()
    return msgspec.toml.decode(text, type=Survivorship)


def golden(resident: int, id_: str, registrations: Sequence[Stored]) -> Stored:
    """Returns the golden Patient of a resident as a version that can be sent; it stands nowhere.

    registrations: Patients, at least one, as the reader is shown them.
    """
    newest = sorted(registrations, key=lambda one: (one.instant, one.res), reverse=True)
    made = survived([(f"Patient/{one.id}", one.resource) for one in newest], rules())
    made["link"] = [{"other": {"reference": f"Patient/{one.id}"}, "type": "seealso"} for one in newest]
    rest = body.text_of(made, None)
    return Stored(resident, "Patient", id_, _version(newest), newest[0].instant, UPDATED, rest)


def survived(registrations: Sequence[tuple[str, Resource]], by: Survivorship) -> Resource:
    """Returns what survives of registrations, given as reference and Patient, the newest first."""
    made: Resource = {"resourceType": "Patient", "meta": {"tag": [RESIDENT]}}
    for element, most in by.all.items():
        values = list(_each(registrations, element))[:most]
        if values:
            made[element] = [_with_origin(value, reference) for reference, value in values]
    for element, order in by.one.items():
        chosen = _chosen([(ref, one[element]) for ref, one in registrations if element in one], order)
        if chosen is not None:
            _put(made, element, *chosen)
    if "deceasedDateTime" not in made:
        _put_flag(made, "deceasedBoolean", registrations)
    if "multipleBirthInteger" in made:
        # Which of twins he is says that he is one.
        made.pop("multipleBirthBoolean", None)
        made.pop("_multipleBirthBoolean", None)
    return made


def _each(registrations: Sequence[tuple[str, Resource]], element: str) -> Iterator[tuple[str, Any]]:
    """The values of a repeating element, each once: of equal ones the newest registration's."""
    met: set[bytes] = set()
    for reference, resource in registrations:
        for value in resource.get(element, ()):
            same = canonical(
                {name: part for name, part in value.items() if name not in _APART} if _APART & value.keys() else value
            )
            if same not in met:
                met.add(same)
                yield reference, value


_APART = frozenset({"id", "period"})
"""Parts by which a value is no other."""


def _chosen(values: Sequence[tuple[str, Any]], order: Sequence[Rule]) -> tuple[str, Any] | None:
    """Returns the value that survives, and whose it is. The newest stand first."""
    left = list(values)
    for rule in order:
        if left:
            left = _RULES[rule](left)
    return left[0] if left else None


def _most(values: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    said = [value for _, value in values]
    if not all(isinstance(value, str) for value in said):
        said = [canonical({"value": value}) for value in said]
    most = max(map(said.count, said))
    return [value for value, text in zip(values, said, strict=True) if said.count(text) == most]


_RULES: Mapping[Rule, Callable[[list[tuple[str, Any]]], list[tuple[str, Any]]]] = {
    "most": _most,
    "newest": lambda values: values[:1],
}


def _with_origin(value: Resource, reference: str) -> Resource:
    return value | {"extension": [*value.get("extension", ()), _origin(reference)]}


def _put(made: Resource, element: str, reference: str, value: Any) -> None:
    if isinstance(value, dict):
        made[element] = _with_origin(value, reference)
    else:
        made[element] = value
        made[f"_{element}"] = {"extension": [_origin(reference)]}


def _put_flag(made: Resource, element: str, registrations: Sequence[tuple[str, Resource]]) -> None:
    said = [(reference, one[element]) for reference, one in registrations if element in one]
    if said:
        _put(made, element, *next((one for one in said if one[1] is True), said[0]))


def _origin(reference: str) -> Resource:
    return {"url": ORIGIN, "valueReference": {"reference": reference}}


def _version(registrations: Sequence[Stored]) -> int:
    """A number that is another when any of them is, or they are others."""
    text = ",".join(f"{one.res}/{one.version}" for one in registrations)
    return zlib.crc32(text.encode()) & 0x7FFF_FFFF | 1
