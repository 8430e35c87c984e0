"""The back end for devices by PKCS#11 (Cryptoki).

The international set by the standard's own mechanisms; the national one by numbers that each maker gives its own, as
the standard has none: a setting names them. `library` has the calls, `provider` what they are for.
"""

from kangyun.base.crypto.pkcs11.library import Place
from kangyun.base.crypto.pkcs11.provider import Mechanisms, Pkcs11Provider

__all__ = ["Mechanisms", "Pkcs11Provider", "Place"]
