"""Warnings as the rules would make them, and a region of one resident with a team and a son."""

import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from kangyun.access.identities.model import Proxy
from kangyun.access.platform import Platform
from kangyun.access.relations.whom import by_id
from kangyun.base import clock
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.acting import Act, act
from kangyun.devices.alarms.ladder import Ladder
from kangyun.devices.alarms.watching import look
from kangyun.devices.signals import Level, Warning

TEAM = {
    "resourceType": "CareTeam", "id": "t", "status": "active", "subject": {"reference": "Patient/p"},
    "category": [{"coding": [{"system": "urn:kangyun:care-team", "code": "family-doctor"}]}],
    "participant": [
        {"member": {"reference": "Practitioner/li"}},
        {"member": {"reference": "Practitioner/hua"}, "role": [{"coding": [{"code": "224535009"}]}]},
    ],
}  # fmt: skip
PERSON = {
    "resourceType": "Patient", "id": "p", "name": [{"text": "王建国"}], "gender": "male", "birthDate": "1956-02-03",
    "telecom": [{"system": "phone", "value": "13900000001"}], "address": [{"text": "测试市福田路 1 号"}],
}  # fmt: skip
TOLD = "SELECT key FROM outbox_message ORDER BY id"


class Region:
    """One resident with a team and a son, and a clock that is turned by hand."""

    def __init__(self, platform: Platform, found) -> None:
        self.platform, self.found = platform, found
        self.alarms = Alarms.of(platform.gate)
        self.ladder = Ladder(platform.gate, self.alarms)
        self.now = clock.now()
        self.holder = 0

    async def settle(self, client: httpx.AsyncClient) -> None:
        for resource in (PERSON, TEAM):
            answer = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
            assert answer.status_code == 201, answer.text
        await self.platform.sign_in.identities.admit(
            "guardian", "RelatedPerson/son", "Organization/platform", "王明", roles=["guardian"], vouched_by="Device/t",
            evidence="x", proxies=[Proxy("p", "CHILD", hears=True)],
        )  # fmt: skip
        self.holder = (await by_id(self.platform.gate.store, "p")).patient

    async def admit(self, name: str) -> int:
        return await self.platform.sign_in.identities.admit(
            "staff", f"Practitioner/{name}", "Organization/platform", name, roles=["duty-officer"],
            vouched_by="Device/t", evidence="x",
        )  # fmt: skip

    async def raise_(self, rule: str = "sos", level: int = 3, **given) -> int:
        async with self.platform.pool.connection() as connection, connection.transaction():
            (one,) = await self.alarms.raise_(connection, [self.found(rule, level, self.holder, **given)])
        self.now = max(self.now, clock.now())
        return one.alarm

    async def later(self, minutes: float) -> int:
        self.now += timedelta(minutes=minutes)
        return await look(self.ladder, self.now, {})

    async def act(self, alarm: int, step: str, by: str = "Practitioner/li", **given) -> str:
        async with self.platform.pool.connection() as connection, connection.transaction():
            return await act(
                connection, self.alarms, self.platform.gate.outbox, alarm, Act(step, by, **given), self.now
            )

    async def answer(self, what: str, key: str, reader: str, person: str = "") -> None:
        sql = (
            "INSERT INTO outbox_outcome (asker, key, what, reader, channel, person, at) "
            "VALUES ($1, $2, $3, $4, 'sms', $5, now())"
        )
        async with self.platform.pool.connection() as connection:
            await connection.execute(sql, "/".join(key.split("/")[:2]), key, what, reader, person)

    async def ask(self, sql: str) -> list[tuple]:
        async with self.platform.pool.connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql)]

    async def told(self) -> list[str]:
        return [key.split("/", 3)[3] for (key,) in await self.ask(TOLD)]


@pytest.fixture
async def region(platform: Platform, client: httpx.AsyncClient, found) -> Region:
    made = Region(platform, found)
    await made.settle(client)
    return made


@pytest.fixture
def found() -> Callable[..., Warning]:
    """Makes a warning: `found(holder=5, ago=60)`; ago: seconds."""
    now = time.time_ns() // 1000

    def make(rule: str = "sos", level: int = 3, holder: int = 4096, ago: float = 0, **given: object) -> Warning:
        at = now - int(ago * 1_000_000)
        return Warning(rule=rule, level=Level(level), holder=holder, at=at, since=at, **given)  # type: ignore[arg-type]

    return make
