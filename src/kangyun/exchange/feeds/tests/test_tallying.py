"""How rows and fields are counted: by Beijing's day; filled, and valid where what they say was taken."""

from datetime import date

import pytest

from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.feeds.tallying import NO_DAY, Counter, Fields
from kangyun.exchange.tables.mapping import shipped_for

MONTH = date(2026, 11, 1)
HEADER = ("NO", "ZJHM", "XB")


def fault(row, part, *, whole=False, taken=False):
    return Refusal(Place("T", row, part), "exchange.tables.key-missing", "9", {}, whole, taken)


def figures(rows, *faults):
    fields = Fields(HEADER)
    for number, cells in enumerate(rows, 1):
        fields.add(number, date(2026, 11, 3), cells)
    for one in faults:
        fields.fault(one)
    return {name: (one.rows, one.filled, one.valid, one.left_out) for (_, name), one in fields.result().items()}


def test_a_value_for_which_its_row_is_kept_aside_is_not_valid():
    rows = [("1", "9900", "1"), ("2", "x", "1"), ("3", "9901", "1")]
    found = figures(rows, fault(2, "ZJHM", whole=True), fault(2, "ZJHM", whole=True))
    assert found["ZJHM"] == (3, 3, 2, 0)
    assert found["XB"] == (3, 3, 3, 0)


def test_what_is_missing_is_not_filled_and_not_wrong_as_well():
    assert figures([("1", "-", "1"), ("2", "9900", "1")], fault(1, "ZJHM", whole=True))["ZJHM"] == (2, 1, 1, 0)


def test_a_value_that_is_left_out_is_not_valid_and_one_put_right_is():
    found = figures([("1", "9", "7"), ("2", "9", "男")], fault(1, "XB"), fault(2, "XB", taken=True))
    assert found["XB"] == (2, 2, 1, 1)


def test_a_row_that_is_not_counted_again_has_no_faults_again():
    assert figures([("1", "9", "1")], fault(7, "XB"))["XB"] == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-01-31 23:59:59", date(2026, 1, 31)),
        ("20260131", date(2026, 1, 31)),
        ("2026-01-31 24:00:00", date(2026, 2, 1)),
        ("2026-01-31T15:59:59Z", date(2026, 1, 31)),
        ("2026-01-31T16:00:00Z", date(2026, 2, 1)),
        ("2026-02-01T00:30:00+09:00", date(2026, 1, 31)),
        ("1900-01-01", NO_DAY),
        ("-", NO_DAY),
        ("昨天", NO_DAY),
    ],
)
def test_a_row_counts_for_beijing_s_day(cell, day):
    header = ("YLJGDM", "JZLSH", "JZKSRQ")
    counter = Counter(header, shipped_for("TB_YL_MZ_MEDICAL_RECORD"), b"")
    assert counter.count(("D1", "1", cell)).day == day
