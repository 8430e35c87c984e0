"""Whom a question is held against: who shares most with it of those whom the asker sees. On a database."""

import pytest

from kangyun.store.visible import EVERYTHING, Sight

ONE = "11010519491231002X"
TELEPHONE = {"telecom": [{"system": "phone", "value": "13571846203"}]}


@pytest.fixture
def near(platform, person):
    """Returns the residents whom the one person is held against, as a sight has it."""

    async def near_(sight):
        index = platform.gate.residents
        async with platform.pool.connection() as connection:
            found = await index.near_seen(connection, index.rules.read(person(number=ONE, **TELEPHONE)), sight)
        return {platform.gate.store.ids.id_of(number) for number in found}

    return near_


async def test_who_shares_a_telephone_only_is_not_near_beside_who_shares_all(register, resident, near):
    patient = await register(number=ONE, **TELEPHONE)
    await register("李四", "1990-03-07", **TELEPHONE)
    assert await near(EVERYTHING) == {(await resident(patient))[0]}


async def test_of_those_who_are_seen_the_nearest_is_near_whoever_else_is_nearer(
    platform, hospital, register, person, resident, near
):
    await register(number=ONE, **TELEPHONE)
    async with hospital("b") as there:
        answer = await there.post("Patient", json=person("李四", "1990-03-07", **TELEPHONE))
    assert answer.status_code == 201, answer.text
    async with platform.pool.connection() as connection:
        own = await connection.fetchval("SELECT id FROM institution WHERE reference = 'Organization/b'")
    assert await near(Sight(types=None, own_closed=0, institution=own)) == {(await resident(answer.json()["id"]))[0]}


async def test_whose_key_very_many_have_is_near_by_the_others(register, resident, near):
    for nth in range(3):
        await register(f"赵{'一二三'[nth]}", f"199{nth}-03-07", **TELEPHONE)
    patient = await register(number=ONE)
    assert await near(EVERYTHING) == {(await resident(patient))[0]}


async def test_the_near_come_with_what_is_shown_of_them(register, platform, person):
    patients, asked = {await register(number=ONE), await register(number=ONE, **TELEPHONE)}, []
    index, store = platform.gate.residents, platform.gate.store
    async with platform.pool.connection() as connection:
        (one,) = (await index.near_seen(connection, index.rules.read(person(number=ONE)), EVERYTHING)).values()
        with connection.query_logger(asked.append):
            ((_, found),) = (await store.reader.opened(connection, one.rows)).items()
    assert {current.stored.id for current in found} == patients
    assert asked == []
