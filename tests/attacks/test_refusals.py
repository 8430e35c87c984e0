"""What is refused tells as well: its row names whom it told of, and they are told."""

import asyncpg
import pytest

from kangyun.access.identities.model import Proxy

from .conftest import B, condition, patient

PATCH = {"content-type": "application/json-patch+json"}
GUESS = [{"op": "test", "path": "/code/coding/0/code", "value": "F20.0"}, {"op": "remove", "path": "/nothing"}]
OTHER = {"if-match": 'W/"7"'}
REFUSED = [
    ("PATCH", {"json": GUESS, "headers": PATCH}, 422),
    ("PATCH", {"json": GUESS, "headers": PATCH | OTHER}, 412),
    ("PUT", {"json": condition("b-secret", "b-zhang"), "headers": OTHER}, 412),
    ("DELETE", {"headers": OTHER}, 412),
]


@pytest.mark.parametrize(("method", "given", "status"), REFUSED)
async def test_a_refused_change_names_whom_what_stands_is_about(put, sign_in, fresh_database, method, given, status):
    zhang = await put(patient("b-zhang"), B)
    await put(condition("b-secret", "b-zhang", "F20.0"), B)
    resident = await sign_in("resident", name="zhang", proxies=(Proxy("b-zhang", "ONESELF"),))
    doctor = await sign_in("doctor", B)
    assert (await doctor(method, "Condition/b-secret", **given)).status_code == status
    connection = await asyncpg.connect(fresh_database)
    try:
        row = await connection.fetchrow("SELECT patients FROM audit WHERE request = $1", list(doctor.asked)[-1])
    finally:
        await connection.close()
    assert list(row["patients"]) == [zhang.res]
    assert "octor" in (await resident("GET", "Patient/b-zhang/$who-looked")).text
