"""What is signed of a resource, and the form that a signature has. Pure.

The canonical form of a resource is its JSON with sorted names and every digit, without `meta` (the server's and the
gate's own) and without the signature that it carries itself. A signature is a JWS whose protected header names the
version that was signed, its digest, the certificates, who, when and in which capacity: so a signature says by itself
what it is of, and one that is true stays so when the resource was changed later.

Source: ETSI TS 119 182-1 V1.1.1 (JAdES; sigD by ObjectIdByURIHash, sigT), RFC 7515 (JWS), FHIR R4 Signature; GB/T 35275
has the national algorithms in CMS and nothing for JWS, so `SM2-SM3` is our own name for an algorithm.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from kangyun.base.crypto import SchemeName, digest
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.crypto.schemes import DIGESTS, SIGNATURE_BYTES
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.json import canonical

FORMAT, TARGET_FORMAT = "application/jose", "application/fhir+json;canonicalization=urn:kangyun:canonical:1"
BY_DIGEST = "http://uri.etsi.org/19182/ObjectIdByURIHash"
PURPOSES = "urn:iso-astm:E1762-95:2013"
AUTHOR, VERIFIER = "1.2.840.10065.1.12.1.1", "1.2.840.10065.1.12.1.5"
ALGORITHMS: dict[SchemeName, str] = {"sm2": "SM2-SM3", "ecdsa": "ES256"}
DIGEST_NAMES: dict[SchemeName, str] = {"sm2": "SM3", "ecdsa": "S256"}
LARGEST = 100_000  # bytes of a signature
MOST_CERTIFICATES = 5
_VERSION = re.compile(r"(?P<type>[A-Z][A-Za-z]{1,39})/(?P<id>[A-Za-z0-9.-]{1,64})/_history/(?P<version>[1-9]\d{0,8})")
_PURPOSE = re.compile(r"1\.2\.840\.10065\.1\.12\.1\.\d{1,2}")
# Elements that name who has written a resource. What has no place here has no author that R4 tells apart.
_AUTHORS: dict[str, tuple[str, ...]] = {
    "Composition": ("author",), "DocumentReference": ("author",), "RequestGroup": ("author",),
    "DiagnosticReport": ("performer", "resultsInterpreter"),
    "MedicationRequest": ("requester",), "ServiceRequest": ("requester",), "DeviceRequest": ("requester",),
    "NutritionOrder": ("orderer",), "VisionPrescription": ("prescriber",), "Observation": ("performer",),
    "QuestionnaireResponse": ("author",), "CarePlan": ("author", "contributor"), "ClinicalImpression": ("assessor",),
    "Condition": ("asserter", "recorder"), "AllergyIntolerance": ("asserter", "recorder"), "Media": ("operator",),
    "Procedure": ("performer", "asserter", "recorder"), "MedicationDispense": ("performer",),
    "MedicationAdministration": ("performer",), "Immunization": ("performer",), "Consent": ("performer",),
    "Communication": ("sender",), "ImagingStudy": ("interpreter",),
}  # fmt: skip


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed, by its digest."""

    mId: str
    pars: tuple[str, ...]
    hashM: str
    hashV: tuple[str, ...]


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The protected header: all that a signature says, and is over."""

    alg: str
    x5c: tuple[str, ...]
    sigT: datetime
    sigD: Digest
    who: str
    purpose: str


class _Jws(msgspec.Struct, frozen=True, kw_only=True):
    protected: str
    signature: str
    header: dict[str, Any] = {}


def canonical_bytes(resource: Resource) -> bytes:
    """Returns the canonical form of a resource."""
    return canonical({name: value for name, value in resource.items() if name not in ("meta", "signature")})


def authors(resource: Resource) -> frozenset[str]:
    """Returns the references of those who are named as a resource's authors; of a document, of its Composition."""
    if resource.get("resourceType") == "Bundle":
        first = next(iter(_dicts(resource.get("entry"))), {}).get("resource")
        return authors(first) if isinstance(first, dict) and first.get("resourceType") == "Composition" else frozenset()
    named = _AUTHORS.get(str(resource.get("resourceType")), ())
    return frozenset(_references(value for name in named for value in _dicts(resource.get(name))))


def _references(values: Iterator[Resource]) -> Iterator[str]:
    for value in values:
        reference = value.get("reference", (value.get("actor") or {}).get("reference"))
        if isinstance(reference, str):
            yield reference.partition("/_history/")[0]


def _dicts(value: Any) -> Iterator[Resource]:
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))


def is_purpose(code: str) -> bool:
    """Whether this is a code of ASTM E1762 for what a signature is for."""
    return _PURPOSE.fullmatch(code) is not None


