"""What a package says of a feed, out of the register, the record and the counts."""

import asyncio
import re
from pathlib import Path
from zoneinfo import ZoneInfo

from kangyun.access.platform import Platform, base_url
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import PlatformError, RuleBroken
from kangyun.exchange.feeds.register import SQL, Source
from kangyun.exchange.joining.describing import DataSet, data_sets
from kangyun.exchange.joining.package import Counted, Joining

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


async def gathered(platform: Platform, record: Record, feed: Source) -> tuple[Joining, list[DataSet]]:
    """Returns the wish and the tables for a feed of the register. Raises RuleBroken where it has no dialect yet,
    or where the file of the authority cannot be read."""
    sets = list(data_sets(feed.dialect))
    if not sets:
        raise RuleBroken("exchange.joining.no-dialect", feed=feed.name)
    async with platform.pool.connection() as connection:
        tested = await connection.fetch(SQL["tested"], feed.id)
    authority = await asyncio.to_thread(authority_of, platform.settings.tls_authority)
    today = clock.now().astimezone(ZoneInfo(platform.settings.time_zone)).date()
    return Joining(
        feed.institution, await _name(record, feed), feed.name, feed.dialect, today,
        base_url(platform.settings).removesuffix("/fhir"), feed.client,
        [Counted(**row) for row in tested], authority,
    ), sets  # fmt: skip


def authority_of(file: str) -> str:
    """Returns the certificates of a file, and nothing else that stands in it; empty for no file. Raises RuleBroken."""
    if not file:
        return ""
    try:
        found = _CERTIFICATE.findall(Path(file).read_text("latin-1"))
    except (OSError, ValueError):
        found = []
    if not found:
        raise RuleBroken("exchange.joining.no-authority", file=file)
    return "\n".join([*found, ""])


async def _name(record: Record, feed: Source) -> str:
    """Returns how the institution is called; one that is in no register is called by its reference."""
    try:
        organization = (await record.read("Organization", feed.house)).resource
    except PlatformError:
        return feed.institution
    return str(organization.get("name", feed.institution))
