"""Rows of the tables of a dialect written out of the record, one for each resource that a table is for. Pure.

What refers to another resource gets the columns of that one's key, so who is whose stays as it was. Each row is read
again by its own mapping: one that would be kept aside is not written, and what does not come back is told.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from kangyun.exchange.entries import Entry
from kangyun.exchange.tables.mapping import Feed, convert, shipped
from kangyun.exchange.tables.mapping.model import Mapping as Table
from kangyun.exchange.tables.mapping.model import Template, alternatives, columns_of, leaves, read_leaf
from kangyun.exchange.tables.mapping.rules import Scope
from kangyun.exchange.tables.reading import Row
from kangyun.exchange.tables.reading import Table as Read
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.writing.files import inert
from kangyun.exchange.tables.writing.page import Cells, Page, fits
from kangyun.exchange.tables.writing.saying import SAYS, moment
from kangyun.fhir import Resource

HOUSE = ("YLJGYQDM", "YLJGDM")
"""Columns of the code of the institution, which no resource of a row says."""
_OF_PERSON: Mapping[str, str] = {
    "HZXM": "XM", "BRXM": "XM", "XM": "XM", "BRXB": "XB", "XB": "XB", "ZJHM": "ZJHM", "ZJLX": "ZJLX",
}  # fmt: skip
"""What other tables repeat of a patient, by what it is called in his own; their mappings take it from there."""
_SAID_BY_RULE = frozenset((*SAYS, "joined", "reference"))
_NOT_OF_ROWS = frozenset(("resourceType", "id", "meta", "text", "language", "implicitRules", "contained"))
_REVOKED = "entered-in-error"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")


class Target(NamedTuple):
    """A table that is written. columns: in their order, with what they are called."""

    table: str
    mapping: Table
    columns: Mapping[str, str]


class Left(NamedTuple):
    """What has no place. what: a type, or one of its elements. why: a text of this package. columns: that it lacks."""

    what: str
    why: str
    columns: str = ""


class Rows(NamedTuple):
    """Rows by table, and how often what was left out."""

    by_table: Mapping[str, Sequence[Mapping[str, str]]]
    left: Counter[Left]


class _Line(NamedTuple):
    """A row under way, with the resources that it is of."""

    target: Target
    cells: Cells
    of: list[Resource]


def targets(dialect: str) -> list[Target]:
    """Returns the tables of a dialect that are written: those of the TB_ family that a shipped mapping reads."""
    return [
        Target(table, mapping, {name: column.zh for name, column in tables()[dialect, table].items()})
        for mapping in shipped()
        for table in mapping.tables
        if table.startswith("TB_") and (dialect, table) in tables()
    ]


def unfilled(target: Target) -> list[str]:
    """Returns the columns of a table that are never filled: the record has nothing for them, or nothing certain."""
    taken = _taken(target)
    return [name for name in target.columns if name not in taken and name not in _OF_PERSON]


def _taken(target: Target) -> frozenset[str]:
    """Returns the columns that a mapping takes from, as far as its rules can be read backwards."""
    mapping = target.mapping
    found = {_first(target, HOUSE), _first(target, alternatives(mapping.generated))}
    if mapping.flag is not None:
        found.add(mapping.flag.column)
    for template in mapping.resources:
        for _, text in leaves(template.body, ""):
            leaf = read_leaf(text)
            if leaf.rule in _SAID_BY_RULE:
                found |= {_first(target, [name.removesuffix("?") for name in names]) for names in leaf.columns}
    return frozenset(found)


def _first(target: Target, names: Iterable[str]) -> str:
    return next((name for name in names if name in target.columns), "")


class Writer:
    """Writes rows as a receiver's dialect has them.

    feed: the institution, with that dialect. code: the institution's at the receiver, where it is not its own.
    """

    def __init__(self, feed: Feed, code: str = "") -> None:
        self._feed, self._code = feed, code or feed.code
        self._targets = targets(feed.dialect)
        self._taken = {one.table: _taken(one) for one in self._targets}
        self._kinds: dict[str, list[tuple[Table, Template]]] = defaultdict(list)
        for mapping in shipped():
            for template in mapping.resources:
                self._kinds[template.kind].append((mapping, template))

    def rows(self, resources: Iterable[Resource], known: Mapping[str, Resource]) -> Rows:
        """Returns the rows of resources. known: by reference what they may refer to, themselves included."""
        refer = _Refer(self._feed, self._code, self._kinds, known)
        left: Counter[Left] = Counter()
        lines: list[_Line] = []
        keyless: list[tuple[Resource, str]] = []
        for resource in sorted(resources, key=lambda one: (one["resourceType"], str(one.get("id", "")))):
            if not _is_somebodys(resource, known):
                left[Left(resource["resourceType"], "left-nobody")] += 1
                continue
            fitting = [one for one in self._targets if _is_for(one, resource, known)]
            made = [self._line(target, resource, refer) for target in fitting]
            whole = next((line for line in made if not _lacking(line)), None)
            if whole is not None:
                lines.append(whole)
            elif made:
                keyless.append((resource, _lacking(made[0])))
            else:
                left[Left(resource["resourceType"], "left-no-table")] += 1
        for resource, columns in self._beside(lines, keyless, refer):
            left[Left(resource["resourceType"], "left-no-key", columns)] += 1
        found: dict[str, list[Mapping[str, str]]] = defaultdict(list)
        for target in self._targets:
            of_table = [line for line in lines if line.target is target]
            for line in self._read_again(target, of_table, left):
                found[target.table].append(line.cells)
        return Rows(found, left)

    def _line(self, target: Target, resource: Resource, refer: "_Refer") -> _Line:
        mapping = target.mapping
        cells = _said(mapping, mapping.resources[0], resource, target.columns, refer)
        cells[_first(target, HOUSE)] = self._code
        generated, changed = (
            _first(target, alternatives(mapping.generated)),
            resource.get("meta", {}).get("lastUpdated"),
        )
        if changed and not cells.get(generated):
            cells[generated] = moment(changed)
        person = refer.person(resource)
        cells |= {
            name: person.get(his, "")
            for name, his in _OF_PERSON.items()
            if name in target.columns and name not in self._taken[target.table]
        }
        if mapping.flag is not None:
            said = mapping.flag.revoke if _is_revoked(resource) else mapping.flag.store
            codes = said.get(self._feed.dialect) or said["*"]
            # It may say something else beside, as a refund, by one of the same codes.
            if cells.get(mapping.flag.column) not in codes:
                cells[mapping.flag.column] = codes[0]
        return _Line(target, {name: inert(cells.get(name, "")) for name in target.columns}, [resource])

    def _beside(
        self, lines: Sequence[_Line], waiting: list[tuple[Resource, str]], refer: "_Refer"
    ) -> list[tuple[Resource, str]]:
        """Puts resources into rows of others that have a place for them, and returns those that are left."""
        placed: set[int] = set()
        for target in self._targets:
            for template in target.mapping.resources[1:]:
                of_key = {_key(target, line.cells): line for line in lines if line.target is target}
                for resource, _ in waiting:
                    if id(resource) in placed or resource["resourceType"] != template.type:
                        continue
                    if fits(template.body, _standing(template, resource)):
                        said = _said(target.mapping, template, resource, target.columns, refer)
                        written = {name: inert(text) for name, text in said.items()}
                        line = of_key.get(_key(target, written))
                        if line and all(line.cells[name] in ("", text) for name, text in written.items()):
                            line.cells.update(written)
                            line.of.append(resource)
                            placed.add(id(resource))
                            del of_key[_key(target, written)]
        return [(resource, columns) for resource, columns in waiting if id(resource) not in placed]

    def _read_again(self, target: Target, lines: Sequence[_Line], left: Counter[Left]) -> Iterator[_Line]:
        """Yields the lines that are taken as they stand; what of them does not come back is counted."""
        header = tuple(target.columns)
        table = Read(target.table, "csv", "utf-8", header, (
            Row(number, [line.cells[name] for name in header]) for number, line in enumerate(lines)
        ))  # fmt: skip
        back: dict[int | None, list[Entry]] = defaultdict(list)
        refused: dict[int | None, set[str]] = defaultdict(set)
        for one in convert(table, target.mapping, self._feed):
            if isinstance(one, Entry):
                back[one.origin.row].append(one)
            elif one.whole:
                refused[one.place.row].add(one.place.part or "")
        for number, line in enumerate(lines):
            if number not in back:
                for resource in line.of:
                    left[Left(resource["resourceType"], "left-refused", "+".join(sorted(refused[number])))] += 1
                continue
            for resource in line.of:
                of_type = [
                    one.resource for one in back[number] if one.resource["resourceType"] == resource["resourceType"]
                ]
                left.update(Left(name, "left-element") for name in self._lost(resource, of_type[0] if of_type else {}))
            yield line

    def _lost(self, resource: Resource, back: Mapping[str, Any]) -> list[str]:
        """Returns the elements of a resource that a row did not bring back as they were, ids and references aside."""
        # It may have come in under either code of the institution: of its feed, or its id.
        own = (self._feed.code, self._feed.prefix)
        return [
            f"{resource['resourceType']}.{name}"
            for name, value in resource.items()
            if name not in _NOT_OF_ROWS and (plain := _plain(value, own)) and plain != _plain(back.get(name), own)
        ]


class _Refer:
    """Finds the parts of the key of what a reference names; asked again, it remembers."""

    def __init__(
        self, feed: Feed, code: str, kinds: Mapping[str, list[tuple[Table, Template]]], known: Mapping[str, Resource]
    ) -> None:
        self.feed, self._code, self._kinds, self._known = feed, code, kinds, known
        self._found: dict[tuple[str, str], Sequence[str]] = {}
        self._persons: dict[str, Cells] = {}

    def __call__(self, reference: str, kind: str) -> Sequence[str]:
        key = (reference, kind)
        if key not in self._found:
            self._found[key] = ()  # What refers to itself has no key.
            self._found[key] = self._parts(reference, kind)
        return self._found[key]

    def person(self, resource: Resource) -> Cells:
        """Returns what the table of patients says of whom a resource is about."""
        named: Resource = resource.get("subject") or resource.get("patient") or {}
        patient = self._known.get(named.get("reference", ""))
        if patient is None:
            return {}
        if patient["id"] not in self._persons:
            ((mapping, template), *_) = self._kinds["patient"]
            self._persons[patient["id"]] = _said(mapping, template, patient, columns_of(mapping), self)
        return self._persons[patient["id"]]

    def _parts(self, reference: str, kind: str) -> Sequence[str]:
        resource = self._known.get(reference)
        if resource is None:
            return ()
        for mapping, template in self._kinds[kind]:
            if resource["resourceType"] == template.type and fits(template.body, _standing(template, resource)):
                cells = _said(mapping, template, resource, columns_of(mapping), self)
                names = [alternatives(part.removesuffix("?")) for part in template.key or mapping.key]
                return [
                    self._code if HOUSE[0] in some else next((cells[one] for one in some if cells.get(one)), "")
                    for some in names
                ]
        return ()


def _said(
    mapping: Table, template: Template, resource: Resource, columns: Iterable[str], refer: _Refer
) -> Cells:  # fmt: skip
    cells: Cells = {}
    page = Page(frozenset(columns), Scope(refer.feed, mapping.codes), cells, refer=refer)
    page.write(template.body, _standing(template, resource))
    return cells


def _is_for(target: Target, resource: Resource, known: Mapping[str, Resource]) -> bool:
    template = target.mapping.resources[0]
    if resource["resourceType"] != template.type or not fits(template.body, _standing(template, resource)):
        return False
    if not target.mapping.stays:
        return True
    named: Resource = resource.get("context") or resource.get("encounter") or {}
    visit = known.get(named.get("reference", ""))
    return visit is not None and (visit.get("class", {}).get("code") == "IMP") is (target.table in target.mapping.stays)


def _is_somebodys(resource: Resource, known: Mapping[str, Resource]) -> bool:
    """Whether the Patient that a resource is about is there, where it names one."""
    named: Resource = resource.get("subject") or resource.get("patient") or {}
    return "reference" not in named or named["reference"] in known


def _key(target: Target, cells: Cells) -> tuple[str, ...]:
    """Returns the cells of the key of a row, without the institution's, which is one for all."""
    names = [_first(target, alternatives(part.removesuffix("?"))) for part in target.mapping.key]
    return tuple(cells.get(name, "") for name in names if name not in HOUSE)


