"""Regular expressions: what they do, which are refused, and that those let through end in time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.errors import Invalid, TooCostly, TooLong
from kangyun.fhir.definitions import definitions
from kangyun.fhir.fhirpath import patterns


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "(a*)*b", "(a|ab|b)*c", "([a-z]+)*[0-9]", "(a|b|ab)*c", "(.*)*x", "(a+|b+)+c", "((a+b?)+c?)+d",
        "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "(a{1,10}){1,10}b", "(a?){30}a{30}", "a?" * 30 + "a" * 30,
        "(?i)(ab|Ab)*c", "a" * 301, "(a*|b)*c", r"(\d+\.?)+$", "(ab|(a)b)*c", "((a|b)(b|c))*(bb|cb)*(b|c)?d" * 8,
    ],
    ids=lambda pattern: pattern[:30],
)  # fmt: skip
def test_what_could_take_exponential_time_is_refused(pattern):
    with pytest.raises(Invalid) as caught:
        patterns.read(pattern)
    assert caught.value.issues[0].text == "fhir.fhirpath.pattern-unsafe"


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", "*", r"\p{L}", "(?P<a>x)(?P<a>y)", "x" * 2001])
def test_what_is_no_pattern(pattern):
    with pytest.raises(Invalid):
        patterns.read(pattern)


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)b", "(?!a)b", "(?<=a)b", "(a)(?(1)b|c)"])
def test_what_is_not_supported(pattern):
    with pytest.raises(Invalid) as caught:
        patterns.read(pattern)
    assert caught.value.issues[0].text == "fhir.fhirpath.pattern-unsupported"


@pytest.mark.parametrize(
    ("pattern", "text", "found", "whole"),
    [
        ("Library", "a/Library|4", True, False),
        (".*Library.*", "a/Library|4", True, True),
        ("A.*B", "A\n\t B", True, True),
        (r"^[^\s]+(\s[^\s]+)*$", "one two three", True, True),
        (r"[A-Z]([A-Za-z0-9_]){0,254}", "Name_1", True, True),
        (r"(0|[1-9][0-9]*)(\.[0-9]+)*", "1.20.3", True, True),
        (r"\d{17}[\dX]", "11010119900307123X", True, True),
        ("(?<year>[0-9]{4})-[0-9]{2}", "2020-02", True, True),
        ("x", "", False, False),
        ("(a|b)*c", "ababc", True, True),
    ],
)
def test_matching(pattern, text, found, whole):
    assert (patterns.read(pattern).found_in(text), patterns.read(pattern).is_all_of(text)) == (found, whole)


@pytest.mark.parametrize(
    ("pattern", "text", "substitution", "expected"),
    [
        ("[0-9]", "a1b2", "-", "a-b-"),
        (r"(\d+)/(\d+)", "12/31", "$2.$1", "31.12"),
        ("(?<m>[0-9]+)", "7 8", "<${m}>", "<7> <8>"),
        ("a", "banana", r"\$1", "b$1n$1n$1"),
        (r"\..*", "a.b.c", "", "a"),
    ],
)
def test_replacing(pattern, text, substitution, expected):
    assert patterns.read(pattern).replaced_in(text, substitution, 100) == expected


def test_replacing_has_its_limits():
    with pytest.raises(TooLong):
        patterns.read("a").replaced_in("a" * 100, "b" * 100, 1000)
    with pytest.raises(Invalid):
        patterns.read("a").replaced_in("a", "$1", 1000)


def test_a_text_too_long_for_the_pattern_is_refused():
    with pytest.raises(TooCostly):
        patterns.read("a+a+a+b").found_in("a" * 10_000)


@pytest.mark.parametrize(
    ("pattern", "degree"),
    [
        ("Library", 1),
        ("^Library$", 1),
        ("a+", 2),
        ("^a+$", 1),
        (".*Library.*", 2),
        (".{0,5}x", 2),
        (r"^[a-z]+\.[a-z]+\.[a-z]+$", 1),
        ("^a+a+a+$", 3),
    ],
)
def test_the_degree_bounds_the_time(pattern, degree):
    assert patterns.read(pattern).degree == degree


def test_the_patterns_of_the_specification_are_safe():
    primitives = [type_.regex for type_ in definitions().types.values() if type_.regex]
    unsafe = [regex for regex in primitives if not is_let_through(regex)]
    # base64Binary allows white space before and after each group of four, so between two of them it is read twice.
    assert unsafe == [r"(\s*([0-9a-zA-Z\+/=]){4}\s*)+"]


atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "ab", "(a|b)", "(a|ab)", "(ab|b)"])
regexes = st.recursive(
    atoms,
    lambda inner: (
        st.builds("({}){}".format, inner, st.sampled_from(["", "*", "+", "?", "{2,5}", "+?"]))
        | st.lists(inner, min_size=2, max_size=4).map("".join)
        | st.builds("({}|{})".format, inner, inner)
    ),
    max_leaves=10,
)


def is_let_through(regex):
    try:
        # Of a higher degree, the text below would be refused.
        return patterns.read(regex).degree <= 5
    except Invalid:
        return False


@settings(max_examples=300, deadline=None)
@given(regexes.map("{}$".format).filter(is_let_through), st.sampled_from(["a", "b", "ab", "aab", "abb"]))
def test_what_is_let_through_ends_in_time(regex, unit):
    text = unit * (24 // len(unit)) + "!"
    start = time.process_time()
    patterns.read(regex).found_in(text)
    assert time.process_time() - start < 1.0
