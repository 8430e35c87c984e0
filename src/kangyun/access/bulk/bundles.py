"""One file for `kangyun load`: a Bundle that is carried out or taken apart, or a single resource.

A transaction is one commit, all or nothing; the entries of a batch, a collection or a searchset stand for themselves.
A document or a message is a resource like any other.

Source: https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import msgspec

from kangyun.access.bulk.lines import Numbered, count, issues_of, operation_of, write_each
from kangyun.access.bulk.model import Written, told
from kangyun.access.intake import check
from kangyun.access.record import Method, Operation, Record
from kangyun.base.errors import Invalid, Throttled, Unavailable
from kangyun.fhir import Resource
from kangyun.fhir import xml as fhir_xml
from kangyun.fhir.definitions import definitions
from kangyun.fhir.json import Entry, decode, decode_bundle, encode
from kangyun.store.bulk_import import committed

WHOLE = -1
"""The line of a refusal that is about the file and not about one entry of it."""
_METHODS: dict[str, Method] = {"POST": "create", "PUT": "update", "DELETE": "delete"}
_CARRIED_OUT = ("transaction", "batch")
_TAKEN_APART = ("collection", "searchset")


class _Kind(msgspec.Struct):
    """Which way a file goes."""

    resourceType: Any = None
    type: Any = None


async def write_file(
    record: Record, text: bytes, action: str, *, keep_ids: bool = False, request: str | None = None
) -> Written:
    """Writes a file; refusals name entries from 0. Raises Unavailable, Throttled.

    request: the record's request id, where it may have been carried out under it before.
    """
    written = Written(refused=[])
    try:
        if text.lstrip()[:1] == b"<":
            text = encode(fhir_xml.decode(text))
        kind = _kind(text)
        if kind == "transaction" and request and (done := await committed(record.store, request)):
            written.created = done
        elif kind == "transaction":
            await _transaction(record, decode_bundle(text).entries, action, keep_ids, written)
        elif kind in _CARRIED_OUT or kind in _TAKEN_APART:
            await _apart(record, decode_bundle(text).entries, action, keep_ids, written)
        else:
            await write_each(record, [(WHOLE, _single(record, text))], action, written)
    except (Unavailable, Throttled):
        raise
    except Exception as error:
        written.refused.append(told(WHOLE, issues_of(error)))
    return written


def _kind(text: bytes) -> str | None:
    """Returns the type of a Bundle, None for any other resource and for what `decode` is to complain of."""
    try:
        found = msgspec.json.decode(text, type=_Kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found.type if found.resourceType == "Bundle" and isinstance(found.type, str) else None


async def _transaction(record: Record, entries: list[Entry], action: str, keep_ids: bool, written: Written) -> None:
    operations = _operations(record, entries, keep_ids, written)
    if written.refused:  # All or nothing.
        return
    count(await record.commit([operation for _, operation in operations], action), written)


async def _apart(record: Record, entries: list[Entry], action: str, keep_ids: bool, written: Written) -> None:
    await write_each(record, _operations(record, entries, keep_ids, written), action, written)


def _operations(record: Record, entries: Iterable[Entry], keep_ids: bool, written: Written) -> list[Numbered]:
    operations = []
    for entry in entries:
        try:
            operations.append((entry.number, _operation(record, entry, keep_ids)))
        except Exception as error:
            written.refused.append(told(entry.number, issues_of(error)))
    return operations


def _operation(record: Record, entry: Entry, keep_ids: bool) -> Operation:
    asked = entry.head.get("request")
    if asked is None:
        asked = {"method": "POST", "url": ""}
        keep_ids = True
    if not isinstance(asked, dict) or not all(isinstance(asked.get(name), str) for name in ("method", "url")):
        raise Invalid("access.bulk.request", at="request")
    method = _METHODS.get(asked["method"])
    # Versions and dates of another server's resources mean nothing here.
    if method is None or any(name in asked for name in ("ifMatch", "ifNoneMatch", "ifModifiedSince")):
        raise Invalid("access.bulk.request", at="request.method")
    path, _, query = asked["url"].partition("?")
    type_, _, id_ = unquote(path).partition("/")
    if method == "delete":
        if type_ not in definitions().resource_types or not (id_ or query):
            raise Invalid("access.bulk.request", at="request.url")
        return record.operation(method, type_, id=id_ or None, condition=None if id_ else query)
    resource = entry.resource()
    if resource is None:
        raise Invalid("access.bulk.resource", at="resource")
    check(resource)
    own_type, own_id = str(resource["resourceType"]), resource.get("id")
    if (type_ or own_type) != own_type or (id_ and own_id not in (None, id_)):
        raise Invalid("access.bulk.request", at="request.url")
    if method == "create" and keep_ids and own_id:
        return _update(record, entry, resource, own_id, None)
    if method == "update":
        if not (id_ or query):
            raise Invalid("access.bulk.request", at="request.url")
        return _update(record, entry, resource, id_ or own_id, None if id_ else query)
    condition = asked.get("ifNoneExist")
    return record.operation(method, own_type, condition=condition, **_of(entry, resource))


def _update(record: Record, entry: Entry, resource: Resource, id_: str | None, condition: str | None) -> Operation:
    return record.operation("update", resource["resourceType"], id=id_, condition=condition, **_of(entry, resource))


def _of(entry: Entry, resource: Resource) -> dict[str, Any]:
    full_url = entry.head.get("fullUrl")
    return {
        "resource": resource,
        "text": entry.text,
        "full_url": full_url if isinstance(full_url, str) else "",
        "at": f"Bundle.entry[{entry.number}]",
    }


def _single(record: Record, text: bytes) -> Operation:
    resource = decode(text)
    if "id" in resource:
        return operation_of(record, text)
    check(resource)
    return record.operation("create", str(resource["resourceType"]), resource=resource, text=text)
