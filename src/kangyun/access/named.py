"""Whom a list of references is about, for what is counted and for the audit row of who takes it away."""

from collections.abc import Collection, Sequence

from kangyun.access.record import Record
from kangyun.store.ids import is_resident


async def persons_named(record: Record, references: Sequence[str]) -> dict[int, int]:
    """Returns by the place of a reference whom it is about, as far as the actor sees what it names.

    A resident's golden Patient is the resident; what is about nobody is itself.
    """
    named = {place: (type_, id_) for place, text in enumerate(references) for type_, _, id_ in [text.partition("/")]}
    found = await record.store.finder.locate(set(named.values()), record.sight) if named else {}
    persons = {}
    for place, (type_, id_) in named.items():
        resident, current = record.resident_of(type_, id_), found.get((type_, id_))
        if resident is not None:
            persons[place] = resident
        elif current is not None:
            persons[place] = current.patient or current.res
    return persons


async def registrations_of(record: Record, persons: Collection[int]) -> list[int]:
    """Returns the patients for a row of the trail: a resident stands for his registrations that are seen."""
    residents = sorted(number for number in set(persons) if is_resident(number))
    if not residents:
        return sorted(set(persons))
    async with record.store.pool.connection() as connection:
        located = await record.store.reader.of_residents(connection, residents, record.sight)
    own = {one.stored.res for seen in located.values() for one in seen if one.stored is not None}
    return sorted(set(persons).difference(residents) | own)
