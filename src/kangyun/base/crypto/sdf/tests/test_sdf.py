"""The GM/T 0018 back end against a device of ours, whose arithmetic is OpenSSL's and not that of our software."""

import ctypes
import os

import pytest

from kangyun.base.crypto import DeviceFailed, PrivateKey, SoftwareProvider, Unreadable, sm2
from kangyun.base.crypto import known_answers as known
from kangyun.base.crypto.known_answers import self_test
from kangyun.base.crypto.provider import PINS
from kangyun.base.crypto.sdf import SdfProvider
from kangyun.base.crypto.sealing import Sealer

PIN = "12345678"


@pytest.fixture(params=["", "no-gcm"])
def kind(request, monkeypatch):
    """The device as of 2023, and as of 2012."""
    setenv(monkeypatch, request.param)
    return request.param


@pytest.fixture
def provider(device, kind):
    opened = SdfProvider(device, 1, 1, PIN)
    yield opened
    opened.close()


def setenv(monkeypatch, value):
    monkeypatch.setenv("KANGYUN_TEST_SDF", value)
    ctypes.CDLL(None).setenv(b"KANGYUN_TEST_SDF", value.encode(), 1)


def test_it_passes_its_self_test(provider):
    assert len(self_test(provider)) == 15


def test_it_says_what_it_is(provider, kind):
    about = provider.description
    assert about.device == "Kangyun test device 0001"
    assert about.sealing == ("SM4-CBC-HMAC-SM3" if kind else "SM4-GCM")
    assert about.counts and not about.root_key_in_memory


def test_another_opening_reads_what_was_wrapped(device, provider):
    wrapped, made = provider.wrap(b"k" * 16, b"label"), provider.make_key()
    sealed = provider.key(made).seal(b"text", b"about")
    again = SdfProvider(device, 1, 1, PIN)
    assert again.unwrap(wrapped, b"label") == b"k" * 16
    assert again.key(made).open(sealed, b"about") == b"text"
    assert b"k" * 16 not in wrapped
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises((Unreadable, DeviceFailed)):
            again.unwrap(bytes(changed), b"label")


def test_its_gcm_is_the_standards(device, monkeypatch):
    """What the device has sealed, software opens under the same key: GCM is GCM."""
    setenv(monkeypatch, "")
    provider = SdfProvider(device, 1, 1, PIN)
    wrapped = provider.make_key()
    kek = b"test device KEK1"
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    machine = Cipher(algorithms.SM4(kek), modes.ECB()).decryptor()
    key = machine.update(wrapped[3:]) + machine.finalize()
    sealed = provider.key(wrapped).seal(b"t" * 50, b"about")
    assert Sealer(key, "sm4").open(sealed, b"about") == b"t" * 50
    assert provider.key(wrapped).open(Sealer(key, "sm4").seal(b"other", b""), b"") == b"other"


def test_signatures_of_device_and_software_are_one(provider):
    key = PrivateKey.new("sm2")
    assert provider.verify(key.public, b"text", key.sign(b"text"))
    assert not provider.verify(key.public, b"texts", key.sign(b"text"))
    assert provider.public_key.verify(b"text", provider.sign(b"text"))
    assert provider.verify(known.SM2.key, known.SM2.message, known.SM2.signature)
    assert sm2.public_key(b"test device signing key number 1") == provider.public_key.point


def test_what_the_device_refuses_is_said(device, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(PINS, "_refused", set())
    with pytest.raises(DeviceFailed) as raised:
        SdfProvider(device, 1, 1, "wrong")
    assert raised.value.issues[0].parameters == {
        "function": "SDF_GetPrivateKeyAccessRight", "status": "0x01000007",
    }  # fmt: skip
    with pytest.raises(DeviceFailed) as raised:
        SdfProvider(device, 1, 1, "wrong")
    assert raised.value.issues[0].text == "base.crypto.pin-refused"  # Not sent again: devices lock.
    with pytest.raises(DeviceFailed):
        SdfProvider(device, 1, 2, "")  # No such signing key.
    with pytest.raises(DeviceFailed):
        SdfProvider(device, 2, 1, PIN).wrap(b"k" * 16, b"")  # No such root key.
    with pytest.raises(DeviceFailed):
        SdfProvider(device, 1, 1, "").sign(b"text")  # Without the PIN.
    with pytest.raises(DeviceFailed):
        SdfProvider(str(tmp_path / "none.so"), 1, 1)
    with pytest.raises(DeviceFailed) as raised:
        SdfProvider("libc.so.6", 1, 1)
    assert raised.value.issues[0].parameters == {"function": "SDF_OpenDevice"}


def test_a_device_that_was_restarted_is_asked_again(device, monkeypatch):
    """Each session forgets everything after eight calls."""
    setenv(monkeypatch, "reboot")
    provider = SdfProvider(device, 1, 1, PIN)
    for _ in range(20):
        wrapped = provider.wrap(b"k" * 16, b"label")
        assert provider.unwrap(wrapped, b"label") == b"k" * 16
        assert provider.public_key.verify(b"text", provider.sign(b"text"))


def test_what_software_wrapped_is_not_the_devices(provider):
    software = SoftwareProvider(os.urandom(32), "sm4")
    with pytest.raises((Unreadable, DeviceFailed)):
        provider.unwrap(software.wrap(b"k" * 16, b""), b"")
    with pytest.raises(Unreadable):
        software.unwrap(provider.wrap(b"k" * 16, b""), b"")
