"""Rows of a table made entries and refusals by a mapping. No state is kept between rows.

A row becomes all of its resources or none: where something is wrong that identifies it, it is kept aside with what is
wrong; any other value that cannot be taken is left out and told beside the entries.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from kangyun.exchange.entries import Entry, Place, Refusal, entry_id
from kangyun.exchange.tables import elements
from kangyun.exchange.tables.mapping.compiling import Cells, Compiler, Make, Missing, Note, Notes
from kangyun.exchange.tables.mapping.feed import Feed
from kangyun.exchange.tables.mapping.model import Mapping, Template, alternatives, columns_of, leaves, read_leaf
from kangyun.exchange.tables.mapping.rules import LOSES_ITSELF, Scope
from kangyun.exchange.tables.reading.model import TEXTS, Row, Table
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.values import Unfit, cells, figures, moments

Acts = Literal["store", "revoke"]
_LOST = re.compile("\ufffd|锟斤|斤拷")
"""What is left of a text that was read in one character set and written in another."""
_NUMBER = re.compile(r"\{N\}|\d+")
_ENTERED_IN_ERROR = "entered-in-error"
_VERIFICATION = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": _ENTERED_IN_ERROR}
    ]
}  # fmt: skip


class _Plan(NamedTuple):
    """A template for one header. at: the place of the first column that says whether there is one."""

    template: Template
    key: Callable[[Cells, Notes], tuple[str, ...] | None]
    kind: str
    when: tuple[int, ...] | None
    make: Make
    at: int


def convert(table: Table, mapping: Mapping, feed: Feed) -> Iterator[Entry | Refusal]:
    """Yields what the rows come to, in their order: each row one entry or more, or a refusal of the whole."""
    header, unknown = renamed(table.header, mapping)
    if not header:
        yield from (row for row in table.rows if isinstance(row, Refusal))
        return
    try:
        conversion = _Conversion(table, header, mapping, feed)
    except Missing as missing:
        title = {"column": missing.columns, "table": mapping.title}
        yield Refusal(Place(table.source, 1, missing.columns), TEXTS + "column-missing", None, title)
        return
    yield from _not_taken(table, header, mapping, unknown)
    for row in table.rows:
        if isinstance(row, Refusal):
            yield row
        else:
            yield from conversion.row(row)


def named(table: Table, mapping: Mapping, feed: Feed) -> Iterator[tuple[int, frozenset[tuple[str, str]]]]:
    """Yields each row's number with the types and ids of what it is about, as far as it says so: what it becomes, and
    of whom; of a row that is kept aside as well."""
    header, _ = renamed(table.header, mapping)
    try:
        conversion = _Conversion(table, header, mapping, feed)
    except Missing:
        return
    for row in table.rows:
        if isinstance(row, Row):
            yield row.number, conversion.named(row)


def names_of(resource: Any) -> Iterator[tuple[str, str]]:
    """Yields the types and ids of a resource and of the patients that it refers to."""
    if isinstance(resource, dict):
        if "resourceType" in resource and "id" in resource:
            yield resource["resourceType"], resource["id"]
        type_, _, id_ = str(resource.get("reference", "")).partition("/")
        if type_ == "Patient" and id_:
            yield type_, id_
    if isinstance(resource, dict | list):
        for part in resource.values() if isinstance(resource, dict) else resource:
            yield from names_of(part)


def _not_taken(table: Table, header: Sequence[str], mapping: Mapping, unknown: Sequence[str]) -> Iterator[Refusal]:
    """Yields the columns of data elements that are not understood, or that the mapping does not take, by name."""
    if mapping.same != elements.DIALECT:
        return
    taken = columns_of(mapping)
    for written, element in zip(table.header, header, strict=True):
        if written in unknown:
            yield Refusal(Place(table.source, 1, written), TEXTS + "element-unknown", whole=False)
        elif element != written and element not in taken and element.removesuffix(elements.NAME) not in taken:
            said = {"element": element.removesuffix(elements.NAME), "name": elements.name_of(element)}
            yield Refusal(Place(table.source, 1, written), TEXTS + "element-not-taken", None, said, whole=False)


def renamed(header: Sequence[str], mapping: Mapping) -> tuple[tuple[str, ...], Sequence[str]]:
    """Returns the header by the names of the mapping, and what of it is not understood.

    P-codes become the columns of N041 that say the same, columns of data elements their elements.
    """
    if not mapping.same:
        return tuple(header), ()
    if mapping.same == elements.DIALECT:
        return elements.renamed(header)
    known = next((columns for (dialect, _), columns in tables().items() if dialect == mapping.same), {})
    same = {name: column.same for name, column in known.items() if column.same}
    if len(same.keys() & set(header)) * 2 < len(header):
        return tuple(header), ()
    return tuple(same.get(name, name) for name in header), ()


class _Conversion:
    """A mapping for one header and feed."""

    def __init__(self, table: Table, header: tuple[str, ...], mapping: Mapping, feed: Feed) -> None:
        self._source, self._header, self._told, self._feed = table.source, header, table.header, feed
        scope = Scope(feed, mapping.codes)
        plain = Compiler(header, scope)
        self._generated = plain.place(alternatives(mapping.generated)) if mapping.generated else -1
        self._flag = plain.place(alternatives(mapping.flag.column)) if mapping.flag else -1
        self._partial = mapping.partial
        taken, alone = _columns(mapping)
        self._taken = frozenset(place for place, name in enumerate(header) if _unnumbered(name) in taken)
        self._alone = frozenset(place for place, name in enumerate(header) if _unnumbered(name) in alone)
        self._acts = _meanings(mapping, feed.dialect)
        self._widths = [(place, feed.widths[name]) for place, name in enumerate(header) if name in feed.widths]
        self._plans = [plan for template in mapping.resources for plan in _plans(template, header, scope, mapping)]

    def row(self, row: Row) -> Iterator[Entry | Refusal]:
        """Yields the entries of a row and what is told beside them, or why it is kept aside."""
        read = self._read(row)
        notes: Notes = []
        legible = self._legible(read, notes)
        acts = self._act(legible, notes)
        made = self._made(legible, notes)
        if acts == "revoke":  # what is taken back needs no name
            notes = [note for note in notes if note.text != "name-missing"]
        refusals = self._refusals(row.number, read, notes)
        if any(note.whole for note in notes):
            yield from refusals
            return
        if not made:
            yield Refusal(Place(self._source, row.number), TEXTS + "row-says-nothing")
            return
        generated = self._made_at(read)
        origin = Place(self._source, row.number)
        for id_, resource in made:
            yield Entry(
                id_, _revoked(resource) if acts == "revoke" else resource, origin, acts, generated, self._partial
            )
        yield from refusals

    def named(self, row: Row) -> frozenset[tuple[str, str]]:
        """Returns the types and ids of what a row is about, whatever else is wrong with it."""
        read = self._read(row)
        found: set[tuple[str, str]] = set()
        for plan in self._plans:
            key = plan.key(read, [])
            if key is not None:
                found.add((plan.template.type, entry_id(self._feed.prefix, plan.kind, key)))
            found.update(names_of(plan.make(read, [])))
        return frozenset(found)

    def _read(self, row: Row) -> Sequence[str]:
        if not self._widths:
            return row.cells
        read = list(row.cells)
        for place, width in self._widths:
            read[place] = figures.padded(read[place], width)
        return read

    def _legible(self, read: Cells, notes: Notes) -> Cells:
        """Returns a row's cells without those whose signs were lost when it was written in a wrong character set."""
        broken = [place for place, cell in enumerate(read) if not cell.isascii() and _LOST.search(cell)]
        for place in broken:
            if place in self._taken:
                notes.append(Note("encoding-broken", place, {}, place not in self._alone, True))
        return [("" if place in broken else cell) for place, cell in enumerate(read)] if broken else read

    def _act(self, read: Cells, notes: Notes) -> Acts:
        code = cells.said(read[self._flag]) if self._flag >= 0 else ""
        acts = self._acts.get(code, "store" if not code else None)
        if acts is None:
            parameters = {"codes": "、".join(self._acts)}
            notes.append(Note("flag-unknown", self._flag, parameters, True, False))
        return acts or "store"

    def _made(self, read: Cells, notes: Notes) -> list[tuple[str, dict[str, Any]]]:
        made: list[tuple[str, dict[str, Any]]] = []
        seen = set()
        for plan in self._plans:
            if plan.when is not None and not any(cells.said(read[place]) for place in plan.when):
                continue
            key = plan.key(read, notes)
            body = plan.make(read, notes)
            if key is not None and body is not None:
                id_ = entry_id(self._feed.prefix, plan.kind, key)
                if id_ in seen:
                    notes.append(Note("said-twice", plan.at, {}, False, True))
                    continue
                seen.add(id_)
                made.append((id_, {"resourceType": plan.template.type, "id": id_} | body))
        return made

    def _made_at(self, read: Cells) -> str | None:
        try:
            return moments.moment(read[self._generated]) or None if self._generated >= 0 else None
        except Unfit:
            return None

    def _refusals(self, number: int, read: Cells, notes: Notes) -> list[Refusal]:
        found: dict[tuple[int, str], Refusal] = {}
        for note in sorted(notes, key=lambda note: not note.whole):
            place = Place(self._source, number, self._told[note.at] if note.at >= 0 else None)
            shown = cells.masked(read[note.at], personal=note.personal) if note.at >= 0 else None
            refusal = Refusal(place, TEXTS + note.text, shown, note.parameters, note.whole, note.taken)
            found.setdefault((note.at, note.text), refusal)
        return list(found.values())


