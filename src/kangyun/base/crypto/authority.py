"""Issues certificates and revocation lists: for the demonstration's people, and the platform's own signing key.

A test authority, not a licensed one (电子认证服务机构): a real region's people bring the certificates that they have.

Source: GB/T 20518-2018, RFC 5280, GM/T 0015-2012.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kangyun.base.crypto import der
from kangyun.base.crypto.certificates import CURVES, EC_PUBLIC_KEY, SIGNATURES, Certificate, RevocationList
from kangyun.base.crypto.schemes import PrivateKey, PublicKey, SchemeName, to_der

Sign = Callable[[bytes], bytes]
_BACKWARDS = timedelta(minutes=5)  # clocks of those who look at it are not ours


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that may issue others, and what signs for it."""

    certificate: Certificate
    sign: Sign

    @classmethod
    def new(cls, name: str, key: PrivateKey, now: datetime, days: int) -> "Authority":
        """Makes an authority of its own: a root."""
        subject = named(name)
        usage = (_basic(True), _usage(signing=False))
        return cls(_issued(subject, key.public, subject, key.public, key.sign, now, days, usage), key.sign)

    def issue(
        self, name: x509.Name, key: PublicKey, now: datetime, days: int, *, stamping: bool = False
    ) -> Certificate:
        """Issues a certificate for signing, or for stamping the time only."""
        ours = self.certificate.public_key
        assert ours is not None
        usage: tuple[bytes, ...] = (_basic(False), _usage(signing=True))
        usage += (_stamping(),) if stamping else ()
        return _issued(name, key, self.certificate.x509.subject, ours, self.sign, now, days, usage)

    def revocation_list(self, revoked: Mapping[str, datetime], now: datetime, days: int) -> RevocationList:
        """Issues the list of what is revoked: serial numbers in hexadecimal digits, and since when."""
        ours = self.certificate.public_key
        assert ours is not None
        entries = [
            der.sequence(der.integer(int(serial, 16)), der.time(since)) for serial, since in sorted(revoked.items())
        ]
        text = der.sequence(
            der.integer(1),
            _algorithm(ours.scheme),
            self.certificate.x509.subject.public_bytes(),
            der.time(now),
            der.time(now + timedelta(days=days)),
            der.sequence(*entries) if entries else b"",
        )
        return RevocationList(_signed(text, ours.scheme, self.sign))


def self_signed(name: str, key: PublicKey, sign: Sign, now: datetime, days: int) -> Certificate:
    """Returns a certificate that says of a key, by that key, whose it is."""
    subject = named(name)
    return _issued(subject, key, subject, key, sign, now, days, (_basic(False), _usage(signing=True)))


def named(name: str, organization: str = "", serial: str = "") -> x509.Name:
    """Returns a name of China: who, of which institution, under which number there."""
    parts = [(NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, name)]
    parts.append((NameOID.SERIAL_NUMBER, serial))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts if value])


def _issued(
    subject: x509.Name, key: PublicKey, issuer: x509.Name, issuer_key: PublicKey, sign: Sign, now: datetime, days: int,
    usage: tuple[bytes, ...],
) -> Certificate:  # fmt: skip
    begin = now - _BACKWARDS
    identity = x509.SubjectKeyIdentifier(_identifier(key)).public_bytes()
    authority = x509.AuthorityKeyIdentifier(_identifier(issuer_key), None, None).public_bytes()
    extensions = (*usage, _extension("2.5.29.14", identity), _extension("2.5.29.35", authority))
    text = der.sequence(
        der.written(0xA0, der.integer(2)),
        der.integer(secrets.randbits(126) | 1 << 126),
        _algorithm(issuer_key.scheme),
        issuer.public_bytes(),
        der.sequence(der.time(begin), der.time(now + timedelta(days=days))),
        subject.public_bytes(),
        public_key_info(key),
        der.written(0xA3, der.sequence(*extensions)),
    )
    return Certificate(_signed(text, issuer_key.scheme, sign))


def public_key_info(key: PublicKey) -> bytes:
    """Returns a public key as certificates have it (SubjectPublicKeyInfo)."""
    curve = next(name for name, scheme in CURVES.items() if scheme == key.scheme)
    return der.sequence(der.sequence(der.oid(EC_PUBLIC_KEY), der.oid(curve)), der.bits(key.point))


def _signed(text: bytes, scheme: SchemeName, sign: Sign) -> bytes:
    return der.sequence(text, _algorithm(scheme), der.bits(to_der(sign(text))))


def _algorithm(scheme: SchemeName) -> bytes:
    return der.sequence(der.oid(next(name for name, known in SIGNATURES.items() if known == scheme)))


def _basic(authority: bool) -> bytes:
    return _extension("2.5.29.19", x509.BasicConstraints(authority, None).public_bytes(), critical=True)


def _usage(*, signing: bool) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=signing, content_commitment=signing, key_cert_sign=not signing, crl_sign=not signing,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return _extension("2.5.29.15", usage.public_bytes(), critical=True)


def _stamping() -> bytes:
    return _extension(
        "2.5.29.37", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]).public_bytes(), critical=True
    )


def _extension(name: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = der.written(der.BOOLEAN, b"\xff") if critical else b""
    return der.sequence(der.oid(name), flag, der.octets(value))


def _identifier(key: PublicKey) -> bytes:
    """A name of a key, as RFC 5280 4.2.1.2 has it; nothing rests on its strength."""
    return hashlib.sha1(key.point, usedforsecurity=False).digest()