def header(
    resource: Resource, version: str, chain: list[Certificate], who: str, purpose: str, when: datetime
) -> Header:
    """Returns what is to be signed of a version. The first certificate is the signer's."""
    key = chain[0].public_key
    if key is None:
        raise Invalid("access.signing.key-not-supported")
    described = Digest(
        mId=BY_DIGEST, pars=(version,), hashM=DIGEST_NAMES[key.scheme],
        hashV=(_written(digest(DIGESTS[key.scheme], canonical_bytes(resource))),),
    )  # fmt: skip
    certificates = tuple(base64.b64encode(one.der).decode() for one in chain)
    return Header(alg=ALGORITHMS[key.scheme], x5c=certificates, sigT=when, sigD=described, who=who, purpose=purpose)


def protected(of: Header) -> str:
    """Returns a protected header as it is signed."""
    return _written(msgspec.json.encode(of))


def to_sign(text: str) -> bytes:
    """Returns the bytes that a protected header's signature is over: the payload is empty, its digest stands inside."""
    return text.encode("ascii") + b"."


class SignedStatement:
    """A signature as it was read: what it says, and whether it says so by the key in it. Not yet believed."""

    def __init__(self, text: str, signature: bytes, stamp: bytes | None = None) -> None:
        """Raises Invalid for what is not of our form, or names another algorithm than its certificate has."""
        try:
            self.header = msgspec.json.decode(_read(text), type=Header)
            self.chain = [Certificate(base64.b64decode(one, validate=True)) for one in self.header.x5c]
        except (ValueError, msgspec.DecodeError):
            raise Invalid("access.signing.not-a-signature") from None
        key = self.chain[0].public_key if self.chain else None
        about = self.header.sigD
        matched = _VERSION.fullmatch(about.pars[0]) if about.pars else None
        wrong = (
            *(key is None, len(self.chain) > MOST_CERTIFICATES, len(signature) != SIGNATURE_BYTES, matched is None),
            *(about.mId != BY_DIGEST, len(about.pars) != 1, len(about.hashV) != 1, self.header.sigT.tzinfo is None),
            not is_purpose(self.header.purpose),
        )
        if key is None or matched is None or any(wrong):
            raise Invalid("access.signing.not-a-signature")
        if (self.header.alg, about.hashM) != (ALGORITHMS[key.scheme], DIGEST_NAMES[key.scheme]):
            raise Invalid("access.signing.not-a-signature")
        self.key, self.text, self.signature, self.stamp = key, text, signature, stamp
        self.type, self.id, self.version = matched["type"], matched["id"], int(matched["version"])

    @property
    def certificate(self) -> Certificate:
        """The signer's."""
        return self.chain[0]

    @property
    def is_true(self) -> bool:
        """Whether the key of its certificate has signed what it says."""
        return self.key.verify(to_sign(self.text), self.signature)

    def is_of(self, resource: Resource) -> bool:
        """Whether a resource is what was signed, to the last digit."""
        return _written(digest(DIGESTS[self.key.scheme], canonical_bytes(resource))) == self.header.sigD.hashV[0]

    def as_fhir(self) -> Resource:
        """Returns it as a FHIR Signature."""
        unprotected = {"tst": base64.b64encode(self.stamp).decode()} if self.stamp else {}
        jws = _Jws(protected=self.text, signature=_written(self.signature), header=unprotected)
        return {
            "type": [{"system": PURPOSES, "code": self.header.purpose}],
            "when": self.header.sigT.isoformat(timespec="milliseconds"),
            "who": {"reference": self.header.who},
            "targetFormat": TARGET_FORMAT,
            "sigFormat": FORMAT,
            "data": base64.b64encode(msgspec.json.encode(jws)).decode(),
        }

    @classmethod
    def of_fhir(cls, signature: Any) -> "SignedStatement":
        """Reads a FHIR Signature. Raises Invalid for one that is not of our form."""
        data = signature.get("data") if isinstance(signature, dict) else None
        if not isinstance(data, str) or len(data) > LARGEST or signature.get("sigFormat") != FORMAT:
            raise Invalid("access.signing.not-a-signature")
        try:
            jws = msgspec.json.decode(base64.b64decode(data, validate=True), type=_Jws)
            stamp = jws.header.get("tst")
            token = base64.b64decode(stamp, validate=True) if isinstance(stamp, str) else None
            return cls(jws.protected, _read(jws.signature), token)
        except (binascii.Error, ValueError, msgspec.DecodeError):
            raise Invalid("access.signing.not-a-signature") from None


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    if not text.isascii() or len(text) > LARGEST:
        raise ValueError
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
