"""Chunks do not overlap, none is too big, and together they hold what was put."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.series import layout
from kangyun.devices.series.layout import LONGEST, Chunk, pieces, shares
from kangyun.devices.series.packing import NONE, Curve, merged

SMALL = 8


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    """Chunks of a few samples, so that few make many chunks."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(layout, "MOST", SMALL)
        yield


def curve(at):
    column = np.array(sorted(at), np.int64)
    return Curve(column, column % 100, np.zeros(len(column), np.int64))


def put(chunks, fresh):
    """As `chunks.Chunks.put` does it."""
    known = [Chunk(int(one.at[0]), int(one.at[-1]), len(one)) for one in chunks]
    left = dict(zip(known, chunks, strict=True))
    new = []
    for share in shares(known, fresh):
        before = NONE if share.chunk is None else left.pop(share.chunk)
        new += pieces(merged(before, share.fresh), share.last)
    return sorted([*left.values(), *new], key=lambda one: int(one.at[0]))


@given(st.lists(st.sets(st.integers(0, 200), min_size=1, max_size=30), min_size=1, max_size=8))
def test_whatever_comes_in_whatever_order(groups):
    chunks = []
    for group in groups:
        chunks = put(chunks, curve(group))
        assert all(0 < len(one) <= SMALL for one in chunks)
        assert all(one.at[-1] < other.at[0] for one, other in pairwise(chunks))
    assert [at for one in chunks for at in one.at.tolist()] == sorted(set().union(*groups))


def test_days_that_come_in_order_fill_chunks():
    chunks = []
    for day in range(20):
        chunks = put(chunks, curve(range(day * 5, day * 5 + 5)))
    assert [len(one) for one in chunks] == [SMALL] * 12 + [4]


def test_a_sparse_series_begins_a_chunk_in_its_time():
    chunks = []
    for place in range(6):
        chunks = put(chunks, curve([place * LONGEST // 2]))
    assert [len(one) for one in chunks] == [3, 3]
