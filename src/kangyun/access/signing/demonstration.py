"""The demonstration's test authority: a root, and a certificate for each of its accounts, with keys in our custody.

So that signing and looking at signatures can be tried without a USB key. Only where the installation is a
demonstration: the first web process that serves it as none makes it forget all of this.
"""

import asyncio

from kangyun.access.signing.register import Register
from kangyun.base import clock
from kangyun.base.crypto import SCHEMES, PrivateKey
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.crypto.opening import cipher_of
from kangyun.base.settings import Settings
from kangyun.database.leases import lease
from kangyun.store.store import Store

LEASE = "demonstration certificates"
DAYS = 3650
PEOPLE = (("Practitioner/demo-doctor", "演示医生", "Organization/demo-hospital"),)
AUTHORITY = "康云演示根证书（仅供测试）"


async def ready_certificates(store: Store, settings: Settings) -> None:
    """Makes the demonstration's certificates where they are missing; without a demonstration, forgets them."""
    register = Register(store)
    if not settings.demo:
        await register.end_demonstration()
        return
    async with lease(store.pool, LEASE) as connection:  # Who comes second finds them made a moment later.
        if connection is None or await register.of_person(PEOPLE[0][0]):
            return
        scheme = SCHEMES[cipher_of(settings)]
        root = await asyncio.to_thread(lambda: Authority.new(AUTHORITY, PrivateKey.new(scheme), clock.now(), DAYS))
        await register.believe(root.certificate, demo=True)
        for reference, name, institution in PEOPLE:
            key = PrivateKey.new(scheme)
            certificate = await asyncio.to_thread(
                root.issue, named(name, institution, reference), key.public, clock.now(), DAYS
            )
            await register.bind(reference, certificate, demo=True, custody=key)
