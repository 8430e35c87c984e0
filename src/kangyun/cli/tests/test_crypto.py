"""`kangyun crypto` as a person meets it."""

import asyncio
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kangyun.access.platform import open_platform
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.errors import Invalid, Unavailable
from kangyun.base.settings import read_settings
from kangyun.cli.crypto import check, trust


@pytest.fixture
def data(installation):
    folder = Path("data")
    key = folder / "root.key"
    key.write_text(os.urandom(32).hex())
    key.chmod(0o600)
    return folder


def test_software_is_said_not_to_count(data, capsys, monkeypatch):
    monkeypatch.setenv("KANGYUN_LANG", "zh")
    assert check(data) == 0
    said = capsys.readouterr().out
    assert "软件实现，密评不计分" in said and "SM4-GCM" in said and "SM2-SM3" in said


@pytest.mark.parametrize(
    "setting",
    [{"CRYPTO": "sdf", "CRYPTO_LIBRARY": "none.so"}, {"CRYPTO": "pkcs11"}, {"SIGNING_SERVER": "http://127.0.0.1:1"}],
)
def test_a_back_end_that_fails_is_said_to(data, capsys, monkeypatch, setting):
    for name, value in setting.items():
        monkeypatch.setenv(f"KANGYUN_{name}", value)
    assert check(data) == 1
    told = capsys.readouterr()
    assert "cannot be used" in told.out and "Traceback" not in told.err


def test_without_a_root_key_it_says_so(data, capsys):
    (data / "root.key").unlink()
    assert check(data) == 1
    assert "root.key" in capsys.readouterr().err


def test_a_root_key_of_other_data_is_said_and_fails(data, capsys):
    assert check(data) == 0
    assert "was not looked at" in capsys.readouterr().out
    asyncio.run(_opened(data))
    assert check(data) == 0
    assert "The root key fits the data" in capsys.readouterr().out
    (data / "root.key").write_text(os.urandom(32).hex())
    assert check(data) == 1
    told = capsys.readouterr()
    assert "is not the one of this data" in told.err or "does not open the keys of this data" in told.err
    assert "fits" not in told.out


async def _opened(data):
    settings = read_settings(data=data)
    await (await open_platform(settings, settings.database)).close()


async def test_an_authority_and_its_list(data, rows, capsys, tmp_path):
    root = Authority.new("根", PrivateKey.new("sm2"), clock.now(), 30)
    person = root.issue(named("李"), PrivateKey.new("sm2").public, clock.now(), 30)
    (tmp_path / "root.pem").write_text(root.certificate.pem)
    listed = root.revocation_list({person.serial: clock.now()}, clock.now(), 30)
    (tmp_path / "list.crl").write_bytes(listed.x509.public_bytes(Encoding.DER))
    (tmp_path / "person.pem").write_text(person.pem)
    (tmp_path / "other").write_text("?")

    async def trusted(*names):
        return await asyncio.to_thread(trust, data, [tmp_path / name for name in names])

    with pytest.raises(Invalid):
        await trusted("list.crl")  # Of nobody that is known.
    assert await trusted("root.pem", "list.crl") == 0
    said = capsys.readouterr().out
    assert root.certificate.fingerprint in said.replace("\n", "") and "1 revoked" in said
    for wrong in ("person.pem", "other"):
        with pytest.raises(Invalid):
            await trusted(wrong)
    with pytest.raises(Unavailable):
        await trusted("none")
    found = await asyncio.to_thread(rows, "SELECT action, outcome, shape FROM audit ORDER BY id LIMIT 1")
    assert found == [("trust-certificate", 200, "kangyun crypto trust")]
