"""What a seal can tell of rows."""

from dataclasses import replace

import pytest

from kangyun.access.trail.chain import BEFORE_ALL, Fault, Place, Row, faults, sealed

ROWS = [Row(5, 11, b"a"), Row(5, 12, b"b"), Row(6, 10, b"c")]


def test_a_seal_holds_for_the_rows_it_was_made_of():
    seal = sealed(1, BEFORE_ALL, ROWS)
    assert (seal.last, list(seal.ids)) == (Place(6, 10), [11, 12, 10])
    assert faults(seal, BEFORE_ALL, ROWS) == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([ROWS[0], Row(5, 12, b"x"), ROWS[2]], [Fault("changed", 1, 12)]),
        ([ROWS[0], ROWS[2]], [Fault("removed", 1, 12)]),
        ([*ROWS[:2], Row(5, 13, b"b"), ROWS[2]], [Fault("inserted", 1, 13)]),
        ([Row(5, 13, b"x"), *ROWS[1:]], [Fault("removed", 1, 11), Fault("inserted", 1, 13)]),
        ([ROWS[1], ROWS[0], ROWS[2]], [Fault("rows-differ", 1)]),
        ([*ROWS, ROWS[2]], [Fault("rows-differ", 1)]),
        ([], [Fault("removed", 1, id_) for id_ in (11, 12, 10)]),
    ],
)
def test_what_is_not_as_it_was_is_named(rows, found):
    assert faults(sealed(1, BEFORE_ALL, ROWS), BEFORE_ALL, rows) == found


def test_a_seal_holds_in_its_place_only():
    seal = sealed(2, bytes([1]) * 32, ROWS)
    assert faults(seal, BEFORE_ALL, ROWS) == [Fault("seal-broken", 2)]


@pytest.mark.parametrize(
    "change",
    [{"ids": [11, 12, 13]}, {"marks": [1, 2, 3]}, {"ids": [], "marks": []}, {"last": Place(6, 11)}, {"body": b""}],
)
def test_what_a_seal_says_of_its_rows_is_sealed(change):
    seal = replace(sealed(1, BEFORE_ALL, ROWS), **change)
    assert faults(seal, BEFORE_ALL, ROWS)[0] == Fault("seal-broken", 1)


def test_where_a_row_ends_is_sealed_too():
    one, other = [Row(5, 11, b"ab"), Row(5, 12, b"c")], [Row(5, 11, b"a"), Row(5, 12, b"bc")]
    assert sealed(1, BEFORE_ALL, one).digest != sealed(1, BEFORE_ALL, other).digest
