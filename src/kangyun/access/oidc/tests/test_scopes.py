"""Scopes as a grammar, and narrowing as what it must never do: give more."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.oidc.scopes import ALL, LEVELS, WORDS, Scope, WrongScope, narrow, of_data, parse, read, within

TYPES = ("*", "Patient", "Observation", "Condition")
QUERIES = ("", "category=laboratory", "category=vital-signs", "code=http://loinc.org|8867-4")
PERMISSIONS = st.sets(st.sampled_from(ALL), min_size=1).map(lambda signs: "".join(s for s in ALL if s in signs))
ONE = st.builds(
    lambda level, type_, permissions, query: f"{level}/{type_}.{permissions}" + (f"?{query}" if query else ""),
    st.sampled_from(LEVELS), st.sampled_from(TYPES), PERMISSIONS, st.sampled_from(QUERIES),
)  # fmt: skip
MANY = st.lists(ONE | st.sampled_from(sorted(WORDS)), max_size=6).map(lambda scopes: read(" ".join(scopes)))


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("patient/*.read", "patient/*.rs"),
        ("patient/*.write", "patient/*.cud"),
        ("user/Observation.*", "user/Observation.cruds"),
        ("system/Patient.rs", "system/Patient.rs"),
        ("user/Observation.rs?category=laboratory", "user/Observation.rs?category=laboratory"),
    ],
)
def test_both_versions_are_read(text, scope):
    assert str(parse(text)) == scope


def test_pairs_are_unescaped_and_the_query_is_kept():
    one = parse("patient/Observation.rs?code=http://loinc.org%7C8867-4&category=a")
    assert one.pairs == (("code", "http://loinc.org|8867-4"), ("category", "a"))
    assert str(one) == "patient/Observation.rs?code=http://loinc.org%7C8867-4&category=a"


@pytest.mark.parametrize(
    "text",
    [
        "", "patient", "patient/", "patient/*", "patient/*.", "patient/*.sr", "patient/*.rr", "patient/Quark.rs",
        "admin/*.rs", "patient/*.rs?", "patient/*.rs?x", "patient/*.read?category=a", "patient/*.rs?a=b#c",
        "Patient/*.rs", "patient/*.rs\n", "patient/Observation.rs?a=%ff", "patient/*.rs?" + "a=b&" * 200, "openid",
        "patient/patient.rs", "patient/Observation.reads",
    ],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text):
    with pytest.raises(WrongScope):
        parse(text)


@pytest.mark.parametrize(
    ("asked", "allowed", "given_"),
    [
        ("patient/*.rs", "patient/Observation.cruds", "patient/Observation.rs"),
        ("patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"),
        ("user/*.rs", "patient/*.rs", ""),
        ("user/Observation.rs", "user/Observation.rs?category=a", "user/Observation.rs?category=a"),
        ("user/Observation.rs?category=a", "user/*.cruds", "user/Observation.rs?category=a"),
        ("user/Observation.rs?category=a", "user/Observation.rs?code=b", "user/Observation.rs?category=a&code=b"),
        ("openid launch", "openid", "openid"),
        ("user/Patient.r", "user/Patient.c", ""),
        ("user/Patient.rs user/*.rs", "user/*.rs", "user/*.rs"),
    ],
)
def test_narrowing(asked, allowed, given_):
    assert " ".join(narrow(read(asked), read(allowed))) == given_


def allows(scopes, level, type_, permission, pairs):
    """The slow and obvious meaning: whether one of them opens this, for a resource that matches those pairs."""
    found = [parse(scope) for scope in of_data(scopes)]
    return any(
        one.level == level and one.type in ("*", type_) and permission in one.permissions and set(one.pairs) <= pairs
        for one in found
    )


EVERY = [
    (level, type_, permission, frozenset(parse(f"user/*.r?{query}").pairs if query else ()))
    for level in LEVELS for type_ in TYPES[1:] for permission in ALL for query in QUERIES
]  # fmt: skip


@given(MANY, MANY)
def test_narrowed_is_what_both_allow(asked, allowed):
    found = narrow(asked, allowed)
    for one in EVERY:
        assert allows(found, *one) == (allows(asked, *one) and allows(allowed, *one))
    assert set(found) & WORDS == set(asked) & set(allowed) & WORDS


@given(MANY, MANY)
def test_within_is_never_more(asked, allowed):
    if within(asked, allowed):
        assert all(allows(allowed, *one) for one in EVERY if allows(asked, *one))
    assert within(narrow(asked, allowed), allowed)


@given(MANY)
def test_narrowing_by_itself_opens_the_same(scopes):
    assert {one for one in EVERY if allows(narrow(scopes, scopes), *one)} == {
        one for one in EVERY if allows(scopes, *one)
    }


@given(st.text(max_size=60))
def test_any_text_is_a_scope_or_refused(text):
    with contextlib.suppress(WrongScope):
        assert isinstance(parse(text), Scope)
