"""National and international cryptography.

Ciphers, digests and signatures under keys in memory (`sealing`, `digests`, `sm2`, `schemes`), certificates
(`certificates`, `authority`), and the one way to the keys that count, `Provider`, with its back ends: `software`, `sdf`
(GM/T 0018) and `pkcs11`; the fourth, a server by HTTP, is `access.signing.server`'s, as it needs the network.
"""

from kangyun.base.crypto.digests import DigestName, digest, hmac_sm3, same, sm3
from kangyun.base.crypto.provider import SCHEMES, Description, DeviceFailed, OpenedKey, Provider, Signer
from kangyun.base.crypto.schemes import PrivateKey, PublicKey, SchemeName
from kangyun.base.crypto.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    CbcSealer,
    CipherName,
    Sealer,
    Unreadable,
    derived_key,
    new_key,
)
from kangyun.base.crypto.software import SoftwareProvider

__all__ = [
    "KEY_BYTES",
    "NONCE_BYTES",
    "SCHEMES",
    "TAG_BYTES",
    "CbcSealer",
    "CipherName",
    "Description",
    "DeviceFailed",
    "DigestName",
    "OpenedKey",
    "PrivateKey",
    "Provider",
    "PublicKey",
    "SchemeName",
    "Sealer",
    "Signer",
    "SoftwareProvider",
    "Unreadable",
    "derived_key",
    "digest",
    "hmac_sm3",
    "new_key",
    "same",
    "sm3",
]
