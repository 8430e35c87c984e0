"""`$bind-certificate` and `$end-certificate`: whose a certificate is, and that it is not any more.

For who keeps the register of people. What was signed while it was theirs stays signed. Not operations of the
specification.
"""

import base64
import binascii

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.signing.register import Register
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

TYPES = frozenset({"Practitioner", "Patient", "Device"})


async def bind_certificate(record: Record, call: Call) -> Resource:
    """Binds a certificate to a person or device, and returns it. Raises Forbidden, Invalid, Conflict, NotFound."""
    record.administrators_only()
    certificate = _certificate(Inputs.of(call.parameters, frozenset({"certificate"})))
    await record.read(str(call.type), str(call.id))
    await Register(record.store).bind(f"{call.type}/{call.id}", certificate)
    await record.leave_row("bind-certificate", 200, [])
    return _told(certificate)


async def end_certificate(record: Record, call: Call) -> Resource:
    """Ends a certificate of a person or device, and returns it. Raises Forbidden, Invalid, NotFound."""
    record.administrators_only()
    certificate = _certificate(Inputs.of(call.parameters, frozenset({"certificate"})))
    await Register(record.store).end(f"{call.type}/{call.id}", certificate.fingerprint, record.ledger)
    await record.leave_row("end-certificate", 200, [])
    return _told(certificate)


def _certificate(inputs: Inputs) -> Certificate:
    text = inputs.text("certificate")
    if text is None:
        raise Invalid("fhir.terminology.parameter-needed", name="certificate")
    try:
        return Certificate(text.encode() if text.startswith("-----") else base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise Invalid("fhir.terminology.parameter-type", name="certificate") from None


def _told(certificate: Certificate) -> Resource:
    return parameters(
        {"name": "fingerprint", "valueString": certificate.fingerprint},
        {"name": "subject", "valueString": certificate.subject},
        {"name": "serial", "valueString": certificate.serial},
    )
