"""`kangyun audit verify` as a person meets it: what it says, and its exit status."""

import asyncio

import asyncpg
import pytest

from kangyun.access.trail.roots import Roots
from kangyun.access.trail.sealing import seal_once
from kangyun.base import clock
from kangyun.cli.audit import verify_trail

PATIENT = {"resourceType": "Patient"}


@pytest.fixture
async def sealed(client, fresh_database, tmp_path, monkeypatch):
    """The database of a sealed trail, and its file of roots."""
    monkeypatch.setenv("KANGYUN_DATABASE", fresh_database)
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path))
    monkeypatch.setenv("KANGYUN_LANG", "en")
    await client.post("Patient", json=PATIENT)
    connection = await asyncpg.connect(fresh_database)
    (made,), _ = await seal_once(connection, None)
    roots = Roots(tmp_path / "kept.ndjson")
    roots.add(clock.now(), made.number, made.digest)
    yield connection, roots.path
    await connection.close()


async def verified(roots=None):
    return await asyncio.to_thread(verify_trail, None, roots)


async def test_a_whole_trail(sealed, capsys):
    _, roots = sealed
    assert await verified(roots) == 0
    assert "All are as they were sealed" in capsys.readouterr().out


async def test_a_changed_row_is_named(sealed, capsys):
    connection, roots = sealed
    number = await connection.fetchval("UPDATE audit SET actor = 'Practitioner/other' RETURNING id")
    assert await verified(roots) == 1
    assert f"audit row {number} was changed" in capsys.readouterr().out


async def test_without_roots_it_says_so(sealed, capsys):
    assert await verified() == 0
    assert "would not be noticed" in capsys.readouterr().out


async def test_what_cannot_be_verified_is_neither_whole_nor_broken(sealed, capsys, tmp_path, monkeypatch):
    connection, roots = sealed
    assert await verified(tmp_path / "mistyped") == 2
    assert await verified(tmp_path) == 2
    await connection.execute("DROP TABLE audit_seal")
    assert await verified(roots) == 2
    monkeypatch.setenv("KANGYUN_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    assert await verified(roots) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said and len(said.splitlines()) >= 4
