"""What a message asks of the record: resources to store as one transaction, or one of FHIR's interactions. Pure.

Both are made of the message's columns by the language of tables; what is wrong is told with its column's XPath.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from kangyun.base.errors import Invalid, Issue
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.soap.mapping.model import Action, BadMapping, Own, Service
from kangyun.exchange.tables.mapping import BadMapping as BadTable
from kangyun.exchange.tables.mapping import Feed, Mapping, convert
from kangyun.exchange.tables.mapping.compiling import Compiler, Note
from kangyun.exchange.tables.mapping.model import read_leaf
from kangyun.exchange.tables.mapping.rules import RULES, Scope
from kangyun.exchange.tables.reading import Row, Table
from kangyun.fhir import Resource

CONTENT = "content"
"""The rule of columns that may be as large as a message is."""
_TABLES = "exchange.tables."
_PART = re.compile(r"(?:[A-Z][A-Za-z]{1,63}/)?[A-Za-z0-9\-.]{1,64}")
_SEPARATORS = re.compile(r"([\\|,$])")


@dataclass(frozen=True, slots=True)
class Question:
    """A message of an action, as columns."""

    action: Action
    service: Service
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """An interaction of FHIR's, below its base; own: one of the platform's own words instead.

    told: what was put right or left out.
    """

    method: str
    path: str
    query: str = ""
    body: Resource | None = None
    own: Own = ""
    told: tuple[Issue, ...] = ()


def check(action: Action, service: Service, at: str) -> frozenset[str]:
    """Returns the columns that hold contents. Raises BadMapping for a rule or a column that there is not."""
    if any(name != name.upper() for name in action.columns):
        raise BadMapping("mapping-column", f"{at}: columns")
    bodies: list[Any] = [template.body for template in action.resources]
    if action.ask is not None:
        bodies += [action.ask.path, action.ask.query, action.ask.body]
    contents: set[str] = set()
    for text in _texts(bodies):
        try:
            leaf = read_leaf(text, at)
        except BadTable as error:
            raise BadMapping("mapping-leaf", error.at) from None
        if leaf.rule not in RULES:
            raise BadMapping("mapping-rule", f"{at}: {text}")
        names = {name.removesuffix("?") for column in leaf.columns for name in column}
        if not names <= action.columns.keys():
            raise BadMapping("mapping-column", f"{at}: {text}")
        contents |= names if leaf.rule == CONTENT else set()
    return frozenset(contents)


def stored(question: Question, feed: Feed) -> Asked:
    """Returns the transaction that writes a message's records under ids that follow from their keys."""
    action = question.action
    mapping = Mapping(
        action.name, action.title, [], action.key, action.resources, question.service.edition,
        codes=question.service.codes,
    )  # fmt: skip
    rows = iter([Row(number, cells) for number, cells in enumerate(question.rows, 1)])
    table = Table(action.name, "", "", tuple(action.columns), rows)
    made: dict[str, Resource] = {}
    told, wrong = list[Issue](), list[Issue]()
    for one in convert(table, mapping, feed):
        if isinstance(one, Entry):
            _gather(made, one, action.gather)
        else:
            (wrong if one.whole else told).append(_issue(one, action))
    if wrong:
        raise Invalid(issues=tuple(wrong))
    entries = [_entry(resource) for resource in made.values()]
    body: Resource = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return Asked("POST", "", "", body, "", tuple(told))


def asked(question: Question, feed: Feed) -> Asked:
    """Returns the interaction that a message asks for."""
    action, ask = question.action, question.action.ask
    assert ask is not None
    if ask.own:
        return Asked("GET", "", own=ask.own)
    compiler = Compiler(tuple(action.columns), Scope(feed, question.service.codes))
    notes: list[Note] = []
    row = question.rows[0] if question.rows else ("",) * len(action.columns)
    make = compiler.object({"path": ask.path, "query": ask.query} | ({"body": ask.body} if ask.body else {}))
    made = make(row, notes) or {}
    issues = [_noted(note, action) for note in notes]
    if any(note.whole for note in notes) or not made:
        raise Invalid(issues=tuple(issues) or (Issue("error", "invalid", f"{_TABLES}row-says-nothing"),))
    return Asked(
        ask.method,
        _path(made.get("path", ()), ask.path),
        _query(made.get("query", {})),
        made.get("body"),
        "",
        tuple(issues),
    )


def _path(parts: Sequence[Any], written: Sequence[str]) -> str:
    """Returns a path of its parts. Raises Invalid for one that the file does not write and that is no id."""
    for part in parts:
        if part not in written and not _PART.fullmatch(str(part)):
            raise Invalid("exchange.soap.not-an-id")
    return "/".join(str(part) for part in parts)


def _query(made: dict[str, Any]) -> str:
    """Returns a query. A list of texts is joined, what follows the first escaped; a list of lists is several values."""
    pairs = []
    for name, value in made.items():
        several = isinstance(value, list) and any(isinstance(part, list) for part in value)
        pairs += [(name, _token(one)) for one in (value if several else [value])]
    return urlencode(pairs, quote_via=quote)


def _token(value: Any) -> str:
    if isinstance(value, dict):
        return f"{_escaped(str(value.get('system', '')))}|{_escaped(str(value.get('value') or value.get('code')))}"
    if isinstance(value, list):
        return _token(value[0]) + "".join(_escaped(str(part)) for part in value[1:])
    return str(value)


def _escaped(text: str) -> str:
    return _SEPARATORS.sub(r"\\\1", text)


def _gather(made: dict[str, Resource], one: Entry, element: str) -> None:
    """Adds a record's resource; one of the same key adds its list to the one before, where the action says so."""
    before = made.get(one.id)
    if before is None or not element:
        made[one.id if before is None else f"{one.id} {len(made)}"] = dict(one.resource)
    else:
        before[element] = [*before.get(element, ()), *one.resource.get(element, ())]


def _entry(resource: Resource) -> Resource:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url}}


def _issue(refusal: Refusal, action: Action) -> Issue:
    column = refusal.place.part or ""
    at = action.columns.get(column, column) or None
    if at and refusal.place.row and action.rows:
        at = f"{action.rows}[{refusal.place.row}]/{at}"
    return Issue("error" if refusal.whole else "warning", "value", refusal.text, at, dict(refusal.parameters))


def _noted(note: Note, action: Action) -> Issue:
    at = list(action.columns.values())[note.at] if note.at >= 0 else None
    return Issue("error" if note.whole else "warning", "value", _TABLES + note.text, at, dict(note.parameters))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) and value.startswith("@") else []
