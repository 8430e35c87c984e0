"""Rows that were broken on purpose: each is explained, and none is stored wrongly."""

from collections import Counter

from benchmarks.broken import ASIDE, KINDS, LEFT_OUT, PUT_RIGHT, broken


def test_a_thousand_broken_rows_are_all_explained_and_none_is_stored_wrongly():
    judged = list(broken(1000, 1))
    assert len(judged) == 1000
    assert [(one.table, one.fault.name) for one in judged if not one.explained or one.wrongly] == []
    assert [(one.table, one.fault.name, one.became) for one in judged if one.became != one.fault.becomes] == []
    assert {one.table for one in judged} == KINDS.keys()
    assert Counter(one.became for one in judged).keys() == {ASIDE, LEFT_OUT, PUT_RIGHT}
