"""Administrative divisions: present, abolished, below the county, by name, as a code system."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.fhir.china.divisions import (
    editions,
    in_edition,
    is_demonstration,
    latest_edition,
    lookup,
    places,
    plain,
    search,
)
from kangyun.fhir.china.divisions.resources import URL, code_system
from kangyun.fhir.china.divisions.table import in_use, table


@pytest.mark.parametrize(
    ("code", "name", "level"),
    [
        ("33", "浙江省", "province"),
        ("3301", "浙江省杭州市", "prefecture"),
        ("330102", "浙江省杭州市上城区", "county"),
        ("330102000000", "浙江省杭州市上城区", "county"),
        ("330102001", "浙江省杭州市上城区清波街道", "town"),
        ("330102001000", "浙江省杭州市上城区清波街道", "town"),
        ("330102001051", "浙江省杭州市上城区清波街道清波门社区", "village"),
        ("110101", "北京市东城区", "county"),
        ("429004", "湖北省仙桃市", "county"),
        ("441900003", "广东省东莞市东城街道", "town"),
    ],
)
def test_a_code_is_found_with_its_path(code, name, level):
    found = lookup(code)
    assert (found.whole_name, found.level) == (name, level)


@pytest.mark.parametrize("code", ["", "3", "33010", "330199", "33010200199a", "330102001999", "٣٣٠١٠٢", "990101"])
def test_what_is_no_division(code):
    assert lookup(code) is None


def test_an_abolished_code_says_until_when_and_what_followed():
    former = lookup("330104")
    assert (former.name, former.until, former.successors, former.basis) == (
        "江干区",
        2021,
        ("330102", "330114"),
        "notice",
    )
    assert lookup("330104", on=date(2020, 6, 1)).name == "江干区"
    assert lookup("330104", on=date(2021, 6, 1)) is None
    assert lookup("330104").path == (("330000", "浙江省"), ("330100", "杭州市"))


def test_a_name_changes_under_its_code():
    assert lookup("130503", on=date(2018, 1, 1)).name == "桥西区"
    assert lookup("130503").name == "信都区"


@pytest.mark.parametrize(
    ("code", "year", "expected"),
    [
        ("330103", 2019, ("330103",)),
        ("330103", 2023, ("330105",)),
        ("330104001", 2023, ("330102", "330114")),
        ("110103", 2025, ("110101",)),
        ("990101", 2023, ()),
    ],
)
def test_statistics_count_an_area_under_the_codes_of_their_year(code, year, expected):
    assert in_edition(code, year) == expected


@given(st.sampled_from(sorted(table())), st.sampled_from(editions()))
def test_whoever_is_counted_is_counted_under_a_code_of_that_year(code, year):
    for found in in_edition(code, year):
        assert any(in_use(one, year) for one in table()[found])


def test_successors_are_in_the_table_and_uses_in_order():
    for uses in table().values():
        assert all(successor in table() for one in uses for successor in one.successors)
        ends = [one.until for one in uses[:-1]]
        assert None not in ends
        assert all(one.since is None or one.until is None or one.since <= one.until for one in uses)


def test_search_by_name():
    assert [one.code for one in search("西湖区")][:2] == ["330106", "360103"]
    assert [one.code for one in search("杭州 西湖")] == ["330106"]
    assert "330103" in [one.code for one in search("下城区")]
    assert search("下城区", on=date(2024, 1, 1)) == []
    assert [one.code for one in search("灵隐街道", levels=["town"], within="330106")] == ["330106012"]
    assert search(" ") == []


def test_the_division_of_demonstrations_is_known_as_such():
    assert is_demonstration("990101")
    assert not is_demonstration("330101")


@given(st.text(max_size=14))
def test_plain_takes_anything(text):
    found = plain(text)
    assert found is None or len(found) in (6, 9, 12)


@given(
    st.dictionaries(
        st.integers(1, 999),
        st.text("一二三村社区居民委员会A9", min_size=1, max_size=8).filter(str.isprintable),
        max_size=20,
    )
)
def test_places_are_read_as_they_were_written(villages):
    found = {"330102001": "街道"} | {f"330102001{number:03}": name for number, name in villages.items()}
    assert dict(places.read("3301", places.written("3301", found))) == found


def test_the_code_system_has_editions():
    whole = code_system()
    assert (whole["url"], whole["version"]) == (URL, str(latest_edition()))
    codes = {concept["code"] for concept in code_system("2015")["concept"]}
    assert "330103" in codes
    assert "330114" not in codes
    assert code_system("1979") is None
    assert code_system("x") is None
