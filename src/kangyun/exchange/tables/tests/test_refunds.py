"""A fee is a charge or a refund by its flag, and neither by guessing."""

import pytest

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import Row, Table


@pytest.mark.parametrize(
    ("flag", "amounts", "refused"),
    [("1", ["50"], []), ("2", ["-50"], []), ("-", ["50"], []), ("8", [], ["flag-unknown", "refund-unknown"])],
)
def test_a_flag_that_is_neither_charge_nor_refund_is_not_guessed(flag, amounts, refused) -> None:
    columns = ("SFMXID", "XGBZ", "YLJGDM", "KH", "KLX", "STFSJ", "MXXMMC", "MXXMJE")
    row = Row(2, ("F1", flag, "D1", "K1", "2", "2026-01-05 08:00:00", "演示项目", "50"))
    table = Table("TB_HIS_MZ_FEE_DETAIL", "csv", "utf-8", columns, iter([row]))
    mapping = shipped_for("TB_HIS_MZ_FEE_DETAIL")
    assert mapping is not None
    found = list(convert(table, mapping, Feed("h", "Organization/h", "h", "chengdu-2011")))
    kept = [one for one in found if isinstance(one, Entry)]
    assert [str(one.resource["priceOverride"]["value"]) for one in kept] == amounts
    assert sorted({one.text.rpartition(".")[2] for one in found if isinstance(one, Refusal) and one.whole}) == refused
