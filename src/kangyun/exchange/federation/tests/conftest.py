"""Nodes of a cascade, each with a database and data of its own; they call each other's applications directly."""

from datetime import timedelta
from uuid import uuid4

import asyncpg
import httpx
import pytest_asyncio

from kangyun.access import upward
from kangyun.access.actor import Circumstances
from kangyun.access.applications.register import Application as Registered
from kangyun.access.erasing import UNSAID, Erasing
from kangyun.access.outbound import Outbound
from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings
from kangyun.exchange.federation import forms
from kangyun.exchange.federation.forgetting import Forgetting
from kangyun.exchange.federation.nodes import SCOPES, Nodes
from kangyun.exchange.federation.partner import Partner
from kangyun.exchange.federation.sending import Sender
from kangyun.testing.plugin import ADMIN_TOKEN
from kangyun.testing.sequencing import give_positions
from kangyun.web.app import Application

BY = "Practitioner/administrator"


class Wire:
    """In place of the network: the other side's application. cut: nobody is there; deaf: so many answers are lost."""

    def __init__(self, there):
        self.there = there
        self.cut = False
        self.deaf = 0
        self.calls = 0

    async def ask(self, url, headers, body, seconds, most):
        if self.cut:
            raise Unavailable("access.outbound.failed", reason="ConnectionRefusedError")
        self.calls += 1
        answer = await self.there.bare.post(url, headers=dict(headers), content=body)
        if self.deaf and url.endswith("/fhir"):
            self.deaf -= 1
            raise Unavailable("access.outbound.failed", reason="TimeoutError")
        return answer.status_code, answer.content

    async def read(self, url):
        if self.cut:
            raise Unavailable("access.outbound.failed", reason="ConnectionRefusedError")
        yield (await self.there.bare.get(url)).content

    def close(self):
        pass


class Place:
    """One node: its platform, an administrator's client, and the senders to those above it."""

    def __init__(self, name, folder, database):
        self.name, self.folder, self.database = name, folder, database
        self.base = f"http://127.0.0.1/{name}"
        self.wires = {}

    async def open(self):
        settings = Settings(data=self.folder, admin_token=ADMIN_TOKEN, connections=4)
        self.platform = await open_platform(settings, self.database)
        self.application = Application(settings, self.database)
        await self.application.open()
        transport = httpx.ASGITransport(self.application)
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}", "accept-language": "en"}
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/fhir/", headers=headers)
        self.bare = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/")
        self.nodes = Nodes(self.platform.pool, self.platform.identities.vault)
        self.senders = {}
        return self

    async def close(self):
        await self.client.aclose()
        await self.bare.aclose()
        await self.application.close()
        await self.platform.close()

    async def below(self, above, kind="kangyun"):
        """Puts it below another node: registered on both sides, reviewed."""
        keys = (await self.nodes.public()).decode()
        wanted = Registered(
            client=self.name, name=self.name, owner=f"Organization/{self.name}", purpose="TREAT", redirect_uris=(),
            scopes=SCOPES, expires=clock.now() + timedelta(days=1), jwks=keys,
        )  # fmt: skip
        await above.platform.sign_in.applications.add(wanted, BY, "test")
        await above.platform.sign_in.applications.review(self.name, "passed", BY)
        await above.nodes.add(self.name, "child", BY)
        await self.nodes.add(above.name, "parent", BY, base="http://127.0.0.1:8080/fhir", own=self.name, kind=kind)
        self.wires[above.name] = Wire(above)

    async def sender(self, above):
        if above not in self.senders:
            async with self.platform.pool.connection() as connection:
                node = await self.nodes.get(connection, above)
            partner = Partner(node, self.nodes)
            Outbound.close(partner.outbound)
            partner.outbound = self.wires[above]
            self.senders[above] = Sender(self.platform, partner, forms.upward_of(self.folder))
        return self.senders[above]

    async def tell(self, above, steps=50):
        """Tells the node above all that there is to tell, as the background work does."""
        sender = await self.sender(above)
        async with self.platform.pool.connection() as connection:
            await give_positions(connection, 10_000)
            for _ in range(steps):
                if not await sender.step(connection, await self.nodes.get(connection, above)):
                    return
        raise AssertionError("there is always more to tell")

    async def walk(self, above):
        """Walks over all registrations once more, and tells what that finds."""
        async with self.platform.pool.connection() as connection:
            await connection.execute("UPDATE node SET walk_done = NULL")
        await self.tell(above)

    async def erase(self, id_):
        """Erases a Patient, as two officers do."""
        gate = self.platform.gate
        async with gate.store.pool.connection() as connection:
            current = (await gate.store.reader.locate(connection, [("Patient", id_)]))["Patient", id_]
        erasing = Erasing(gate.store, gate.ledger, UNSAID)
        asked = await erasing.ask({current.res: f"Patient/{id_}"}, "Practitioner/a", "他要求删除")
        record = await gate.open(ADMINISTRATOR, Circumstances("erase", "", "erase"))
        await erasing.confirm(asked.id, "Practitioner/b", record.audit_columns("erase", 200))

    async def forget(self):
        """Erases what nodes below have said was erased, as the background work does."""
        async with self.platform.pool.connection() as connection:
            await give_positions(connection, 10_000)
            handle = Forgetting(self.platform).handle
            reader = upward.Reader(self.platform.pool, "forgetting", handle, from_start=True, types=["Patient"])
            await reader.begin(connection)
            await reader.step(connection)

    async def put(self, resource):
        path = f"{resource['resourceType']}/{resource['id']}"
        answer = await self.client.put(path, json=resource)
        answer.raise_for_status()
        return answer.json()

    async def found(self, path):
        return [one["resource"] for one in (await self.client.get(path)).json().get("entry", ())]


@pytest_asyncio.fixture
async def make_node(database_server, template, tmp_path):
    """Makes nodes: `await make_node("county-1")`."""
    made = []

    async def run(sql):
        connection = await asyncpg.connect(database_server.replace("{database}", "postgres"))
        await connection.execute(sql)
        await connection.close()

    async def make(name):
        database = f"kangyun_test_{uuid4().hex[:12]}"
        await run(f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY file_copy")
        folder = tmp_path / name
        folder.mkdir()
        made.append(await Place(name, folder, database_server.replace("{database}", database)).open())
        return made[-1]

    yield make
    for one in made:
        await one.close()
        await run(f"DROP DATABASE {one.database.rpartition('@/')[2].partition('?')[0]} WITH (FORCE)")


@pytest_asyncio.fixture
async def county(make_node):
    return await make_node("county-1")


@pytest_asyncio.fixture
async def city(make_node, county):
    """A city's node, the county's below it."""
    made = await make_node("city-1")
    await county.below(made)
    return made