def _lacking(line: _Line) -> str:
    """Returns the columns of its key that a row has nothing for."""
    parts = [part for part in line.target.mapping.key if not part.endswith("?")]
    lacking = [part for part in parts if not any(line.cells.get(name) for name in alternatives(part))]
    return "+".join(_first(line.target, alternatives(part)) or part for part in lacking)


def _is_revoked(resource: Resource) -> bool:
    verified: Resource = resource.get("verificationStatus", {})
    codes = [one.get("code") for one in verified.get("coding", ())]
    return _REVOKED in (resource.get("status"), *codes) or (
        resource["resourceType"] == "Patient" and resource.get("active") is False
    )


def _standing(template: Template, resource: Resource) -> Resource:
    """Returns a resource as it was before it was taken back, as far as its template says how."""
    if not _is_revoked(resource):
        return resource
    usual = {name: template.body[name] for name in ("status", "active") if name in template.body}
    constant = {name: value for name, value in usual.items() if not str(value).startswith("@")}
    kept = {name: value for name, value in resource.items() if name not in ("status", "verificationStatus")}
    return kept | constant


def _plain(value: Any, own: Sequence[str]) -> Any:
    """Returns a value as it is compared: a time as the tables have it, without references, which follow from keys.

    own: the codes of the institution in names of systems, which are all one.
    """
    if isinstance(value, Mapping):
        parts = {name: _plain(part, own) for name, part in value.items() if name != "reference"}
        return {name: part for name, part in parts.items() if part not in ("", None, {}, [])}
    if isinstance(value, (list, tuple)):
        return [part for one in value if (part := _plain(one, own)) not in ("", None, {}, [])]
    if isinstance(value, str):
        if value.startswith("urn:kangyun:"):
            return ":".join("" if part in own else part for part in value.split(":"))
        return moment(value) if _MOMENT.fullmatch(value) else inert(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    return value
