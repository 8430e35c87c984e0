"""Passwords: how they are kept, and which are good enough. No database.

Argon2id, from `cryptography`, which is there anyhow: memory-hard, first choice of OWASP and RFC 9106; scrypt of the
standard library would do, and lets less be chosen. 46 MiB and one pass take 57 ms of one core of ours. What is stored
is sealed besides (`access.identities.vault`): a copy of the database alone cannot be guessed at.

Source: RFC 9106; OWASP Password Storage Cheat Sheet (m=47104, t=1, p=1).
"""

import asyncio
import os
import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kangyun.base.errors import RuleBroken, Throttled

MEMORY, PASSES, LANES = 47_104, 1, 1  # KiB
LONGEST = 200  # characters
KEPT = 3  # former passwords that may not come back
CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")
LONG_ENOUGH = 16  # characters, from which on the kinds of signs do not matter
TELLING = 4  # characters, from which on a name in a password is no chance
T = TypeVar("T")
AT_ONCE, WAITING = 2, 50
"""Hashes that a process makes at once, and sign-ins that wait for one: the others are told to come again."""


def hashed(password: str) -> bytes:
    """Returns the hash of a password, with its salt and parameters."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY)
    return kdf.derive_phc_encoded(password.encode()).encode()


def matches(password: str, hash_: bytes) -> bool:
    """Whether a password is the one that was hashed."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), hash_.decode())
    except InvalidKey:
        return False
    return True


@cache
def nobodys() -> bytes:
    """Returns the hash that is compared with where there is no such account, so that it takes as long."""
    return hashed(os.urandom(16).hex())


def check_strength(password: str, handle: str, shortest: int) -> None:
    """Raises RuleBroken, which says the rule, for a password that is too weak."""
    kinds = sum(bool(re.search(one, password)) for one in CLASSES)
    if not shortest <= len(password) <= LONGEST:
        raise RuleBroken("access.identities.password-length", least=shortest, most=LONGEST)
    if (kinds < 3 and len(password) < LONG_ENOUGH) or len(set(password)) < 5:
        raise RuleBroken("access.identities.password-kinds", long=LONG_ENOUGH)
    if len(handle) >= TELLING and handle.lower() in password.lower():
        raise RuleBroken("access.identities.password-handle")


class Hashing:
    """Makes and compares hashes in threads, few at once. One for a process."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hashed(self, password: str) -> bytes:
        """Returns the hash of a password. Raises Throttled."""
        return await self._run(lambda: hashed(password))

    async def matches(self, password: str, hash_: bytes | None) -> bool:
        """Whether a password is the one that was hashed; None takes as long and is none. Raises Throttled."""
        if len(password) > LONGEST:
            return False
        return await self._run(lambda: matches(password, hash_ or nobodys()))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Throttled("access.identities.busy")
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
