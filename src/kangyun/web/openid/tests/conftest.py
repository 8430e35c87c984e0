"""A region with its provider."""

import pytest

from kangyun.access.actor import Actor
from kangyun.testing.people import know
from kangyun.testing.provider import NO_FACTORS, Region

DESK = Actor("Practitioner/desk", "", "Organization/county", "PATADMIN", role="registrar")


@pytest.fixture(autouse=True)
def no_factors(tmp_path):
    """A region whose roles need no second factor: what is tested here is everything else."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)


@pytest.fixture
async def region(client, platform, fresh_database, monkeypatch):
    """An installation with a doctor, Li, a patient, and an application."""
    found = Region(client, platform, fresh_database)
    await found.admit()
    await found.register()
    # Of the doctor's own institution: another's would be a stranger to him.
    know(monkeypatch, {"desk": DESK})
    patient = {"resourceType": "Patient", "id": "county-p1", "name": [{"text": "张三"}]}
    (await client.put("Patient/county-p1", json=patient, headers={"authorization": "Bearer desk"})).raise_for_status()
    return found
