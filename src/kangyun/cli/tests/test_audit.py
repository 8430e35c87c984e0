"""`kangyun audit verify` as a person meets it: what it says, and its exit status."""

import asyncio
import os

import asyncpg
import pytest

from kangyun.access.trail.roots import CERTIFICATE, Roots
from kangyun.base import clock
from kangyun.base.crypto import SoftwareProvider
from kangyun.cli.audit import verify_trail
from kangyun.testing.sequencing import seal_all

PATIENT = {"resourceType": "Patient"}


@pytest.fixture
async def sealed(client, fresh_database, tmp_path, monkeypatch):
    """The database of a sealed trail, and its file of roots."""
    monkeypatch.setenv("KANGYUN_DATABASE", fresh_database)
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path))
    monkeypatch.setenv("KANGYUN_LANG", "en")
    await client.post("Patient", json=PATIENT)
    connection = await asyncpg.connect(fresh_database)
    (made,) = await seal_all(connection)
    roots = Roots(tmp_path / "kept.ndjson")
    roots.add(clock.now(), made.number, made.digest)
    yield connection, roots.path
    await connection.close()


async def verified(roots=None, certificate=None):
    return await asyncio.to_thread(verify_trail, None, roots, certificate)


async def test_a_whole_trail(sealed, capsys):
    _, roots = sealed
    assert await verified(roots) == 0
    assert "All are as they were sealed" in capsys.readouterr().out


async def test_a_changed_row_is_named(sealed, capsys):
    connection, roots = sealed
    number = await connection.fetchval("UPDATE audit SET actor = 'Practitioner/other' RETURNING id")
    assert await verified(roots) == 1
    assert f"audit row {number} was changed" in capsys.readouterr().out


async def test_seals_without_roots_are_not_compared(sealed, capsys, tmp_path):
    connection, roots = sealed
    assert await verified() == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "would not be noticed" in said and "Not compared" in said and "as they were sealed" not in said
    (tmp_path / "trail").mkdir(exist_ok=True)
    roots.rename(tmp_path / "trail" / "roots.ndjson")
    assert await verified() == 0
    (tmp_path / "trail" / "roots.ndjson").unlink()
    await connection.execute("UPDATE audit SET actor = 'Practitioner/other'")
    assert await verified() == 1


async def test_a_trail_that_was_never_sealed_has_no_roots_to_miss(sealed):
    connection, _ = sealed
    await connection.execute("TRUNCATE audit, audit_seal, commit, version")
    assert await verified() == 0


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


@pytest.mark.parametrize("spoil", [lambda text: "", lambda text: "spoilt\n" * 3, lambda text: text[:-20]])
async def test_a_copy_of_the_roots_that_cannot_be_read_agrees_with_nothing(sealed, spoil):
    _, roots = sealed
    roots.write_text(spoil(roots.read_text()))
    assert await verified(roots) == 2


async def test_a_mistyped_folder_is_said_and_not_made(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("KANGYUN_DATABASE", raising=False)
    assert await asyncio.to_thread(verify_trail, tmp_path / "typo", None) == 2
    assert str(tmp_path / "typo") in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


async def test_signed_roots(sealed, capsys, tmp_path):
    """A file whose lines are signed; then one that somebody has signed with a key of his own, certificate and all."""
    connection, _ = sealed
    number, digest = await connection.fetchrow("SELECT number, digest FROM audit_seal")
    ours, theirs = (Roots(tmp_path / name / "roots.ndjson", SoftwareProvider(os.urandom(32), "sm4")) for name in "ab")
    for roots in (ours, theirs):
        roots.add(clock.now(), number, digest)
    assert await verified(ours.path) == 0
    said = capsys.readouterr().out
    assert "1 lines are signed" in said and ours.signer.public_key.fingerprint in said
    assert await verified(theirs.path, ours.path.with_name(CERTIFICATE)) == 1
    assert "unknown key" in capsys.readouterr().out
    assert await verified(ours.path, tmp_path / "none.pem") == 2


async def test_a_version_that_was_removed_is_named(sealed, capsys):
    connection, roots = sealed
    res = await connection.fetchval("DELETE FROM version RETURNING res")
    assert await verified(roots) == 1
    assert f"version 1 of resource {res} is not there" in " ".join(capsys.readouterr().out.split())
    assert await asyncio.to_thread(verify_trail, None, roots, trail_only=True) == 0
