"""Three nodes as real installations: the middle one away for a day, processes killed; nothing lost, nothing twice.

What takes a day is what comes meanwhile, not the waiting: the county goes on registering while nobody answers it.
"""

import asyncio
import json
import random

import asyncpg
import pytest

from kangyun.testing.installation import kangyun

BY = "system-administrator"
NUMBER = "urn:oid:2.16.156.10011.1.3"


def patients(first, count):
    """A transaction of registrations, each with an encounter."""
    entries = []
    for nth in range(first, first + count):
        person = {
            "resourceType": "Patient", "id": f"house-{nth}", "name": [{"text": "测试"}], "birthDate": "1970-01-01",
            "identifier": [{"system": NUMBER, "value": f"99000019700101{nth:04}"}],
        }  # fmt: skip
        visit = {
            "resourceType": "Encounter", "id": f"house-v{nth}", "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/house-{nth}"}, "period": {"start": "2026-03-01", "end": "2026-03-01"},
        }  # fmt: skip
        entries += [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in (person, visit)
        ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def sent(installation, bundle):
    async with installation.client() as client:
        (await client.post("", json=bundle)).raise_for_status()


async def there(installation):
    """Returns by id the versions of the registrations and locations that an installation was told of."""
    found = {}
    async with installation.client() as client:
        for type_ in ("Patient", "DocumentReference"):
            page = (await client.get(f"{type_}?_elements=id&_count=1000")).json()
            found |= {
                (type_, one["resource"]["id"]): one["resource"]["meta"]["versionId"] for one in page.get("entry", ())
            }
    return found


async def count(installation):
    return len(await there(installation))


async def until_has(installation, number, patience=90):
    async with asyncio.timeout(patience):
        while await count(installation) != number:
            await asyncio.sleep(0.3)


def command(installation, *words):
    answer = kangyun("node", *words, "--data", installation.data)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def put_below(below, own, above, name, folder):
    """Registers a node below another, as the manual says."""
    keys = folder / f"{own}.jwks"
    keys.write_text(json.dumps(json.loads(command(below, "key"))))
    command(above, "add", own, "--child", "--jwks", keys, "--evidence", "agreement", "--by", BY)
    reviewed = kangyun("apps", "review", own, "--pass", "--by", BY, "--data", above.data)
    assert reviewed.returncode == 0, reviewed.stderr
    command(below, "add", name, "--parent", "--url", f"{above.url}/fhir", "--as", own, "--by", BY)


@pytest.fixture
async def region(new_installation, tmp_path):
    """A county, a city, a province, one below the other."""
    made = [new_installation(workers=1) for _ in range(3)]
    await asyncio.gather(*(asyncio.to_thread(one.start) for one in made))
    county, city, province = made
    await asyncio.to_thread(put_below, city, "city-1", province, "province-1", tmp_path)
    await asyncio.to_thread(put_below, county, "county-1", city, "city-1", tmp_path)
    return county, city, province


async def test_nothing_is_lost_and_nothing_twice_while_the_middle_one_is_away(region):
    county, city, province = region
    await sent(county, patients(0, 20))
    await until_has(province, 40)
    await asyncio.to_thread(city.stop)
    for first in range(20, 170, 50):  # What a day brings.
        await sent(county, patients(first, 50))
    await sent(county, patients(0, 20))  # Sent again, as hospitals do.
    county.kill("background work")
    await asyncio.to_thread(city.start)
    await asyncio.to_thread(command, county, "resume", "city-1")
    city.kill("web worker")
    await until_has(city, 340)
    county.kill("postmaster")
    await until_has(province, 340)
    assert set((await there(city)).values()) == {"1"}
    assert set((await there(province)).values()) == {"1"}
    await asyncio.to_thread(county.until, lambda: county.is_ready)  # Its database comes back in its own time.
    connection = await asyncpg.connect(county.database)
    told = await connection.fetchval("SELECT count(*) FROM node_told WHERE digest IS NOT NULL")
    await connection.close()
    assert told == 170
    said = await asyncio.to_thread(command, city, "status")
    assert "county-1: here" in said
    assert "province-1: 170 registrations told, 0 to be told again, 0 refused" in said


@pytest.mark.soak
async def test_nothing_is_lost_and_nothing_twice_whoever_is_killed_whenever(region):
    county, city, province = region
    dice = random.Random(20261123)
    for round_ in range(20):
        await sent(county, patients(round_ * 50, 50))
        victim = dice.choice([county, city, province])
        await asyncio.sleep(dice.random())
        victim.kill(dice.choice(["web worker", "background work", "postmaster"]))
        await asyncio.to_thread(victim.until, lambda one=victim: one.is_ready)
    await until_has(city, 2000, patience=600)
    await until_has(province, 2000, patience=600)
    assert set((await there(city)).values()) == {"1"}
    assert set((await there(province)).values()) == {"1"}
