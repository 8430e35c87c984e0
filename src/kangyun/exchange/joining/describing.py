"""A table as its mapping takes it: each column with whether it must be there, how it is read and by which list. Pure.

Nothing is written down twice: names are those of `tables/data/columns.csv`, the rest follows from the mapping file.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kangyun.exchange.tables.mapping import Mapping as TableMapping
from kangyun.exchange.tables.mapping import shipped_for
from kangyun.exchange.tables.mapping.model import Leaf, Template, alternatives, read_leaf
from kangyun.exchange.tables.recognition import Column, tables
from kangyun.exchange.tables.values import coded

LISTED = ("code", "coding", "table")
KEY, REFERENCE = "key", "reference"
WEAK = (KEY, "text", REFERENCE, "reference-first")
"""Rules beside which another one that reads the same column says more."""
FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """One column. rule: how it is read, a name of `mapping.rules`, `flag`, or empty where it is not read.

    must: whether a row in which it is empty is kept aside. list: of its codes, by `fhir.china`.
    """

    column: str
    zh: str
    key: bool
    must: bool
    rule: str
    list: str = ""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One table in one dialect. store, revoke: what its flag says; empty where it has none."""

    table: str
    dialect: str
    mapping: TableMapping
    fields: Sequence[Field]
    store: Sequence[str] = ()
    revoke: Sequence[str] = ()


@dataclass(slots=True)
class _Taken:
    must: bool = False
    rule: str = ""
    list: str = ""


def dialects() -> Sequence[str]:
    """Returns the dialects of which a table is understood, but for those whose tables are sections of a message."""
    return tuple(dict.fromkeys(dialect for dialect, table in tables() if shipped_for(table) and "." not in table))


def data_sets(dialect: str) -> Sequence[DataSet]:
    """Returns the tables of a dialect that are understood, in the order of the file of columns."""
    return tuple(
        _data_set(table, dialect, columns, mapping)
        for (of, table), columns in tables().items()
        if of == dialect and (mapping := shipped_for(table)) is not None
    )


def _data_set(table: str, dialect: str, columns: Mapping[str, Column], mapping: TableMapping) -> DataSet:
    # HQMS has names of its own for the columns of N041.
    names = {column: one.same or column if mapping.same else column for column, one in columns.items()}
    taken = _taken(mapping, frozenset(names.values()))
    keys = {part for written in mapping.key for part in alternatives(written.removesuffix("?"))}
    needed = {part for written in mapping.key if not written.endswith("?") for part in alternatives(written)}
    fields = []
    for column, one in columns.items():
        known = names[column]
        found = taken.get(known, _Taken())
        is_key = known in keys
        rule = FLAG if mapping.flag and known == mapping.flag.column else found.rule or (KEY if is_key else "")
        fields.append(Field(column, one.zh, is_key, found.must or known in needed, rule, found.list))
    if mapping.flag is None or mapping.flag.column not in columns:
        return DataSet(table, dialect, mapping, fields)
    store, revoke = mapping.flag.store, mapping.flag.revoke
    return DataSet(table, dialect, mapping, fields, store.get(dialect, store["*"]), revoke.get(dialect, revoke["*"]))


def _taken(mapping: TableMapping, header: frozenset[str]) -> dict[str, _Taken]:
    """Returns by column what the resources take of it; of several takers the strictest one says must."""
    found: dict[str, _Taken] = defaultdict(_Taken)
    for template in mapping.resources:
        for leaf in _leaves(template):
            for nth, names in enumerate(leaf.columns):
                # Of alternatives the first that the table has is read.
                name = next((one for one in (written.removesuffix("?") for written in names) if one in header), None)
                if name is None:
                    continue
                one = found[name]
                # Of several columns one decides whether something is said: the first, of a reference the last.
                decides = len(leaf.columns) - 1 if leaf.rule == "reference" else 0
                one.must |= leaf.must == "!" and nth == decides
                if not one.rule or (one.rule in WEAK and leaf.rule not in WEAK):
                    one.rule = leaf.rule
                    one.list = _list(leaf, nth)
    return found


def _list(leaf: Leaf, nth: int) -> str:
    if leaf.rule == "gender":
        return "sex"
    if leaf.rule == "document":
        return "identity-document" if nth == 1 else ""
    return leaf.args[0] if leaf.rule in LISTED and nth == 0 and ":" not in leaf.args[0] else ""


def _leaves(template: Template) -> Iterator[Leaf]:
    first, last = template.each
    for number in range(first, last + 1):
        yield from _of(template.body, {"n": str(number), "N": str(number), "code": ""})


def _of(value: Any, fills: Mapping[str, str]) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _of(part, fills)
    elif isinstance(value, list):
        for part in value:
            yield from _of(part, fills)
    elif isinstance(value, str) and value.startswith("@"):
        leaf = read_leaf(value)
        columns = tuple(tuple(name.format_map(fills) for name in names) for names in leaf.columns)
        yield leaf._replace(columns=columns)


def codes_of(set_: DataSet, list_: str) -> Mapping[str, str]:
    """Returns the codes of a column's list with their names, as the table's dialect writes them.

    Codes of the mapping's own tables have no names there; where one stands for a national code, that one's name.
    """
    own = set_.mapping.codes.get(f"{list_}@{set_.dialect}") or set_.mapping.codes.get(list_)
    if own is None:
        return coded.list_of(list_).names
    national = coded.list_of(list_).names if coded.is_list(list_) else {}
    return {
        code: national.get(value, "") if isinstance(value, str) else "" for code, value in own.items() if code != "*"
    }


def title_of(list_: str) -> str:
    """Returns how a list is called, with its standard; empty for a mapping's own."""
    return coded.title(list_) if coded.is_list(list_) else ""
