"""A search as it was asked, read into a tree of tests. Knows parameters and their grammar, no database.

What is unknown or not supported is never dropped in silence: under strict handling it is an error, else it is listed in
`Query.ignored`, and stays out of the self link.

Source: https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from typing import Literal
from zoneinfo import ZoneInfo

from kangyun.base.errors import Invalid, Issue, Malformed, NotSupported, PlatformError, TooCostly
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.dates import BEIJING
from kangyun.fhir.search.filter import read_filter
from kangyun.fhir.search.parameters import HIERARCHIES, Known, Parameter, is_canonical, parameters
from kangyun.fhir.search.terms import Value, read_value, split, unescape
from kangyun.fhir.search.tree import All, Chain, Column, Has, Include, Node, Not, Sort, Test

DEFAULT_COUNT = 20
LARGEST_COUNT = 1000
MOST_VALUES = 10_000
# What is not matched by equality is a comparison a value.
MOST_COMPARED = 500
_BY_EQUALITY = frozenset({"token", "reference", "uri"})
MOST_TESTS = 200
DEEPEST_CHAIN = 32
# A chain that names no target types goes on from each type that there may be.
MOST_BRANCHES = 500

# By parameter type: the modifiers that the specification allows and this store answers.
MODIFIERS = {
    "token": {"text", "not", "above", "below", "in", "not-in", "of-type"},
    "string": {"exact", "contains"},
    "uri": {"above", "below"},
    "reference": {"identifier", "above", "below"},
    "date": set[str](),
    "number": set[str](),
    "quantity": set[str](),
    "composite": set[str](),
    "special": set[str](),
}
Summary = Literal["true", "false", "text", "data", "count"]
Total = Literal["none", "estimate", "accurate"]


@dataclass(slots=True)
class Query:
    """A search of one type.

    shown: what the self link repeats: only what was understood.
    as_of: of a sort by `_lastUpdated`: each resource stands where it stood then, whatever is written while one pages.
    """

    type: str
    node: All = All(())  # noqa: RUF009
    sort: tuple[Sort, ...] = ()
    includes: tuple[Include, ...] = ()
    count: int = DEFAULT_COUNT
    total: Total | None = None
    summary: Summary = "false"
    elements: tuple[str, ...] = ()
    cursor: str | None = None
    compartment: tuple[str, str] | None = None
    as_of: datetime | None = None
    shown: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[Issue] = field(default_factory=list)

    @property
    def by_instant(self) -> bool:
        """Whether `_lastUpdated` is among its sort keys."""
        return any(sort.code == "_lastUpdated" for sort in self.sort)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """All that makes this search another than others: what a cursor is bound to."""
        return [(self.type, "/".join(self.compartment or ())), *self.shown]


# A List by its id, as a reference, or with a base, of which somebody else knows whether it is ours.
_LIST = re.compile(r"(?:(?:https?://.+/)?List/)?[A-Za-z0-9\-.]{1,64}")
# Said to the server about the answer, not about what is searched.
_ABOUT_ANSWER = {"_format", "_pretty"}


def read_query(
    resource_type: str,
    pairs: Iterable[tuple[str, str]],
    *,
    strict: bool = False,
    zone: ZoneInfo | None = None,
    known: Known = parameters,
) -> Query:
    """Reads a search. Raises Invalid or Malformed for what cannot be read, and for anything ignored when `strict`.

    known: gives the parameters of a type; R4's where no other are named.
    """
    query = Query(resource_type)
    reader = _Reader(resource_type, zone, known)
    nodes: list[Node] = []
    includes: list[Include] = []
    for name, text in pairs:
        if "\0" in name or "\0" in text:  # PostgreSQL's text cannot have it, so nothing that is stored has.
            raise Malformed
        try:
            if not reader.option(query, name, text, includes):
                nodes.append(reader.node(name, text))
            if name != "_cursor":
                query.shown.append((name, text))
        except NotSupported as refusal:
            if strict:
                raise
            query.ignored += [
                Issue("warning", issue.code, issue.text, issue.at, issue.parameters) for issue in refusal.issues
            ]
    query.node = All(tuple(nodes))
    query.includes = tuple(dict.fromkeys(includes))
    return query


class _Reader:
    def __init__(self, resource_type: str, zone: ZoneInfo | None, known: Known) -> None:
        self._type = resource_type
        self._known = known
        self._zone = zone or BEIJING
        self._tests = 0
        self._branches = 0

    def option(self, query: Query, name: str, text: str, includes: list[Include]) -> bool:
        """Takes what is said about the answer; False for a test."""
        base, _, modifier = name.partition(":")
        if base in ("_include", "_revinclude"):
            includes.append(self._include(base == "_revinclude", modifier, text))
        elif base == "_sort":
            query.sort = tuple(self._sort(part) for part in text.split(","))
        elif base == "_count":
            query.count = min(_whole(text), LARGEST_COUNT)
        elif base == "_total":
            if text not in ("none", "estimate", "accurate"):
                raise Invalid("fhir.search.value", parameter=base)
            query.total = text  # type: ignore[assignment]
        elif base == "_summary":
            if text not in ("true", "false", "text", "data", "count"):
                raise Invalid("fhir.search.value", parameter=base)
            query.summary = text  # type: ignore[assignment]
        elif base == "_elements":
            query.elements = read_elements(text)
        elif base == "_cursor":
            query.cursor = text
        elif base in ("_contained", "_containedType"):
            if text != "false":
                raise NotSupported("fhir.search.contained")
        elif base not in _ABOUT_ANSWER:
            return False
        return True

    def node(self, name: str, text: str) -> Node:
        """Reads one `name=value` into a test."""
        self._count()
        if name.startswith("_has:"):
            return self._has(self._type, name, text, 0)
        return self._test(self._type, name, text, 0)

    def _test(self, type_: str, name: str, text: str, depth: int) -> Node:
        if depth > DEEPEST_CHAIN:
            raise Invalid("fhir.search.chain-too-deep", limit=DEEPEST_CHAIN)
        if name.startswith("_has:"):
            return self._has(type_, name, text, depth)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if dot:
            return self._chain(type_, code, modifier or None, rest, text, depth)
        if code in ("_id", "_lastUpdated", "_list", "_text", "_content"):
            return self._column(code, modifier, text)
        if code == "_filter":
            return read_filter(text, partial(self._filtered, type_, depth=depth + 1))
        parameter = self._parameter(type_, code)
        if parameter.type == "reference" and modifier in definitions().resource_types:
            parts = [part if "/" in part else f"{modifier}/{part}" for part in split(text, ",")]
            return Test(parameter, None, tuple(self._values(type_, parameter, None, ",".join(parts))))
        self._check_modifier(parameter, modifier)
        return Test(parameter, modifier or None, tuple(self._values(type_, parameter, modifier or None, text)))

    def _count(self) -> None:
        self._tests += 1
        if self._tests > MOST_TESTS:
            raise TooCostly("fhir.search.too-many-tests", limit=MOST_TESTS)

    def _filtered(self, type_: str, name: str, text: str, *, depth: int) -> Node:
        self._count()
        return self._test(type_, name, text, depth)

    def _check_modifier(self, parameter: Parameter, modifier: str) -> None:
        if not parameter.answerable:
            raise NotSupported("fhir.search.not-answerable", parameter=parameter.name)
        if modifier and modifier != "missing" and modifier not in MODIFIERS[parameter.type]:
            raise NotSupported("fhir.search.modifier", parameter=parameter.name, modifier=modifier)
        if modifier == "missing" and parameter.type == "composite":
            raise NotSupported("fhir.search.modifier", parameter=parameter.name, modifier=modifier)
        if parameter.type == "reference" and modifier in ("above", "below") and modifier not in _along(parameter):
            raise NotSupported("fhir.search.modifier", parameter=parameter.name, modifier=modifier)

    def _values(self, type_: str, parameter: Parameter, modifier: str | None, text: str) -> Sequence[Value]:
        parts = split(text, ",")
        most = MOST_VALUES if parameter.type in _BY_EQUALITY else MOST_COMPARED
        if len(parts) > most:
            raise Invalid("fhir.search.too-many-values", parameter=parameter.name, limit=most)
        read = partial(read_value, parameter, modifier, self._known(type_), self._zone)
        return [read(part) for part in parts]

    def _column(self, code: str, modifier: str, text: str) -> Node:
        if modifier and not (code == "_id" and modifier == "not"):
            raise NotSupported("fhir.search.modifier", parameter=code, modifier=modifier)
        most = MOST_VALUES if code in ("_id", "_list") else MOST_COMPARED
        if text.count(",") >= most:
            raise Invalid("fhir.search.too-many-values", parameter=code, limit=most)
        if code == "_lastUpdated":
            parameter = Parameter("Resource", code, "date", -1, "")
            values = [read_value(parameter, None, {}, self._zone, part) for part in split(text, ",")]
        else:
            texts = [unescape(part) for part in split(text, ",")]
            if code == "_list":
                if any(text.startswith("$") for text in texts):
                    raise NotSupported("fhir.search.list-function")
                if not all(map(_LIST.fullmatch, texts)):
                    raise Invalid("fhir.search.value", parameter=code)
            values = list(texts)
            if "" in values:
                raise Invalid("fhir.search.value", parameter=code)
        column = Column(code, tuple(values))  # type: ignore[arg-type]
        return Not(column) if modifier else column

    def _chain(self, type_: str, code: str, target: str | None, rest: str, text: str, depth: int) -> Node:
        parameter = self._parameter(type_, code)
        if parameter.type != "reference" or not parameter.answerable:
            raise NotSupported("fhir.search.not-a-reference", parameter=parameter.name)
        types = [target] if target else targets_of(parameter)
        self._branches += len(types)
        if self._branches > MOST_BRANCHES:
            raise TooCostly("fhir.search.too-many-branches", limit=MOST_BRANCHES, parameter=parameter.name)
        inner: list[tuple[str, Node]] = []
        refusal: PlatformError | None = None
        for one in types:
            if one not in definitions().resource_types:
                raise NotSupported("fhir.search.no-such-type", type=one)
            try:
                inner.append((one, _chained(self._test(one, rest, text, depth + 1))))
            except NotSupported as error:
                # A chain without a type goes to those targets that have the parameter.
                refusal = error
        if not inner:
            raise refusal or NotSupported("fhir.search.unknown", parameter=f"{type_}.{code}")
        return Chain(parameter, tuple(inner))

    def _has(self, type_: str, name: str, text: str, depth: int) -> Node:
        parts = name.split(":", 3)
        if len(parts) < 4 or parts[1] not in definitions().resource_types:
            raise NotSupported("fhir.search.has")
        _, source, code, rest = parts
        parameter = self._parameter(source, code)
        if parameter.type != "reference" or not parameter.answerable:
            raise NotSupported("fhir.search.not-a-reference", parameter=parameter.name)
        return Has(source, parameter, _chained(self._test(source, rest, text, depth + 1)))

    def _parameter(self, type_: str, code: str) -> Parameter:
        found = self._known(type_).get(code)
        if found is None:
            raise NotSupported("fhir.search.unknown", parameter=f"{type_}.{code[:64]}")
        if found.building:
            raise NotSupported("fhir.search.building", parameter=found.name)
        return found

    def _sort(self, text: str) -> Sort:
        descending = text.startswith("-")
        code = text.removeprefix("-")
        if not code:
            raise Invalid("fhir.search.value", parameter="_sort")
        if code in ("_id", "_lastUpdated"):
            return Sort(code, descending)
        parameter = self._parameter(self._type, code)
        if not parameter.answerable or parameter.type in ("composite", "special"):
            raise NotSupported("fhir.search.sort", parameter=parameter.name)
        return Sort(code, descending, parameter)

    def _include(self, reverse: bool, modifier: str, text: str) -> Include:
        if modifier not in ("", "iterate", "recurse"):
            raise NotSupported("fhir.search.modifier", parameter="_include", modifier=modifier[:64])
        if text == "*":
            return Include("*", None, None, bool(modifier), reverse)
        source, _, rest = text.partition(":")
        code, _, target = rest.partition(":")
        if source not in definitions().resource_types or (target and target not in definitions().resource_types):
            raise NotSupported("fhir.search.include")
        if code == "*":
            return Include(source, None, target or None, bool(modifier), reverse)
        parameter = self._parameter(source, code)
        if parameter.type != "reference" or not parameter.answerable:
            raise NotSupported("fhir.search.not-a-reference", parameter=parameter.name)
        return Include(source, parameter, target or None, bool(modifier), reverse)


def read_elements(text: str) -> tuple[str, ...]:
    """Reads `_elements`. Raises NotSupported for what is no element of the type it names, or of any."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for number, name in enumerate(names, 1):
        type_, dot, element = name.rpartition(".")
        if element not in (_elements_of(type_) if dot else _all_elements()):
            raise NotSupported("fhir.search.element", number=number)
    return names


def _elements_of(type_: str) -> frozenset[str]:
    known = definitions()
    if type_ not in known.resource_types:
        return frozenset()
    return frozenset({"id", "resourceType", *(element.path for element in known.types[type_].elements.values())})


@cache
def _all_elements() -> frozenset[str]:
    return frozenset().union(*(_elements_of(type_) for type_ in definitions().resource_types))


def targets_of(parameter: Parameter) -> list[str]:
    """Returns the resource types that a reference parameter may lead to."""
    if parameter.only:
        return [parameter.only]
    if not parameter.targets or "Resource" in parameter.targets:
        return sorted(definitions().resource_types)
    return list(parameter.targets)


def _chained(node: Node) -> Node:
    """Returns a node of what is referred to, or refers."""
    match node:
        case Column():
            return replace(node, chained=True)
        case Not(node=inner):
            return Not(_chained(inner))
    return node


def _along(parameter: Parameter) -> set[str]:
    """Returns which of `:above` and `:below` make sense for what a reference parameter leads to."""
    if is_canonical(parameter):
        return {"below"}
    return set() if HIERARCHIES.keys().isdisjoint(targets_of(parameter)) else {"above", "below"}


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise Invalid("fhir.search.value", parameter="_count")
    return int(text)
