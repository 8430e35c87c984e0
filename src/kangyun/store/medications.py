"""What is prescribed, taken, given or dispensed by reference has the sensitive labels of the Medication it refers to.

They are read when it is written (`inherited`); when a Medication gets labels later, what refers to it gets them in the
same transaction (`MedicationLabels`). Labels are only added: older versions can be read. What is written in the very
moment in which its Medication is labelled may miss the label until it is written again.

A Bundle that is kept as it is has those of what its entries refer to, as of when it is written: no token says of it to
which Medication it refers, so labels that come later do not reach it.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_

import asyncpg

from kangyun.store import holders
from kangyun.store.batch import Change
from kangyun.store.index import Indexer
from kangyun.store.interactions import Operation
from kangyun.store.labelling import Labelling, labels_of
from kangyun.store.model import Envelope
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import labels_by_rule, visible

TYPE = "Medication"
REFERRING = ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")


async def inherited(connection: asyncpg.Connection, changes: Sequence[Change], labelling: Labelling) -> dict[int, int]:
    """Returns, by `res`, the labels that changes have of the Medications to which they refer."""
    referring = {change.res: targets for change in changes if (targets := _targets(change))}
    if not referring:
        return {}
    found = {
        change.res: change.labels | labels_of(change.resource, labelling)
        for change in changes
        if change.type == TYPE and change.resource is not None
    }
    unknown = list(set().union(*referring.values()) - found.keys())
    if unknown:
        found.update((row["res"], row["labels"]) for row in await connection.fetch(_LABELS, unknown))
    return {
        res: reduce(or_, (found.get(target, 0) for target in targets)) & labelling.sticky
        for res, targets in referring.items()
    }


def _targets(change: Change) -> set[int]:
    """Returns the Medications to which a change refers."""
    if change.resource is None or (change.type not in REFERRING and change.type != "Bundle"):
        return set()
    # Of an entry that is of elsewhere as well: one label too many closes, one too few opens.
    entries = change.resource.get("entry", ()) if change.type == "Bundle" else ({"resource": change.resource},)
    said = [one.get("resource", {}) for one in entries]
    texts = {one["medicationReference"].get("reference") for one in said if "medicationReference" in one}
    return {target for text in texts if isinstance(target := change.targets.get(text), int)}


class MedicationLabels:
    """Follows Medications that are written. One for a process."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    def wants(self, operation: Operation) -> bool:
        """Whether it may be a sensitive Medication: most are not, and are written as anything else."""
        if operation.type != TYPE or operation.method == "delete":
            return False
        labelling = self._indexer.labelling
        return operation.resource is None or bool(labels_of(operation.resource, labelling) & labelling.sticky)

    async def follow(self, connection: asyncpg.Connection, changes: Sequence[Change], envelope: Envelope) -> None:
        """Labels what refers to these Medications, and the contents of that."""
        written = [change.res for change in changes if change.type == TYPE]
        for row in await connection.fetch(_LABELS, written) if written else ():
            labels = row["labels"] & self._indexer.labelling.sticky
            if labels:
                tokens = [row["res"] ^ salt for salt in salts(self._indexer)]
                labelled = await connection.fetch(_ADD, tokens, labels)
                await holders.carry(connection, [one["res"] for one in labelled], self._indexer.labelling)


def salts(indexer: Indexer) -> list[int]:
    """Returns what makes tokens of the `res` of a Medication: one of each way to refer to it."""
    return [indexer.bound(type_)["medication"].salt for type_ in REFERRING]


async def add_tokens(connection: asyncpg.Connection, indexer: Indexer, types: Sequence[int]) -> None:
    """Adds the tokens of references to Medications that are sensitive to `label_token`, which has those of codes.

    types: the labels of each type by the rules, the first is of number 1.
    """
    await connection.execute(_TOKENS, salts(indexer), indexer.labelling.sticky, TYPE_NUMBERS[TYPE], types)


_LABELS = f"SELECT r.res, r.labels FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible('r')}"
_ADD = f"""
UPDATE resource AS t SET labels = t.labels | $2
FROM (SELECT r.res FROM resource AS r WHERE r.tok && $1::int8[] AND (r.labels & $2) <> $2 AND {visible("r")}) AS n
WHERE t.res = n.res RETURNING t.res
"""
_TOKENS = f"""
INSERT INTO label_token (token, labels)
SELECT m.res # s.salt, m.labels
FROM (
    SELECT r.res, (r.labels | {labels_by_rule("r", "$4::int8[]")}) & $2 AS labels
    FROM resource AS r WHERE r.type = $3 AND {visible("r")}
) AS m CROSS JOIN unnest($1::int8[]) AS s(salt)
WHERE m.labels <> 0
ON CONFLICT (token) DO UPDATE SET labels = label_token.labels | excluded.labels
"""
