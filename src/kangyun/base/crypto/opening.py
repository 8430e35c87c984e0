"""Opens the provider that the settings name, after its self-test."""

from collections.abc import Callable

from kangyun.base.crypto.known_answers import self_test
from kangyun.base.crypto.pkcs11 import Mechanisms, Pkcs11Provider, Place
from kangyun.base.crypto.provider import Provider
from kangyun.base.crypto.sdf import SdfProvider
from kangyun.base.crypto.sealing import CipherName
from kangyun.base.crypto.software import SoftwareProvider
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings

_tested: set[CipherName] = set()


def cipher_of(settings: Settings) -> CipherName:
    """Returns the cipher, and with it the set of algorithms, that the settings choose."""
    return "aes" if settings.cipher == "aes" else "sm4"


def open_provider(settings: Settings, key: Callable[[], bytes]) -> Provider:
    """Opens the back end. Raises DeviceFailed where it does not answer or fails its self-test.

    key: what software takes for its keys.
    """
    return open_device(settings) or open_software(settings, key())


def open_software(settings: Settings, key: bytes) -> Provider:
    """Opens the software back end. Raises DeviceFailed where it fails its self-test."""
    cipher = cipher_of(settings)
    software = SoftwareProvider(key, cipher)
    if cipher not in _tested:  # One key is as good as another: software is tested once a process.
        self_test(software)
        _tested.add(cipher)
    return software


def open_device(settings: Settings) -> Provider | None:
    """Opens the device that the settings name, None where they name none. Raises DeviceFailed."""
    if settings.crypto == "software":
        return None
    provider = _sdf(settings) if settings.crypto == "sdf" else _pkcs11(settings)
    try:
        self_test(provider)
    except BaseException:
        provider.close()
        raise
    return provider


def _sdf(settings: Settings) -> Provider:
    if cipher_of(settings) != "sm4":
        raise Invalid("base.crypto.national-only")
    root, signing = (_index(name, getattr(settings, name)) for name in ("crypto_key", "crypto_signing_key"))
    return SdfProvider(settings.crypto_library, root, signing, settings.crypto_pin)


def _index(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise Invalid("base.wrong-setting", name=name)
    return int(text)


def _pkcs11(settings: Settings) -> Provider:
    place = Place(settings.crypto_library, settings.crypto_token, settings.crypto_pin)
    mechanisms = Mechanisms.of(cipher_of(settings), settings.crypto_mechanisms)
    return Pkcs11Provider(place, settings.crypto_key, settings.crypto_signing_key, cipher_of(settings), mechanisms)
