"""`$meta`, `$meta-add` and `$meta-delete`: the profiles, tags and security labels of resources.

Versions are never changed: adding and deleting makes a new one.

Source: https://hl7.org/fhir/R4/resource-operation-meta.html, .../resource-operation-meta-add.html
"""

from typing import Any

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.store.metas import metas_in_use

KNOWN = frozenset({"meta"})
_LISTS = ("profile", "security", "tag")


async def meta(record: Record, call: Call) -> Resource:
    """Returns the meta of a resource or version, or all that stands in the metas of a type or of everything."""
    Inputs.of(call.parameters, frozenset())
    if call.type is not None and call.id is not None:
        if call.version is not None:
            stored = await record.vread(call.type, call.id, call.version, whole=True)
        else:
            stored = await record.read(call.type, call.id, whole=True)
        return _answer(stored.resource["meta"])
    store = record.store
    async with store.pool.connection() as connection:
        found = await metas_in_use(connection, store.reader, store.indexer, call.type, record.sight)
    await record.leave_row("meta", 200, [])
    return _answer(found)


async def meta_add(record: Record, call: Call) -> Resource:
    """Adds profiles, tags and labels, and returns the meta after it."""
    given = _given(call)

    def added(resource: Resource) -> Resource:
        present = resource.get("meta", {})
        merged = {
            name: [
                *present.get(name, ()),
                *(one for one in given[name] if _key(one) not in {_key(old) for old in present.get(name, ())}),
            ]
            for name in given
        }
        return resource | {"meta": present | merged}

    return await _changed(record, call, added, "meta-add")


async def meta_delete(record: Record, call: Call) -> Resource:
    """Removes profiles, tags and labels, and returns the meta after it."""
    given = _given(call)

    def without(resource: Resource) -> Resource:
        rest = dict(resource.get("meta", {}))
        for name, values in given.items():
            keys = {_key(one) for one in values}
            kept = [one for one in rest.pop(name, ()) if _key(one) not in keys]
            rest |= {name: kept} if kept else {}
        return resource | {"meta": rest}

    return await _changed(record, call, without, "meta-delete")


async def _changed(record: Record, call: Call, change: Any, action: str) -> Resource:
    assert call.type is not None
    if call.version is not None:
        raise NotSupported("access.versions-stand")
    operation = record.operation("patch", call.type, id=call.id, patch=change)
    (done,) = await record.commit([operation], action, whole=True)
    assert done.stored is not None
    return _answer(done.stored.resource["meta"])


def _given(call: Call) -> dict[str, list[Any]]:
    """Returns the lists of the meta that was sent. Raises Invalid for what is no such list."""
    values = Inputs.of(call.parameters, KNOWN).all("meta")
    if len(values) != 1 or not isinstance(values[0], dict):
        raise Invalid("fhir.terminology.parameter-needed", name="meta")
    given = {name: values[0][name] for name in _LISTS if name in values[0]}
    for name, listed in given.items():
        kind = str if name == "profile" else dict
        if not isinstance(listed, list) or not all(isinstance(one, kind) for one in listed):
            raise Invalid("fhir.terminology.parameter-type", name="meta", at=f"Meta.{name}")
    return given


def _key(one: Any) -> Any:
    """What makes two profiles, tags or labels the same."""
    if not isinstance(one, dict):
        return one
    system, code = one.get("system"), one.get("code")
    return (str(system), str(code))


def _answer(found: Resource) -> Resource:
    return parameters({"name": "return", "valueMeta": found})
