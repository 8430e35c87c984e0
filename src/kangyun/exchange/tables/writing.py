"""The front page N041 written out of the record: the mapping that reads it, read backwards. Pure.

Resources of one stay become the columns that the mapping takes them from. What is constant in a template tells which
resource, and which of a list, it is of; what it takes from columns is written into them, once, by the first template
that names the column. The same resources give the same bytes.

It writes what the record says, and judges nothing: what was never said stays empty. A text that a program would take
for a formula gets the full-width form of its first sign, which `reading` reads as the sign itself.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from kangyun.exchange.tables.mapping.compiling import GROUP, ONLY_IF, SPREAD
from kangyun.exchange.tables.mapping.model import Leaf, Template, load, read_leaf
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.values.coded import list_of
from kangyun.fhir import Resource
from kangyun.fhir.china import canonical

N041 = ("n041", "N041")
POSITION = "urn:kangyun:extension:position"
_LIVE = str.maketrans("=+-@", "＝＋－＠")
_LAST = 10**6

Cells = dict[str, str]
Says = Callable[[Any, Leaf], Sequence[str]]


class Written(NamedTuple):
    """A row by its columns. left_out: resources that have no place on it, as `Type/id`: a sixteenth diagnosis."""

    cells: Mapping[str, str]
    left_out: tuple[str, ...]


def front_page(resources: Iterable[Resource], institution: str) -> Written:
    """Returns the front page of one stay. resources: its Patient, Encounter, Conditions, Procedures and Claim.

    institution: its name, as USERNAME of a CSV has it.
    """
    columns = tables()[N041]
    cells: Cells = {"USERNAME": institution}
    waiting = sorted(resources, key=lambda one: (_position(one), one["resourceType"], one.get("id", "")))
    owned: dict[str, str] = {}
    for template in load("front-page").resources:
        fitting = [one for one in waiting if one["resourceType"] == template.type and _fits(template.body, one)]
        for number, resource in _places(template, fitting):
            page = _Page(cells, owned, f"{template.kind}-{number}", number)
            page.write(template.body, resource)
            if any(name in columns for name in page.named):
                waiting.remove(resource)
    left = tuple(f"{one['resourceType']}/{one.get('id', '')}" for one in waiting)
    return Written({name: _inert(cells.get(name, "")) for name in columns}, left)


def as_csv(pages: Iterable[Written], encoding: str = "utf-8-sig") -> bytes:
    """Returns front pages as a file: a header and a row each. encoding: `gb18030` where the receiver wants GBK."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(tables()[N041]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(page.cells for page in pages)
    return out.getvalue().encode(encoding)


def _places(template: Template, fitting: Sequence[Resource]) -> list[tuple[int, Resource]]:
    """Returns resources with their numbers on the page: the first alone, or the first ones of a group."""
    first, last = template.each
    return [*zip(range(first, last + 1), fitting, strict=False)]


def _position(resource: Resource) -> int:
    found = [one for one in resource.get("extension", ()) if one["url"] == POSITION]
    return int(found[0]["valueInteger"]) if found else _LAST


def _inert(text: str) -> str:
    if text[:1] in ("=", "+", "@") or (text[:1] == "-" and not text[1:].replace(".", "", 1).isdecimal()):
        return text[0].translate(_LIVE) + text[1:]
    return text


class _Page:
    """Writes one resource. owned: which template a column is of. named: columns that it has something for."""

    def __init__(self, cells: Cells, owned: dict[str, str], owner: str, number: int) -> None:
        self._cells, self._owned, self._owner, self._number = cells, owned, owner, number
        self.named: set[str] = set()

    def write(self, template: Any, said: Any) -> None:
        """Writes what a template took from the row into its columns."""
        if isinstance(template, str):
            if template.startswith("@"):
                self._leaf(read_leaf(template), said)
        elif isinstance(template, dict) and isinstance(said, dict):
            for name, part in template.items():
                if name not in (ONLY_IF, SPREAD, GROUP) and name in said:
                    self.write(part, said[name])
        elif isinstance(template, list) and isinstance(said, list):
            for part, one in _matched(template, said):
                self.write(part, one)

    def _leaf(self, leaf: Leaf, said: Any) -> None:
        says = _SAYS.get(leaf.rule)
        if says is None:
            return
        for names, text in zip(leaf.columns, says(said, leaf), strict=False):
            # Which of some columns it was is not known any more.
            if len(names) > 1 or not text:
                continue
            name = names[0].removesuffix("?").format(n=self._number, N=self._number)
            if self._owned.setdefault(name, self._owner) == self._owner and not self._cells.get(name):
                self._cells[name] = text
            self.named.add(name)


def _matched(template: Sequence[Any], said: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Returns the parts of a template with what each became: those that have most constants choose first."""
    left = list(said)
    found = []
    for part in sorted(template, key=_constants, reverse=True):
        one = next((one for one in left if _fits(part, one)), None)
        if one is not None:
            left.remove(one)
            found.append((part, one))
    return found


def _constants(template: Any) -> int:
    if isinstance(template, dict):
        return sum(_constants(part) for name, part in template.items() if name != ONLY_IF)
    if isinstance(template, list):
        return sum(map(_constants, template))
    return int(not _is_taken(template))


def _fits(template: Any, said: Any) -> bool:
    """Whether something can have been made by a template: all that is constant in it is there."""
    if isinstance(template, dict):
        return isinstance(said, dict) and all(
            _fits(part, said[name]) if name in said else _constants(part) == 0 or _takes(part)
            for name, part in template.items()
            if name not in (ONLY_IF, SPREAD, GROUP)
        )
    if isinstance(template, list):
        wanted = [part for part in template if not _takes(part)]
        return isinstance(said, list) and all(any(_fits(part, one) for one in said) for part in wanted)
    if _is_taken(template):
        leaf = read_leaf(template)
        return leaf.rule != "coding" or said.get("system") == _system(leaf.args[0])
    return bool(said == template)


def _takes(template: Any) -> bool:
    if isinstance(template, dict):
        return any(map(_takes, template.values()))
    if isinstance(template, list):
        return any(map(_takes, template))
    return _is_taken(template)


def _is_taken(template: Any) -> bool:
    return isinstance(template, str) and template.startswith("@")


def _system(named: str) -> str:
    return canonical(named) if ":" in named else list_of(named).system


def _text(said: Any, leaf: Leaf) -> Sequence[str]:
    return (f"{said:f}" if isinstance(said, Decimal) else str(said),)


def _day(said: str, leaf: Leaf) -> Sequence[str]:
    return (said[:10].replace("-", ""),)


def _coding(said: Mapping[str, Any], leaf: Leaf) -> Sequence[str]:
    return said.get("code", ""), said.get("display", "")


def _concept(said: Mapping[str, Any], leaf: Leaf) -> Sequence[str]:
    of_list = [one for one in said.get("coding", ()) if one.get("system") == _system(leaf.args[0])]
    return _coding(of_list[0], leaf) if of_list else ()


def _period(said: Mapping[str, str], leaf: Leaf) -> Sequence[str]:
    start, end = said.get("start", ""), said.get("end", "")
    return _day(start, leaf)[0], _hour(start), _day(end, leaf)[0], _hour(end)


def _hour(said: str) -> str:
    return str(int(said[11:13])) if len(said) > 10 else ""


_SAYS: Mapping[str, Says] = {
    **dict.fromkeys(("text", "answer", "name", "address", "key", "value", "phone", "number"), _text),
    **dict.fromkeys(("day", "moment"), _day),
    "coding": _coding, "code": _concept, "period": _period,
    "document": lambda said, leaf: (said["value"],),
}  # fmt: skip
