"""The paths of search parameters: the small part of FHIRPath that the R4 definitions use, as data.

A path is a chain of steps that code can be made of (`extractor.py`). An expression with anything else in it gives
None, and its parameter is answered by the FHIRPath engine instead.

Source: the expressions of https://hl7.org/fhir/R4/searchparameter-registry.html
"""

import re
from typing import Literal, NamedTuple

from kangyun.fhir.definitions import definitions

StepKind = Literal["root", "member", "as", "index", "where", "target", "extension", "has-extension"]


class Step(NamedTuple):
    """One step: a member to go to, or a condition on where one is.

    root (back to the resource) | member a | as Type | index n | where member = text | target Type (of a reference) |
    extension url | has-extension url
    """

    kind: StepKind
    name: str
    text: str = ""


Path = tuple[Step, ...]

_STEP = re.compile(
    r"""
      \.?where\(resolve\(\)\ is\ (?P<target>\w+)\)
    | \.?where\((?P<member>\w+)='(?P<value>[^']*)'\)
    | \.?where\(hasExtension\('(?P<has>[^']*)'\)\)
    | \.?extension\('(?P<extension>[^']*)'\)(?:\.value)?
    | \.?(?:as|ofType)\((?P<as>\w+)\)
    | \[(?P<index>\d+)\]
    | \.?(?P<name>[A-Za-z]\w*)
    """,
    re.VERBOSE,
)
_CAST = re.compile(r"\((?P<inner>[^()]+) as (?P<type>\w+)\)(?P<rest>.*)")


def branches(expression: str) -> list[str]:
    """Splits a union at its top level."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(expression):
        if sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif sign == "|" and depth == 0:
            parts.append(expression[start:place].strip())
            start = place + 1
    return [*parts, expression[start:].strip()]


def parse(branch: str, root: str) -> Path | None:
    """Returns the steps of one branch from an instance of `root`, None where it is not such a path.

    A leading name of the root type, of Resource or DomainResource, or `%resource` is the root itself.
    """
    branch = branch.strip()
    cast = _CAST.fullmatch(branch)
    if cast:
        inner, rest = parse(cast["inner"], root), parse("$." + cast["rest"].lstrip("."), root) if cast["rest"] else ()
        return None if inner is None or rest is None else (*inner, Step("as", cast["type"]), *rest)
    if branch.startswith("(") and branch.endswith(")"):
        return parse(branch[1:-1], root)
    steps: list[Step] = []
    place = 0
    if branch.startswith("$."):
        place = 2
    elif branch.startswith("%resource."):
        steps.append(Step("root", ""))
        place = len("%resource.")
    while place < len(branch):
        match = _STEP.match(branch, place)
        if match is None:
            return None
        step = _step(match)
        if step.kind == "member" and branch[match.end() : match.end() + 1] == "(":
            return None  # a function that is not one of the above
        if not (place == 0 and step.name in (root, "Resource", "DomainResource")):
            steps.append(step)
        place = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    found = match.groupdict()
    if found["target"]:
        return Step("target", found["target"])
    if found["member"]:
        return Step("where", found["member"], found["value"])
    if found["has"]:
        return Step("has-extension", found["has"])
    if found["extension"]:
        return Step("extension", found["extension"])
    if found["as"]:
        # The definitions write `DateTime` in one place; the names of primitives begin small.
        return Step("as", "dateTime" if found["as"] == "DateTime" else found["as"])
    if found["index"]:
        return Step("index", found["index"])
    return Step("member", found["name"])


def types_at(path: Path, root: str) -> set[str]:
    """Returns the types of what a path can lead to from an instance of `root`: none where it names what is not."""
    types = definitions().types
    found = {root}
    for step in path:
        if step.kind == "root":
            found = {root}
        elif step.kind == "extension":
            found = {"Extension"}
        elif step.kind == "member":
            found = {element.type for type_name in found for element in types[type_name].named(step.name)}
        elif step.kind == "as":
            found = {type_name for type_name in found if is_a(type_name, step.name)}
        elif step.kind == "where":
            found = {type_name for type_name in found if types[type_name].named(step.name)}
    return found


def is_a(type_name: str, wanted: str) -> bool:
    """Tells whether a type is another one, or specialises it."""
    name: str | None = type_name
    while name is not None:
        if name == wanted:
            return True
        name = definitions().types[name].base
    return False
