"""Whom a search names, whatever it answers: resources by their ids, Patients by what is said of them. Pure.

A count names nobody, and neither does a page of Practitioners who once saw somebody; what was asked may name one person
all the same: `Practitioner?_has:Condition:asserter:patient=Patient/li&_summary=count`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from kangyun.fhir.search.parameters import Parameters
from kangyun.fhir.search.query import Query, targets_of
from kangyun.fhir.search.terms import Target, Token
from kangyun.fhir.search.tree import All, Chain, Column, Either, Has, Node, Not, Test

PATIENT = "Patient"
_IDENTIFIER = "identifier"
_OWNER = ("patient", "subject")
_NAMING = (None, "not", "of-type")
"""Modifiers of an identifier that leave its value one."""


@dataclass(slots=True)
class Named:
    """What criteria name.

    patients:    ids. others: type and id of other resources, or a URL, which may be one of ours.
    identifiers: tests, each by itself; together: all that is said of a Patient.
    """

    patients: dict[str, None] = field(default_factory=dict)
    others: dict[tuple[str, str] | str, None] = field(default_factory=dict)
    identifiers: list[Test] = field(default_factory=list)
    together: list[Test] = field(default_factory=list)


@dataclass(slots=True)
class Criteria:
    """What a search names, apart by whether it says so of its own matches, or of something that they are tied to.

    Of its matches a page tells by itself whom they are about.
    """

    direct: Named = field(default_factory=Named)
    tied: Named = field(default_factory=Named)


def criteria(queries: Iterable[Query], patients: Parameters) -> Criteria:
    """Returns what searches name that ask the same of different types. patients: the parameters of Patient."""
    found = Criteria()
    for query in queries:
        reading = _Reading(found, patients[_IDENTIFIER])
        if query.compartment is not None:
            reading.name(query.compartment, tied=False)
        reading.node(query.type, query.node, tied=False, holds=True)
    return found


def parts(node: All) -> list[Node]:
    """Returns the criteria that all must hold, each once."""
    found: dict[Node, None] = {}
    for one in node.nodes:
        found |= dict.fromkeys(parts(one) if isinstance(one, All) else (one,))
    return list(found)


def is_about_named(query: Query) -> bool:
    """Whether a search names by itself whom its matches can be about: it tells of nobody else."""
    if query.compartment is not None and query.compartment[0] == PATIENT:
        return True
    return any(_says_whom(query.type, one) for one in parts(query.node))


def _says_whom(type_: str, node: Node) -> bool:
    match node:
        case Column("_id"):
            return type_ == PATIENT
        case Chain(parameter, branches):
            return parameter.code in _OWNER and any(
                target == PATIENT and _says_whom(PATIENT, inner) for target, inner in branches
            )
        case Test(parameter, modifier, values):
            if type_ == PATIENT and parameter.code == _IDENTIFIER and modifier in (None, "of-type"):
                return all(isinstance(value, Token) and (value.code or value.value) for value in values)
            if parameter.code in _OWNER and parameter.type == "reference" and modifier in (None, _IDENTIFIER):
                return all(isinstance(value, Target) or (isinstance(value, Token) and value.code) for value in values)
    return False


@dataclass(frozen=True, slots=True)
class _Reading:
    found: Criteria
    identifier: object

    def node(self, type_: str, node: Node, *, tied: bool, holds: bool) -> None:
        """Reads a node. tied: it is not said of the matches. holds: it is said of all, and not that it is not so."""
        match node:
            case All(nodes):
                for one in nodes:
                    self.node(type_, one, tied=tied, holds=holds)
            case Either(nodes):
                for one in nodes:
                    self.node(type_, one, tied=tied, holds=holds and len(nodes) == 1)
            case Not(inner):
                self.node(type_, inner, tied=tied, holds=False)
            case Chain(parameter, branches):
                for target, inner in branches:
                    self.node(target, inner, tied=tied or parameter.code not in _OWNER, holds=holds)
            case Has(source, _, inner):
                self.node(source, inner, tied=True, holds=holds)
            case Column("_id", values):
                for value in values:
                    self.name((type_, str(value)), tied=tied)
            case Test():
                self.test(type_, node, tied=tied, holds=holds)

    def name(self, name: tuple[str, str] | str, *, tied: bool) -> None:
        named = self.found.tied if tied else self.found.direct
        if isinstance(name, tuple) and name[0] == PATIENT:
            named.patients[name[1]] = None
        else:
            named.others[name] = None

    def test(self, type_: str, test: Test, *, tied: bool, holds: bool) -> None:
        named, parameter = self.found.tied if tied else self.found.direct, test.parameter
        if parameter.type == "reference":
            targets = targets_of(parameter)
            for value in test.values:
                if isinstance(value, Target) and value.url is not None:
                    self.name(value.url, tied=tied)
                elif isinstance(value, Target) and value.id is not None:
                    for target in [value.type] if value.type else targets:
                        self.name((target, value.id), tied=tied)
            tokens = tuple(value for value in test.values if isinstance(value, Token))
            if tokens and PATIENT in targets:
                _add(named.identifiers, Test(self.identifier, None, tokens))  # type: ignore[arg-type]
        elif type_ == PATIENT:
            if parameter.code == _IDENTIFIER and test.modifier in _NAMING:
                modifier = None if test.modifier == "not" else test.modifier
                _add(named.identifiers, replace(test, modifier=modifier))
            if holds:
                _add(named.together, test)


def _add(tests: list[Test], test: Test) -> None:
    if test not in tests:
        tests.append(test)