def _unnumbered(name: str) -> str:
    return _NUMBER.sub("{N}", name)


def _columns(mapping: Mapping) -> tuple[frozenset[str], frozenset[str]]:
    """Returns all columns that are taken, and those without which everything else of a row is still right."""
    decides = {name for written in mapping.key for name in _names(written)}
    decides |= _names(mapping.flag.column) if mapping.flag else set()
    alone: set[str] = set()
    for template in mapping.resources:
        decides |= {name for written in (*template.key, template.when) for name in _names(written)}
        for _, text in leaves(template.body, ""):
            leaf = read_leaf(text)
            names = {name for alternatives_ in leaf.columns for written in alternatives_ for name in _names(written)}
            (alone if leaf.rule in LOSES_ITSELF and not leaf.must else decides).update(names)
    return frozenset(decides | alone), frozenset(alone - decides)


def _names(written: str) -> set[str]:
    return {_unnumbered(name) for name in re.split(r"[+/|?]", written.upper()) if name}


def _meanings(mapping: Mapping, dialect: str) -> dict[str, Acts]:
    """Returns what the codes of the flag do, in the feed's dialect."""
    if mapping.flag is None:
        return {}
    store, revoke = mapping.flag.store, mapping.flag.revoke
    named = dialect if dialect in store else "*"
    found: dict[str, Acts] = dict.fromkeys(store.get(named, []), "store")
    found.update(dict.fromkeys(revoke.get(named, []), "revoke"))
    return found


