"""Each comparator's grades, and what holds of all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.identity.linkage.comparators import COMPARATORS

WORDS = st.text("abcd ", min_size=1, max_size=12)
DATES = st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8))


@pytest.mark.parametrize(
    ("comparator", "one", "other", "grade"),
    [
        ("exact", "f", "f", "exact"),
        ("exact", "f", "m", "differs"),
        ("latin-name", "matthew", "matthew", "exact"),
        ("latin-name", "matthew", "mathew", "slip"),
        ("latin-name", "matthew", "mtathew", "slip"),
        ("latin-name", "mary ann", "maryann", "slip"),
        ("latin-name", "mary ann", "ann mary", "slip"),
        ("latin-name", "catherine", "katherina", "alike"),
        ("latin-name", "matthew", "mattheus", "close"),
        ("latin-name", "m", "matthew", "alike"),
        ("latin-name", "mary", "ann mary", "alike"),
        ("latin-name", "li", "lu", "differs"),
        ("latin-name", "matthew", "oscar", "differs"),
        ("date", "19640312", "19640312", "exact"),
        ("date", "19640312", "19641203", "swapped"),
        ("date", "19640312", "19640321", "slip"),
        ("date", "19640312", "19640318", "slip"),
        ("date", "19640312", "19460312", "slip"),
        ("date", "19640312", "19710312", "part"),
        ("date", "19640312", "196403", "part"),
        ("date", "1964", "19640312", "part"),
        ("date", "19640312", "19641130", "year"),
        ("date", "19640312", "19881130", "differs"),
        ("date", "1964", "1965", "differs"),
        ("number", "13800138000", "13800138000", "exact"),
        ("number", "13800138000", "13800138001", "slip"),
        ("number", "13800138000", "1380013800", "slip"),
        ("number", "13800138000", "8613800138000", "slip"),
        ("number", "13800138000", "13800138919", "differs"),
        ("number", "13800138000", "13801138001", "close"),
        ("number", "12", "13", "differs"),
        ("text", "bean street", "bean street", "exact"),
        ("text", "bean street", "beanstreet", "slip"),
        ("text", "bean street", "street bean", "slip"),
        ("text", "bean street", "baen street", "slip"),
        ("text", "bean street", "bean crescent", "alike"),
        ("text", "bean street", "hawker place", "differs"),
    ],
)
def test_grades(comparator, one, other, grade):
    known = COMPARATORS[comparator]
    assert (*known.grades, "differs")[known.compare(one, other)] == grade


@pytest.mark.parametrize("name", ["exact", "latin-name", "number", "text"])
@given(one=WORDS, other=WORDS)
def test_order_does_not_matter_and_equals_are_exact(name, one, other):
    known = COMPARATORS[name]
    assert known.compare(one, other) == known.compare(other, one)
    assert 0 <= known.compare(one, other) <= len(known.grades)
    assert known.compare(one, one) == 0
    assert (known.compare(one, other) == 0) == (one == other)


@given(one=DATES, other=DATES, length=st.sampled_from([4, 6, 8]))
def test_dates_are_compared_either_way(one, other, length):
    known = COMPARATORS["date"]
    assert known.compare(one[:length], other) == known.compare(other, one[:length])
    assert known.compare(one, one) == 0
