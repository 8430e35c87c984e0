"""A region with a hospital's gateway."""

import asyncio
from datetime import UTC, date, datetime

import msgspec
import pytest

from kangyun.access.platform import open_platform
from kangyun.base.numbers import resident_id
from kangyun.exchange.feeds import worker
from kangyun.exchange.protocol import Rows, pack
from kangyun.testing.provider import NO_FACTORS, SITE, Region

HOUSE = "Organization/house-1"
COLUMNS = (
    *("YLJGYQDM", "KH", "KLX", "ZJHM", "ZJLX", "XB", "XM", "HYZK", "CSRQ", "MZ", "GJ", "SJHM", "JZDZ", "LXRXM"),
    *("LXRGX", "LXRDH", "YWSCSJ", "YYDAH", "MJ", "XGBZ"),
)


class Gateway:
    """A hospital's gateway: it speaks for one feed. columns: of the table of patients."""

    columns = COLUMNS

    def __init__(self, http, token, feed="house-1-tables"):
        self.http, self.feed = http, feed
        self.headers = {"authorization": f"Bearer {token}", "accept-language": "en"}

    async def put(self, number, rows, *, table="TB_YL_PATIENT_INFORMATION", columns=COLUMNS, digest=None):
        """Delivers rows and returns status and what is answered."""
        return await self.deliver(number, Rows(table, columns, rows, datetime(2026, 11, 23, tzinfo=UTC)), digest)

    async def deliver(self, number, delivery, digest=None):
        body, told = pack(delivery)
        headers = self.headers | {"content-encoding": "gzip", "repr-digest": digest or told}
        path = f"/feeds/{self.feed}/deliveries/{number}"
        answer = await self.http.put(path, content=body, headers=headers)
        return answer.status_code, answer.json()

    async def get(self, path=""):
        answer = await self.http.get(f"/feeds/{self.feed}{path}", headers=self.headers)
        return answer.status_code, answer.json() if answer.content else None

    async def say(self, path, told):
        body = told if isinstance(told, bytes) else msgspec.json.encode(told)
        answer = await self.http.put(f"/feeds/{self.feed}{path}", content=body, headers=self.headers)
        return answer.status_code


def person(nth, name="测试甲", number=None, day="2025-12-01 08:00:00", flag="1"):
    """A row of the table of patients."""
    number = resident_id.made("990000", date(1970, 1, 1), nth) if number is None else number
    told = f"D1,{nth},9,{number},01,1,{name},20,19700101,01,CHN,19900000001,测试路1号,-,-,-,{day},P{nth},-,{flag}"
    return told.split(",")


@pytest.fixture
def make_person():
    return person


@pytest.fixture
def no_factors(tmp_path):
    """A region whose roles need no second factor."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)


@pytest.fixture
async def region(no_factors, make_settings, open_client, platform, fresh_database):
    client = await open_client(demo=True)
    house = {"resourceType": "Organization", "id": HOUSE.partition("/")[2], "name": "一院", "active": True}
    assert (await client.put(HOUSE, json=house)).status_code == 201
    found = Region(client, platform, fresh_database)
    await found.register(
        "gateway-1", keys="ES384", owner=HOUSE, purpose="HOPERAT", scopes=("system/feeds",), redirect_uris=()
    )
    return found


@pytest.fixture
async def staff(region):
    """Asks as the administrator: status and what is answered."""

    async def ask(method, path="", told=None, headers=None):
        given = {} if told is None else {"json": told}
        answer = await region.client.request(method, f"{SITE}/feeds{path}", headers=headers or {}, **given)
        return answer.status_code, answer.json() if answer.content else None

    return ask


@pytest.fixture
async def gateway(region, staff):
    """A gateway whose feed is live."""
    said = {"client": "gateway-1", "agreement": "H-1", "agreed": "2026-11-01", "dialect": "shanghai-hub-2026"}
    new = {"name": "house-1-tables", "institution": HOUSE, "title": "一院业务表", "said": said}
    assert (await staff("POST", "", new))[0] == 201
    for state in ("testing", "trial", "live"):
        assert (await staff("POST", "/house-1-tables/move", {"to": state}))[0] == 200
    token = (await region.for_itself("gateway-1", "system/feeds")).json()["access_token"]
    return Gateway(region.browser().http, token)


@pytest.fixture
async def centre(make_settings, fresh_database, region):
    """The platform as the background work has it."""
    platform = await open_platform(make_settings(demo=True, connections=8), fresh_database)
    yield platform
    await platform.close()


@pytest.fixture
async def worked(centre, gateway, monkeypatch):
    """Waits until all that was delivered has been taken in, and returns the answers."""
    monkeypatch.setattr(worker, "LOOK", 0.02)
    stop = asyncio.Event()
    working = asyncio.ensure_future(worker.keep_taking(centre, stop))

    async def until(number, after=0):
        for _ in range(1500):
            _, told = await gateway.get(f"/answers?after={after}")
            if told["answers"] and told["answers"][-1]["number"] >= number:
                return told["answers"]
            await asyncio.sleep(0.02)
        raise AssertionError("it was never taken in")

    yield until
    stop.set()
    await working
