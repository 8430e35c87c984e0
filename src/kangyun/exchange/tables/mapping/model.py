"""A mapping file as it is read and checked; what is wrong with one is told with its place, in words."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from kangyun.exchange.tables.mapping.rules import RULES

_GROUP, _ONLY_IF = "#", "?"
_LEAF = re.compile(r"@(?P<must>(?:!\??)?)(?P<columns>[^\s@!]*)(?: (?P<rule>[a-z-]+)(?P<args>(?: \S+)*))?")


class BadMapping(ValueError):
    """A mapping file cannot be used. text: a key of this package's texts, at: the place in the file."""

    def __init__(self, text: str, at: str) -> None:
        super().__init__(f"{text} at {at}")
        self.text = text
        self.at = at


class Flag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which code of a column stores a record and which takes it back, by dialect; `*` where none is named."""

    column: str
    store: dict[str, list[str]]
    revoke: dict[str, list[str]]


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One resource of a row.

    kind, key: of its id. when: columns one of which must say something. each: the first and last number of `{n}`.
    """

    type: str
    kind: str
    body: dict[str, Any]
    key: list[str] = []
    when: str = ""
    each: tuple[int, int] = (0, 0)


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file. tables: those that it is for. generated: the column of when the sender made the row.

    partial: whether a row says only some of what stands of its resources.
    day:     the column of the business time, by whose Beijing day rows are counted on both sides (对账).
    amounts: the columns that are added up there, as they stand.
    stays:   of its tables those for stays only: what is written out goes there or elsewhere by the class of its visit.
    """

    name: str
    title: str
    tables: list[str]
    key: list[str]
    resources: list[Template]
    edition: str
    day: str = ""
    amounts: list[str] = []
    stays: list[str] = []
    generated: str = ""
    flag: Flag | None = None
    same: str = ""
    partial: bool = False
    codes: dict[str, dict[str, Any]] = {}


class Leaf(NamedTuple):
    """What a text of a template takes from a row.

    must:    `!`: a row in which it is wrong or empty is kept aside; `!?`: one in which it is wrong; else neither.
    columns: alternatives of each column. In a reference the last one decides whether there is one.
    """

    must: str
    columns: tuple[tuple[str, ...], ...]
    rule: str
    args: tuple[str, ...]


def parse(text: str, source: str = "mapping") -> Mapping:
    """Returns a mapping of the text of a file. Raises BadMapping."""
    try:
        mapping = msgspec.convert(tomllib.loads(text), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadMapping("mapping-syntax", f"{source}: {error}") from None
    for template in mapping.resources:
        for at, leaf in leaves(template.body, template.type):
            read = read_leaf(leaf, f"{source}: {at}")
            if read.rule not in RULES:
                raise BadMapping("mapping-rule", f"{source}: {at}: {read.rule}")
    return mapping


@lru_cache(8192)
def read_leaf(text: str, at: str = "") -> Leaf:
    """Returns what a text that begins with `@` says. Raises BadMapping."""
    found = _LEAF.fullmatch(text)
    if found is None:
        raise BadMapping("mapping-leaf", f"{at}: {text}")
    columns = tuple(map(alternatives, found["columns"].split("+"))) if found["columns"] else ()
    return Leaf(found["must"], columns, found["rule"] or "text", tuple((found["args"] or "").split()))


def alternatives(written: str) -> tuple[str, ...]:
    """Returns the names that one column may have: `YLJGYQDM|YLJGDM`."""
    return tuple(name.upper() for name in written.split("|"))


def leaves(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Yields each text of a template that begins with `@`, with its place. Raises BadMapping."""
    if isinstance(value, dict):
        if _GROUP in value and not isinstance(value.get(_ONLY_IF), str):
            raise BadMapping("mapping-group", at)
        for name, part in value.items():
            yield from leaves(part, f"{at}.{name}")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from leaves(part, f"{at}[{place}]")
    elif isinstance(value, str) and value.startswith("@"):
        yield at, value


def columns_of(mapping: Mapping) -> frozenset[str]:
    """Returns the names of all columns that a mapping takes something from."""
    found = {
        name for template in mapping.resources for written in (*template.key, template.when) for name in _names(written)
    }
    for template in mapping.resources:
        for _, leaf in leaves(template.body, ""):
            found |= {name.removesuffix("?") for names in read_leaf(leaf).columns for name in names}
    return frozenset(found | {name for written in mapping.key for name in _names(written)})


def _names(written: str) -> list[str]:
    return [name for name in re.split(r"[+/|?]", written.upper()) if name]


@cache
def shipped() -> Sequence[Mapping]:
    """Returns the mappings that are shipped."""
    folder = files("kangyun.exchange.tables").joinpath("mappings")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(parse(file.read_text("utf-8"), file.name) for file in found)


def shipped_for(table: str) -> Mapping | None:
    """Returns the shipped mapping of a table, None where there is none."""
    return next((mapping for mapping in shipped() if table in mapping.tables), None)


def load(name: str) -> Mapping:
    """Returns a shipped mapping by its name. Raises KeyError."""
    return {mapping.name: mapping for mapping in shipped()}[name]
