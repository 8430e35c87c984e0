"""SM2 as USB keys speak it; OpenSSL, another implementation, made the certificate and a signature."""

from datetime import UTC, datetime

import pytest

from kangyun.access.factors.sm2 import decoded, public_key_of, signature_of
from kangyun.base.crypto import PublicKey
from kangyun.base.errors import Invalid

NOW = datetime(2027, 1, 1, tzinfo=UTC)
OPENSSL_SIGNATURE = bytes.fromhex(
    "3045022100ea9191408bc11f04e9c1140d60c5e5f51011ce2108077188419afc5abad8b8ca02201db6d519b164c790b7f769013302acd49e036046ee74534e5fdea57d38add8a9"
)


def test_what_openssl_signed_is_verified(sm2_key):
    signature = signature_of(OPENSSL_SIGNATURE, "der")
    key = PublicKey("sm2", sm2_key[1])
    assert key.verify(b"message", signature)
    assert not key.verify(b"messagf", signature)
    assert not key.verify(b"message", signature[:-1] + bytes([signature[-1] ^ 1]))


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, bytes(63), b"\x01" * 64])
def test_what_is_no_signature(sm2_key, signature):
    assert not PublicKey("sm2", sm2_key[1]).verify(b"message", signature)


@pytest.mark.parametrize("key", [b"", bytes(65), b"\x04" + bytes(64), b"\x02" + b"\x01" * 32, b"\x04" + b"\xff" * 64])
def test_what_is_no_key(key):
    signature = signature_of(OPENSSL_SIGNATURE, "der")
    assert not PublicKey("sm2", key).verify(b"message", signature)
    with pytest.raises(Invalid):
        public_key_of(key, NOW)


def test_the_forms_of_a_key(sm2_key, certificate):
    point = sm2_key[1]
    blob = (256).to_bytes(4, "little") + bytes(32) + point[1:33] + bytes(32) + point[33:]
    assert public_key_of(point, NOW) == (point, None)
    assert public_key_of(point[1:], NOW) == (point, None)
    assert public_key_of(blob, NOW) == (point, None)
    found, ends = public_key_of(certificate[0], NOW)
    assert (found, ends.not_after.year) == (point, 2126)


@pytest.mark.parametrize("place", [0, 5, 40, 200, 300])
def test_what_is_no_certificate(certificate, place):
    broken = certificate[0][:place] + certificate[0][place + 3 :]
    with pytest.raises(Invalid):
        public_key_of(broken, NOW)


def test_a_certificate_has_its_days(certificate):
    with pytest.raises(Invalid):
        public_key_of(certificate[0], datetime(2019, 1, 1, tzinfo=UTC))
    with pytest.raises(Invalid):
        public_key_of(certificate[1], NOW)


def test_the_forms_of_a_signature(sm2_key):
    signature = sm2_key[0](b"x")
    r, s = signature[:32], signature[32:]
    assert signature_of(r + s, "raw") == r + s
    assert signature_of(bytes(32) + r + bytes(32) + s, "skf") == r + s
    for raw, form in ((r, "raw"), (r + s, "skf"), (b"\x01" * 128, "skf"), (r + s, "der"), (b"", "der")):
        with pytest.raises(Invalid):
            signature_of(raw, form)


def test_what_cannot_be_decoded():
    assert decoded("00ff", "hex", "key") == b"\x00\xff"
    for text, encoding in (("0g", "hex"), ("€", "base64"), ("a", "base64")):
        with pytest.raises(Invalid):
            decoded(text, encoding, "key")
