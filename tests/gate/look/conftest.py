"""Zhang, who is registered at two hospitals, and the hospital whose doctors look at what the other knows."""

import asyncio
from datetime import timedelta

import pytest

from kangyun.access.applications.register import Application
from kangyun.access.look.tickets import Tickets
from kangyun.access.residents.bindings import Handle, bindings_of
from kangyun.base import clock
from kangyun.testing.linking import link
from kangyun.testing.looking import PHONE, RECORD, Hospital, encounter, patient


@pytest.fixture
async def zhang(platform, written):
    """One person, registered at two hospitals; what is known of him is known at the first."""
    telecom = [{"system": "phone", "value": PHONE}]
    one = await written(patient("a-zhang", telecom=telecom))
    other = await written(patient("b-zhang", telecom=telecom), "Organization/b")
    for resource in RECORD:
        await written(resource)
    async with platform.pool.connection() as connection:
        await link(connection, one.res, one.res)
        await link(connection, other.res, one.res)
    await bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger).bind(
        Handle("phone", PHONE), ("a-zhang", "b-zhang"), "test"
    )


@pytest.fixture
async def people(platform):
    """Staff by their numbers: 1001 treats at b, 1002 keeps its books, 2001 treats at c."""
    register = platform.sign_in.identities
    for number, role, institution in (("1001", "doctor", "b"), ("1002", "insurance", "b"), ("2001", "doctor", "c")):
        await register.admit(
            "staff", f"Practitioner/{number}", f"Organization/{institution}", "李医生", roles=[role], vouched_by="x",
            evidence="x", handle=f"{number}@{institution}",
        )  # fmt: skip


@pytest.fixture
async def key(platform):
    """The key of the application of hospital b."""
    applications = platform.sign_in.applications
    wanted = Application(
        "his", "医院信息系统", "Organization/b", "TREAT", ("https://his.example/back",), ("patient/*.rs",),
        clock.now() + timedelta(days=30),
    )  # fmt: skip
    await applications.add(wanted, "Device/t", "合同")
    await applications.review("his", "passed", "Practitioner/security")
    return await Tickets(platform.gate.store, platform.sign_in, platform.gate.sights.policy).make_key("his", "Device/t")


@pytest.fixture
async def hospital(zhang, people, key, open_client, platform):
    return Hospital(await open_client(token=None, demo=True), platform, key)


@pytest.fixture
async def visited(hospital, written, start_background):
    """Zhang is being seen at hospital b, which its feed has told."""
    start_background()
    await written(encounter(), "Organization/b")
    async with asyncio.timeout(20):
        while not await hospital.ran("SELECT 1 FROM disclosure"):
            await asyncio.sleep(0.05)
    return hospital
