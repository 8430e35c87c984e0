"""`$sign`: a signature on the current version of a resource, kept as a Provenance beside it. In two steps.

    1. without a signature, with the signer's certificate: gives the bytes to sign, and what they stand for
    2. with these and the signature that a USB key or another device has made of them: keeps it

The certificate must be the caller's own by the register. In a demonstration, where the caller's key is in our custody,
one call does both. Not an operation of the specification.
"""

import asyncio
import base64
from datetime import datetime, timedelta

from kangyun.access.masking import masked_place
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record, Stored
from kangyun.access.signing import documents
from kangyun.access.signing.documents import AUTHOR, PURPOSES, VERIFIER, SignedStatement
from kangyun.access.signing.register import Holder, Register
from kangyun.base import clock
from kangyun.base.crypto.certificates import Certificate, Trust
from kangyun.base.errors import Forbidden, Invalid, RuleBroken, VersionConflict
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

KNOWN = frozenset({"certificate", "purpose", "protected", "signature"})
WITHIN = timedelta(minutes=10)
"""Between the steps: somebody reads, and types a PIN."""


async def sign(record: Record, call: Call) -> Resource:
    """Returns what is to be signed, or the Provenance that keeps the signature. Raises as `_checked` does."""
    inputs = Inputs.of(call.parameters, KNOWN)
    assert call.type is not None and call.id is not None
    stored = await record.read(call.type, call.id)
    if masked_place(stored.resource) is not None:  # Signed is what was seen.
        raise RuleBroken("access.open-first")
    register = Register(record.store)
    trust = await register.trust()
    protected, signature = inputs.text("protected"), inputs.text("signature")
    if (protected is None) != (signature is None):
        raise Invalid("fhir.terminology.parameter-needed", name="protected" if protected is None else "signature")
    if protected is not None and signature is not None:
        statement = SignedStatement(protected, _bytes("signature", signature))
        await _checked(record, register, trust, stored, statement)
        return await _kept(record, stored, statement)
    holder, chain = await _certificate(record, register, trust, inputs.texts("certificate"))
    purpose = _purpose(inputs, record, stored)
    version = f"{stored.type}/{stored.id}/_history/{stored.version}"
    now = clock.now()
    when = now.replace(microsecond=now.microsecond // 1000 * 1000)
    text = documents.protected(
        documents.header(stored.resource, version, chain, record.actor.reference, purpose, when)
    )  # fmt: skip
    key = await asyncio.to_thread(register.private_key, holder)
    if key is not None:
        made = await asyncio.to_thread(key.sign, documents.to_sign(text))
        return await _kept(record, stored, SignedStatement(text, made))
    return _handed_out(text, stored.resource, chain[0])


def _handed_out(text: str, resource: Resource, certificate: Certificate) -> Resource:
    assert certificate.public_key is not None
    return parameters(
        {"name": "toBeSigned", "valueBase64Binary": base64.b64encode(documents.to_sign(text)).decode()},
        {"name": "protected", "valueString": text},
        {"name": "algorithm", "valueCode": documents.ALGORITHMS[certificate.public_key.scheme]},
        {"name": "canonical", "valueBase64Binary": base64.b64encode(documents.canonical_bytes(resource)).decode()},
    )


async def _certificate(
    record: Record, register: Register, trust: Trust, given: list[str]
) -> tuple[Holder, list[Certificate]]:
    """Returns the caller's certificate: the given one, or the newest that holds. Raises Forbidden, RuleBroken."""
    now = clock.now()
    if given:
        chain = [Certificate(_bytes("certificate", one)) for one in given]
        holder = await register.holder(chain[0])
        if holder is None or holder.reference != record.actor.reference or not holder.held(now):
            raise Forbidden("access.signing.not-theirs")
        faults = await asyncio.to_thread(trust.faults, chain[0], now, chain[1:])
        if faults:
            raise RuleBroken(f"access.signing.{faults[0]}", at="Parameters.parameter.where(name='certificate')")
        return holder, chain[: documents.MOST_CERTIFICATES]
    for holder in await register.of_person(record.actor.reference):
        if holder.held(now) and not await asyncio.to_thread(trust.faults, holder.certificate, now):
            return holder, [holder.certificate]
    raise RuleBroken("access.signing.no-certificate")


def _purpose(inputs: Inputs, record: Record, stored: Stored) -> str:
    """Returns in which capacity is signed. Raises Invalid, RuleBroken where somebody else is the author."""
    named = documents.authors(stored.resource)
    given = inputs.coding("purpose")
    if given is None:
        return AUTHOR if not named or record.actor.reference in named else VERIFIER
    if given.system not in (None, PURPOSES) or not documents.is_purpose(given.code or ""):
        raise Invalid("fhir.terminology.parameter-type", name="purpose")
    if given.code == AUTHOR and named and record.actor.reference not in named:
        raise RuleBroken("access.signing.not-the-author")
    return str(given.code)


async def _checked(
    record: Record, register: Register, trust: Trust, stored: Stored, statement: SignedStatement
) -> None:
    """Raises Forbidden for another's signature, VersionConflict for an older version, RuleBroken for what is false."""
    now, said = clock.now(), statement.header
    holder = await register.holder(statement.certificate)
    theirs = holder is not None and holder.reference == record.actor.reference and holder.held(now)
    if not theirs or said.who != record.actor.reference:
        raise Forbidden("access.signing.not-theirs")
    if (statement.type, statement.id) != (stored.type, stored.id):
        raise RuleBroken("access.signing.other-document")
    if statement.version != stored.version:
        raise VersionConflict
    if not statement.is_of(stored.resource):
        raise RuleBroken("access.signing.other-document")
    if not _is_now(said.sigT, now):
        raise RuleBroken("access.signing.too-late", minutes=WITHIN.seconds // 60)
    if said.purpose == AUTHOR and said.who not in (documents.authors(stored.resource) or {said.who}):
        raise RuleBroken("access.signing.not-the-author")
    faults = await asyncio.to_thread(trust.faults, statement.certificate, now, statement.chain[1:])
    if faults:
        raise RuleBroken(f"access.signing.{faults[0]}")
    if not await asyncio.to_thread(lambda: statement.is_true):
        raise RuleBroken("access.signing.forged")


def _is_now(when: datetime, now: datetime) -> bool:
    return abs(now - when) <= WITHIN


async def _kept(record: Record, stored: Stored, statement: SignedStatement) -> Resource:
    """Writes the Provenance, as the caller, and returns it."""
    statement.stamp = await asyncio.to_thread(record.store.provider.time_stamp, statement.signature)
    version = f"{stored.type}/{stored.id}/_history/{stored.version}"
    provenance: Resource = {
        "resourceType": "Provenance",
        "target": [{"reference": version}, *await _patient(record, stored)],
        "recorded": clock.instant(clock.now()),
        "agent": [
            {
                "type": {"coding": [{"system": _AGENTS, "code": "author" if _is_author(statement) else "verifier"}]},
                "who": {"reference": record.actor.reference},
            }
        ],
        "signature": [statement.as_fhir()],
    }
    (done,) = await record.commit([record.operation("create", "Provenance", resource=provenance)], "sign")
    assert done.stored is not None
    return done.stored.resource


async def _patient(record: Record, stored: Stored) -> list[Resource]:
    """Returns a reference to whom a resource is about: whoever sees it sees its signature, and nobody else does."""
    if stored.patient is None or stored.type == "Patient":
        return []
    async with record.store.pool.connection() as connection:
        patient = await record.store.reader.of_number(connection, stored.patient)
    return [] if patient is None else [{"reference": f"Patient/{patient.id}"}]


_AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def _is_author(statement: SignedStatement) -> bool:
    return statement.header.purpose == AUTHOR


def _bytes(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("fhir.terminology.parameter-type", name=name) from None
