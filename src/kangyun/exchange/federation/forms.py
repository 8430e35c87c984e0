"""What goes up, as FHIR: a registration, where its records lie, the mark of how far a node was told. Pure.

A registration is a Patient with the fields that `data/upward.toml` names. A location is a DocumentReference in the
form of an on-demand document entry: it says that there is something, of which kinds and months, not what; the content
is made when somebody asks. Sent as a transaction of updates and deletions of those two, each under an id of its own,
so that the same sent again changes nothing.

Source: IHE ITI PIXm (Patient Identity Feed FHIR, ITI-104: a Patient is sent by conditional update); IHE ITI MHD and
XDS On-Demand Documents for the DocumentReference. Retrieval across nodes follows the roles of XCA (initiating and
responding gateway), not its SOAP messages.
"""

import base64
import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from kangyun.base.crypto import hmac_sm3
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.json import encode

FILE = "upward.toml"
PATH = "urn:kangyun:extension:node-path"
ERASED = "urn:kangyun:extension:erased"
KIND, EPOCH, BATCH = "urn:kangyun:extension:kind", "urn:kangyun:extension:epoch", "urn:kangyun:extension:batch"
INSTITUTION, LOCATION = "urn:kangyun:identifier:institution", "urn:kangyun:identifier:location"
CODES, COMPANION = "urn:kangyun:code:node", "DocumentReference"
ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
RECORDS = {"system": "http://loinc.org", "code": "11503-0", "display": "Medical records"}
NAME_BYTES = 15
DIGEST = 16
GONE = b"\0"
"""In place of the digest of what is told: that it is there no longer."""


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of record: what it is called, and of which types it is."""

    zh: str
    types: tuple[str, ...]


class Upward(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes up, as the file says."""

    edition: str
    fields: tuple[str, ...]
    kinds: dict[str, Kind]

    @property
    def types(self) -> frozenset[str]:
        """All types that kinds are made of."""
        return frozenset(type_ for kind in self.kinds.values() for type_ in kind.types)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one registration: the entries of a transaction, and their digest."""

    digest: bytes
    entries: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a node above was told, as it keeps it itself. version: of the resource; 0 where there is none."""

    version: int = 0
    epoch: int = 0
    batch: int = 0


def upward_of(folder: Path) -> Upward:
    """Returns what goes up from an installation: by its own file, else the shipped one. Raises Invalid."""
    own = folder / FILE
    shipped = files("kangyun.exchange.federation").joinpath("data", FILE)
    try:
        return msgspec.convert(tomllib.loads((own if own.exists() else shipped).read_text("utf-8")), Upward)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid("exchange.federation.file", file=FILE, reason=str(error)[:200]) from None


def name_of(key: bytes, patient: int) -> bytes:
    """Returns what a registration is called above: it says nothing of the number, and is the same for ever."""
    return hmac_sm3(key, patient.to_bytes(8, "big"))[:NAME_BYTES]


def id_of(own: str, name: bytes) -> str:
    """Returns the id of a registration, and of its location, at the node above. own: what this node is called there."""
    return f"{own}-{base64.b32encode(name).decode().lower()}"


def name_in(own: str, id_: str) -> bytes | None:
    """Returns the name that an id was made of, None for one that was not."""
    try:
        prefix, _, rest = id_.rpartition("-")
        return base64.b32decode(rest.upper()) if prefix == own else None
    except ValueError:
        return None


