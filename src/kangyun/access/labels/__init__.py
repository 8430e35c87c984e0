"""Security labels: which a resource gets when it is written, by the rules of `data/labels.toml` and by hand.

Pure: a type, a code or a text in, a mask out. `store.labelling` asks, and says where in a resource it looks. A label is
a bit of `resource.labels`; a resource has a category, a level, and what is sensitive. What no code, no display,
no text of a coded element and no title (`[looked-at] texts`) says (free text of a note) is not seen by rules. A code of
a system that no rule knows is read as a text as well: hospitals call their tests TPPA. What it does not say by itself a
region says of it, code by code (`labels-local.csv`).

Source: GB/T 39725-2020, 6.1 categories and 6.2 levels; the sources of the rules stand with them.
"""

import csv
import hashlib
import io
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kangyun.access.rulebook import parsed
from kangyun.base.errors import Invalid
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.words import words

FILE, LOCAL = "labels.toml", "labels-local.csv"
HEADER = ["system", "code", "label", "source"]
LAST_BIT = 61
LEVELS = 5


class Label(msgspec.Struct, frozen=True):
    """A label: its bit, its names, and for a sensitivity the level that it brings.

    lifted: it goes when the newest version does not have it any more: who set it by hand takes it back so.
    """

    bit: int
    zh: str
    en: str
    level: int = 0
    lifted: bool = False


class Rule(msgspec.Struct, frozen=True):
    """Codes of a group of systems that begin so, or texts that have these words, get the label.

    titles: as words, in titles only.
    """

    label: str
    source: str
    system: str = ""
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


class Local(NamedTuple):
    """A code of a region's own that has a label, and where it stands in its file."""

    line: int
    system: str
    code: str
    label: str


class Labels:
    """The labels of an installation and the rules that set them. Raises Invalid, naming the place.

    local: what a region says of codes of its own, beside the rules.
    """

    def __init__(self, read: Mapping[str, Any], local: Sequence[Local] = ()) -> None:
        said = repr(sorted(read.items())) + (repr(sorted(local)) if local else "")
        self.digest = hashlib.sha256(said.encode()).hexdigest()
        self.system = str(read["system"])
        self.categories = _labels(read, "categories")
        self.levels = {int(name): label for name, label in _labels(read, "levels").items()}
        self.sensitivities = _labels(read, "sensitivities")
        self._bits = {name: label.bit for name, label in (self.categories | self.sensitivities).items()}
        self._bits |= {f"level-{number}": label.bit for number, label in self.levels.items()}
        if len(set(self._bits.values())) < len(self._bits) or max(self._bits.values()) > LAST_BIT:
            raise Invalid("access.labels.bits")
        staying = (label.bit for label in self.sensitivities.values() if not label.lifted)
        self.sticky = sum(1 << bit for bit in staying) | self.mask(f"level-{LEVELS}")
        """What stays with a resource although its newest version would not have it: older ones can be read."""
        self.lifted = sum(1 << label.bit for label in self.sensitivities.values() if label.lifted)
        """What goes with the newest version that does not have it."""
        self.parameters = frozenset({"_security", *read["looked-at"]["parameters"]})
        self._types = {
            type_: self.mask(category, f"level-{level}") for type_, (category, level) in _types(read["types"]).items()
        }
        self.rules = tuple(msgspec.convert(rule, Rule) for rule in read["rules"])
        self._by_hand = {
            (system, code): label for system, codes in read["by-hand"].items() for code, label in codes.items()
        }
        self.texts = tuple(text for rule in self.rules for text in rule.words)
        self._codes: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._words: list[tuple[frozenset[str], int]] = []
        self._titled: list[tuple[frozenset[str], int]] = []
        self.titles = _paths(read["looked-at"].get("texts", ()))
        for rule in self.rules:
            mask = self.with_level(rule.label)
            for system in read[rule.system]["systems"] if rule.system else ():
                self._codes.setdefault(system.rstrip("/"), []).append((tuple(map(_plain, rule.codes)), mask))
            self._words += [(frozenset(words(text)), mask) for text in rule.words]
            self._titled += [(frozenset(words(text)), mask) for text in (*rule.words, *rule.titles)]
        self._local: dict[tuple[str, str], int] = {}
        for one in local:
            if one.label not in self.sensitivities:
                raise Invalid("access.labels.local", file=LOCAL, line=one.line)
            # Under no system, too: a code of no system may be one of any.
            for system in (one.system.rstrip("/"), ""):
                name = (system, _plain(one.code))
                self._local[name] = self._local.get(name, 0) | self.with_level(one.label)
        self._any = list(dict.fromkeys(one for rules in self._codes.values() for one in rules))
        self.of_code = lru_cache(maxsize=65_536)(self._of_code)
        self.of_text = lru_cache(maxsize=65_536)(self._of_text)

    def mask(self, *names: str) -> int:
        """Returns the bits of labels by their names. Raises Invalid for an unknown one."""
        found = 0
        for name in names:
            if name not in self._bits:
                raise Invalid("access.labels.unknown", name=name)
            found |= 1 << self._bits[name]
        return found

    @property
    def all(self) -> int:
        """The bits of all labels."""
        return sum(1 << bit for bit in self._bits.values())

    def with_level(self, name: str) -> int:
        """Returns a label's bit and that of the level which it brings."""
        label = self.sensitivities.get(name)
        return self.mask(name) | (self.mask(f"level-{label.level}") if label and label.level else 0)

    def names(self, mask: int) -> list[str]:
        """Returns the names of a mask's labels, in the order of their bits."""
        return [name for name, bit in sorted(self._bits.items(), key=lambda item: item[1]) if mask >> bit & 1]

    def of_type(self, type_: str) -> int:
        """Returns what every resource of a type has: a category and a level."""
        return self._types.get(type_, self._types["default"])

    def _of_code(self, system: str | None, code: str | None) -> int:
        if code is None:
            return 0
        system = (system or "").partition("|")[0].rstrip("/")
        if system == self.system:
            return self.with_level(code) if code in self._bits else 0
        by_hand = self._by_hand.get((system, code))
        if by_hand is not None:
            return self.with_level(by_hand)
        found = self._local.get((system, _plain(code)), 0)
        if system not in self._codes:
            found |= self.of_text(code)
        # A code of no system may be one of any: it is closed as if it were.
        rules = self._codes.get(system, ()) if system else self._any
        plain = _plain(code)
        for begins, mask in rules:
            if plain.startswith(begins):
                found |= mask
        return found

    def of_title(self, text: str) -> int:
        """Returns the labels of a title. It may name a person, so it is not kept in mind."""
        return _worded(text, self._titled)

    def _of_text(self, text: str) -> int:
        return _worded(text, self._words)


