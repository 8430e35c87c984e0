"""Second factors of staff: by what somebody proves, beside a password, that it is them.

An SM2 USB key by its vendor's local service, a passkey, a time-based code, a code by SMS. Which role needs which is
data: `data/factors.toml`. `Factors` is what the sign-in asks.

Source: GB/T 22239-2019 8.1.4.1 d) (two ways of proof at least, one of them by cryptography), from memory and not
compared with the printed standard.
"""

from kangyun.access.factors.entrance import AtSignIn
from kangyun.access.factors.factors import Factors, open_factors
from kangyun.access.factors.model import KINDS, Challenge, Held, Kind, NotProven

__all__ = ["KINDS", "AtSignIn", "Challenge", "Factors", "Held", "Kind", "NotProven", "open_factors"]
