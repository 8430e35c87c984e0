"""A second officer for an export that concerns many persons.

The persons are counted before anything is exported (`access.bulk.persons`), together with those of what the same actor
exported of late without one: many lists of few are many.

Source: issue 3, "People"; the number is data, `access/approvals/data/approvals.toml`.
"""

from typing import Any

from kangyun.access.approvals import Approvals
from kangyun.access.bulk.exporting import ExportRequest
from kangyun.access.bulk.persons import persons_of
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid

KIND = "export"
APPROVAL, REASON = "_approval", "_reason"
MANY = 10_000
"""Said of persons where they were not all found."""
OWN = (APPROVAL, REASON)
"""Parameters of a kick-off that are for this and not for the export."""


def split(pairs: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Returns the parameters of the export, and those of its approval."""
    return [pair for pair in pairs if pair[0] not in OWN], {name: value for name, value in pairs if name in OWN}


async def check(approvals: Approvals, record: Record, asked: ExportRequest, own: dict[str, str]) -> None:
    """Passes an export of few persons, and one that was confirmed.

    Raises Forbidden, with the number of the request that then waits; Invalid where no reason is stated for one.
    """
    persons = await persons_of(record, asked)
    detail = _detail(asked)
    number = own.get(APPROVAL)
    if number is not None:
        if not (number.isascii() and number.isdecimal() and len(number) < 19):
            raise Invalid("access.approvals.number", at=APPROVAL)
        await approvals.granted(KIND, int(number), record.actor, detail)
        await record.leave_row("approval-use", 200, [])
        return
    if persons is not None and await approvals.few(KIND, record.actor, persons):
        return
    told = MANY if persons is None else len(persons)
    waiting = await approvals.ask(KIND, record.actor, own.get(REASON), detail, persons=told)
    await record.leave_row("approval-ask", 202, [])
    raise Forbidden("access.approvals.second-officer", limit=approvals.rules[KIND].above, id=waiting)


def _detail(asked: ExportRequest) -> dict[str, Any]:
    return {
        "level": asked.level,
        "since": clock.instant(asked.since) if asked.since else None,
        "types": sorted(asked.types),
        "filters": sorted(asked.filters),
        "patients": sorted(asked.patients),
    }
