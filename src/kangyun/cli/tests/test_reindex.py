"""`kangyun reindex`, on a real database."""

import asyncio
import json
from pathlib import Path

import pytest

from kangyun.access.platform import open_platform
from kangyun.cli.load import Wish, load
from kangyun.cli.reindex import reindex

PARAMETER = {
    "resourceType": "SearchParameter", "url": "urn:region:colour", "name": "colour", "status": "active",
    "description": "colour", "code": "colour", "base": ["Patient", "Person"], "type": "token",
    "expression": "Patient.gender | Person.gender",
}  # fmt: skip


@pytest.fixture
def stuck(installation, make_settings, tmp_path):
    """A parameter of an installation with a patient, which no job builds."""

    async def add():
        platform = await open_platform(make_settings(data=Path("data").resolve()), installation)
        async with platform.pool.connection() as connection:
            await platform.gate.store.registry.add(connection, PARAMETER)
        await platform.close()

    (tmp_path / "in.ndjson").write_text(json.dumps({"resourceType": "Patient", "id": "a", "gender": "male"}))
    assert load(Wish([tmp_path / "in.ndjson"])) == 0
    asyncio.run(add())


@pytest.mark.usefixtures("stuck")
@pytest.mark.parametrize(
    ("types", "active"),
    [([], {"Patient", "Person"}), (["Patient", "Person"], {"Patient", "Person"}), (["Person"], {"Person"})],
)
@pytest.mark.parametrize("resume", [False, True])
def test_a_parameter_that_no_job_builds_is_active_where_all_rows_are_anew(rows, types, active, resume):
    reindex(None, types, resume=resume)
    assert {type_ for (type_,) in rows("SELECT type FROM search_parameter WHERE state = 'active'")} == active