def _plans(template: Template, header: Sequence[str], scope: Scope, mapping: Mapping) -> Iterator[_Plan]:
    """Yields the plans of a template: one, or one for each number of its group that the header has."""
    first, last = template.each
    for number in range(first, last + 1):
        compiler = Compiler(header, scope, number)
        when = None
        if template.when:
            names = [alternatives(part) for part in template.when.split("+")]
            when = tuple(place for place in map(compiler.place, names) if place >= 0)
            if not when:
                continue
        key = compiler.key(template.key or mapping.key, figures.key)
        # A key that has the number of its group tells them apart by itself, wherever in the list each one stands.
        kind = (
            f"{template.kind}-{number}" if last and not any("{n}" in part for part in template.key) else template.kind
        )
        at = when[0] if when else -1
        yield _Plan(template, key, kind, when, compiler.object(template.body), at)


def _revoked(resource: dict[str, Any]) -> dict[str, Any]:
    """Returns a resource as one that was never so."""
    type_ = resource["resourceType"]
    if type_ == "Patient":
        return resource | {"active": False}
    if type_ == "Condition":
        kept = {name: value for name, value in resource.items() if name != "clinicalStatus"}
        return kept | {"verificationStatus": _VERIFICATION}
    return resource | {"status": _ENTERED_IN_ERROR}