def _worded(text: str, rules: Iterable[tuple[frozenset[str], int]]) -> int:
    found, has = 0, frozenset(words(text))
    for wanted, mask in rules:
        if wanted <= has:
            found |= mask
    return found


def _plain(code: str) -> str:
    return unicodedata.normalize("NFKC", code).replace(".", "").upper()


def _labels(read: Mapping[str, Any], part: str) -> dict[str, Label]:
    return {name: msgspec.convert(one, Label) for name, one in read[part].items()}


def _types(read: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    found = {"default": (str(read["default"][0]), int(read["default"][1]))}
    for name, types in read.items():
        if name == "default":
            continue
        category, _, level = name.rpartition("-")
        for type_ in _known(types):
            found[type_] = (category, int(level))
    return found


def _paths(texts: Iterable[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for text in texts:
        type_, *path = text.split(".")
        for known in _known((type_,)):
            found[known] = (*found.get(known, ()), tuple(path))
    return found


def _known(types: Iterable[str]) -> Iterable[str]:
    for type_ in types:
        if type_ not in definitions().resource_types:
            raise Invalid("access.labels.type", name=type_)
    return types


def read_labels(text: str, local: Sequence[Local] = ()) -> Labels:
    """Reads a file of labels. Raises Invalid for one that cannot be."""
    try:
        return Labels(parsed(text), local)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise Invalid("access.labels.file", reason=type(error).__name__) from None


def read_local(data: bytes) -> list[Local]:
    """Reads a region's own codes, a CSV in UTF-8 or, as Excel writes it, GB 18030. Raises Invalid, naming the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", "replace")
    rows = csv.reader(io.StringIO(text))
    if [cell.strip() for cell in next(rows, [])] != HEADER:
        raise Invalid("access.labels.local", file=LOCAL, line=1)
    found = []
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != len(HEADER) or not all(cells):
            raise Invalid("access.labels.local", file=LOCAL, line=rows.line_num)
        found.append(Local(rows.line_num, *cells[:3]))
    return found


def _shipped_text() -> str:
    return files("kangyun.access.labels").joinpath("data", FILE).read_text("utf-8")


@cache
def shipped() -> Labels:
    """Returns the labels that come with the platform."""
    return read_labels(_shipped_text())


def labels_of(folder: Path) -> Labels:
    """Returns the labels of an installation: its own file, else the shipped one, and its own codes. Raises Invalid."""
    own, local = folder / FILE, folder / LOCAL
    if not local.exists():
        return read_labels(own.read_text("utf-8")) if own.exists() else shipped()
    return read_labels(own.read_text("utf-8") if own.exists() else _shipped_text(), read_local(local.read_bytes()))
