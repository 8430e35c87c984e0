"""`kangyun institutions`, `departments` and `dictionaries`: registers by the list, in and out, and `kangyun divisions`.

As for the registers of identities, whoever may use this terminal has the root key and the database; who says to act
(`--by`) stands in the audit trail.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from kangyun.access.actor import Circumstances
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.registers import Kind, Outcome, export, import_list, the_list
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.staff import read_sheet, report, template
from kangyun.base.errors import Conflict, Invalid, Issue
from kangyun.base.texts import say
from kangyun.cli.opened import on_platform, settings_of
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import beside, write_new
from kangyun.fhir.china import divisions

Result = TypeVar("Result")
ABOUT = Circumstances("register-list", "", "")
MOST_NAMED = 20
"""New institutions whose reference is shown: those who register a thousand look them up."""


def write_template(kind: Kind, file: Path) -> None:
    """Writes the empty list."""
    listed = the_list(kind)
    write_new(file, template(listed.column, listed.note, listed.title))
    announce(speak("cli.staff-written", file=str(file)))


def import_file(kind: Kind, data: Path | None, file: Path, by: str, *, dry_run: bool) -> int:
    """Carries a list out, or says what would become of it. Returns 0, or 1 where a row is wrong.

    All of it or nothing is written. The rows that are wrong go to a workbook of mode 0600 beside the list, each with
    its reasons.
    """
    try:
        sheet = read_sheet(file.read_bytes(), the_list(kind).needed)
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
    told = beside(file, "try" if dry_run else "done")
    demonstration = settings_of(data).demo

    async def carry_out(record: Record) -> Outcome:
        return await import_list(kind, sheet, record, dry_run=dry_run, demonstration=demonstration)

    outcome = _run(data, by, carry_out)
    for remark in outcome.remarks:
        announce(_said(remark))
    refused = [(row, " ".join(_said(issue) for issue in issues)) for row, issues in outcome.refused]
    for _, text in refused:
        announce(text, style="red")
    if outcome.written or dry_run:
        text = "access.registers.tried" if dry_run else "access.registers.done"
        announce(speak(text, refused=len(refused), **outcome.counts))
    else:
        announce(speak("access.registers.refused", refused=len(refused)), style="red")
    for name, reference in outcome.added[:MOST_NAMED] if kind == "institutions" else ():
        announce(f"  {name}  {reference}")
    if refused:
        write_new(told, report(sheet.header, refused, []))
        announce(speak("cli.staff-written", file=str(told)))
    return 1 if refused else 0


def export_file(kind: Kind, data: Path | None, file: Path, by: str) -> None:
    """Writes what is registered as a list that can be imported."""
    if file.exists():
        raise Conflict("cli.staff-exists", file=str(file))

    async def carry_out(record: Record) -> tuple[bytes, int]:
        return await export(kind, record)

    body, count = _run(data, by, carry_out)
    write_new(file, body)
    announce(speak("cli.list-exported", count=count, file=str(file)))


def show_division(code: str, on: str | None) -> int:
    """Says what a division code is, and what became of it. Returns 0, or 1 for a code that is none."""
    try:
        day = date.fromisoformat(on) if on else None
    except ValueError:
        raise Invalid("cli.divisions-on") from None
    if divisions.is_demonstration(code):
        announce(speak("cli.divisions-demo", code=code))
        return 0
    found = divisions.lookup(code, day)
    if found is None:
        announce(speak("cli.divisions-none", code=code), style="red")
        return 1
    announce(speak("cli.divisions-is", code=found.code, name=found.whole_name, since=found.since or "—"))
    if found.until is not None:
        after = "、".join(found.successors) or "—"
        announce(speak("cli.divisions-was", until=found.until, after=after, basis=found.basis or "—"))
    return 0


def find_divisions(words: str, *, below: bool, on: str | None) -> int:
    """Lists divisions by name. Returns 0, or 1 where there is none."""
    levels = divisions.LEVELS if below else divisions.LEVELS[:3]
    try:
        found = divisions.search(words, levels=levels, on=date.fromisoformat(on) if on else None)
    except ValueError:
        raise Invalid("cli.divisions-on") from None
    for one in found:
        announce(f"{one.code}  {one.whole_name}" + (f"  –{one.until}" if one.until else ""))
    return 0 if found else 1


def _said(issue: Issue) -> str:
    return say(issue.text, language(), issue.parameters)


def _run(data: Path | None, by: str, do: Callable[[Record], Awaitable[Result]]) -> Result:
    async def act(platform: Platform) -> Result:
        actor = replace(ADMINISTRATOR, reference=await acting(platform, by))
        return await do(await platform.gate.open(actor, ABOUT))

    return on_platform(data, act)
