"""The algorithms against the examples of their standards, and the equations against values drawn at random."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.crypto import (
    CbcSealer,
    DeviceFailed,
    PrivateKey,
    Sealer,
    SoftwareProvider,
    Unreadable,
    digest,
    hmac_sm3,
    sm2,
    sm3,
)
from kangyun.base.crypto import known_answers as known
from kangyun.base.crypto.known_answers import of_hex, self_test
from kangyun.base.crypto.schemes import from_der, to_der
from kangyun.base.crypto.sealing import sm4_cbc


@pytest.mark.parametrize(("text", "answer"), known.SM3.items())
def test_sm3(text, answer):
    """GB/T 32905-2016 A.1, A.2"""
    assert sm3(text) == answer == sm3(text[:1], text[1:])


@pytest.mark.parametrize(("text", "answer"), known.SHA256.items())
def test_sha_256(text, answer):
    assert digest("sha-256", text) == answer


@pytest.mark.parametrize(("of", "answer"), known.HMAC_SM3.items())
def test_hmac_sm3(of, answer):
    """GM/T 0042-2015 D.3"""
    assert hmac_sm3(*of) == answer


def test_sm4():
    """GB/T 32907-2016 A.1"""
    key, text, answer = known.SM4_BLOCK
    assert sm4_cbc(key)(bytes(16), text, False) == answer
    assert sm4_cbc(key)(bytes(16), answer, True) == text


def test_sm4_a_million_times():
    """GB/T 32907-2016 A.2: a million encryptions, each of the one before, are CBC of zeros."""
    key, text, first = known.SM4_BLOCK
    chain = sm4_cbc(key)(bytes(16), text + bytes(16 * 999_999), False)
    assert chain[:16] == first
    assert chain[-16:] == of_hex("595298c7c6fd271f0402f804c33d3f66")


@pytest.mark.parametrize("cipher", ["sm4", "aes"])
def test_authenticated_ciphers(cipher):
    """RFC 8998 A.1; NIST SP 800-38D, test case 4"""
    one = known.GCM[cipher]
    sealed = one.nonce + one.sealed + one.tag
    assert Sealer(one.key, cipher).open(sealed, one.associated) == one.plain
    with pytest.raises(Unreadable):
        Sealer(one.key, cipher).open(sealed, one.associated + b".")


def test_sm2_signs_as_the_standard_does():
    """GB/T 32918.5-2017 A.2"""
    private = of_hex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
    public, message = known.SM2.key.point, known.SM2.message
    drawn = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
    assert sm2.public_key(private) == public
    assert sm2.identity_digest(public) == of_hex("b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3")
    assert sm2.digest_of(public, message) == known.SM2_DIGEST
    assert sm2.sign(private, known.SM2_DIGEST, lambda bound: drawn - 1) == known.SM2.signature
    assert known.SM2.key.verify(message, known.SM2.signature)


def test_ecdsa():
    """RFC 6979 A.2.5, P-256 with SHA-256"""
    assert known.ECDSA.key.verify(known.ECDSA.message, known.ECDSA.signature)
    assert not known.ECDSA.key.verify(b"other", known.ECDSA.signature)


@pytest.mark.parametrize("scheme", ["sm2", "ecdsa"])
def test_a_signature_is_of_its_message_and_key_only(scheme):
    key, other = PrivateKey.new(scheme), PrivateKey.new(scheme)
    signature = key.sign(b"text")
    assert from_der(to_der(signature)) == signature
    assert key.public.verify(b"text", signature)
    assert not key.public.verify(b"texts", signature)
    assert not other.public.verify(b"text", signature)
    for wrong in (b"", bytes(64), b"\xff" * 64, signature[:-1], signature[32:] + signature[:32]):
        assert not key.public.verify(b"text", wrong)


def test_what_is_no_point_of_the_curve_verifies_nothing():
    signature = known.SM2.signature
    moved = bytearray(known.SM2.key.point)
    moved[-1] ^= 1
    for point in (bytes(moved), b"", b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, b"\x02" + moved[1:]):
        assert not sm2.verify(point, known.SM2_DIGEST, signature)


@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(0, 250), st.integers(1, 255))
@settings(max_examples=200)
def test_cbc_with_hmac_opens_what_it_sealed_and_nothing_else(plain, associated, place, flip):
    sealer = CbcSealer(sm4_cbc(b"k" * 16), b"m" * 32)
    sealed = sealer.seal(plain, associated)
    assert sealer.open(sealed, associated) == plain
    changed = bytearray(sealed)
    changed[place % len(sealed)] ^= flip
    for text, about in (
        (bytes(changed), associated),
        (sealed, associated + b"x"),
        (sealed[:-1], associated),
        (b"", b""),
    ):
        with pytest.raises(Unreadable):
            sealer.open(text, about)


@pytest.mark.parametrize("cipher", ["sm4", "aes"])
def test_the_software_back_end_passes_its_self_test(cipher):
    assert len(self_test(SoftwareProvider(os.urandom(32), cipher))) == 15


def test_a_provider_that_answers_wrongly_is_not_used():
    provider = SoftwareProvider(os.urandom(32), "sm4")
    provider.digest = lambda *parts: sm3(*parts, b".")
    with pytest.raises(DeviceFailed) as raised:
        self_test(provider)
    assert raised.value.issues[0].parameters == {"test": "provider digest"}


def test_the_signing_key_follows_from_the_root_key():
    root = os.urandom(32)
    one, again, other = (SoftwareProvider(key, "sm4").public_key for key in (root, root, os.urandom(32)))
    assert one == again != other
