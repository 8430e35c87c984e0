"""A gateway's deliveries while the web server, the background work and the database are killed: none is lost or taken
twice, and the counts of both sides are equal."""

import asyncio
import json
import random
import time
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from kangyun.access.applications.register import Application
from kangyun.access.platform import open_platform
from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.exchange.protocol import Rows, pack
from kangyun.testing.provider import ASSERTION

HOUSE = "Organization/house-1"
TABLE = "TB_YL_PATIENT_INFORMATION"
COLUMNS = ("YLJGYQDM", "KH", "KLX", "XB", "XM", "CSRQ", "SJHM", "YWSCSJ", "XGBZ")
DAY = date(2025, 12, 1)
EACH = 40
KILLED = ("background work", "web worker", "background work", "postmaster")


def delivery(number):
    """Rows of which each tenth was sent before, and one of each delivery is wrong."""
    first = (number - 1) * EACH
    numbers = [*range(first, first + EACH), *range(max(0, first - 4), first)]
    rows = [
        ["D1", str(n), "9", "1", f"测试{n}", "19700101", f"1990{n:07}", f"{DAY} 08:00:00", "1"]
        for n in numbers
    ]  # fmt: skip
    rows[0][-1] = "8"  # A flag that nobody agreed on.
    return Rows(TABLE, COLUMNS, rows, datetime(2026, 11, 23, tzinfo=UTC))


class Gateway:
    """Sends as gateways do: the same again until it is told that it is kept."""

    def __init__(self, installation, key):
        self._installation, self._key, self._token = installation, key, "none"

    async def token(self, http):
        aud = f"{self._installation.url}/oauth/token"
        claims = {"iss": "gw", "sub": "gw", "aud": aud, "exp": int(time.time()) + 120, "jti": uuid4().hex}
        told = jwt.encode({"alg": "ES384", "kid": "gw-1", "typ": "JWT"}, claims, self._key, algorithms=["ES384"])
        form = {"grant_type": "client_credentials", "scope": "system/feeds", "client_assertion_type": ASSERTION,
                "client_assertion": told}  # fmt: skip
        answer = await http.post("/oauth/token", data=form)
        self._token = answer.json()["access_token"] if answer.status_code == 200 else "none"

    async def ask(self, method, path, status, **given):
        """Asks until the answer is one of these."""
        async with httpx.AsyncClient(base_url=self._installation.url, timeout=30) as http:
            while True:
                try:
                    headers = given.get("headers", {}) | {"authorization": f"Bearer {self._token}"}
                    answer = await http.request(method, path, **given | {"headers": headers})
                    if answer.status_code in status:
                        return answer
                    assert answer.status_code in (401, 429, 503), answer.text
                    await self.token(http)
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    async def put(self, number):
        body, digest = pack(delivery(number))
        headers = {"content-encoding": "gzip", "repr-digest": digest}
        await self.ask("PUT", f"/feeds/f/deliveries/{number}", (200, 201), content=body, headers=headers)


async def prepare(installation):
    """Registers a feed and its gateway, and returns that."""
    key = ECKey.generate_key("P-384")
    jwks = json.dumps({"keys": [key.as_dict(private=False) | {"kid": "gw-1"}]})
    platform = await open_platform(Settings(data=installation.data), installation.database)
    applications = platform.sign_in.applications
    given = ("gw", "前置机", HOUSE, "HOPERAT", (), ("system/feeds",), clock.now() + timedelta(days=1))
    await applications.add(Application(*given, jwks=jwks), "Device/t", "合同")
    await applications.review("gw", "passed", "Device/t")
    await platform.close()
    async with installation.client() as client:
        said = {"client": "gw", "agreement": "1", "agreed": "2026-11-01", "dialect": "shanghai-hub-2026"}
        new = {"name": "f", "institution": HOUSE, "title": "患者", "said": said}
        (await client.post(f"{installation.url}/feeds", json=new)).raise_for_status()
        for state in ("testing", "trial", "live"):
            (await client.post(f"{installation.url}/feeds/f/move", json={"to": state})).raise_for_status()
    return Gateway(installation, key)


async def answered(gateway, count):
    """Returns what became of all deliveries, once they had their turn."""
    found = []
    while len(found) < count:
        told = (await gateway.ask("GET", f"/feeds/f/answers?after={len(found)}", (200,))).json()
        found += told["answers"]
        await asyncio.sleep(0.1)
    return found


@pytest.mark.parametrize(
    ("kills", "deliveries"), [(4, 16), pytest.param(20, 80, marks=pytest.mark.soak)], ids=["a few", "twenty"]
)
async def test_nothing_is_lost_or_twice_whoever_is_killed(new_installation, kills, deliveries):
    chance = random.Random(kills)
    installation = new_installation(workers=1)
    await asyncio.to_thread(installation.start)
    gateway = await prepare(installation)

    async def send():
        for number in range(1, deliveries + 1):
            await gateway.put(number)

    sending = asyncio.ensure_future(send())
    for nth in range(kills):
        await asyncio.sleep(chance.uniform(0.5, 2.5))
        await asyncio.to_thread(installation.until, lambda: installation.is_ready)
        await asyncio.to_thread(installation.kill, KILLED[nth % len(KILLED)])
    await sending
    answers = await answered(gateway, deliveries)
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
