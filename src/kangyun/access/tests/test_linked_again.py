"""Who was parted by a person is parted when the database is restored to before it, and who was linked is linked."""

import asyncpg
import pytest

from kangyun.access import linked_again, replaying
from kangyun.identity.standing import SQL
from kangyun.identity.stewarding import Act

NUMBER = {"system": "urn:oid:2.16.156.10011.1.3", "value": "110105194912310011"}
ACT = Act("Practitioner/steward", "核对过病案")
TABLES = ("resident_link", "not_same", "resident_decision", "disclosure", "denial")


@pytest.fixture
async def region(client, platform, fresh_database):
    """A steward, the ledger and the database of a region with two registrations of one number and one of another's."""
    for id_, identifier in (("a", [NUMBER]), ("b", [NUMBER]), ("c", None)):
        patient = {"resourceType": "Patient", "id": id_, "name": [{"text": "王建国" if identifier else "李四"}]}
        patient |= {"identifier": identifier} if identifier else {"birthDate": "2001-02-03"}
        (await client.put(f"Patient/{id_}", json=patient)).raise_for_status()
    replaying.register(linked_again.KIND, linked_again.replay)
    connection = await asyncpg.connect(fresh_database)
    yield platform.gate.steward, platform.gate.ledger, connection
    await connection.close()


async def standing(connection):
    """Returns which registrations are whose, by the order in which they were made."""
    rows = await connection.fetch("SELECT patient, resident FROM resident_link ORDER BY patient")
    residents = [row["resident"] for row in rows]
    return [row["patient"] for row in rows], [residents.index(one) for one in residents]


async def restored(connection, ledger):
    """Puts back what was kept, and replays the ledger; returns how much had to be done."""
    for table in TABLES:
        await connection.execute(f"DELETE FROM {table}")
        if table != "resident_decision":
            await connection.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
    return await replaying.replay(connection, ledger)


async def keep(connection):
    for table in TABLES:
        await connection.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")


async def test_who_was_parted_stays_parted(region):
    steward, ledger, connection = region
    (a, b, _), before = await standing(connection)
    assert before == [0, 0, 2]
    await keep(connection)
    async with connection.transaction():
        await steward.part(connection, [b], ACT)
    assert await restored(connection, ledger) == {"linkage": 1}
    assert (await standing(connection))[1] == [0, 1, 2]
    said = await connection.fetch("SELECT patient, other FROM not_same WHERE unsaid IS NULL")
    assert [tuple(row) for row in said] == [(a, b)]
    assert await replaying.replay(connection, ledger) == {}


async def test_who_was_linked_stays_linked_and_what_was_taken_back_is_so(region):
    steward, ledger, connection = region
    (a, _, c), _ = await standing(connection)
    await keep(connection)
    async with connection.transaction():
        (row,) = await connection.fetch(SQL["residents_of"], [a])
        await steward.link(connection, [c], row["resident"], ACT)
    assert await restored(connection, ledger) == {"linkage": 1}
    assert (await standing(connection))[1] == [0, 0, 0]
    async with connection.transaction():
        decision = await steward.part(connection, [c], ACT)
        (row,) = await connection.fetch("SELECT id FROM resident_decision WHERE act = $1", decision)
        await steward.undo(connection, row["id"], ACT)
    assert (await standing(connection))[1] == [0, 0, 0]
    await restored(connection, ledger)
    assert (await standing(connection))[1] == [0, 0, 0]


async def test_what_the_restored_database_has_not_is_passed_over(region):
    _, ledger, connection = region
    ledger.append(linked_again.KIND, "registrations", {"what": "apart", "patients": [1 << 40], "others": [1 << 41]})
    assert await replaying.replay(connection, ledger) == {}
