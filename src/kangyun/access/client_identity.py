"""Whose a client certificate is: what a sign-in by USB key, or by a gateway's handshake, stands on.

The handshake was the gateway's: it has seen the private key used. Here is looked at once more whether the certificate
holds and whose it is by the register, so that a gateway that is set up too lax opens nothing.
"""

import asyncio

from kangyun.access.signing.register import Holder, Register
from kangyun.base import clock
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.errors import SignInNeeded
from kangyun.store.store import Store


async def holder_of(store: Store, certificate: Certificate) -> Holder:
    """Returns whose a certificate is. Raises SignInNeeded where it does not hold, is nobody's, or was ended."""
    register = Register(store)
    now = clock.now()
    faults = await asyncio.to_thread((await register.trust()).faults, certificate, now)
    holder = await register.holder(certificate)
    if faults or holder is None or not holder.held(now):
        raise SignInNeeded(f"access.signing.{faults[0] if faults else 'not-theirs'}")
    return holder


async def has_signed(store: Store, certificate: Certificate, challenge: bytes, signature: bytes) -> Holder:
    """Returns whose a certificate is whose key has signed a challenge of ours: r and s. Raises SignInNeeded."""
    key = certificate.public_key
    if key is None or not await asyncio.to_thread(store.provider.verify, key, challenge, signature):
        raise SignInNeeded("access.signing.forged")
    return await holder_of(store, certificate)
