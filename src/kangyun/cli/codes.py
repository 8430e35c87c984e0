"""`kangyun codes`: the mapping desk from a terminal.

Whoever may use this terminal has the root key and the database; who says to act (`--by`) stands in the audit trail, and
counts for who proposed and who approves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from kangyun.access.actor import Circumstances
from kangyun.access.codes.applying import apply, waiting
from kangyun.access.codes.counting import count
from kangyun.access.codes.table import Decided, decide, withdraw
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.staff import read_sheet, report
from kangyun.access.staff.sheets import Row, Sheet
from kangyun.base.errors import Conflict, Invalid, Issue
from kangyun.base.texts import say
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import beside, write_new
from kangyun.database.leases import lease
from kangyun.exchange.codes import desk, sheets
from kangyun.exchange.codes.desk import MOST, Asked, Entry, State

Result = TypeVar("Result")
ABOUT = Circumstances("codes", "", "")
LOOK = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Whose:
    """Which codes, and who asks."""

    data: Path | None
    by: str
    kind: str
    target: str
    institution: str
    state: str | None

    def asked(self, most: int = MOST) -> Asked:
        """What is asked of the desk. Raises Invalid."""
        house = self.institution.rpartition("/")[2]
        return Asked(self.kind, self.target, house, cast(State | None, self.state), most)


def count_uses(data: Path | None) -> None:
    """Counts how often codes are used."""

    async def do(platform: Platform) -> int:
        return await count(platform.gate.store)

    announce(speak("cli.codes-counted", count=on_platform(data, do)))


def list_codes(whose: Whose, top: int) -> None:
    """Prints codes in use, the most used first, and what they may stand for."""
    asked = whose.asked(top)

    async def do(record: Record) -> tuple[list[Entry], dict[str, tuple[int, int]]]:
        found = await desk.entries(record, asked)
        if await desk.listed(record, asked.target_system):
            found = await desk.with_suggestions(found, await desk.index_of(record, asked))
        return found, await desk.totals(record, asked)

    found, totals = _run(whose.data, whose.by, do)
    for one in found:
        target = f"→ {one.target} {one.target_name}" if one.target else ""
        best = f"? {one.suggestions[0].target.code} {one.suggestions[0].target.name}" if one.suggestions else ""
        number = f"#{one.row}" if one.row is not None else ""
        announce(f"{one.count}  {one.code} {one.name}  {sheets.state_of(one)} {number} {target}{best}  {one.system}")
    for state, (codes, uses) in sorted(totals.items()):
        announce(speak("cli.codes-totals", state=sheets.STATES[state], codes=codes, uses=uses))
    if not found:
        announce(speak("cli.codes-none"))


def suggest(whose: Whose, least: float, *, national: bool) -> None:
    """Proposes the clear suggestions, or the national map."""
    asked = whose.asked()

    async def do(record: Record) -> int:
        return await (
            desk.propose_national(record, asked) if national else desk.propose_best(record, asked, least)
        )  # fmt: skip

    announce(speak("cli.codes-proposed", count=_run(whose.data, whose.by, do)))


def export_codes(whose: Whose, file: Path) -> None:
    """Writes a workbook of codes in use with suggestions."""
    if file.exists():
        raise Conflict("cli.staff-exists", file=str(file))
    asked = whose.asked()

    async def do(record: Record) -> list[Entry]:
        return await desk.with_suggestions(await desk.entries(record, asked), await desk.index_of(record, asked))

    found = _run(whose.data, whose.by, do)
    write_new(file, sheets.workbook(found, asked))
    announce(speak("cli.list-exported", count=len(found), file=str(file)))


def import_codes(data: Path | None, by: str, file: Path, *, dry_run: bool) -> int:
    """Carries a workbook out, or says what would come of it. Returns 0, or 1 where rows come back."""
    sheet, told = _sheet(file, sheets.NEEDED), beside(file, "returned")

    async def do(record: Record) -> sheets.Outcome:
        return await sheets.take_in(record, sheet, dry_run=dry_run)

    outcome = _run(data, by, do)
    text = "exchange.codes.tried" if dry_run else "exchange.codes.done"
    announce(speak(text, refused=len(outcome.refused), **outcome.counts))
    return _returned(told, sheet, outcome.refused)


def decide_rows(whose: Whose, rows: Sequence[int], *, every: bool, refuse: bool) -> None:
    """Approves or refuses what others proposed. Raises Invalid where it is not said what."""
    if bool(rows) == every:
        raise Invalid("cli.codes-choose")
    asked = whose.asked()

    async def do(record: Record) -> Decided:
        chosen = await desk.open_proposals(record, asked) if every else rows
        return await decide(record, chosen, approve=not refuse)

    _tell(_run(whose.data, whose.by, do))


def withdraw_rows(data: Path | None, by: str, rows: Sequence[int], why: str) -> None:
    """Ends what was approved, or asks for it where nobody has."""

    async def do(record: Record) -> Decided:
        return await withdraw(record, rows, why)

    _tell(_run(data, by, do))


def apply_all(data: Path | None) -> None:
    """Applies what was decided to what is stored, until nothing is left."""

    async def do(platform: Platform) -> None:
        async with lease(platform.pool, "codes-apply") as holds:
            if holds is None:
                announce(speak("cli.codes-elsewhere"))
                return
            any_run = False
            while await waiting(platform.gate):
                run = await apply(platform.gate)
                if run is None:
                    await asyncio.sleep(LOOK)  # What was decided a moment ago, other processes do not know yet.
                    continue
                any_run = True
                announce(speak("cli.codes-applied", looked=run.looked, changed=run.changed, failed=run.failed))
            if not any_run:
                announce(speak("cli.codes-nothing"))

    on_platform(data, do)


def load_list(data: Path | None, by: str, file: Path, target: str, edition: str) -> int:
    """Puts a list in the place of what stands of it. Returns 0, or 1 where a row is wrong and nothing was written."""
    sheet, told = _sheet(file, [sheets.LIST_COLUMNS["code"], sheets.LIST_COLUMNS["name"]]), beside(file, "returned")

    async def do(record: Record) -> tuple[int, list[tuple[Row, list[Issue]]]]:
        return await sheets.load(record, target, edition, sheet)

    count_, refused = _run(data, by, do)
    if not refused:
        announce(speak("cli.codes-loaded", list=target, count=count_))
    return _returned(told, sheet, refused)


def _tell(done: Decided) -> None:
    announce(speak("cli.codes-decided", done=done.done, own=len(done.own), gone=len(done.gone), asked=done.asked))


def _sheet(file: Path, needed: Sequence[str]) -> Sheet:
    try:
        return read_sheet(file.read_bytes(), needed)
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None


def _returned(told: Path, sheet: Sheet, refused: Sequence[tuple[Row, list[Issue]]]) -> int:
    """Writes the rows that come back, each with why. Returns 1 where there are any."""
    said = [(row, " ".join(say(one.text, language(), one.parameters) for one in issues)) for row, issues in refused]
    for _, text in said:
        announce(text, style="red")
    if said:
        write_new(told, report(sheet.header, said, []))
        announce(speak("cli.staff-written", file=str(told)))
    return 1 if said else 0


def _run(data: Path | None, by: str, do: Callable[[Record], Awaitable[Result]]) -> Result:
    async def act(platform: Platform) -> Result:
        actor = replace(ADMINISTRATOR, reference=await acting(platform, by))
        return await do(await platform.gate.open(actor, ABOUT))

    return on_platform(data, act)
