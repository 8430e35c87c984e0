"""Clients that write all the time, keep what they are told, and hold the server to it afterwards.

For tests that kill processes, cut the power or fill the disk. An answer with a status of success is a promise; a
refusal, half an answer and none at all are not.
"""

import asyncio
import itertools
from dataclasses import dataclass, field

import httpx

from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.testing.inspection import faults_of
from kangyun.testing.installation import Installation

SIZES = (5, 300)  # resources of a transaction
SYSTEM = "urn:kangyun:fault"
# What may be answered while things go wrong. Anything else is a defect.
REFUSALS = (404, 409, 410, 429, 503)


@dataclass
class Told:
    """What the clients were told, by the server's own answers."""

    written: dict[str, dict[int, str]] = field(default_factory=dict)  # Type/id -> version -> mark
    deleted: set[str] = field(default_factory=set)
    transactions: dict[str, int] = field(default_factory=dict)  # mark -> size
    read: set[str] = field(default_factory=set)  # request ids
    refused: int = 0
    answered: int = 0


class Witness:
    """A client that writes, changes, deletes and reads without a pause, and keeps what it is told."""

    def __init__(self, name: str, client: httpx.AsyncClient, told: Told) -> None:
        self._name = name
        self._client = client
        self._told = told
        self._marks = (f"{name}-{number}" for number in itertools.count())
        self._own: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Writes until `stop`. Raises AssertionError for an answer that is neither a success nor a fair refusal."""
        steps = itertools.cycle(
            [self._create, self._change, self._small, self._read, self._change, self._delete, self._last]
        )
        while not stop.is_set():
            try:
                await next(steps)()
            except httpx.HTTPError:
                await asyncio.sleep(0.02)  # Nobody answered, or half an answer came: nothing was told.

    async def _send(self, method: str, path: str, **options: object) -> httpx.Response:
        answer = await self._client.request(method, path, **options)  # type: ignore[arg-type]
        self._told.answered += 1
        if answer.status_code >= 400:
            self._told.refused += 1
            assert answer.status_code in REFUSALS, answer.text
            assert answer.status_code not in (429, 503) or answer.headers["retry-after"]
        return answer

    def _patient(self, mark: str) -> dict[str, object]:
        return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": mark}], "name": [{"text": mark}]}

    def _keep(self, answer: httpx.Response, mark: str) -> None:
        if answer.status_code in (200, 201):
            body = answer.json()
            versions = self._told.written.setdefault(f"Patient/{body['id']}", {})
            versions[int(body["meta"]["versionId"])] = mark

    async def _create(self) -> None:
        mark = next(self._marks)
        answer = await self._send("POST", "Patient", json=self._patient(mark))
        self._keep(answer, mark)
        if answer.status_code == 201:
            self._own = answer.json()["id"]

    async def _change(self) -> None:
        if self._own is not None:
            mark = next(self._marks)
            self._keep(
                await self._send("PUT", f"Patient/{self._own}", json=self._patient(mark) | {"id": self._own}), mark
            )

    async def _small(self) -> None:
        await self._transaction(SIZES[0])

    async def _last(self) -> None:
        await self._transaction(SIZES[self._name == "w0"])

    async def _transaction(self, size: int) -> None:
        mark = f"{next(self._marks)}-of-{size}"
        patient = {"fullUrl": "urn:uuid:00000000-0000-0000-0000-000000000001", "resource": self._patient(mark)}
        observation = {
            "resourceType": "Observation",
            "identifier": [{"system": SYSTEM, "value": mark}],
            "status": "final",
            "code": {"text": "a"},
            "subject": {"reference": "urn:uuid:00000000-0000-0000-0000-000000000001"},
            "valueQuantity": {"value": 1.10, "system": "http://unitsofmeasure.org", "code": "kg"},
        }
        entries = [patient | {"request": {"method": "POST", "url": "Patient"}}]
        entries += [{"resource": observation, "request": {"method": "POST", "url": "Observation"}}] * (size - 1)
        answer = await self._send("POST", "", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if answer.status_code == 200:
            self._told.transactions[mark] = size

    async def _read(self) -> None:
        if self._own is not None:
            answer = await self._send("GET", f"Patient/{self._own}")
            if answer.status_code == 200:
                self._told.read.add(answer.headers["x-request-id"])

    async def _delete(self) -> None:
        if self._own is not None:
            gone, self._own = self._own, None
            answer = await self._send("DELETE", f"Patient/{gone}")
            if answer.status_code == 204:
                self._told.deleted.add(f"Patient/{gone}")


async def all_is_held(installation: Installation, told: Told) -> None:
    """Raises AssertionError where the record is not what the clients were told, or is at odds with itself.

    Nobody may write meanwhile.
    """
    async with installation.client() as client:
        await _all_told_is_there(client, told)
        await _transactions_are_whole(client, told)
    await asyncio.to_thread(installation.until, lambda: "feed_behind_commits 0\n" in installation.metrics)
    platform = await open_platform(Settings(data=installation.data), installation.database)
    assert await faults_of(platform) == []
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT request FROM audit WHERE outcome = 200 AND action = 'read'")
    await platform.close()
    assert told.read <= {row["request"] for row in rows}


async def _all_told_is_there(client: httpx.AsyncClient, told: Told) -> None:
    wanted = [(name, version, mark) for name, versions in told.written.items() for version, mark in versions.items()]
    for step in range(0, len(wanted), 50):
        some = wanted[step : step + 50]
        answers = await asyncio.gather(*(client.get(f"{name}/_history/{version}") for name, version, _ in some))
        assert [answer.json()["name"][0]["text"] for answer in answers] == [mark for *_, mark in some]
    for name in told.deleted:
        assert (await client.get(name)).status_code == 410


async def _transactions_are_whole(client: httpx.AsyncClient, told: Told) -> None:
    counted: dict[str, int] = {}
    for type_ in ("Patient", "Observation"):
        path: str | None = f"{type_}?_count=1000"
        while path:
            page = (await client.get(path)).json()
            for entry in page.get("entry", ()):
                resource = entry["resource"]
                mark = resource["identifier"][0]["value"]
                counted[mark] = counted.get(mark, 0) + 1
            path = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    sizes = {mark: int(mark.partition("-of-")[2] or 1) for mark in counted}
    assert counted == sizes
    assert told.transactions.items() <= counted.items()
    # Each mark is found by the index, too: one search, one transaction.
    for mark in sorted(told.transactions)[::10]:
        found = (await client.get(f"Observation?identifier={SYSTEM}|{mark}&_summary=count")).json()
        assert found["total"] == told.transactions[mark] - 1
