"""Published examples of each algorithm, and the self-test that a provider passes before it is used.

A provider that gives one wrong answer does not open: no key is made and nothing is signed by a broken one.

Source: GB/T 32905-2016 A (SM3); GB/T 32907-2016 A (SM4); GM/T 0042-2015 D.3 (HMAC-SM3); RFC 8998 A.1 (SM4-GCM);
GB/T 32918.5-2017 A (SM2); NIST SP 800-38D test case 4 (AES-GCM); FIPS 180-4 (SHA-256); RFC 6979 A.2.5 (ECDSA).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kangyun.base.crypto.digests import digest, hmac_sm3, sm3
from kangyun.base.crypto.provider import DeviceFailed, OpenedKey, Provider
from kangyun.base.crypto.schemes import PublicKey
from kangyun.base.crypto.sealing import CbcSealer, CipherName, Sealer, Unreadable, sm4_cbc
from kangyun.base.crypto.sm2 import digest_of

of_hex = bytes.fromhex


@dataclass(frozen=True, slots=True)
class Gcm:
    """An example of an authenticated cipher."""

    key: bytes
    nonce: bytes
    associated: bytes
    plain: bytes
    sealed: bytes
    tag: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """An example of a signature, r and s."""

    key: PublicKey
    message: bytes
    signature: bytes


SM3 = {
    b"abc": of_hex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    b"abcd" * 16: of_hex("debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
}
SHA256 = {b"abc": of_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")}
HMAC_SM3 = {
    (bytes(range(1, 33)), b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" * 2): of_hex(
        "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a"
    ),
    (bytes(range(1, 38)), b"\xcd" * 50): of_hex("220bf579ded555393f0159f66c99877822a3ecf610d1552154b41d44b94db3ae"),
    (b"\x0b" * 32, b"Hi There"): of_hex("c0ba18c68b90c88bc07de794bfc7d2c8d19ec31ed8773bc2b390c9604e0be11e"),
}
SM4_BLOCK = (
    of_hex("0123456789abcdeffedcba9876543210"),
    of_hex("0123456789abcdeffedcba9876543210"),
    of_hex("681edf34d206965e86b3e94f536e4246"),
)
"""Key, text, and the text encrypted once."""
GCM: dict[CipherName, Gcm] = {
    "sm4": Gcm(
        of_hex("0123456789abcdeffedcba9876543210"),
        of_hex("00001234567800000000abcd"),
        of_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
        b"".join(bytes([byte]) * 8 for byte in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA)),
        of_hex(
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        ),
        of_hex("83de3541e4c2b58177e065a9bf7b62ec"),
    ),
    "aes": Gcm(
        of_hex("feffe9928665731c6d6a8f9467308308"),
        of_hex("cafebabefacedbaddecaf888"),
        of_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
        of_hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        of_hex(
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
            "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
        ),
        of_hex("5bc94fbc3221a5db94fae95ae7121a47"),
    ),
}
SM2 = Signed(
    PublicKey(
        "sm2",
        of_hex(
            "04"
            "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
            "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
        ),
    ),
    b"message digest",
    of_hex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    ),
)
SM2_DIGEST = of_hex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
ECDSA = Signed(
    PublicKey(
        "ecdsa",
        of_hex(
            "04"
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
        ),
    ),
    b"sample",
    of_hex(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    ),
)


def self_test(provider: Provider) -> list[str]:
    """Returns the names of the tests that a provider has passed. Raises DeviceFailed for the first that it fails."""
    passed = []
    for name, test in _tests(provider):
        if not test():
            raise DeviceFailed("base.crypto.self-test-failed", test=name)
        passed.append(name)
    return passed


def _tests(provider: Provider) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Gives the tests, software first: bodies are sealed by it whatever the device."""
    yield "SM3", lambda: all(sm3(text) == answer for text, answer in SM3.items())
    yield "SHA-256", lambda: all(digest("sha-256", text) == answer for text, answer in SHA256.items())
    yield "HMAC-SM3", lambda: all(hmac_sm3(*given) == answer for given, answer in HMAC_SM3.items())
    yield "SM4", lambda: sm4_cbc(SM4_BLOCK[0])(bytes(16), SM4_BLOCK[1], False) == SM4_BLOCK[2]
    yield "SM4-CBC-HMAC-SM3", lambda: _is_sealed(CbcSealer(sm4_cbc(SM4_BLOCK[0]), SM4_BLOCK[1]))
    yield "SM4-GCM", lambda: _opens("sm4")
    yield "AES-GCM", lambda: _opens("aes")
    yield "SM2", lambda: digest_of(SM2.key.point, SM2.message) == SM2_DIGEST and _tells(SM2.key.verify, SM2)
    yield "ECDSA", lambda: _tells(ECDSA.key.verify, ECDSA)
    yield "random", lambda: len({provider.random(32) for _ in range(8)}) == 8
    known = SM3 if provider.public_key.scheme == "sm2" else SHA256
    yield "provider digest", lambda: all(provider.digest(text) == answer for text, answer in known.items())
    yield "provider wrap", lambda: _wraps(provider)
    yield "provider key", lambda: _is_sealed(provider.key(provider.make_key()))
    example = SM2 if provider.public_key.scheme == "sm2" else ECDSA
    yield "provider verify", lambda: _tells(lambda text, sign: provider.verify(example.key, text, sign), example)
    yield "provider sign", lambda: provider.public_key.verify(b"self-test", provider.sign(b"self-test"))


def _opens(cipher: CipherName) -> bool:
    one = GCM[cipher]
    sealer = Sealer(one.key, cipher)
    return sealer.open(one.nonce + one.sealed + one.tag, one.associated) == one.plain and _is_sealed(sealer)


def _tells(verify: Callable[[bytes, bytes], bool], example: Signed) -> bool:
    return verify(example.message, example.signature) and not verify(example.message + b".", example.signature)


def _wraps(provider: Provider) -> bool:
    key = provider.random(16)
    wrapped = provider.wrap(key, b"self-test")
    return provider.unwrap(wrapped, b"self-test") == key and not _readable(provider.unwrap, wrapped, b"other")


def _is_sealed(key: OpenedKey) -> bool:
    sealed = key.seal(b"self-test", b"1")
    return key.open(sealed, b"1") == b"self-test" and not _readable(key.open, sealed, b"2")


def _readable(read: Callable[[bytes, bytes], bytes], text: bytes, associated: bytes) -> bool:
    try:
        read(text, associated)
    except Unreadable:
        return False
    return True
