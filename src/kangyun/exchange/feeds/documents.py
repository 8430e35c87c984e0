"""Documents of CDA stored: the original, what its sections came to, and what names the document, whole or not at all.

A document tells only a part of its patient and its stay: what it does not say stays, and numbers are added to those
that stand. What is there already makes no version, so a document may be sent again; a corrected one has its number.
"""

from collections.abc import Sequence

from kangyun.access.intake import check
from kangyun.access.record import Done, Operation, Record
from kangyun.base.errors import PlatformError
from kangyun.exchange.cda.reading import Read
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.feeds.storing import refused, store
from kangyun.exchange.hl7v2.mapping.updating import updated
from kangyun.exchange.hl7v2.mapping.whose import hold_person
from kangyun.fhir import Resource


def faults(read: Read) -> list[Refusal]:
    """Returns why a document cannot be stored, as far as it says so itself."""
    found = [one for one in read.refusals if one.whole]
    for one in read.entries:
        try:
            check(dict(one.resource))
        except PlatformError as error:
            found.append(refused(one.origin, error))
    return found


async def take(record: Record, reads: Sequence[Read]) -> list[Sequence[Done] | list[Refusal]]:
    """Stores documents in their order; returns what became of each, or why it is kept aside.

    Raises Unavailable, Throttled: some may be stored.
    """
    wrong = [faults(one) for one in reads]
    good = [one for one, why in zip(reads, wrong, strict=True) if not why]
    wholes = [[_operation(record, entry) for entry in read.entries] for read in good]
    stored = iter(await store(record, wholes))
    found: list[Sequence[Done] | list[Refusal]] = []
    for read, why in zip(reads, wrong, strict=True):
        if why:
            found.append(why)
            continue
        outcome = next(stored)
        found.append([refused(read.entries[0].origin, outcome)] if isinstance(outcome, PlatformError) else outcome)
    return found


def _operation(record: Record, entry: Entry) -> Operation:
    resource = dict(entry.resource)
    onto = onto_standing if entry.partial else None
    return record.operation("update", resource["resourceType"], id=entry.id, resource=resource, onto=onto)


def onto_standing(standing: Resource | None, said: Resource) -> Resource:
    """Returns what is to stand of a patient or a stay: what the document says, on what stood before it.

    Raises OfAnother where the patient's number stands for somebody else.
    """
    if standing is not None:
        hold_person(standing, said, "recordTarget")
    before = (standing or {}).get("identifier", [])
    added = [one for one in said.get("identifier", ()) if not _there(one, before)]
    whole = updated(standing, said, ())
    # Those that stand come first, so that the same sent again changes nothing.
    return whole | ({"identifier": [*before, *added]} if before or added else {})


def _there(one: Resource, before: Sequence[Resource]) -> bool:
    return any((one.get("system"), one.get("value")) == (two.get("system"), two.get("value")) for two in before)
