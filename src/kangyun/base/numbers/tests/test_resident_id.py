"""Identity card numbers: tables of the standard, and properties of its check."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.numbers import resident_id

NUMBER = "11010519491231002X"

numbers = st.builds(
    resident_id.made,
    st.sampled_from(["110105", "440524", "653101", "990121", "810000", "830000"]),
    st.dates(date(1900, 1, 1), date(2026, 12, 31)),
    st.integers(0, 995),
)


@pytest.mark.parametrize(
    ("number", "kind", "division", "birth", "sex"),
    [
        (NUMBER, "resident", "110105", date(1949, 12, 31), "female"),
        ("440524188001010014", "resident", "440524", date(1880, 1, 1), "male"),
        (resident_id.made("810000", date(1990, 1, 1), 1), "residence-permit", "810000", date(1990, 1, 1), "male"),
        (resident_id.made("830000", date(1990, 1, 1), 2), "residence-permit", "830000", date(1990, 1, 1), "female"),
        (resident_id.made("911840", date(1981, 8, 1), 2), "foreign", "", date(1981, 8, 1), "female"),
        ("990000195003121011", "demo", "990000", date(1950, 3, 12), "male"),
    ],
)
def test_what_a_number_says(number, kind, division, birth, sex):
    assert resident_id.read(number) == (number, kind, division, birth, sex)


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021", "11010519491331002X", "11010519490230002X", "11010519491231002x", "", "1" * 18, "0" * 18,
        "990000200102281000", "9.90000E+17", "999999", resident_id.made("000000", date(1950, 1, 1), 1),
        resident_id.made("900105", date(1950, 1, 1), 1), resident_id.made("110105", date(1799, 1, 1), 1),
    ],
)  # fmt: skip
def test_what_is_no_number(number):
    assert resident_id.read(number) is None
    assert not resident_id.is_valid(number)


@pytest.mark.parametrize(
    "written",
    [" 110105 19491231 002x ", "１１０１０５１９４９１２３１００２Ｘ", "110105-19491231-002X", "'11010519491231002Х",
     "11010519491231002×"],
)  # fmt: skip
def test_a_number_is_the_same_however_it_is_written(written):
    assert resident_id.plain(written) == NUMBER


@given(numbers, st.integers(0, 16), st.integers(1, 9))
def test_every_wrong_digit_is_found(number, place, more):
    wrong = str((int(number[place]) + more) % 10)
    assert not resident_id.is_valid(number[:place] + wrong + number[place + 1 :])


@given(numbers.filter(lambda number: len(set(number[:17])) > 2), st.data())
def test_every_transposition_is_found(number, data):
    place = data.draw(st.sampled_from([at for at in range(16) if number[at] != number[at + 1]]))
    assert not resident_id.is_valid(number[:place] + number[place + 1] + number[place] + number[place + 2 :])


@given(numbers.filter(lambda number: number[6:8] == "19"))
def test_a_number_of_fifteen_digits_comes_back(number):
    short = resident_id.shortened(number)
    assert (len(short), resident_id.upgraded(short)) == (15, number)
    assert resident_id.forms(number) == (number, short)


@given(numbers.filter(lambda number: number[6:8] == "20"))
def test_who_was_born_after_1999_had_no_fifteen_digits(number):
    assert resident_id.forms(number) == (number,)


def test_who_was_born_before_1900_had_a_sequence_of_his_own():
    number = resident_id.made("440524", date(1895, 1, 1), 997)
    assert resident_id.shortened(number) == "440524950101997"
    assert resident_id.upgraded("440524950101997") == number
    assert resident_id.shortened(resident_id.made("440524", date(1995, 1, 1), 997)) == ""


@pytest.mark.parametrize("short", ["99000085071410", "110105491331002", "11010549123100X", ""])
def test_what_is_no_number_of_fifteen_digits(short):
    assert resident_id.upgraded(short) == ""


@pytest.mark.parametrize(("number", "demo"), [("990000195003121011", True), ("990000500312101", True), (NUMBER, False)])
def test_fictitious_numbers_are_told_apart(number, demo):
    assert resident_id.is_demo(number) is demo


@given(st.text(max_size=40))
def test_nothing_raises(text):
    plain = resident_id.plain(text)
    assert resident_id.plain(plain) == plain
    assert resident_id.read(plain) is None or len(plain) == 18
    assert resident_id.upgraded(plain) == "" or len(plain) == 15
