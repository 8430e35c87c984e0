"""The duty rosters in the database, and as workbooks: read with a dry run, and written.

A workbook replaces what its desk had, as a whole. Its columns are COLUMNS; 类别 is 班次, 替班 or 节假日.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo

import asyncpg

from kangyun.access.staff import read_sheet, workbook
from kangyun.access.staff.posts import Staff, active, holders
from kangyun.devices.alarms.duty import KINDS, Roster, Shift, StandIn
from kangyun.devices.alarms.plan import Plan
from kangyun.devices.alarms.raising import SQL

COLUMNS = ("类别", "日期", "开始", "结束", "人员", "替谁", "说明")
ROLES = frozenset({"duty-officer", "doctor", "nurse", "family-doctor"})
"""Who may be put on a roster."""
DAYS = {
    "周一": "mon", "周二": "tue", "周三": "wed", "周四": "thu", "周五": "fri", "周六": "sat", "周日": "sun",
    "工作日": "workday", "休息日": "holiday", "节假日": "holiday", "每天": "daily",
}  # fmt: skip
_SHOWN = {kind: word for word, kind in reversed(DAYS.items())}
_ROLE = "role:"
_OFF = {"休": True, "班": False}


class Wrong(Exception):
    """A cell is not what its column wants: its name, and what is wanted."""

    def __init__(self, column: str, wanted: str) -> None:
        super().__init__(column)
        self.column = column
        self.wanted = wanted


@dataclass(slots=True)
class Read:
    """What a workbook says. wrong: (line, column, what is wanted) of each fault."""

    shifts: list[Shift] = field(default_factory=list)
    stand_ins: list[StandIn] = field(default_factory=list)
    holidays: dict[date, tuple[bool, str]] = field(default_factory=dict)
    wrong: list[tuple[int, str, str]] = field(default_factory=list)

    def roster(self, zone: tzinfo) -> Roster:
        """Returns the roster that it would be."""
        days = {day: off for day, (off, _) in self.holidays.items()}
        return Roster(tuple(self.shifts), tuple(self.stand_ins), days, zone)


async def roster_of(connection: asyncpg.Connection, desk: int, zone: tzinfo) -> Roster:
    """Returns a desk's roster as it stands."""
    shifts = [Shift(*row) for row in await connection.fetch(SQL["shifts"], desk)]
    stand_ins = [StandIn(*row) for row in await connection.fetch(SQL["stand_ins"], desk)]
    days = {row["day"]: row["off"] for row in await connection.fetch(SQL["holidays"], desk)}
    return Roster(tuple(shifts), tuple(stand_ins), days, zone)


async def on_duty(
    connection: asyncpg.Connection, plan: Plan, desk: int, name: str, at: datetime, zone: tzinfo
) -> tuple[tuple[str, ...], bool]:
    """Returns who is on duty, and whether they stand in the roster; else it is the fallback, `role:…` for all in it.

    name: the desk's institution as a reference. Who stands in the roster and is not on its staff now is not on duty.
    """
    listed = (await roster_of(connection, desk, zone)).on_duty(at)
    there = await active(connection, listed, name, ROLES) if listed else set()
    found = tuple(one for one in listed if one in there)
    return (found, True) if found else ((plan.fallback_of(name),), False)


async def staffed(connection: asyncpg.Connection, roster: Roster, name: str) -> set[str]:
    """Returns who of a roster is on the staff of an institution now."""
    listed = {shift.who for shift in roster.shifts} | {one.who for one in roster.stand_ins}
    return await active(connection, listed, name, ROLES)


async def looks_after(connection: asyncpg.Connection, plan: Plan, name: str) -> tuple[str, ...]:
    """Returns who looks after a desk's alarms while nobody stands in its roster: all who hold the role, if it is one.

    name: the desk's institution as a reference. () where nobody holds it.
    """
    fallback = plan.fallback_of(name)
    if fallback.startswith(_ROLE):
        return await holders(connection, name, fallback.removeprefix(_ROLE))
    return (fallback,) if fallback.startswith("Practitioner/") else ()


async def read_roster(connection: asyncpg.Connection, file: bytes, staff: Staff, zone: tzinfo) -> Read:
    """Reads a workbook or CSV; people are looked up. Raises Invalid for what is none."""
    sheet = read_sheet(file, COLUMNS[:5])
    found = Read()
    known: dict[str, str] = {}
    for row in sheet.rows:
        try:
            for name in (row.cells.get("人员", ""), row.cells.get("替谁", "")):
                if name and name not in known:
                    known[name] = await staff.named(connection, name) or ""
            _line(found, row.cells, known, zone)
        except Wrong as error:
            found.wrong.append((row.number, error.column, error.wanted))
    return found


