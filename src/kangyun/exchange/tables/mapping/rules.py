"""The rules that a mapping may name: each makes of a row's cells one value of a resource, or nothing.

`RULES` gives a maker by name: of the rule's words and the scope (feed, code tables) it makes the function of cells. A
function returns None or an empty text for nothing, `Told` where it put something right, and raises `Unfit`.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from html import escape
from itertools import accumulate
from typing import Any, NamedTuple

from kangyun.base.numbers.fillers import narrow, stated
from kangyun.exchange import conventions
from kangyun.exchange.entries import entry_id
from kangyun.exchange.tables.mapping.feed import Feed
from kangyun.exchange.tables.values import Unfit, cells, coded, figures, laboratory, moments
from kangyun.fhir.china import canonical, maps

Rule = Callable[..., Any]
_ID = lru_cache(8192)(entry_id)
_DOCUMENTS = "identity-document"
_LONGEST_NAME = 100


class Told(NamedTuple):
    """A value that was put right, or contradicts something: text says what."""

    value: Any
    text: str


class Scope(NamedTuple):
    """codes: the mapping's own tables, those of the feed's dialect first (`card@chengdu-2011`)."""

    feed: Feed
    codes: Mapping[str, Mapping[str, Any]]

    def table(self, name: str) -> Mapping[str, Any]:
        """Returns a code table of the mapping, empty where there is none."""
        return self.codes.get(f"{name}@{self.feed.dialect}") or self.codes.get(name) or {}


Words = Sequence[str]


def _plain(function: Rule) -> Callable[[Words, Scope], Rule]:
    return lambda words, scope: function


def _name(cell: str) -> str:
    if not stated(cell):
        return ""
    if narrow(cell).startswith("="):
        raise Unfit("name-formula")
    return " ".join(cells.answer(cell).split())[:_LONGEST_NAME]


def _patient_name(cell: str) -> str:
    """`patient-name`: an empty one is told; 未知 says that nobody knows it, and is no name."""
    if not cells.answer(cell):
        raise Unfit("name-missing")
    return _name(cell)


def _address(*parts: str) -> str:
    return "".join(cells.words(part) for part in parts if stated(part))


def _joined(words: Words, scope: Scope) -> Rule:
    between = words[0] if words else " "
    return lambda *parts: between.join(filter(None, map(cells.words, parts)))


def _concept(words: Words, scope: Scope) -> Rule:
    """`code LIST [MAP …]`: a CodeableConcept by a national list, with what its code is by the maps beside it."""
    list_, chain = words[0], tuple(words[1:])

    def rule(cell: str, name: str = "") -> Any:
        found = _coded(scope, list_, cell, name)
        if not found.code:
            return None
        codings = [_coding(coded.list_of(list_).system, found.code, found.name)]
        code: str | None = found.code
        for map_ in chain:
            code = maps.translated(map_, code) if code else None
            if code:
                codings.append({"system": _targets()[map_], "code": code})
        value = {"coding": codings} | ({"text": found.name} if found.name else {})
        return Told(value, found.found) if found.found else value

    return rule


def _coding_rule(words: Words, scope: Scope) -> Rule:
    """`coding LIST` or `coding SYSTEM`: a Coding of a list, or of any system: code, and a name beside it."""
    system = words[0]
    if ":" not in system:

        def of_list(cell: str, name: str = "") -> Any:
            found = _coded(scope, system, cell, name)
            if not found.code:
                return None
            value = _coding(coded.list_of(system).system, found.code, found.name)
            return Told(value, found.found) if found.found else value

        return of_list
    named = canonical(system)

    def of_system(cell: str, name: str = "") -> Any:
        code = cells.said(cell)
        return _coding(named, code, " ".join(cells.words(name).split())) if code else None

    return of_system


def _coding_by(words: Words, scope: Scope) -> Rule:
    """`coding-by NAME`: a Coding whose system the mapping's own table has for a third column."""
    table = {code: canonical(system) for code, system in scope.table(words[0]).items()}

    def rule(cell: str, name: str = "", kind: str = "") -> Any:
        code = cells.said(cell)
        system = table.get(cells.said(kind), table.get("*"))
        if not code:
            return None
        if system is None:
            raise Unfit("code-unknown", list=words[0])
        return _coding(system, code, " ".join(cells.words(name).split()))

    return rule


