"""`kangyun crypto check`: which back end has the keys, and whether it gives the right answers. `kangyun crypto trust`:
whose certificates are believed.
"""

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.signing.register import Register
from kangyun.access.signing.server import with_servers
from kangyun.base.crypto import Provider
from kangyun.base.crypto.certificates import RevocationList, read_all
from kangyun.base.crypto.known_answers import self_test
from kangyun.base.crypto.opening import cipher_of, open_provider
from kangyun.base.errors import Invalid, PlatformError, Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.backup import root_file
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, complain, speak
from kangyun.database.embedded import EmbeddedServer
from kangyun.store.keys import open_key_ring
from kangyun.store.root import DeviceRoot, root_key

GOOD, WRONG = 0, 1


def check(data: Path | None) -> int:
    """Opens the back end, tests it and says what it is. Returns 0, 1 where it fails or has another root key."""
    try:
        settings = read_settings(data=data)
        provider = _opened(settings)
        try:
            passed = self_test(provider)
            _tell(settings, provider, passed)
            if settings.database or EmbeddedServer(settings.data).exists:
                with reached_database(settings) as database:
                    asyncio.run(_fits(settings, provider, database))
            else:
                announce(speak("cli.crypto-no-data"), style="yellow")
        finally:
            provider.close()
    except PlatformError as error:
        for issue in error.issues:
            complain(speak(issue.text, **issue.parameters))
        announce(speak("cli.crypto-failed"), style="bold red")
        return WRONG
    return GOOD


def _opened(settings: Settings) -> Provider:
    return with_servers(open_provider(settings, lambda: root_key(root_file(settings), may_make=False).key), settings)


async def _fits(settings: Settings, provider: Provider, database: str) -> None:
    """Says whether the root key is that of the data. Raises Unavailable where it is another, or nobody can know."""
    file = root_file(settings)
    root = root_key(file, may_make=False) if settings.crypto == "software" else DeviceRoot(provider, file)
    try:
        connection = await asyncpg.connect(database, timeout=30)
        try:
            made = await connection.fetchval("SELECT to_regclass('key_epoch') IS NOT NULL")
            if made and await connection.fetchval("SELECT EXISTS (SELECT FROM key_epoch)"):
                await open_key_ring(connection, root, cipher_of(settings))
                announce(speak("cli.crypto-fits"))
            else:
                announce(speak("cli.crypto-no-data"), style="yellow")
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error


def _tell(settings: Settings, provider: Provider, passed: list[str]) -> None:
    about = provider.description
    announce(speak(f"cli.crypto-{about.back_end}", device=about.device or "-"), style="bold")
    announce(speak("cli.crypto-algorithms", sealing=about.sealing, signing=about.signing))
    announce(speak("cli.crypto-root-in-memory" if about.root_key_in_memory else "cli.crypto-root-in-device"))
    if about.device:  # Software has its signing key from the database's.
        announce(speak("cli.crypto-key", key=provider.public_key.fingerprint))
    if settings.time_stamp_server:
        stamped = provider.time_stamp(b"self-test") is not None
        announce(speak("cli.crypto-stamps" if stamped else "cli.crypto-no-stamps", server=settings.time_stamp_server))
    announce(speak("cli.crypto-passed", count=len(passed), tests=", ".join(passed)))
    if about.counts:
        announce(speak("cli.crypto-counts"))
    else:
        announce(speak("cli.crypto-does-not-count"), style="yellow")


def trust(data: Path | None, files: list[Path]) -> int:
    """Takes in certificates of authorities and revocation lists. Raises what is wrong with one of them."""
    settings = read_settings(data=data)
    with reached_database(settings) as database:
        asyncio.run(_trust(settings, database, files))
    return GOOD


async def _trust(settings: Settings, database: str, files: list[Path]) -> None:
    platform = await open_platform(settings, database)
    try:
        register = Register(platform.gate.store)
        about = Circumstances("kangyun crypto trust", "", uuid4().hex)
        record = await platform.gate.open(ADMINISTRATOR, about)
        for file in files:
            try:
                data = file.read_bytes()
            except OSError:
                raise Unavailable("cli.no-such-file", file=str(file)) from None
            for text in await _take(register, data):
                announce(f"{file.name}: {text}")
            await record.leave_row("trust-certificate", 200, [])
    finally:
        await platform.close()


async def _take(register: Register, data: bytes) -> list[str]:
    """Takes in a file of certificates, or a list; returns what is to be said of it."""
    try:
        certificates = read_all(data)
    except Invalid:
        found = RevocationList(data)
        await register.take_list(found)
        return [speak("cli.crypto-list", count=len(found.revoked), issuer=found.issuer.rfc4514_string())]
    told = []
    for one in certificates:
        root = await register.believe(one)
        text = "cli.crypto-root" if root else "cli.crypto-between"
        told.append(speak(text, subject=one.subject, fingerprint=one.fingerprint))
    return told