def path_of(patient: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the nodes by which a registration came, the one that made it first; none for one that was made here."""
    said = (one.get("valueString", "") for one in patient.get("extension", ()) if one.get("url") == PATH)
    return tuple(next(said, "").split())


def registration(upward: Upward, own: str, id_: str, institution: str, patient: Resource) -> Resource:
    """Returns the Patient that is sent. institution: whose it is here; own: this node's name."""
    path = path_of(patient)
    owner: Any = {"identifier": {"system": INSTITUTION, "value": f"{own}|{institution}"}}
    if path:  # It says already whose it is, in the words of the node that made it.
        owner = patient.get("managingOrganization", owner)
    return {
        "resourceType": "Patient",
        "id": id_,
        "extension": [{"url": PATH, "valueString": " ".join((*path, own))}],
        **{name: patient[name] for name in upward.fields if name in patient},
        "managingOrganization": owner,
    }


def location(
    upward: Upward, own: str, id_: str, institution: str, spans: Iterable[tuple[str, str, str]]
) -> Resource | None:
    """Returns the DocumentReference that says what lies behind a registration, None where nothing does.

    spans: type, first and last month (`2026-11`), empty where none is known.
    """
    by_kind: dict[str, list[tuple[str, str]]] = {}
    kind_of = {type_: name for name, kind in upward.kinds.items() for type_ in kind.types}
    for type_, first, last in spans:
        by_kind.setdefault(kind_of[type_], []).append((first, last))
    if not by_kind:
        return None
    periods = {name: _period(by_kind[name]) for name in upward.kinds if name in by_kind}
    whole = _period([one for some in by_kind.values() for one in some])
    return {
        "resourceType": COMPANION,
        "id": id_,
        "extension": [_kind(name, period) for name, period in periods.items()],
        "identifier": [{"system": LOCATION, "value": id_}],
        "status": "current",
        "type": {"coding": [RECORDS]},
        "subject": {"reference": f"Patient/{id_}"},
        "custodian": {"identifier": {"system": INSTITUTION, "value": f"{own}|{institution}"}},
        "content": [{
            "attachment": {"contentType": "application/fhir+json"},
            "format": {"system": "urn:ietf:rfc3986", "code": ON_DEMAND},
        }],
        **({"context": {"period": whole}} if whole else {}),
    }  # fmt: skip


def passed_on(id_: str, said: Resource) -> Resource:
    """Returns a location that a node below has told, under the id that it has above."""
    rest = {name: value for name, value in said.items() if name not in ("meta", "text", "id", "identifier", "subject")}
    return {
        **rest,
        "id": id_,
        "identifier": [{"system": LOCATION, "value": id_}],
        "subject": {"reference": f"Patient/{id_}"},
    }


def month(moment: datetime | None, zone: tzinfo) -> str:
    """Returns the month of a moment, as people of the region have it; empty where there is none, or none that FHIR
    can say."""
    try:
        local = None if moment is None else moment.astimezone(zone)
    except OverflowError:  # What somebody wrote as the beginning or the end of time.
        return ""
    return "" if local is None else f"{local.year:04}-{local.month:02}"


def _period(spans: Sequence[tuple[str, str]]) -> Resource:
    first = min((one for one, _ in spans if one), default="")
    last = max((one for _, one in spans if one), default="")
    return {name: value for name, value in (("start", first), ("end", last)) if value}


def _kind(name: str, period: Resource) -> Resource:
    parts: list[Resource] = [{"url": "kind", "valueCode": name}]
    if period:
        parts.append({"url": "period", "valuePeriod": period})
    return {"url": KIND, "extension": parts}


def present(patient: Resource, where: Resource | None, *, by_identifier: bool) -> Told:
    """Returns what is told of a registration that is there. by_identifier: the receiver gives ids of its own."""
    entries = [_put(patient, LOCATION if by_identifier else "")]
    if where is not None:
        entries.append(_put(where, LOCATION if by_identifier else ""))
        if by_identifier:
            entries[-1]["resource"]["subject"] = {"reference": entries[0]["fullUrl"]}
    else:
        entries.append(_deletion(COMPANION, patient["id"], by_identifier))
    digest = hashlib.blake2b(encode({"entry": entries}), digest_size=DIGEST).digest()
    return Told(digest, tuple(entries))


def absent(id_: str, *, erased: bool, by_identifier: bool) -> Told:
    """Returns what is told of a registration that is there no longer, or may not be known. erased: for ever: the
    receiver is to forget what it was told before as well."""
    where = _deletion(COMPANION, id_, by_identifier)
    if not erased:
        return Told(GONE, (where, _deletion("Patient", id_, by_identifier)))
    emptied = {
        "resourceType": "Patient", "id": id_, "active": False,
        "extension": [{"url": ERASED, "valueBoolean": True}],
    }  # fmt: skip
    return Told(GONE, (where, _put(emptied, LOCATION if by_identifier else "")))


def is_erased(patient: Mapping[str, Any]) -> bool:
    """Whether a node below says that what it told of somebody is to be forgotten."""
    return any(one.get("url") == ERASED and one.get("valueBoolean") for one in patient.get("extension", ()))


def transaction(entries: Iterable[Resource], mark: Resource | None) -> Resource:
    """Returns the transaction of entries, the mark last."""
    every = [*entries, *((mark,) if mark is not None else ())]
    return {"resourceType": "Bundle", "type": "transaction", "entry": every}


def _put(resource: Resource, system: str) -> Resource:
    type_, id_ = resource["resourceType"], resource["id"]
    if not system:
        url = f"{type_}/{id_}"
        return {"fullUrl": f"urn:kangyun:{url}", "resource": resource, "request": {"method": "PUT", "url": url}}
    known = {"system": system, "value": id_}
    own = {name: value for name, value in resource.items() if name != "id"}
    others = [one for one in own.get("identifier", ()) if one != known]
    uuid = hashlib.blake2b(f"{type_}/{id_}".encode(), digest_size=16).hexdigest()
    full = f"urn:uuid:{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}"
    url = f"{type_}?identifier={system}|{id_}"
    return {
        "fullUrl": full, "resource": own | {"identifier": [known, *others]},
        "request": {"method": "PUT", "url": url},
    }  # fmt: skip


def _deletion(type_: str, id_: str, by_identifier: bool) -> Resource:
    url = f"{type_}?identifier={LOCATION}|{id_}" if by_identifier else f"{type_}/{id_}"
    return {"request": {"method": "DELETE", "url": url}}


def mark_id(own: str) -> str:
    """Returns the id of the mark of a node, at the node above."""
    return f"{own}-mark"


def mark_entry(own: str, known: Mark, epoch: int, batch: int) -> Resource:
    """Returns the entry that moves the mark: only from where it is known to be."""
    id_ = mark_id(own)
    resource = {
        "resourceType": "Basic",
        "id": id_,
        "extension": [{"url": EPOCH, "valueString": str(epoch)}, {"url": BATCH, "valueString": str(batch)}],
        "code": {"coding": [{"system": CODES, "code": "mark"}]},
    }
    asked = {"method": "PUT", "url": f"Basic/{id_}"}
    if known.version:
        asked["ifMatch"] = f'W/"{known.version}"'
    return {"fullUrl": f"urn:kangyun:Basic/{id_}", "resource": resource, "request": asked}


def mark_in(resource: Mapping[str, Any]) -> Mark:
    """Reads a mark."""
    said = {one.get("url"): one.get("valueString", "0") for one in resource.get("extension", ())}
    return Mark(int(resource["meta"]["versionId"]), int(said.get(EPOCH, "0")), int(said.get(BATCH, "0")))
