"""Positions by three datums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.formats.positions import Datum, in_china, metres_between, to_bd09, to_gcj02, to_wgs84

INSIDE = st.tuples(st.floats(4, 53), st.floats(74, 134))
OUTSIDE = st.tuples(st.floats(-60, 0), st.floats(-170, 170))


@pytest.mark.parametrize(
    ("wgs84", "gcj02", "bd09"),
    [
        # 天安门, as converters that were not made here give it.
        ((39.90734, 116.39089), (39.908743, 116.397128), (39.915085, 116.403505)),
    ],
)
def test_a_known_place(wgs84: tuple[float, float], gcj02: tuple[float, float], bd09: tuple[float, float]) -> None:
    assert metres_between(to_gcj02(*wgs84), gcj02) < 2
    assert metres_between(to_bd09(*wgs84), bd09) < 3


@given(spot=INSIDE, datum=st.sampled_from([Datum.GCJ02, Datum.BD09]))
def test_there_and_back_is_within_a_centimetre(spot: tuple[float, float], datum: Datum) -> None:
    there = to_gcj02(*spot) if datum is Datum.GCJ02 else to_bd09(*spot)
    assert metres_between(to_wgs84(*there, datum), spot) < 0.01


@given(spot=INSIDE)
def test_the_shift_is_some_hundred_metres(spot: tuple[float, float]) -> None:
    assert 20 < metres_between(to_gcj02(*spot), spot) < 1200


@given(spot=OUTSIDE)
def test_outside_china_nothing_moves(spot: tuple[float, float]) -> None:
    assert not in_china(*spot)
    assert to_gcj02(*spot) == spot == to_wgs84(*spot, Datum.GCJ02) == to_wgs84(*spot, Datum.WGS84)
