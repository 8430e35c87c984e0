"""The PKCS#11 back end against SoftHSM: the international set, and the way of devices without GCM."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kangyun.base.crypto import DeviceFailed, Unreadable
from kangyun.base.crypto.known_answers import self_test
from kangyun.base.crypto.opening import open_provider
from kangyun.base.crypto.pkcs11 import Mechanisms, Pkcs11Provider, Place
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings

PIN = "1234"
AES = Mechanisms.of("aes", "")


@pytest.fixture(scope="session")
def library():
    """Path of SoftHSM's library; .ci/run brings it where it can."""
    found = [*Path("/usr/lib").glob("softhsm/libsofthsm2.so"), *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so")]
    if not found or shutil.which("softhsm2-util") is None:
        pytest.skip("needs SoftHSM (apt install softhsm2), which is absent here")
    return str(found[0])


@pytest.fixture(scope="session")
def token(library, tmp_path_factory):
    """A token with a root key and a signing key. The library reads where it is once a process."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(text)
        (folder / "root").write_bytes(b"r" * 16)
        tool(folder, "--init-token", "--free", "--label", "kangyun", "--so-pin", PIN, "--pin", PIN)
        tool(folder, "--import", "key.pem", "--token", "kangyun", "--label", "signing", "--id", "01", "--pin", PIN)
        tool(folder, "--import", "root", "--aes", "--token", "kangyun", "--label", "root", "--id", "02", "--pin", PIN)
        yield Place(library, "kangyun", PIN)


def tool(folder, *words):
    done = subprocess.run(["softhsm2-util", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.fixture
def provider(token):
    opened = Pkcs11Provider(token, "root", "signing", "aes", AES)
    yield opened
    opened.close()


def test_it_passes_its_self_test(provider):
    assert len(self_test(provider)) == 15
    about = provider.description
    assert "SoftHSM" in about.device and about.counts and not about.root_key_in_memory


def test_another_opening_reads_what_was_wrapped(token, provider):
    wrapped, made = provider.wrap(b"k" * 16, b"label"), provider.make_key()
    sealed = provider.key(made).seal(b"text", b"")
    again = Pkcs11Provider(token, "root", "signing", "aes", AES)
    assert again.unwrap(wrapped, b"label") == b"k" * 16
    assert again.key(made).open(sealed, b"") == b"text"
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(Unreadable):
            again.unwrap(bytes(changed), b"label")
    with pytest.raises((Unreadable, DeviceFailed)):  # SoftHSM says CKR_GENERAL_ERROR.
        again.key(made[:-1] + bytes([made[-1] ^ 1]))
    for short in (b"", b"n" * 12, b"n" * 27):
        with pytest.raises(Unreadable):
            again.unwrap(short, b"label")


def test_a_token_without_gcm_seals_by_cbc_and_hmac(token):
    provider = Pkcs11Provider(token, "root", "signing", "aes", Mechanisms.of("aes", "gcm=0,cbc=0x1082"))
    wrapped = provider.wrap(b"k" * 16, b"label")
    assert provider.unwrap(wrapped, b"label") == b"k" * 16
    for text, label in ((wrapped[:-1] + b"?", b"label"), (wrapped, b"other"), (b"", b"label")):
        with pytest.raises(Unreadable):
            provider.unwrap(text, label)


def test_what_is_missing_is_said(token, library, tmp_path):
    for root, signing in (("none", "signing"), ("root", "none")):
        with pytest.raises(DeviceFailed) as raised:
            Pkcs11Provider(token, root, signing, "aes", AES).wrap(b"k" * 16, b"")
        assert raised.value.issues[0].parameters == {"key": "none"}
    with pytest.raises(DeviceFailed):
        Pkcs11Provider(Place(library, "other", PIN), "root", "signing", "aes", AES)
    with pytest.raises(DeviceFailed):
        Pkcs11Provider(Place(str(tmp_path / "none.so"), "", PIN), "root", "signing", "aes", AES)
    with pytest.raises(DeviceFailed):
        Pkcs11Provider(Place("libc.so.6", "", PIN), "root", "signing", "aes", AES)
    with pytest.raises(DeviceFailed) as raised:
        Pkcs11Provider(token, "root", "signing", "sm4", Mechanisms.of("sm4", ""))
    assert raised.value.issues[0].parameters == {"use": "sign"}


@pytest.mark.parametrize("setting", ["x", "sign", "sign=", "sign=z", "other=0x1", "sign=0x1,,=2"])
def test_mechanisms_are_read_or_refused(setting):
    with pytest.raises(Invalid):
        Mechanisms.of("sm4", setting)


def test_a_makers_numbers_for_the_national_set():
    made = Mechanisms.of("sm4", "cbc=0x80000102, sign=0x80000201,wrap=0x80000101,make=0x80000100,type=0x80000010")
    assert (made.cbc, made.sign, made.gcm) == (0x80000102, 0x80000201, 0)


def test_the_settings_open_it(token):
    settings = Settings(
        cipher="aes", crypto="pkcs11", crypto_library=token.library, crypto_token="kangyun", crypto_pin=PIN,
        crypto_key="root", crypto_signing_key="signing",
    )  # fmt: skip

    def no_file():
        raise AssertionError("the root key is in the token")

    provider = open_provider(settings, no_file)
    assert provider.description.back_end == "pkcs11"
    provider.close()
