"""Tells both what became of it: the resident, and the member of the family."""

from collections.abc import Collection
from uuid import uuid4

from kangyun.access.family.rights import Right
from kangyun.access.gate import Gate
from kangyun.access.messages.outbox.model import Notice, Reader, Urgency
from kangyun.base.texts import say
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of


async def tell(
    gate: Gate, what: str, about: str, person: Resource, holder: int, member: str, reference: str, relation: str,
    rights: Collection[Right],
) -> None:  # fmt: skip
    """Puts a notice for each. what: given, refused, ended. about: the ask or the tie. person: the resident's Patient.

    member, reference: the member's name, and what he is told under.
    """
    said = {
        "member": member,
        "name": name_of(person),
        "relation": relation_of(relation),
        "rights": "、".join(say(f"access.family.right-{one}", "zh") for one in rights),
    }
    readers = [Reader(reference, "family")]
    if what != "refused":  # Whoever has just said no need not be told so.
        readers.append(Reader(f"Patient/{person['id']}", "resident"))
    notices = [
        Notice(
            key=f"family/{about}/{what}/{one.role}/{uuid4().hex[:12]}", urgency=Urgency.PLAIN,
            template=f"family-{what}", readers=(one,), variables=said, holder=holder,
        )
        for one in readers
    ]  # fmt: skip
    async with gate.store.pool.connection() as connection, connection.transaction():
        await gate.outbox.put(connection, notices)


def relation_of(relation: str) -> str:
    """Returns what a member is to the resident, in words."""
    return say(f"access.family.relation-{relation.lower()}", "zh")
