"""`$expunge`: physical removal, for whoever holds the installation itself, by `KANGYUN_ADMIN_TOKEN`.

Not for an officer who signed in: what one person could remove alone and unseen is removed by `$erase`, of two. Not an
operation of the specification; its parameters are those that other open servers use.

    expungeDeletedResources   deleted resources, whole
    expungePreviousVersions   versions below the current one
    expungeEverything         all of it, what lives included
    limit                     so many versions at most, about
"""

from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, Invalid, NotFound
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.index import unlink
from kangyun.store.expunge import Expunger, Order
from kangyun.store.index import Indexer

KNOWN = frozenset({"expungeDeletedResources", "expungePreviousVersions", "expungeEverything", "limit"})
LIMIT = 1 << 40


async def expunge(record: Record, call: Call) -> Resource:
    """Removes, and returns how many versions went. Raises Forbidden, NotFound, and Invalid where nothing is chosen."""
    if not record.actor.administrator:
        raise Forbidden("access.administrators-only")
    inputs = Inputs.of(call.parameters, KNOWN)
    deleted, previous, everything = (
        inputs.boolean(f"expunge{what}", False) for what in ("DeletedResources", "PreviousVersions", "Everything")
    )
    if not (deleted or previous or everything):
        raise Invalid("access.nothing-to-expunge")
    limit = inputs.count("limit")
    store = record.store
    async with store.pool.connection() as connection:
        res = None
        if call.type is not None and call.id is not None:
            current = (await store.reader.locate(connection, [(call.type, call.id)])).get((call.type, call.id))
            if current is None or current.stored is None:
                raise NotFound
            res = current.res
        order = Order(call.type, res, deleted, previous, everything, LIMIT if limit is None else limit)
        expunger = Expunger(store.reader, store.keys, Indexer(store.keys.hasher, store.zone), unlink)
        removed = await expunger.expunge(connection, order, record.audit_columns("expunge", 200))
    if not removed.versions:
        await record.leave_row("expunge", 200, [])
    return parameters({"name": "count", "valueInteger": removed.versions})
