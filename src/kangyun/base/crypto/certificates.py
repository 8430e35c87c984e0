"""X.509 certificates and revocation lists with SM2 or ECDSA P-256 keys: read, and looked at for whether they hold.

`cryptography` reads them; it knows no SM2 key, so those and all signatures are looked at here. Other keys (RSA, other
curves) are said to be not supported, never trusted.

Source: GB/T 20518-2018 and RFC 5280 (certificates, lists), GM/T 0015-2012 (SM2 in them), GM/T 0006-2012 (names of
algorithms), RFC 5758 (ECDSA in them).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from kangyun.base.crypto import der
from kangyun.base.crypto.digests import sm3
from kangyun.base.crypto.schemes import PublicKey, SchemeName, from_der
from kangyun.base.errors import Invalid
from kangyun.base.lazy import lazy

SIGNATURES: dict[str, SchemeName] = {"1.2.156.10197.1.501": "sm2", "1.2.840.10045.4.3.2": "ecdsa"}
CURVES: dict[str, SchemeName] = {"1.2.156.10197.1.301": "sm2", "1.2.840.10045.3.1.7": "ecdsa"}
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
LONGEST_CHAIN = 5
_BEGIN = b"-----BEGIN CERTIFICATE-----"
Kind = TypeVar("Kind", bound=x509.ExtensionType)
_UNREADABLE = (
    ValueError, IndexError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm, CryptographyDeprecationWarning,
)  # fmt: skip
Fault = Literal[
    "untrusted", "expired", "not-yet-valid", "revoked", "not-for-signing", "list-missing", "list-outdated"
]  # fmt: skip


class Certificate:
    """A certificate as it was read."""

    def __init__(self, data: bytes) -> None:
        """data: DER or PEM. Raises Invalid for what is no certificate."""
        try:
            pem = data.lstrip()[:10] == b"-----BEGIN"
            self.x509 = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
            self.der = self.x509.public_bytes(Encoding.DER)
            self.subject = self.x509.subject.rfc4514_string()
            self.issuer = self.x509.issuer.rfc4514_string()
            self.serial = f"{self.x509.serial_number:x}"
            if self.x509.serial_number <= 0 or not self.der.endswith(der.bits(self.x509.signature)):
                raise ValueError
            self.not_before, self.not_after = self.x509.not_valid_before_utc, self.x509.not_valid_after_utc
            self.public_key = _public_key(self.x509.tbs_certificate_bytes)
            self._usage = _extension(self.x509, x509.KeyUsage)
            self._purposes = _extension(self.x509, x509.ExtendedKeyUsage)
            self._constraints = _extension(self.x509, x509.BasicConstraints)
        except _UNREADABLE:
            raise Invalid("base.crypto.not-a-certificate") from None

    @property
    def pem(self) -> str:
        """Its text form."""
        return self.x509.public_bytes(Encoding.PEM).decode("ascii")

    @lazy
    def fingerprint(self) -> str:
        """The SM3 of the certificate, in hexadecimal digits."""
        return sm3(self.der).hex()

    @property
    def is_authority(self) -> bool:
        """Whether it may issue others."""
        may = self._usage is None or self._usage.key_cert_sign
        return may and self._constraints is not None and self._constraints.ca

    @property
    def may_sign(self) -> bool:
        """Whether it is for signing documents or for showing who one is."""
        return self._usage is None or self._usage.digital_signature or self._usage.content_commitment

    @property
    def may_stamp(self) -> bool:
        """Whether it is a time-stamp server's, and for that only (RFC 3161, 2.3)."""
        return self._purposes is not None and list(self._purposes) == [ExtendedKeyUsageOID.TIME_STAMPING]

    def is_by(self, issuer: "Certificate") -> bool:
        """Whether another certificate's key has signed this one, and may."""
        if self.x509.issuer != issuer.x509.subject or not issuer.is_authority:
            return False
        algorithm = self.x509.signature_algorithm_oid.dotted_string
        return _is_signed(algorithm, issuer.public_key, self.x509.tbs_certificate_bytes, self.x509.signature)


