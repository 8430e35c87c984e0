"""A gateway's deliveries while the web server, the background work and the database are killed: none is lost or taken
twice, and the counts of both sides are equal."""

import asyncio
import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from kangyun.exchange.protocol import Rows
from kangyun.testing.gateways import Gateway
from kangyun.testing.installation import TOKEN

HOUSE = "Organization/house-1"
TABLE = "TB_YL_PATIENT_INFORMATION"
COLUMNS = ("YLJGYQDM", "KH", "KLX", "XB", "XM", "CSRQ", "SJHM", "YWSCSJ", "XGBZ")
DAY = date(2025, 12, 1)
BORN = date(1935, 1, 1)
EACH = 40
KILLED = ("background work", "web worker", "background work", "postmaster")


def person(n):
    """A name and a day of birth, as different as people's: else each would be weighed against all others."""
    return (
        f"测{chr(0x4E00 + n * 7 % 4999)}{chr(0x4E00 + n * 13 % 4993)}",
        f"{BORN + timedelta(n * 7919 % 33_000):%Y%m%d}",
    )


def delivery(number):
    """Rows of which each tenth was sent before, and one of each delivery is wrong."""
    first = (number - 1) * EACH
    numbers = [*range(first, first + EACH), *range(max(0, first - 4), first)]
    rows = [["D1", str(n), "9", "1", *person(n), f"1990{n:07}", f"{DAY} 08:00:00", "1"] for n in numbers]
    rows[0][-1] = "8"  # A flag that nobody agreed on.
    return Rows(TABLE, COLUMNS, rows, datetime(2026, 11, 23, tzinfo=UTC))


def killed(installation, part):
    """Whether a part could be killed: just now it may be starting again."""
    with suppress(StopIteration, IndexError, ProcessLookupError):
        installation.kill(part)
        return True
    return False


@pytest.mark.parametrize(
    ("kills", "deliveries"), [(4, 16), pytest.param(20, 80, marks=pytest.mark.soak)], ids=["a few", "twenty"]
)
async def test_nothing_is_lost_or_twice_whoever_is_killed(new_installation, kills, deliveries):
    chance = random.Random(kills)
    installation = new_installation(workers=1)
    await asyncio.to_thread(installation.start)
    house = {"resourceType": "Organization", "id": "house-1", "name": "一院"}
    asked = httpx.put(f"{installation.url}/fhir/{HOUSE}", json=house, headers={"authorization": f"Bearer {TOKEN}"})
    assert asked.status_code == 201
    gateway = await Gateway.join(installation.url, installation.database, installation.data, TOKEN, HOUSE)

    async def send(numbers):
        for number in numbers:
            await gateway.put(number, delivery(number))

    share = deliveries // kills
    for nth in range(kills):
        sending = asyncio.ensure_future(send(range(nth * share + 1, (nth + 1) * share + 1)))
        await asyncio.sleep(chance.uniform(0.1, 2.0))
        part = KILLED[nth % len(KILLED)]
        await asyncio.to_thread(installation.until, lambda part=part: killed(installation, part))
        await sending
    answers = await gateway.answers(deliveries)
    assert [one["number"] for one in answers] == list(range(1, deliveries + 1))
    assert {one["fate"] for one in answers} == {"taken"}
    assert [one["aside"] for one in answers] == [1] * deliveries
    # The first of each delivery is wrong, and comes again, right, only where it is one of the four that do.
    wanted = deliveries * EACH - deliveries
    async with installation.client() as client:
        (line,) = (await client.get(f"{installation.url}/feeds/f/counts?day={DAY}")).json()
        total = (await client.get("Patient?_summary=count")).json()["total"]
        versions = set()
        page = (await client.get("Patient?_count=1000")).json()
        versions |= {one["resource"]["meta"]["versionId"] for one in page["entry"]}
    assert (line["received"], line["stored"], line["refused"]) == (deliveries * EACH, wanted, deliveries)
    assert (total, versions) == (wanted, {"1"})