async def put(connection: asyncpg.Connection, desk: int, read: Read, by: str) -> None:
    """Puts a roster in place of the desk's, within the caller's transaction."""
    for table in ("forget_shifts", "forget_stand_ins", "forget_holidays"):
        await connection.execute(SQL[table], desk)
    shifts = dict.fromkeys((desk, one.day, one.starts, one.ends, one.who, by) for one in read.shifts)
    await connection.executemany(SQL["put_shift"], list(shifts))
    stand_ins = [(desk, one.starts, one.ends, one.who, one.instead_of, by) for one in read.stand_ins]
    await connection.executemany(SQL["put_stand_in"], stand_ins)
    await connection.executemany(
        SQL["put_holiday"], [(desk, day, off, name) for day, (off, name) in read.holidays.items()]
    )


async def written(connection: asyncpg.Connection, desk: int, zone: tzinfo, names: Mapping[str, str]) -> bytes:
    """Returns a desk's roster as a workbook that can be read again. names: of people, for the last column."""
    roster = await roster_of(connection, desk, zone)
    rows: list[Sequence[str]] = [
        [
            "班次",
            _SHOWN.get(one.day, one.day),
            _clock(one.starts),
            _clock(one.ends),
            one.who,
            "",
            names.get(one.who, ""),
        ]
        for one in roster.shifts
    ]
    for one in roster.stand_ins:
        start, end = one.starts.astimezone(zone), one.ends.astimezone(zone)
        begins, ends = f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}"
        rows.append(["替班", "", begins, ends, one.who, one.instead_of, names.get(one.who, "")])
    for row in await connection.fetch(SQL["holidays"], desk):
        rows.append(["节假日", row["day"].isoformat(), "", "", "休" if row["off"] else "班", "", row["name"]])
    return workbook("值守排班", COLUMNS, rows)


def _clock(at: time) -> str:
    return at.strftime("%H:%M")


def _line(found: Read, cells: Mapping[str, str], known: Mapping[str, str], zone: tzinfo) -> None:
    match cells.get("类别", ""):
        case "班次":
            day = cells.get("日期", "")
            who = _person(cells, "人员", known)
            found.shifts.append(Shift(_day(day), _time(cells, "开始"), _time(cells, "结束"), who))
        case "替班":
            starts, ends = _instant(cells, "开始", zone), _instant(cells, "结束", zone)
            if starts >= ends:
                raise Wrong("结束", "晚于开始")
            who = _person(cells, "人员", known)
            found.stand_ins.append(StandIn(starts, ends, who, _person(cells, "替谁", known)))
        case "节假日":
            off = _OFF.get(cells.get("人员", ""))
            if off is None:
                raise Wrong("人员", "休 或 班")
            found.holidays[_date(cells.get("日期", ""))] = off, cells.get("说明", "")
        case _:
            raise Wrong("类别", "班次、替班 或 节假日")


def _person(cells: Mapping[str, str], column: str, known: Mapping[str, str]) -> str:
    """Returns the reference of somebody of the desk's institution who may be on duty. Raises Wrong."""
    reference = known.get(cells.get(column, ""))
    if not reference:
        raise Wrong(column, "本机构在册的值守员、医生或护士（登录名）")
    return reference


def _day(text: str) -> str:
    if text in DAYS:
        return DAYS[text]
    return text if text in KINDS else _date(text).isoformat()


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip().replace("/", "-")[:10])
    except ValueError:
        raise Wrong("日期", f"2026-11-23，或 {'、'.join(DAYS)}") from None


def _time(cells: Mapping[str, str], column: str) -> time:
    text = cells.get(column, "").strip().replace("：", ":")
    try:
        return time(0) if text == "24:00" else time.fromisoformat(text.zfill(5))
    except ValueError:
        raise Wrong(column, "08:00") from None


def _instant(cells: Mapping[str, str], column: str, zone: tzinfo) -> datetime:
    try:
        return datetime.fromisoformat(cells.get(column, "").strip().replace("/", "-")).replace(tzinfo=zone)
    except ValueError:
        raise Wrong(column, "2026-11-23 08:00") from None
