"""A patient's name is stored as a name, or its row is kept aside; signs that are lost are stored nowhere."""

import pytest

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import Row, Table

COLUMNS = ("YLJGDM", "KLX", "KH", "XM", "JZDZ", "XGBZ")


def taken(name, address="演示路一号", flag="1", card="K1"):
    """Returns the texts of the patients that come of one row, and what is told of it."""
    row = Row(2, ("D1", "2", card, name, address, flag))
    table = Table("TB_YL_PATIENT_INFORMATION", "csv", "utf-8", COLUMNS, iter([row]))
    mapping = shipped_for("TB_YL_PATIENT_INFORMATION")
    assert mapping is not None
    found = list(convert(table, mapping, Feed("h", "Organization/h", "h", "chengdu-2011")))
    kept = [one.resource for one in found if isinstance(one, Entry)]
    told = [(one.place.part, one.text.rpartition(".")[2], one.whole) for one in found if isinstance(one, Refusal)]
    return kept, told


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "name-missing"), ("-", "name-missing"), ("锟斤拷", "encoding-broken"), ("\ufffd\ufffd", "encoding-broken"),
        ('=HYPERLINK("http://example.org","a")', "name-formula"), ("=1+1", "name-formula"),
    ],
)  # fmt: skip
def test_a_row_whose_name_is_empty_or_no_name_is_kept_aside(name, text) -> None:
    kept, told = taken(name)
    assert kept == []
    assert ("XM", text, True) in told


@pytest.mark.parametrize("name", ["无名氏", "未知", "王某之子", "欧阳演示", "阿卜杜拉·演示"])
def test_a_name_that_nobody_knows_is_taken(name) -> None:
    kept, told = taken(name)
    assert len(kept) == 1
    assert told == []


def test_what_is_taken_back_needs_no_name() -> None:
    kept, told = taken("", flag="3")
    assert [one["active"] for one in kept] == [False]
    assert told == []


def test_lost_signs_are_left_out_and_told_and_keep_a_row_aside_that_they_identify() -> None:
    kept, told = taken("演示", address="锟斤拷路")
    assert "address" not in kept[0]
    assert told == [("JZDZ", "encoding-broken", False)]
    kept, told = taken("演示", card="锟斤拷1")
    assert kept == []
    assert ("KH", "encoding-broken", True) in told