def _gender(words: Words, scope: Scope) -> Rule:
    def rule(cell: str, name: str = "") -> Any:
        found = _coded(scope, "sex", cell, name)
        gender = maps.translated("sex-to-administrative-gender", found.code) if found.code else None
        return Told(gender, found.found) if found.found else gender

    return rule


def _table(words: Words, scope: Scope) -> Rule:
    """`table NAME`: what the mapping's own table has for a code; `*` in it is for any other."""
    table = scope.table(words[0])

    def rule(cell: str) -> Any:
        code = cells.said(cell)
        value = table.get(code, table.get("*")) if code else table.get("")
        if code and value is None:
            raise Unfit("code-unknown", list=words[0])
        return value

    return rule


def _document(words: Words, scope: Scope) -> Rule:
    """`document [TYPE]`: an Identifier of a number, the code of its type and its name.

    Where no type is said it is TYPE; without one an identity card if the number is one, else a paper of no known kind.
    """
    papers = conventions.papers()
    usual = words[0] if words else ""

    def rule(cell: str, type_: str = "", name: str = "") -> Any:
        if not stated(cell):
            return None
        try:
            kind = _coded(scope, _DOCUMENTS, type_, name)
        except Unfit as unfit:
            raise Unfit(unfit.text, 1, **unfit.parameters) from None
        if not kind.code:
            kind = _coded(scope, _DOCUMENTS, usual or ("01" if figures.is_identity(cell) else ""), "")
        paper = papers.get(kind.code, papers["99"])
        number = figures.document(cell, paper.form)
        if not number:
            return None
        typed = {"coding": [_coding(coded.list_of(_DOCUMENTS).system, kind.code, kind.name)]} if kind.code else None
        value = {"use": "official"} | ({"type": typed} if typed else {}) | {"system": paper.system, "value": number}
        return Told(value, kind.found) if kind.found else value

    return rule


def _reference(words: Words, scope: Scope) -> Rule:
    """`reference TYPE KIND`: the reference to what another table's row of that key becomes."""
    type_, kind = words
    prefix = scope.feed.prefix

    def rule(*parts: str) -> str:
        key = tuple(map(figures.key, parts))
        return f"{type_}/{_ID(prefix, kind, key)}" if key[-1] else ""

    return rule


def first_said(cells_: Sequence[str]) -> str:
    """Returns the first of some cells that says something as a part of a key, with which one it is; else nothing."""
    for nth, cell in enumerate(cells_):
        if stated(cell):
            return f"{nth}:{figures.key(cell)}"
    return ""


def _reference_first(words: Words, scope: Scope) -> Rule:
    """`reference-first TYPE KIND [COUNT COUNT]`: as `reference`; each part of the key is the first of COUNT columns."""
    type_, kind = words[:2]
    prefix, counts = scope.feed.prefix, tuple(map(int, words[2:]))

    def rule(*parts: str) -> str:
        ends = list(accumulate(counts or (len(parts),)))
        key = tuple(first_said(parts[start:end]) for start, end in zip([0, *ends], ends, strict=False))
        return f"{type_}/{_ID(prefix, kind, key)}" if all(key) else ""

    return rule


def _happened(words: Words, scope: Scope) -> Rule:
    """`if-happened YES NO`: which of two words, by whether a column has a time that is no sentinel."""
    yes, no = words

    def rule(cell: str = "") -> str:
        try:
            return yes if moments.moment(cell) else no
        except Unfit:
            return yes

    return rule


def _ended(words: Words, scope: Scope) -> Rule:
    """`if-ended YES NO` of start and end: NO where it has begun and not ended."""
    yes, no = words
    happened = _happened(("yes", ""), scope)
    return lambda start="", end="": no if happened(start) and not happened(end) else yes


def _text_or(words: Words, scope: Scope) -> Rule:
    """`text-or WORDS`: a text, and those words where there is none."""
    other = " ".join(words)
    return lambda cell="": cells.words(cell) or other


def _narrative(cell: str) -> dict[str, str] | None:
    """`narrative`: a text as the Narrative of a section; 无 is an answer."""
    text = cells.answer(cell)
    if not text:
        return None
    lines = "<br/>".join(map(escape, text.split("\n")))
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{lines}</div>'}


def _content(cell: str) -> str:
    """`content`: bytes in base64, as they were sent; its line breaks are left out."""
    text = "".join(cell.split())
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise Unfit("content-wrong") from None
    return text


