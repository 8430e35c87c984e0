"""Secrets in parts."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.shamir import joined, split


@given(st.binary(min_size=1, max_size=40), st.integers(2, 6), st.integers(0, 4))
def test_any_that_are_enough_give_it_back(secret, needed, more):
    shares = split(secret, needed, needed + more)
    for chosen in combinations(shares, needed):
        assert joined({number: shares[number] for number in reversed(chosen)}) == secret
    assert joined(shares) == secret


@given(st.integers(0, 255), st.integers(0, 255))
def test_fewer_say_nothing(first, second):
    """To each secret there is just one second share that fits a first one: the first alone excludes none."""
    found = {joined({1: bytes([first]), 2: bytes([other])})[0] for other in range(256)}
    assert found == set(range(256))
    assert joined({1: bytes([first]), 2: bytes([second])})[0] in found


def test_known_answer():
    """f(x) = 0x2a + 0x57 x over the field of FIPS 197: f(2) = 0x2a + 0xae, f(0x83) = 0x2a + 0xc1 (FIPS 197, 4.2)."""
    assert joined({2: bytes([0x2A ^ 0xAE]), 0x83: bytes([0x2A ^ 0xC1])}) == b"\x2a"


def test_shares_differ_each_time():
    secret = b"\x01" * 32
    assert split(secret, 2, 2)[1] != split(secret, 2, 2)[1]
    assert all(share != secret for share in split(secret, 3, 5).values())


@pytest.mark.parametrize(("needed", "shares"), [(1, 3), (0, 0), (4, 3), (2, 256)])
def test_what_makes_no_sense_is_refused(needed, shares):
    with pytest.raises(ValueError, match="needed"):
        split(b"x", needed, shares)


@pytest.mark.parametrize("shares", [{0: b"a", 1: b"b"}, {1: b"a", 256: b"b"}, {1: b"a", 2: b"bc"}, {}])
def test_what_are_no_shares_is_refused(shares):
    with pytest.raises(ValueError, match="shares"):
        joined(shares)
