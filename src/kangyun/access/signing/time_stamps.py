"""Time stamps: the request that is sent to a time-stamp server, and the token that it answers with. Pure.

A token is CMS SignedData over a TSTInfo. Looked at are the digest that it is of, the signature over its attributes,
and that these are of this TSTInfo; whose certificate it is, `Trust` says.

Source: RFC 3161 and GM/T 0033-2014 (the same shapes with SM3 and SM2), RFC 5652 (CMS), GM/T 0010-2012 (its SM names).
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from kangyun.base.crypto import DigestName, digest
from kangyun.base.crypto import der as d
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.crypto.schemes import from_der
from kangyun.base.errors import Invalid

DIGEST_OIDS: dict[str, DigestName] = {"1.2.156.10197.1.401": "sm3", "2.16.840.1.101.3.4.2.1": "sha-256"}
SIGNED_DATA = ("1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2")
TST_INFO, MESSAGE_DIGEST = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.9.4"
GRANTED = (0, 1)
LARGEST = 64_000  # bytes
CERTIFICATES, ATTRIBUTES = 0xA0, 0xA0


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A token as it was read. is_true: whether its certificate's key has signed it."""

    token: bytes
    instant: datetime
    digest_name: DigestName
    imprint: bytes
    certificate: Certificate
    chain: tuple[Certificate, ...]
    is_true: bool

    def is_of(self, message: bytes) -> bool:
        """Whether it is of this message."""
        return digest(self.digest_name, message) == self.imprint


def request(message: bytes, name: DigestName) -> bytes:
    """Returns a TimeStampReq for a message, which asks for the certificate as well."""
    oid = next(oid for oid, known in DIGEST_OIDS.items() if known == name)
    imprint = d.sequence(d.sequence(d.oid(oid)), d.octets(digest(name, message)))
    nonce = d.integer(secrets.randbits(63))
    return d.sequence(d.integer(1), imprint, nonce, d.written(d.BOOLEAN, b"\xff"))


def token_of(response: bytes) -> bytes:
    """Returns the token of a TimeStampResp. Raises Invalid where none was granted."""
    try:
        status, *rest = d.read(response).pieces
        if status.pieces[0].number not in GRANTED or not rest or len(rest[0].whole) > LARGEST:
            raise ValueError
    except (ValueError, IndexError):
        raise Invalid("access.signing.no-stamp") from None
    return rest[0].whole


def read_stamp(token: bytes) -> TimeStamp:
    """Reads a token. Raises Invalid for what is none."""
    try:
        return _read(token)
    except (ValueError, IndexError, StopIteration):
        raise Invalid("access.signing.no-stamp") from None


def _read(token: bytes) -> TimeStamp:
    kind, content = d.read(token).pieces
    if len(token) > LARGEST or kind.oid not in SIGNED_DATA:
        raise ValueError
    _, _, enclosed, *rest = d.read(content.content).pieces
    inner, wrapped = enclosed.pieces
    if inner.oid != TST_INFO:
        raise ValueError
    text = d.read(wrapped.content).content
    signer = rest[-1].pieces[0].pieces
    found = [Certificate(one.whole) for one in rest[0].pieces] if rest[0].tag == CERTIFICATES else []
    serial = signer[1].pieces[1].number
    certificate = next((one for one in found if one.x509.serial_number == serial), None)
    if certificate is None or certificate.public_key is None:
        raise ValueError
    attributes = next(one for one in signer[3:] if one.tag == ATTRIBUTES)
    signature = next(one for one in signer[4:] if one.tag == d.OCTET_STRING).content
    name = DIGEST_OIDS.get(signer[2].pieces[0].oid)
    said = [one.pieces[1].pieces[0].content for one in attributes.pieces if one.pieces[0].oid == MESSAGE_DIGEST]
    # Signed is the set with its own tag, not with the one that it has in its place (RFC 5652, 5.4).
    signed = d.written(d.SET, attributes.content)
    is_true = name is not None and said == [digest(name, text)]
    is_true = is_true and certificate.public_key.verify(signed, from_der(signature))
    _, _, imprint, _, instant, *_ = d.read(text).pieces
    algorithm, value = imprint.pieces
    named = DIGEST_OIDS.get(algorithm.pieces[0].oid)
    if named is None or instant.tag != d.GENERALIZED_TIME:
        raise ValueError
    others = tuple(one for one in found if one.der != certificate.der)
    return TimeStamp(token, _moment(instant.content), named, value.content, certificate, others, is_true)


def _moment(text: bytes) -> datetime:
    whole, _, part = text.decode("ascii").rstrip("Z").partition(".")
    microseconds = int(part[:6].ljust(6, "0")) if part else 0
    return datetime.strptime(whole, "%Y%m%d%H%M%S").replace(microsecond=microseconds, tzinfo=UTC)
