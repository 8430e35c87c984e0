"""Which records are brought together."""

import pytest

from kangyun.base.errors import Invalid
from kangyun.identity.linkage.blocking import pairs
from kangyun.identity.linkage.schema import Block

RECORDS = [
    {"given": ("anna",), "surname": ("bell",), "birth": ("19640312",), "street": ("bean street",)},
    {"given": ("bell",), "surname": ("anna",), "birth": ("19640313",), "street": ("beanstreet",)},
    {"given": ("oscar",), "surname": ("bell", "anders"), "birth": ("19880312",)},
    {"given": ("anne",), "surname": ("anders",), "birth": ()},
]


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (["surname"], [(0, 2), (2, 3)]),
        (["birth first 4"], [(0, 1)]),
        (["birth last 4"], [(0, 2)]),
        (["given first 3"], [(0, 3)]),
        (["given|surname"], [(0, 1), (0, 2), (1, 2), (2, 3)]),
        (["given|surname", "birth first 4"], [(0, 1)]),
        (["street joined"], [(0, 1)]),
        (["street joined 4"], [(0, 1)]),
        (["given letters"], []),
        (["nothing"], []),
    ],
)
def test_records_with_a_key_in_common_are_a_pair(key, found):
    blocked = pairs(RECORDS, None, [Block("b", tuple(key))])
    assert list(blocked.split(blocked.union())) == found


def test_pairs_between_two_sets():
    blocked = pairs(RECORDS[:2], RECORDS[2:], [Block("b", ("surname",)), Block("c", ("given first 3",))])
    assert {name: list(blocked.split(codes)) for name, codes in blocked.by_block.items()} == {
        "b": [(0, 0)], "c": [(0, 1)],
    }  # fmt: skip
    assert list(blocked.split(blocked.union())) == [(0, 0), (0, 1)]


def test_a_key_of_too_many_is_left_out_and_told():
    blocked = pairs(RECORDS * 10, None, [Block("b", ("given",))], limit=44)
    assert blocked.left_out == {"b": (4, 180)}
    assert list(blocked.split(blocked.union())) == []


@pytest.mark.parametrize("part", ["given backwards", "given first three", "given first 3 4"])
def test_a_key_that_cannot_be_read_is_told(part):
    with pytest.raises(Invalid, match="schema-wrong"):
        pairs(RECORDS, None, [Block("b", (part,))])
