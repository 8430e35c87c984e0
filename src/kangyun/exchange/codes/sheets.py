"""The workbooks of the desk: codes in use out, proposals and decisions in.

One form for both ways: what goes out is filled in and comes back. A row with a decision decides; one with a target
proposes; all others say nothing. Rows that are wrong are returned, each with why; the others are carried out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kangyun.access.codes.kinds import is_source, kinds, owner_of
from kangyun.access.codes.table import (
    RELATIONS,
    Listed,
    Proposal,
    decide,
    house_of,
    load_list,
    may_decide,
    propose,
    withdraw,
)
from kangyun.access.record import Record
from kangyun.access.staff.sheets import Row, Sheet, template
from kangyun.base.errors import Issue
from kangyun.exchange.codes.desk import SQL, Asked, Entry, listed
from kangyun.exchange.codes.suggesting import Suggestion
from kangyun.fhir.china import canonical

COLUMNS = {
    "system": "系统", "code": "编码", "name": "名称", "unit": "单位", "specimen": "标本", "count": "次数",
    "first": "最早", "last": "最近", "state": "状态", "list": "目标目录", "target": "目标编码",
    "target_name": "目标名称", "relation": "关系", "remark": "备注", "row": "对照号", "proposer": "提出人",
    "decision": "决定", "first_best": "建议一", "second_best": "建议二", "third_best": "建议三",
}  # fmt: skip
NEEDED = [COLUMNS[name] for name in ("system", "code", "list", "target")]
NOTES = {
    "system": "本地字典的系统名，照原样保留", "code": "本地编码，照原样保留", "list": "目标目录的系统名，照原样保留",
    "target": "填目标目录中的编码；没有对应的填“不需对照”；留空则不提出",
    "relation": "留空为等同；等同、更宽、更窄、近似",
    "row": "平台编号，决定时必须有", "decision": "由另一人填：批准、驳回、撤回；本行有决定时不再作为建议",
}  # fmt: skip
STATES = {"unmapped": "未对照", "proposed": "待复核", "approved": "已对照", "unneeded": "不需对照"}
SUGGESTED = "建议"
"""The state of a code that is not mapped and for which there is a suggestion."""
ENDING = "待撤回"
"""The state of what somebody asked to withdraw: another one withdraws it as well, or refuses to."""
UNNEEDED = "不需对照"
DECISIONS = {"批准": "approve", "驳回": "refuse", "撤回": "withdraw"}
REASONS = {
    "code-and-name": "编码、名称都相同", "national-map": "国家对照", "name": "名称相同", "code": "编码相同",
    "similar": "名称相近",
}  # fmt: skip
WORDS = {meant: said for said, meant in RELATIONS.items() if said}
LOINC = "http://loinc.org"
LIST_COLUMNS = {"code": "编码", "name": "名称", "unit": "单位", "specimen": "标本", "loinc": "LOINC"}


def workbook(found: Sequence[Entry], asked: Asked) -> bytes:
    """Returns codes in use as a workbook that comes back filled in."""
    return template(COLUMNS, NOTES, "对照", [_cells(one, asked.target_system) for one in found])


def _cells(one: Entry, target_system: str) -> list[str]:
    best = [_said(suggestion) for suggestion in one.suggestions[:3]]
    target = UNNEEDED if one.row is not None and not one.target else one.target
    return [
        one.system, one.code, one.name, one.unit, one.specimen, str(one.count), str(one.first or ""),
        str(one.last or ""), state_of(one), target_system, target, one.target_name,
        WORDS.get(one.relation, ""), one.remark, str(one.row or ""), one.proposer, "", *best, *[""] * (3 - len(best)),
    ]  # fmt: skip


def state_of(one: Entry) -> str:
    """Returns the state of a code in words."""
    if one.ending:
        return ENDING
    return SUGGESTED if one.state == "unmapped" and one.suggestions else STATES[one.state]


def _said(one: Suggestion) -> str:
    return f"{one.target.code} {one.target.name}（{REASONS[one.reason]}，{one.score:g}）"


@dataclass(slots=True)
class Outcome:
    """What became of a workbook. refused: rows that are wrong, each with all its faults."""

    dry_run: bool
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("proposed", "same", *DECISIONS.values(), "asked"), 0)
    )
    refused: list[tuple[Row, list[Issue]]] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """One row while it is read."""

    row: Row
    cells: Mapping[str, str]
    issues: list[Issue] = field(default_factory=list)

    def wrong(self, what: str, column: str, **places: str | int) -> None:
        """Notes a fault."""
        named: dict[str, str | int] = {"row": self.row.number, "column": COLUMNS[column], **places}
        self.issues.append(Issue("error", "value", f"exchange.codes.{what}", f"row[{self.row.number}].{column}", named))


async def take_in(record: Record, sheet: Sheet, *, dry_run: bool) -> Outcome:
    """Carries out what a workbook proposes and decides. dry_run: only says what would come of it. Raises Forbidden."""
    house_of(record.actor)
    outcome = Outcome(dry_run)
    readings = [
        _Reading(row, {name: row.cells.get(title, "").replace("\0", "") for name, title in COLUMNS.items()})
        for row in sheet.rows
    ]
    said = [one for one in readings if one.cells["decision"] or one.cells["target"]]
    decisions = await _decisions(record, [one for one in said if one.cells["decision"]])
    proposals = await _proposals(record, [one for one in said if not one.cells["decision"]])
    outcome.refused = [(one.row, one.issues) for one in readings if one.issues]
    if dry_run:
        outcome.counts["proposed"] = len(proposals)
        outcome.counts |= {verb: len(ids) for verb, ids in decisions.items()}
        await record.leave_row("codes-try", 200, [])
        return outcome
    outcome.counts["proposed"] = await propose(record, proposals)
    outcome.counts["same"] = len(proposals) - outcome.counts["proposed"]
    for verb, ids in decisions.items():
        if ids and verb == "withdraw":
            done = await withdraw(record, list(ids), "")
            outcome.counts[verb], outcome.counts["asked"] = done.done, done.asked
        elif ids:
            outcome.counts[verb] = (await decide(record, list(ids), approve=verb == "approve")).done
    return outcome


async def _decisions(record: Record, readings: Sequence[_Reading]) -> dict[str, set[int]]:
    """Returns the rows that are decided, by what; faults are noted in the readings."""
    found: dict[str, set[int]] = {verb: set() for verb in DECISIONS.values()}
    if not readings:
        return found
    may_decide(record.actor)
    numbers = {int(one.cells["row"]) for one in readings if _is_number(one.cells["row"])}
    async with record.gate.store.pool.connection() as connection:
        rows = {row["id"]: row for row in await connection.fetch(SQL["standing"], sorted(numbers))}
    for one in readings:
        verb = DECISIONS.get(one.cells["decision"])
        row = rows.get(int(one.cells["row"])) if _is_number(one.cells["row"]) else None
        if verb is None:
            one.wrong("decision", "decision", words="、".join(DECISIONS))
        elif row is None:
            one.wrong("no-row", "row")
        elif _said_of(one) != tuple(row[name] for name in _STANDS):
            one.wrong("another", "row")
        elif not _may_be(verb, row):
            one.wrong("decided", "row")
        elif _is_own(verb, row, record.actor.reference):
            one.wrong("own", "decision")
        else:
            found[verb].add(row["id"])
    return found


def _may_be(verb: str, row: Mapping[str, str | None]) -> bool:
    """Whether a row can be decided so. What somebody asked to withdraw stays where that is refused."""
    if row["state"] == "approved":
        return verb == "withdraw" or (verb == "refuse" and row["ending"] is not None)
    return row["state"] == "proposed" and verb != "withdraw"


def _is_own(verb: str, row: Mapping[str, str | None], actor: str) -> bool:
    """Whether it is for somebody else to decide."""
    if row["state"] == "approved":
        return verb == "withdraw" and row["ending"] == actor
    return row["proposer"] == actor


_STANDS = ("system", "code", "target_system", "target", "relation")


def _said_of(one: _Reading) -> tuple[str, ...]:
    """Returns what a row of the workbook shows to whoever decides."""
    cells = one.cells
    target = "" if cells["target"] == UNNEEDED else cells["target"]
    relation = RELATIONS.get(cells["relation"], cells["relation"])
    return canonical(cells["system"]), cells["code"], canonical(cells["list"]), target, relation


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


async def _proposals(record: Record, readings: Sequence[_Reading]) -> list[Proposal]:
    """Returns what is proposed; faults are noted in the readings."""
    house = house_of(record.actor)
    used = await _in_use(record, readings)
    lists = {system: await listed(record, system) for system in {canonical(one.cells["list"]) for one in readings}}
    names = {system: {one.code: one.name for one in rows} for system, rows in lists.items()}
    found: dict[tuple[str, str, str], Proposal] = {}
    for nth, one in enumerate(readings):
        system, list_ = canonical(one.cells["system"]), canonical(one.cells["list"])
        code, target = one.cells["code"], one.cells["target"]
        kind = next((name for name, kind in kinds().items() if list_ in kind.targets), None)
        if kind is None:
            one.wrong(
                "no-target", "list", known="、".join(target for kind in kinds().values() for target in kind.targets)
            )
        elif not is_source(kind, system) or system == list_:
            one.wrong("no-source", "system")
        elif house is not None and owner_of(system) != house:
            one.wrong("elsewhere", "system")
        elif nth not in used:
            one.wrong("not-in-use", "code")
        if one.cells["relation"] not in RELATIONS:
            one.wrong("relation", "relation", words="、".join(WORDS.values()))
        _check_cells(one)
        named = kind is not None and target != UNNEEDED
        name = _name_of(one, list_, target, names[list_]) if named else ""
        key = system, code, list_
        if key in found:
            one.wrong("twice", "code")
        if not one.issues:
            kept = "" if target == UNNEEDED else target
            relation = RELATIONS[one.cells["relation"]]
            found[key] = Proposal(*key, kept, name, relation, one.cells["remark"])
    return list(found.values())


def _check_cells(one: _Reading) -> None:
    for column in ("code", "target"):
        if COLUMNS[column] in one.row.inexact:
            one.wrong("as-number", column)


def _name_of(one: _Reading, system: str, target: str, names: Mapping[str, str]) -> str:
    """Returns what a list calls a code; a fault is noted where it has none."""
    if names and target not in names:
        one.wrong("not-in-list", "target", unneeded=UNNEEDED)
    elif not names and system == LOINC and not is_loinc(target):
        one.wrong("loinc", "target")
    elif not names and system != LOINC:
        one.wrong("not-loaded", "list", list=system)
    return names.get(target, "")


def is_loinc(code: str) -> bool:
    """Whether a code has the form of LOINC, with its check digit (mod 10, Luhn). Source: LOINC Users' Guide."""
    number, dash, check = code.partition("-")
    if not (dash and number.isascii() and number.isdecimal() and check.isascii() and check.isdecimal()):
        return False
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(number))]
    return len(check) == 1 and (sum(one // 10 + one % 10 for one in doubled) + int(check)) % 10 == 0


async def _in_use(record: Record, readings: Sequence[_Reading]) -> set[int]:
    """Returns the places of readings whose code is in use."""
    systems = [canonical(one.cells["system"]) for one in readings]
    async with record.gate.store.pool.connection() as connection:
        rows = await connection.fetch(SQL["seen"], systems, [one.cells["code"] for one in readings])
    return {row["nth"] - 1 for row in rows}


async def load(record: Record, system: str, edition: str, sheet: Sheet) -> tuple[int, list[tuple[Row, list[Issue]]]]:
    """Puts a list in the place of what stands of it: all or nothing. Returns how many codes, or what is wrong.

    Raises Forbidden for who may not, Invalid for a system that nothing is mapped to.
    """
    may_decide(record.actor)
    asked = Asked(next((name for name, kind in kinds().items() if canonical(system) in kind.targets), ""), system)
    found: dict[str, Listed] = {}
    refused: list[tuple[Row, list[Issue]]] = []
    for row in sheet.rows:
        cells = {name: row.cells.get(title, "") for name, title in LIST_COLUMNS.items()}
        one = _Reading(row, cells)
        if not cells["code"] or cells["code"] in found:
            one.wrong("twice" if cells["code"] else "missing", "code")
        if LIST_COLUMNS["code"] in row.inexact:
            one.wrong("as-number", "code")
        if cells["loinc"] and not is_loinc(cells["loinc"]):
            one.wrong("loinc", "target")
        if one.issues:
            refused.append((row, one.issues))
        found[cells["code"]] = Listed(**cells)
    if not refused:
        await load_list(record, asked.target_system, edition, list(found.values()))
    return len(found), refused


__all__ = ["COLUMNS", "NEEDED", "Outcome", "is_loinc", "load", "state_of", "take_in", "workbook"]
