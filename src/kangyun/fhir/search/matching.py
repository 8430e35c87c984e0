"""Whether a resource that is at hand, and in no index yet, passes a search, by what its own elements say.

It is not the store's search: what needs other resources (chains, lists, value sets) or units is not answered here.

Source: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import Any

from kangyun.base.errors import NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.search.dates import BEIJING
from kangyun.fhir.search.extractor import compile_extractor
from kangyun.fhir.search.parameters import Parameter, Parameters, implied_systems
from kangyun.fhir.search.terms import Interval, Missing, Token, Value
from kangyun.fhir.search.tree import All, Chain, Column, Either, Has, Node, Not, Test
from kangyun.fhir.search.words import folded, pinyin

# By parameter type: the modifiers that are answered here.
_ANSWERED: dict[str, set[str | None]] = {
    "token": {None, "not"},
    "string": {None, "exact", "contains"},
    "uri": {None},
    "date": {None},
}


def compile_match(
    resource_type: str, node: Node, known: Parameters, zone: tzinfo = BEIJING
) -> Callable[[Resource, str], bool]:
    """Returns the function (resource, its id) -> whether it passes. Raises NotSupported for what it cannot answer."""
    read = {code: known[code] for code in sorted(_codes(node))}
    extract = compile_extractor(resource_type, read, lambda one: one.code, zone)

    def match(resource: Resource, id_: str) -> bool:
        found = _Found()
        extract(resource, found)
        return _passes(node, found, id_)

    return match


def _codes(node: Node) -> set[str]:
    """Returns the parameters that a node reads."""
    match node:
        case All(nodes=nodes) | Either(nodes=nodes):
            return {code for one in nodes for code in _codes(one)}
        case Not(node=inner):
            return _codes(inner)
        case Column(name="_id"):
            return set()
        case Test(parameter=parameter, modifier=modifier) if (
            modifier in _ANSWERED.get(parameter.type, set()) or modifier == "missing"
        ) and not parameter.only:
            return set(parameter.alias_of or (parameter.code,))
        case Test(parameter=parameter):
            raise NotSupported("fhir.search.not-at-hand", parameter=parameter.name)
        case Chain(parameter=parameter) | Has(parameter=parameter):
            raise NotSupported("fhir.search.not-at-hand", parameter=parameter.name)
        case Column(name=name):
            raise NotSupported("fhir.search.not-at-hand", parameter=name)


def _passes(node: Node, found: "_Found", id_: str) -> bool:
    match node:
        case All(nodes=nodes):
            return all(_passes(one, found, id_) for one in nodes)
        case Either(nodes=nodes):
            return any(_passes(one, found, id_) for one in nodes)
        case Not(node=inner):
            return not _passes(inner, found, id_)
        case Column(values=values):
            return id_ in values
        case Test():
            return _test(node, found)
    raise NotImplementedError


def _test(test: Test, found: "_Found") -> bool:
    parameter = test.parameter
    codes = parameter.alias_of or (parameter.code,)
    if isinstance(test.values[0], Missing):
        return test.values[0].missing == found.present.isdisjoint(codes)
    there = [value for code in codes for value in found.values.get(code, ())]
    passes = any(_equal(parameter, test.modifier, wanted, value) for wanted in test.values for value in there)
    return passes != (test.modifier == "not")


def _equal(parameter: Parameter, modifier: str | None, wanted: Value, value: Any) -> bool:
    match wanted:
        case Token():
            return _same_code(wanted, value, implied_systems(parameter))
        case Interval():
            return _in_time(wanted, *value)
        case str() if parameter.type == "string":
            return _same_text(wanted, value, modifier)
    return bool(wanted == value)


def _same_code(wanted: Token, value: tuple[str | None, str | None, str | None], implied: frozenset[str]) -> bool:
    system, code, _ = value
    if wanted.code is not None and wanted.code != code:
        return False
    if wanted.system is None:
        return True
    return wanted.system == (system or "") or (system is None and wanted.system in implied)


def _same_text(wanted: str, value: str, modifier: str | None) -> bool:
    if modifier == "exact":
        return wanted == value
    text, plain = folded(value), folded(wanted)
    if modifier == "contains":
        return plain in text
    return any(one.startswith(plain) for one in (text, *pinyin(text)))


def _in_time(wanted: Interval, low: Any, high: Any) -> bool:
    """Source: https://hl7.org/fhir/R4/search.html#prefix"""
    start, end = wanted.low, wanted.high
    match wanted.prefix:
        case "eq":
            return bool(low >= start and high <= end)
        case "ne":
            return not (low >= start and high <= end)
        case "gt":
            return bool(high > end)
        case "lt":
            return bool(low < start)
        case "ge":
            return bool(high > end or low >= start)
        case "le":
            return bool(low < start or high <= end)
        case "sa":
            return bool(low >= end)
        case "eb":
            return bool(high <= start)
    return bool(low < end and high > start)


class _Found:
    """A sink that keeps the values of each parameter, and which have any."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}
        self.present: set[str] = set()

    def token(self, code: str, values: Iterable[Any]) -> None:
        # A concept without a coding is one, in words.
        self.present.add(code)
        self.values.setdefault(code, []).extend(values)

    def _keep(self, code: str, values: Iterable[Any]) -> None:
        for value in values:
            self.present.add(code)
            self.values.setdefault(code, []).append(value)

    string = uri = reference = date = number = quantity = _keep

    def composite(self, code: str, components: Any) -> None:
        self._keep(code, components)

    def _nothing(self, code: str, values: Iterable[Any]) -> None:
        return None

    of_type = text = _nothing
