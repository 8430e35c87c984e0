"""An installation whose root key is in the device: there is no file of it, and nothing is read without the device."""

import pytest

from kangyun.base.errors import PlatformError

PATIENT = {"resourceType": "Patient", "name": [{"text": "张三"}]}


async def test_a_record_under_a_device(open_client, device, tmp_path, monkeypatch):
    given = {"crypto": "sdf", "crypto_library": device, "crypto_pin": "12345678"}
    client = await open_client(**given)
    made = await client.post("Patient", json=PATIENT)
    assert made.status_code == 201
    assert not (tmp_path / "root.key").exists()
    again = await open_client(**given)
    assert (await again.get(f"Patient/{made.json()['id']}")).json()["name"] == PATIENT["name"]
    with pytest.raises(PlatformError):
        await open_client()  # Software, with a root key of its own.
    with pytest.raises(PlatformError):
        await open_client(**given | {"crypto_key": "2"})
    with pytest.raises(PlatformError):
        await open_client(**given | {"cipher": "aes"})
