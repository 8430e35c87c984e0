"""TOTP as RFC 6238 has it: the vectors of its appendix B."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.factors.totp import code_at, matching_step, step_of, text, uri

KEYS = {"sha1": b"12345678901234567890", "sha256": b"12345678901234567890123456789012"}
KEYS["sha512"] = b"1234567890123456789012345678901234567890123456789012345678901234"


@pytest.mark.parametrize(
    ("seconds", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"), (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"), (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"), (20000000000, "65353130", "77737706", "47863826"),
    ],
)  # fmt: skip
def test_the_vectors_of_the_standard(seconds, sha1, sha256, sha512):
    codes = [code_at(key, step_of(seconds), digits=8, algorithm=name) for name, key in KEYS.items()]
    assert codes == [sha1, sha256, sha512]


@given(st.binary(min_size=20, max_size=20), st.integers(10, 1 << 40), st.integers(-5, 5))
def test_a_step_before_and_after_is_taken_and_no_more(secret, now, offset):
    found = matching_step(secret, code_at(secret, now + offset), now, -1)
    assert found is None or abs(found - now) <= 1
    assert abs(offset) > 1 or found is not None


@given(st.binary(min_size=20, max_size=20), st.integers(1, 1 << 40))
def test_what_was_used_is_not_taken_again(secret, now):
    assert matching_step(secret, code_at(secret, now), now, now - 1) is not None
    again = matching_step(secret, code_at(secret, now), now, now)
    assert again is None or code_at(secret, again) == code_at(secret, now)


def test_what_an_authenticator_reads():
    assert text(KEYS["sha1"]) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert uri(KEYS["sha1"], "li").startswith("otpauth://totp/%E5%BA%B7%E4%BA%91:li?secret=GEZDGNBVGY3TQOJQ")
