"""SM2 as a USB key speaks it: the forms that keys, certificates and signatures come in.

What is signed is looked at by `base.crypto`; whether a certificate is believed, by the register of certificates.

Source: GM/T 0016-2012 (ECCPUBLICKEYBLOB, ECCSIGNATUREBLOB), GM/T 0015-2012 (certificate: RFC 5280 with the curve
1.2.156.10197.1.301).
"""

import binascii
from base64 import b64decode
from datetime import datetime
from typing import Literal

from kangyun.base.crypto.certificates import Certificate
from kangyun.base.crypto.schemes import from_der
from kangyun.base.crypto.sm2 import is_public_key
from kangyun.base.errors import Invalid

Form = Literal["raw", "der", "skf"]
Encoding = Literal["base64", "hex"]
_LARGEST = 16_000  # bytes of a certificate


def signature_of(raw: bytes, form: Form) -> bytes:
    """Returns r and s, 64 bytes. Raises Invalid for what is no signature of that form."""
    try:
        if form == "der":
            return from_der(raw)
        if form == "skf" and len(raw) == 128 and not any(raw[:32] + raw[64:96]):
            return raw[32:64] + raw[96:]
        if form == "raw" and len(raw) == 64:
            return raw
    except (ValueError, OverflowError):
        pass
    raise Invalid("access.factors.wrong-form", at="signature")


def public_key_of(raw: bytes, now: datetime) -> tuple[bytes, Certificate | None]:
    """Returns the public key, and the certificate where it is one: else a key blob of GM/T 0016, or a point.

    Raises Invalid for none of these, for another curve, and for a certificate that does not hold now. Whose authority
    issued it is not looked at here.
    """
    certificate = None
    if len(raw) == 132:  # ECCPUBLICKEYBLOB: length in bits, x and y in 64 bytes each
        raw = b"\x04" + raw[36:68] + raw[100:132]
    if len(raw) not in (64, 65):
        certificate = _certificate(raw, now)
        raw = certificate.public_key.point if certificate.public_key is not None else b""
    point = raw if len(raw) == 65 else b"\x04" + raw
    if not is_public_key(point):
        raise Invalid("access.factors.wrong-key", at="key")
    return point, certificate


def _certificate(raw: bytes, now: datetime) -> Certificate:
    if len(raw) > _LARGEST:
        raise Invalid("access.factors.wrong-key", at="key")
    try:
        certificate = Certificate(raw)
    except Invalid:
        raise Invalid("access.factors.wrong-key", at="key") from None
    if certificate.public_key is None or certificate.public_key.scheme != "sm2":
        raise Invalid("access.factors.wrong-key", at="key")
    if not certificate.not_before <= now < certificate.not_after:
        raise Invalid("access.factors.certificate-over", at="key")
    return certificate


def decoded(text: str, encoding: Encoding, at: str) -> bytes:
    """Returns the bytes that a text stands for. Raises Invalid."""
    try:
        return bytes.fromhex(text) if encoding == "hex" else b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise Invalid("access.factors.wrong-form", at=at) from None
