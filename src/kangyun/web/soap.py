"""Services over SOAP: `POST /soap/{service}`, and `GET /soap/{service}?wsdl` for anybody.

A message is made one of FHIR's interactions by the service's mapping (`exchange.soap`) and carried out as that: by the
same sign-in, gate, limits and audit. There is no other way in: who asks says so by `Authorization: Bearer`.
"""

import asyncio
from base64 import b64decode
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

from kangyun.access.linked import registration
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import NotFound, NotSupported, PlatformError
from kangyun.base.statuses import status_of
from kangyun.exchange.cda.reading import patient_of
from kangyun.exchange.hl7v2.mapping.whose import hold_enclosed
from kangyun.exchange.soap import envelope
from kangyun.exchange.soap.mapping import Adaptor, Asked, Called
from kangyun.exchange.soap.services import services
from kangyun.exchange.soap.wsdl import wsdl
from kangyun.exchange.tables.mapping import Feed
from kangyun.fhir import Resource
from kangyun.fhir.json import decode, encode
from kangyun.web.bundles import Bundles
from kangyun.web.exchange import FHIR_JSON, Answer, HttpRequest, NotAllowed
from kangyun.web.outcome import outcome, retry_after
from kangyun.web.rest import Rest
from kangyun.web.shape import shape

NAME = "$soap"
"""What stands for it below the FHIR base, where it is answered: `web.app` puts it there."""
OUTSIDE = "/soap/"
Services: TypeAlias = Mapping[str, Adaptor]
TYPES = (*envelope.MEDIA_TYPES.values(), "application/xml")


__all__ = ["NAME", "OUTSIDE", "Services", "Soap", "refusal", "services", "takes"]


def takes(request: HttpRequest) -> bool:
    """Whether an address is one of these."""
    return request.segments[:1] == [NAME]


def refusal(error: PlatformError, request: HttpRequest, request_id: str) -> Answer:
    """Returns the fault that says an error, before it is known what was asked."""
    version = envelope.version_of(request.header("content-type"))
    return _fault(version, error, request, request_id)


class Soap:
    """Answers for the services of one process."""

    def __init__(self, offered: Services, rest: Rest, bundles: Bundles, base_path: str) -> None:
        self._services = offered
        self._rest = rest
        self._bundles = bundles
        self._base_path = base_path

    def describe(self, request: HttpRequest) -> Answer | None:
        """Returns a service's description where that is asked for, None else. Raises NotFound."""
        if request.method not in ("GET", "HEAD"):
            return None
        address = self._rest.base.removesuffix(self._base_path) + OUTSIDE + quote(self._service(request).service.name)
        return Answer(200, wsdl(self._service(request), address), resource=False, media_type="text/xml; charset=utf-8")

    async def answer(self, request: HttpRequest, record: Record, request_id: str) -> Answer:
        """Answers a message. What is wrong with it is a fault, or what its action has for that."""
        if request.method != "POST":
            raise NotAllowed(request.method, "GET", "POST")
        service = self._service(request)
        content_type = request.header("content-type")
        if content_type.partition(";")[0].strip().lower() not in TYPES:
            raise NotSupported("exchange.soap.media-type")
        read = await asyncio.to_thread(envelope.read, await request.body(), content_type)
        try:
            return await self._answered(service, read, request, record)
        except PlatformError as error:
            await record.refuse("soap", status_of(error))
            return _fault(read.version, error, request, request_id)

    async def _answered(
        self, service: Adaptor, read: envelope.Envelope, request: HttpRequest, record: Record
    ) -> Answer:  # fmt: skip
        called = await asyncio.to_thread(service.called, read.payload)
        house = record.actor.institution.rpartition("/")[2]
        feed = Feed(house, record.actor.institution, house)
        try:
            asked = await asyncio.to_thread(service.asked, called, feed)
            found = await self._carried_out(asked, request, record)
        except PlatformError as error:
            told = service.refusal(called, outcome(error.issues, request.language))
            if told is None:
                raise
            await record.refuse("soap", status_of(error))
            refused = _sent(read.version, envelope.written(read.version, told))
            refused.headers["x-refused"] = str(status_of(error))  # The answer's own words are the standard's business.
            return refused
        write = partial(_written, service, called, found, read.version, asked, request)
        return _sent(read.version, await asyncio.to_thread(write))

    async def _carried_out(self, asked: Asked, request: HttpRequest, record: Record) -> Resource:
        if asked.own:
            return _own(asked.own, record, self._rest.zone)
        inner = _inner(asked, request, self._base_path)
        record.asks(f"{shape(request)} {shape(inner)}")
        if asked.body is not None and asked.body.get("resourceType") == "Bundle":
            await _hold_enclosed(asked.body, record)
        carry_out = self._bundles if not inner.segments else self._rest
        answer = await carry_out.answer(inner, record)
        return decode(answer.body) if answer.body else _written_as(answer.headers.get("location", ""))

    def _service(self, request: HttpRequest) -> Adaptor:
        found = self._services.get(request.segments[1]) if len(request.segments) == 2 else None
        if found is None:
            raise NotFound("exchange.soap.no-service", services="、".join(sorted(self._services)))
        return found


