"""Patterns over codes mean what they mean elsewhere, and none takes long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.fhir.terminology.patterns import full_match

pieces = st.sampled_from([
    "a", "b", "A", "1", "-", ".", "[ab]", "[^a]", "[a-c1-3]", "[a-]", "\\d", "\\w", "\\S", "\\.", "(a|b)", "(?:ab)",
    "(a|)", "(a*b)", "|", "a+", "b?", "a{2}", "(ab){1,2}", "[ab]{2,}", "(a|b)*", "(a?){3}", "()", ".*", ".+?",
])  # fmt: skip


@given(st.lists(pieces, max_size=6).map("".join), st.text("abA1-.", max_size=8))
def test_patterns_agree_with_a_backtracking_engine(pattern, code):
    assert full_match(pattern)(code) == bool(re.fullmatch(pattern, code))


@given(st.text("ab(){}[]^$|*+?\\d-.,12", max_size=12), st.text("ab1", max_size=4))
def test_any_text_is_a_pattern_or_refused(pattern, code):
    try:
        assert full_match(pattern)(code) in (True, False)
    except Invalid as refused:
        assert refused.issues[0].text == "fhir.terminology.pattern"


def test_anchors_at_the_ends_change_nothing():
    assert full_match("^[A-Z]{3}$")("CHN")
    assert not full_match("^[A-Z]{3}$")("CHNX")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a?){60}a{60}", "(.*)*b"])
def test_no_pattern_is_slow(pattern):
    started = time.process_time()
    full_match(pattern)("a" * 2000 + "c")
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "pattern",
    [r"(a)\1", "(?=a)", "(?i)a", "a{2,1}", "a{9999}", "((a{100}){100})", "[", "(", ")", "*", r"\bA", "[[a]]", "a" * 501,
     "(" * 30 + ")" * 30],
)  # fmt: skip
def test_what_is_beyond_the_language_is_refused(pattern):
    with pytest.raises(Invalid, match="pattern"):
        full_match(pattern)
