"""As whom a subscription is told: who asked for it, as he would be now; it ends with his exit, role or grant.

What he may see is another question, which each notification asks (`matching`, `delivery`).
"""

from kangyun.access.actor import Actor
from kangyun.access.platform import Platform
from kangyun.access.subscriptions import table
from kangyun.access.subscriptions.statuses import write_status
from kangyun.base.errors import Issue


async def owner_now(platform: Platform, one: table.Active) -> Actor | None:
    """Returns the owner of a subscription as he would be now; it ends, with None, where he may no longer act so."""
    owner = await platform.sign_in.as_of_now(one.owner)
    if owner is None:
        issue = Issue("error", "forbidden", "access.subscriptions.owner-gone")
        await write_status(platform.gate, one.id, one.version, "off", issue)
        async with platform.pool.connection() as connection:
            await table.remove(connection, platform.gate.ledger, one.res, one.version)
    return owner
