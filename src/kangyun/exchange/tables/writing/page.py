"""A template read backwards: which of a list's members each of its parts is of, and what its columns said. Pure."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kangyun.exchange.tables.mapping.compiling import GROUP, ONLY_IF, SPREAD
from kangyun.exchange.tables.mapping.model import Leaf, read_leaf
from kangyun.exchange.tables.mapping.rules import Scope
from kangyun.exchange.tables.writing.saying import SAYS, Says, paper_systems, system_of

Cells = dict[str, str]
Refer = Callable[[str, str], Sequence[str]]
"""The parts of the key of what a reference names, by the reference and the kind that the template says."""
_LATER = ("gender", "joined")
_NUMBER = re.compile(r"\d+")


class Page:
    """Writes one resource into the columns of a table.

    owned: which template a column is of. owner: of what is written now. number: for `{n}`. refer: of references.
    says: rules that say it otherwise here. named: the columns that say what the resource says.
    """

    def __init__(
        self, columns: Collection[str], scope: Scope, cells: Cells, *,
        owned: dict[str, str] | None = None, owner: str = "", number: int = 0,
        refer: Refer | None = None, says: Mapping[str, Says] | None = None,
    ) -> None:  # fmt: skip
        self._columns, self._scope, self._cells = columns, scope, cells
        self._owned, self._owner, self._number = {} if owned is None else owned, owner, number
        self._refer, self._says = refer, {**SAYS, **(says or {})}
        self._later: list[tuple[Leaf, Any]] = []
        self.named: set[str] = set()

    def write(self, template: Any, resource: Any) -> None:
        """Writes what a template took from the row into its columns."""
        self._write(template, resource)
        # What other columns say better, or a part of, comes last.
        for leaf, said in self._later:
            texts = self._parts(leaf, said) if leaf.rule == "joined" else self._says[leaf.rule](said, leaf, self._scope)
            self._put(leaf, texts)
        self._later.clear()

    def _write(self, template: Any, said: Any) -> None:
        if isinstance(template, str):
            if template.startswith("@"):
                self._leaf(read_leaf(template), said)
        elif isinstance(template, dict) and isinstance(said, dict):
            for name, part in template.items():
                if name == SPREAD:
                    self._write(part, said)
                elif name not in (ONLY_IF, GROUP) and name in said:
                    self._write(part, said[name])
        elif isinstance(template, list) and isinstance(said, list):
            for part, one in matched(template, said):
                self._write(part, one)

    def _leaf(self, leaf: Leaf, said: Any) -> None:
        if leaf.rule in _LATER:
            self._later.append((leaf, said))
        elif leaf.rule == "reference":
            self._put(leaf, self._refer(said, leaf.args[1]) if self._refer and isinstance(said, str) else ())
        elif leaf.rule in self._says:
            self._put(leaf, self._says[leaf.rule](said, leaf, self._scope))

    def _put(self, leaf: Leaf, texts: Sequence[str]) -> None:
        for names, text in zip(leaf.columns, texts, strict=False):
            name = self._column(names)
            if not name or not text:
                continue
            if self._owned.setdefault(name, self._owner) == self._owner and not self._cells.get(name):
                self._cells[name] = text
            if self._cells.get(name) == text:
                self.named.add(name)

    def _column(self, names: Sequence[str]) -> str:
        """Returns the first of some names that the table has: what is read is read from there."""
        filled = (name.removesuffix("?").format(n=self._number, N=self._number) for name in names)
        return next((name for name in filled if name in self._columns), "")

    def _parts(self, leaf: Leaf, said: str) -> Sequence[str]:
        """Returns what columns that were joined said, beside those that say a part of it already."""
        between = leaf.args[0] if leaf.args else " "
        names = [self._column(names) for names in leaf.columns]
        known = [self._cells.get(name, "") for name in names]
        open_ = [place for place, name in enumerate(names) if name and not known[place]]
        if not open_:
            return ()
        before = "".join(text + between for text in known[: open_[0]] if text)
        after = "".join(between + text for text in known[open_[0] + 1 :] if text)
        if f"{before}{said}" == before + between.join(filter(None, known)):
            return ()
        if not (said.startswith(before) and said.endswith(after) and len(said) >= len(before) + len(after)):
            return ()
        known[open_[0]] = said[len(before) : len(said) - len(after)]
        return known


def fits(template: Any, said: Any) -> bool:
    """Whether something can have been made by a template: all that is constant in it is there."""
    if isinstance(template, dict):
        return isinstance(said, dict) and all(
            fits(part, said[name]) if name in said else _constants(part) == 0 or _takes(part)
            for name, part in template.items()
            if name not in (ONLY_IF, SPREAD, GROUP)
        )
    if isinstance(template, list):
        wanted = [part for part in template if not _takes(part)]
        return isinstance(said, list) and all(any(fits(part, one) for one in said) for part in wanted)
    if _is_taken(template):
        return _leaf_fits(read_leaf(template), said)
    if isinstance(template, str) and "{code}" in template:
        before, _, after = template.partition("{code}")
        return isinstance(said, str) and said.startswith(before) and said.endswith(after)
    return bool(said == template)


def _leaf_fits(leaf: Leaf, said: Any) -> bool:
    if leaf.rule == "coding":
        before, code, after = leaf.args[0].partition("{code}")
        system = str(said.get("system", ""))
        return system.startswith(before) and system.endswith(after) if code else system == system_of(before)
    return leaf.rule != "document" or (isinstance(said, dict) and said.get("system") in paper_systems())


def matched(template: Sequence[Any], said: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Returns the parts of a template with what each became: those that have most constants choose first.

    Where two parts differ in nothing but their columns and not both are there, nothing tells which one it is.
    """
    left = list(said)
    found = []
    for part in sorted(template, key=_constants, reverse=True):
        one = next((one for one in left if fits(part, one) and _shares(part, one)), None)
        if one is not None:
            left.remove(one)
            found.append((part, one))
    if len(found) == len(template):
        return found
    forms = [(_form(part), _form(part, series=True)) for part in template]
    there = [_form(part) for part, _ in found]
    unsure = {
        form for form, _ in forms
        if len({series for other, series in forms if other == form}) > 1
        and there.count(form) < sum(1 for other, _ in forms if other == form)
    }  # fmt: skip
    return [(part, one) for part, one in found if _form(part) not in unsure]


