"""The figures of a feed as a workbook, for people: a line a day and table, with what differs."""

from collections.abc import Sequence

from kangyun.access.staff import workbook
from kangyun.exchange.feeds.reconciling import Line, plain, shown_day
from kangyun.exchange.feeds.register import Source

HEADER = (
    *("日期", "表", "名称", "医院申报", "平台收到", "已保存", "已撤销", "退回", "差（申报－收到）"),
    *("合计列", "医院申报合计", "平台收到合计", "已保存合计"),
)


def report(feed: Source, lines: Sequence[Line]) -> bytes:
    """Returns the workbook, all of it text."""
    return workbook("对账", HEADER, [row for line in lines for row in rows_of(line)])


def rows_of(line: Line) -> list[list[str]]:
    """Returns the lines of a table and day: one, and one more for each further column that is added up."""
    difference = "" if line.declared is None else str(line.declared - line.received)
    told = [
        shown_day(line.day), line.table, line.title, "" if line.declared is None else str(line.declared),
        str(line.received), str(line.stored), str(line.revoked), str(line.refused), difference,
    ]  # fmt: skip
    sums = [
        [name, plain(one.declared), plain(one.received), plain(one.stored)] for name, one in sorted(line.sums.items())
    ] or [["", "", "", ""]]
    return [[*told, *one] for one in sums]
