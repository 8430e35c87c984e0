"""Ids of what institutions send."""

import re

from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.entries import entry_id

KEYS = st.lists(st.text(st.characters(exclude_characters="\x1f"), max_size=20), min_size=1, max_size=4)


@given(KEYS)
def test_an_id_is_one_that_fhir_allows_and_tells_nothing_of_its_key(key: list[str]) -> None:
    id_ = entry_id("hospital-one", "visit", key)
    assert re.fullmatch(r"hospital-one-[a-z2-7]{24}", id_)
    assert id_ == entry_id("hospital-one", "visit", key)


@given(KEYS, KEYS)
def test_other_keys_have_other_ids(key: list[str], other: list[str]) -> None:
    assert (entry_id("h", "visit", key) == entry_id("h", "visit", other)) == (key == other)


def test_another_kind_or_house_has_another_id() -> None:
    ids = {entry_id(prefix, kind, ["1"]) for prefix in ("h1", "h2") for kind in ("visit", "report")}
    assert len(ids) == 4