def _form(template: Any, *, series: bool = False) -> str:
    """Returns a template without the names of its columns; of a series with them, but for their numbers."""
    if isinstance(template, dict):
        return str({name: _form(part, series=series) for name, part in template.items()})
    if isinstance(template, list):
        return str([_form(part, series=series) for part in template])
    if not _is_taken(template):
        return repr(template)
    leaf = read_leaf(template)
    first = [_NUMBER.sub("", names[0]) for names in leaf.columns] if series else len(leaf.columns)
    return f"@{first} {leaf.rule} {leaf.args}"


def _shares(template: Any, said: Any) -> bool:
    """Whether an object has anything that a part is for."""
    if isinstance(template, dict) and isinstance(said, dict):
        return SPREAD in template or not template.keys().isdisjoint(said)
    return True


def _constants(template: Any) -> int:
    if isinstance(template, dict):
        return sum(_constants(part) for name, part in template.items() if name != ONLY_IF)
    if isinstance(template, list):
        return sum(map(_constants, template))
    return int(not _is_taken(template))


def _takes(template: Any) -> bool:
    if isinstance(template, dict):
        return any(map(_takes, template.values()))
    if isinstance(template, list):
        return any(map(_takes, template))
    return _is_taken(template)


def _is_taken(template: Any) -> bool:
    return isinstance(template, str) and template.startswith("@")
