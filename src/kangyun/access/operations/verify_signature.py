"""`$verify-signature`: who has signed a resource, when, whether that is true, and whether it was changed since.

On an instance: every signature that a Provenance keeps of it, and the one that it carries itself. On a type: a resource
that is sent, with the `signature` that came with it or in it. Not an operation of the specification.
"""

from datetime import datetime
from typing import Any

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record, Stored
from kangyun.access.signing.documents import PURPOSES, SignedStatement
from kangyun.access.signing.register import Register
from kangyun.access.signing.verdicts import Judge, Verdict
from kangyun.base import clock
from kangyun.base.errors import Gone, Invalid, NotFound
from kangyun.base.texts import Language, say
from kangyun.fhir import Resource
from kangyun.fhir.search.query import LARGEST_COUNT
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.store.references import local_target

KNOWN = frozenset({"resource", "signature"})
MOST = 20
"""Signatures that are looked at in one call: SM2 in software takes its time. Of more, the newest; and it is said."""


async def verify_signature(record: Record, call: Call) -> Resource:
    """Returns a verdict on each signature, and `result`: whether there is one and all are true of what is there."""
    inputs = Inputs.of(call.parameters, KNOWN)
    register = Register(record.store)
    judge = Judge(register, await register.trust())
    sent = _sent(inputs, call)
    verdicts: list[Verdict] = []
    left_out = False
    if sent is not None:
        signatures = [*inputs.all("signature"), *_own(sent)]
        if not signatures:
            raise Invalid("fhir.terminology.parameter-needed", name="signature")
        if len(signatures) > MOST:
            raise Invalid("fhir.terminology.parameter-repeated", name="signature")
        verdicts = [await judge.judge(one, sent) for one in signatures]
        await record.leave_row("verify-signature", 200, [])
    elif call.type is not None and call.id is not None:
        stored = await record.read(call.type, call.id, whole=True)
        found = [*await _kept(record, stored), *((one, stored.instant) for one in _own(stored.resource))]
        left_out, found = len(found) > MOST, found[-MOST:]
        signed = _Versions(record, stored)
        verdicts = [await judge.judge(one, stored.resource, await signed.of(one), at) for one, at in found]
    else:
        raise Invalid("fhir.terminology.parameter-needed", name="resource")
    good = bool(verdicts) and all(one.valid and one.changed is False for one in verdicts)
    more = [{"name": "more", "valueBoolean": True}] if left_out else []
    told = (_told(one, call.language) for one in verdicts)
    return parameters({"name": "result", "valueBoolean": good}, *more, *told)


def _sent(inputs: Inputs, call: Call) -> Resource | None:
    given = inputs.all("resource")
    if len(given) > 1 or (given and not (isinstance(given[0], dict) and "resourceType" in given[0])):
        raise Invalid("fhir.terminology.parameter-type", name="resource")
    if given and given[0]["resourceType"] != call.type:
        raise Invalid("web.not-this-type", at="resource", expected=str(call.type))
    return given[0] if given else None


def _own(resource: Resource) -> list[Any]:
    """Returns the signatures that a resource carries itself: a Bundle's, a Contract's are of another kind."""
    own = resource.get("signature") if resource["resourceType"] == "Bundle" else None
    return [own] if isinstance(own, dict) else []


async def _kept(record: Record, stored: Stored) -> list[tuple[Any, datetime]]:
    """Returns the signatures that Provenances keep of a resource, the oldest first, and when each was taken in.

    Those of what is about a Patient name him second: they are not of him.
    """
    name = stored.type, stored.id
    most = LARGEST_COUNT if stored.type == "Patient" else MOST + 1
    asked = [("target", f"{stored.type}/{stored.id}"), ("_count", str(most))]
    page = await record.search(await record.read_query("Provenance", asked, strict=True))
    kept = [
        (one, match.instant)
        for match in page.matches
        if stored.type != "Patient" or local_target(match.resource["target"][0].get("reference", "")) == name
        for one in match.resource.get("signature", ())
    ]
    return kept[::-1]


class _Versions:
    """The versions of a resource that signatures name, each read once."""

    def __init__(self, record: Record, current: Stored) -> None:
        self._record = record
        self._current = current
        self._place = current.type, current.id
        self._known: dict[int, Resource | None] = {current.version: current.resource}

    async def of(self, signature: Any) -> Resource | None:
        """Returns the version that a signature says it is of, None where there is none."""
        try:
            statement = SignedStatement.of_fhir(signature)
        except Invalid:
            return None
        if (statement.type, statement.id) != (self._current.type, self._current.id):
            return None
        if statement.version not in self._known:
            self._known[statement.version] = await self._read(statement.version)
        return self._known[statement.version]

    async def _read(self, version: int) -> Resource | None:
        try:
            return (await self._record.vread(*self._place, version, whole=True)).resource
        except (NotFound, Gone):
            return None


def _told(verdict: Verdict, language: Language) -> Resource:
    parts: list[Resource] = [{"name": "valid", "valueBoolean": verdict.valid}]
    statement = verdict.statement
    if statement is not None:
        certificate = statement.certificate
        parts += [
            {"name": "who", "valueReference": {"reference": statement.header.who}},
            {"name": "when", "valueInstant": clock.instant(statement.header.sigT)},
            {"name": "purpose", "valueCoding": {"system": PURPOSES, "code": statement.header.purpose}},
            {"name": "of", "valueReference": {"reference": statement.header.sigD.pars[0]}},
            {"name": "subject", "valueString": certificate.subject},
            {"name": "issuer", "valueString": certificate.issuer},
            {"name": "serial", "valueString": certificate.serial},
            {"name": "algorithm", "valueCode": statement.header.alg},
            {"name": "author", "valueBoolean": verdict.author},
        ]
    if verdict.changed is not None:
        parts.append({"name": "changed", "valueBoolean": verdict.changed})
    if verdict.at is not None:
        parts.append({"name": "judgedAt", "valueInstant": clock.instant(verdict.at)})
        parts.append({"name": "clock", "valueCode": verdict.clock})
    for fault in verdict.faults:
        parts += [{"name": "fault", "valueCode": fault}, {"name": "message", "valueString": _said(fault, language)}]
    if verdict.valid:
        text = "unchanged" if verdict.changed is False else "changed"
        parts.append({"name": "message", "valueString": _said(text, language)})
    return {"name": "signature", "part": parts}


def _said(text: str, language: Language) -> str:
    return say(f"access.signing.{text}", language)