def _period(words: Words, scope: Scope) -> Rule:
    """`period` of start and end, `period hours` of day and hour of both: a Period; there is none without a start."""
    ends = (2, 3) if words else (1,)

    def read(part: int, *parts: str) -> str:
        try:
            return moments.at_hour(*parts) if words else moments.moment(*parts)
        except Unfit as unfit:
            raise Unfit(unfit.text, part + unfit.part, **unfit.parameters) from None

    def rule(*parts: str) -> dict[str, str] | None:
        start = read(0, *parts[: ends[0]])
        if not start:
            return None
        end = read(ends[0], *(parts[place] for place in ends))
        shorter = min(len(start), len(end))
        if end and end[:shorter] < start[:shorter]:
            raise Unfit("period-reversed", ends[0])
        return {"start": start} | ({"end": end} if end else {})

    return rule


def _period_first(words: Words, scope: Scope) -> Rule:
    """`period-first` of some starts and an end: `period` of the first start that says something."""
    of = _period((), scope)
    return lambda *parts: of(next((start for start in parts[:-1] if cells.said(start)), ""), parts[-1])


def _signed(words: Words, scope: Scope) -> Rule:
    """`signed CODE [CODE …]`: a number, below zero where the column beside it holds the first code: a refund.

    Of the others it is as it stands, and the second is what is written out beside it. Where others are named, and there
    is yet another, nobody knows which it is.
    """
    refund, others = words[0], words[1:]

    def rule(cell: str, flag: str = "") -> Decimal | None:
        value, code = figures.number(cell), cells.said(flag)
        if code and others and code not in words:
            raise Unfit("refund-unknown", 1, codes="、".join(sorted(words)))
        return -abs(value) if value is not None and value and code == refund else value

    return rule


def _positive(cell: str) -> int | None:
    value = figures.number(cell)
    if value is None:
        return None
    if value != value.to_integral_value() or value < 1:
        raise Unfit("number-wrong")
    return int(value)


def _laboratory(cell: str, unit: str = "", reference: str = "", hint: str = "") -> Any:
    read = laboratory.result(cell, unit, reference, hint)
    return Told(read.elements, read.found) if read.found else read.elements


def _coded(scope: Scope, list_: str, cell: str, name: str) -> coded.Coded:
    """Returns a code by a list, after the dialect's own codes were put into the list's."""
    own = scope.table(list_)
    return coded.coded(list_, own.get(cells.said(cell), cell) if own else cell, name)


def _coding(system: str, code: str, name: str) -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": name} if name else {})


@lru_cache(1)
def _targets() -> Mapping[str, str]:
    """Returns the target system of each map."""
    return {one["id"]: one["group"][0]["target"] for one in maps.concept_maps()}


RULES: Mapping[str, Callable[[Words, Scope], Rule]] = {
    "text": _plain(cells.words),
    "text-or": _text_or,
    "answer": _plain(cells.answer),
    "name": _plain(_name),
    "patient-name": _plain(_patient_name),
    "address": _plain(_address),
    "joined": _joined,
    "key": _plain(figures.key),
    "value": _plain(cells.said),
    "code": _concept,
    "coding": _coding_rule,
    "coding-by": _coding_by,
    "gender": _gender,
    "table": _table,
    "document": _document,
    "phone": _plain(figures.phone),
    "day": _plain(moments.day),
    "moment": _plain(moments.moment),
    "instant": _plain(moments.instant),
    "hour": _plain(moments.at_hour),
    "period": _period,
    "period-first": _period_first,
    "narrative": _plain(_narrative),
    "content": _plain(_content),
    "number": _plain(figures.number),
    "signed": _signed,
    "positive": _plain(_positive),
    "if-happened": _happened,
    "if-ended": _ended,
    "laboratory": _plain(_laboratory),
    "reference": _reference,
    "reference-first": _reference_first,
    "count": lambda words, scope: lambda: int(words[0]),
    "institution": lambda words, scope: lambda: scope.feed.institution,
}
ALWAYS = frozenset(("count", "if-ended", "if-happened", "institution", "table", "text-or"))
"""Rules that say something where none of their columns is in the table."""
LOSES_ITSELF = frozenset(("text", "answer", "name", "address", "narrative", "code", "coding", "gender"))
"""Rules of which no other value depends: a column of theirs alone may be left out where it cannot be read."""
OPEN = frozenset(
    (
        "code",
        "coding",
        "coding-by",
        "table",
        "moment",
        "instant",
        "hour",
        "period",
        "period-first",
        "number",
        "signed",
        "positive",
        "gender",
    )
)
"""Rules of columns that hold nothing by which a person is known: what they refuse is shown where it is short."""