def _written(
    service: Adaptor, called: Called, found: Resource, version: envelope.Version, asked: Asked, request: HttpRequest
) -> bytes:
    return envelope.written(version, service.answer(called, found), asked.told, request.language)


async def _hold_enclosed(bundle: Resource, record: Record) -> None:
    """Raises OfAnother where a document that is stored says it is of somebody else than the message does."""
    for nth, entry in enumerate(bundle["entry"]):
        of = entry["resource"].get("securityContext", {}).get("reference", "")
        if entry["resource"]["resourceType"] != "Binary" or not of:
            continue
        said = await asyncio.to_thread(patient_of, b64decode(entry["resource"].get("data", "")))
        patient = None if said is None else await registration(record, of)
        if patient is not None and said is not None:
            hold_enclosed(patient, {f"Bundle.entry[{nth}].resource.data": said})


def _inner(asked: Asked, outer: HttpRequest, base_path: str) -> HttpRequest:
    """Returns the request that a message is, on behalf of the one that brought it."""
    path = f"{base_path}/{quote(asked.path, safe='/$')}"
    body = b"" if asked.body is None else encode(asked.body)
    headers = [
        (b"accept-language", outer.header("accept-language").encode("latin-1")),
        (b"prefer", b"handling=strict, return=minimal"),
        (b"content-type", FHIR_JSON.encode()),
    ]
    scope = {
        "method": asked.method, "path": path, "raw_path": path.encode(), "headers": headers,
        "query_string": asked.query.encode(),
    }  # fmt: skip

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    return HttpRequest(scope, receive, len(body))


def _written_as(location: str) -> Resource:
    """Returns what is answered from where a resource was written: its reference and its id."""
    reference = location.partition("/_history/")[0].split("/")[-2:]
    told = {"reference": "/".join(reference), "id": reference[-1]} if location else {}
    parts = [{"name": name, "valueString": value} for name, value in told.items()]
    return {"resourceType": "Parameters", "parameter": parts}


def _own(what: str, record: Record, zone: ZoneInfo) -> Resource:
    """Returns the platform's own word: the time, and of the node whom it knows who asks to be."""
    now = clock.now().astimezone(zone).isoformat(timespec="milliseconds")
    told: list[Resource] = [{"name": "time", "valueInstant": now}]
    if what == "node":
        actor = record.actor
        said = {"client": actor.client, "name": actor.name, "institution": actor.institution, "role": actor.role}
        told += [{"name": name, "valueString": value} for name, value in said.items() if value]
    return {"resourceType": "Parameters", "parameter": told}


def _sent(version: envelope.Version, body: bytes, status: int = 200) -> Answer:
    media_type = f"{envelope.MEDIA_TYPES[version]}; charset=utf-8"
    return Answer(status, body, {"cache-control": "no-store"}, resource=False, media_type=media_type)


def _fault(version: envelope.Version, error: PlatformError, request: HttpRequest, request_id: str) -> Answer:
    body = envelope.fault(version, error, request.language, request_id)
    answer = _sent(version, body, envelope.fault_status(version, error))
    if answer.status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    elif answer.status in (429, 503):
        answer.headers["retry-after"] = str(retry_after(error))
    elif answer.status == 405:
        answer.headers["allow"] = "GET, POST"
    return answer
