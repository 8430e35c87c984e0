"""`$validate`: whether a resource is right, and would be taken.

Checked are R4 itself, the profiles that are asked for and those that the resource claims, by the site's own
StructureDefinitions and terminology where it has them.

Source: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from typing import Any

from kangyun.access.operations.model import Call, Issues
from kangyun.access.record import Record
from kangyun.base.errors import Gone, Invalid, Issue, NotFound
from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.fhir.terminology.operations.parameters import Inputs

KNOWN = frozenset({"resource", "mode", "profile"})
_MODES = (None, "create", "update", "delete", "profile")
ALL_WELL = Issue("information", "informational", "access.valid")


async def validate(record: Record, call: Call) -> Issues:
    """Returns what is wrong with a resource, or that nothing is."""
    inputs = Inputs.of(call.parameters, KNOWN)
    mode, profiles = inputs.text("mode"), inputs.texts("profile")
    if mode not in _MODES:
        raise Invalid("fhir.terminology.parameter-type", name="mode")
    found: list[Issue] = []
    stored = await _stored(record, call, found) if call.id is not None else None
    if mode == "delete" and call.id is not None:
        await record.leave_row("validate", 200, [])
        return tuple(found) or (ALL_WELL,)
    resource = _resource(inputs) or (stored if mode != "create" else None)
    if resource is None:
        raise Invalid("fhir.terminology.parameter-needed", name="resource")
    if call.type is not None and resource.get("resourceType") != call.type:
        raise Invalid("web.not-this-type", at="resource", expected=call.type)
    if mode == "update" and resource.get("id") != (call.id or resource.get("id", "")):
        found.append(Issue("error", "invalid", "web.not-this-id", f"{call.type}.id"))
    found += await _faults(record, resource, profiles)
    await record.leave_row("validate", 200, [])
    return tuple(found) or (ALL_WELL,)


async def _stored(record: Record, call: Call, found: list[Issue]) -> Resource | None:
    """Returns the resource that the operation was called on; that there is none is one of its faults."""
    assert call.type is not None and call.id is not None
    try:
        return (await record.read(call.type, call.id, whole=True)).resource
    except (NotFound, Gone) as error:
        found += error.issues
        return None


def _resource(inputs: Inputs) -> Resource | None:
    given: list[Any] = inputs.all("resource")
    if len(given) > 1:
        raise Invalid("fhir.terminology.parameter-repeated", name="resource")
    if given and not (isinstance(given[0], dict) and "resourceType" in given[0]):
        raise Invalid("fhir.terminology.parameter-type", name="resource")
    return given[0] if given else None


async def _faults(record: Record, resource: Resource, profiles: list[str]) -> list[Issue]:
    store = record.store
    async with store.pool.connection() as connection:
        validator = await store.profiles.validator(connection)
    found, wanted = [], []
    for url in profiles:
        plain = url.partition("|")[0]
        structure = store.profiles.structure(plain) or definitions().structure(plain)
        if structure is None:
            found.append(Issue("error", "not-found", "access.no-such-profile", None, {"profile": url[:200]}))
        else:
            wanted.append(structure)
    return found + validator.validate(resource, profiles=wanted, claimed=True, warnings=True)
