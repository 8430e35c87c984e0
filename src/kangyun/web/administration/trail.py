"""Whether the audit trail is as it was sealed, looked at from the console: as `kangyun audit verify` does it.

What takes longer than a request may is broken off and said to be: the command line has the time, and can hold the trail
against copies that are kept elsewhere.
"""

import asyncio
from pathlib import Path
from typing import Any

from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.trail.archive import FOLDER
from kangyun.access.trail.roots import FILE, Root, Roots
from kangyun.access.trail.roots import standing as holding
from kangyun.access.trail.rows import last_seal
from kangyun.access.trail.verifying import Progress, verify
from kangyun.web.exchange import HttpRequest

SECONDS = 20.0
MOST_TOLD = 100  # faults


async def standing(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns how many seals there are, and how many copies of them stand outside the database."""
    async with platform.pool.connection() as connection:
        newest = await last_seal(connection)
    copies = await asyncio.to_thread(_roots, platform)
    return {"seals": newest.number if newest else 0, "copies": len(copies), "file": str(FILE)}


async def verified(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Holds the trail against its seals, and these against their copies outside the database."""
    reached, faults, whole = Progress(), [], True

    def tell(progress: Progress) -> None:
        nonlocal reached
        reached = progress

    settings = platform.settings
    archives = settings.audit_archive or settings.data / FOLDER
    kept = holding(await asyncio.to_thread(_roots, platform)).roots
    async with platform.pool.connection() as connection:
        try:
            async with asyncio.timeout(SECONDS):
                async for fault in verify(connection, kept, tell, Path(archives)):
                    faults.append({"kind": fault.kind, "seal": fault.seal, "id": fault.id})
        except TimeoutError:
            whole = False
    return {
        "whole": whole, "rows": reached.rows, "seals": reached.seals, "waiting": reached.waiting,
        "late": reached.late, "copies": len(kept), "faults": faults[:MOST_TOLD], "found": len(faults),
    }  # fmt: skip


def _roots(platform: Platform) -> list[Root]:
    found, _ = Roots(platform.settings.data / FILE).read()
    return list(found)