class RevocationList:
    """A revocation list as it was read. Whether it is its issuer's, `is_by` says."""

    def __init__(self, data: bytes) -> None:
        """data: DER or PEM. Raises Invalid for what is no list."""
        try:
            pem = data.lstrip()[:10] == b"-----BEGIN"
            self.x509 = x509.load_pem_x509_crl(data) if pem else x509.load_der_x509_crl(data)
            self.der = self.x509.public_bytes(Encoding.DER)
            if not self.der.endswith(der.bits(self.x509.signature)):
                raise ValueError
            self.issuer, self.next = self.x509.issuer, self.x509.next_update_utc
            self.last = self.x509.last_update_utc
            self.revoked = {one.serial_number: one.revocation_date_utc for one in self.x509}
        except _UNREADABLE:
            raise Invalid("base.crypto.not-a-list") from None

    def is_by(self, issuer: Certificate) -> bool:
        """Whether it is the list of that authority."""
        if self.issuer != issuer.x509.subject:
            return False
        algorithm = self.x509.signature_algorithm_oid.dotted_string
        return _is_signed(algorithm, issuer.public_key, self.x509.tbs_certlist_bytes, self.x509.signature)


def read_all(data: bytes) -> list[Certificate]:
    """Returns the certificates of a file: one in DER, or any number in PEM. Raises Invalid."""
    if _BEGIN not in data:
        return [Certificate(data)]
    return [Certificate(_BEGIN + part) for part in data.split(_BEGIN)[1:]]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom an installation believes: roots, what may stand between, and what was revoked.

    needs_list: whether a certificate whose authority has no current list is at fault.
    """

    roots: Sequence[Certificate] = ()
    between: Sequence[Certificate] = ()
    lists: Sequence[RevocationList] = ()
    needs_list: bool = False

    def faults(self, leaf: Certificate, at: datetime, given: Iterable[Certificate] = ()) -> list[Fault]:
        """Returns why a certificate did not hold at an instant; nothing where it did.

        given: certificates that came with it, which may stand between it and a root.
        """
        chain = self._chain(leaf, [*self.between, *given])
        if chain is None:
            return ["untrusted"]
        found: list[Fault] = [] if leaf.may_sign else ["not-for-signing"]
        for one in chain:
            if at < one.not_before:
                found.append("not-yet-valid")
            if at > one.not_after:
                found.append("expired")
        for one, issuer in pairwise(chain):
            found += self._revocation(one, issuer, at)
        return list(dict.fromkeys(found))

    def _chain(self, leaf: Certificate, between: Sequence[Certificate]) -> list[Certificate] | None:
        """Returns the certificate, what stands between, and the root."""
        chain = [leaf]
        while len(chain) < LONGEST_CHAIN:
            last = chain[-1]
            if len(chain) > 1 and any(last.der == root.der for root in self.roots):
                return chain
            root = next((one for one in self.roots if one.der != last.der and last.is_by(one)), None)
            if root is not None:
                return [*chain, root]
            known = {one.der for one in chain}
            issuer = next((one for one in between if one.der not in known and last.is_by(one)), None)
            if issuer is None:
                return None
            chain.append(issuer)
        return None

    def _revocation(self, one: Certificate, issuer: Certificate, at: datetime) -> list[Fault]:
        lists = [found for found in self.lists if found.is_by(issuer)]
        if not lists:
            return ["list-missing"] if self.needs_list else []
        newest = max(lists, key=lambda found: found.last)
        revoked = newest.revoked.get(one.x509.serial_number)
        if revoked is not None and revoked <= at:
            return ["revoked"]
        outdated = newest.next is not None and newest.next < at
        return ["list-outdated"] if outdated and self.needs_list else []


def _public_key(tbs: bytes) -> PublicKey | None:
    """Returns the key of a certificate's signed part, None where it is of another kind."""
    parts = der.read(tbs).pieces
    key = parts[6 if parts[0].tag == 0xA0 else 5]
    algorithm, point = key.pieces
    names = [one.oid for one in algorithm.pieces if one.tag == der.OID]
    if names[0] != EC_PUBLIC_KEY or len(names) < 2 or names[1] not in CURVES:
        return None
    return PublicKey(CURVES[names[1]], point.content[1:])


@lru_cache(maxsize=1024)  # The same few authorities, again and again; SM2 in software takes its time.
def _is_signed(algorithm: str, key: PublicKey | None, text: bytes, signature: bytes) -> bool:
    if key is None or SIGNATURES.get(algorithm) != key.scheme:
        return False
    try:
        return key.verify(text, from_der(signature))
    except ValueError:
        return False


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
