"""`kangyun feed package`: writes what a hospital's engineer needs to join, by `exchange.joining`.

Of a feed that is registered all is known; before that the institution and whose columns it has are said here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from kangyun.access.actor import Circumstances
from kangyun.access.platform import Platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.errors import Conflict, Invalid
from kangyun.base.settings import read_settings
from kangyun.cli.feed import house_of
from kangyun.cli.opened import on_platform
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import write_new
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.joining import DataSet, Joining, data_sets, dialects, gathered, package
from kangyun.exchange.joining.gathering import authority_of


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line. feed: of the register; without one, institution and dialect are given.

    tables: none for all of the dialect that are understood.
    """

    file: Path
    feed: str = ""
    institution: str = ""
    name: str = ""
    dialect: str = ""
    tables: tuple[str, ...] = ()


def write(wish: Wish, data: Path | None = None) -> int:
    """Writes the .zip. Returns 0. Raises Invalid for a dialect or table that is unknown, Conflict for a file there."""
    if wish.file.exists():
        raise Conflict("cli.staff-exists", file=str(wish.file))
    joining, sets = _registered(wish, data) if wish.feed else _said(wish)
    wanted = {table.upper() for table in wish.tables}
    if unknown := wanted - {set_.table for set_ in sets}:
        raise Invalid("cli.feed-no-table", tables="、".join(sorted(unknown)), dialect=joining.dialect)
    chosen = [set_ for set_ in sets if not wanted or set_.table in wanted]
    write_new(wish.file, package(joining, chosen, language()))
    announce(speak("cli.feed-packaged", file=str(wish.file), count=len(chosen), address=joining.address or "-"))
    return 0


def _said(wish: Wish) -> tuple[Joining, Sequence[DataSet]]:
    house = house_of(wish.institution)
    if wish.dialect not in dialects():
        raise Invalid("cli.feed-no-dialect", dialect=wish.dialect, known="、".join(dialects()))
    settings = read_settings(log_level="warning")
    today, authority = datetime.now(ZoneInfo(settings.time_zone)).date(), authority_of(settings.tls_authority)
    joining = Joining(wish.institution, wish.name or house, "-", wish.dialect, today, authority=authority)
    return joining, data_sets(wish.dialect)


def _registered(wish: Wish, data: Path | None) -> tuple[Joining, Sequence[DataSet]]:
    async def look(platform: Platform) -> tuple[Joining, list[DataSet]]:
        record = await platform.gate.open(ADMINISTRATOR, Circumstances("feed", "", uuid4().hex))
        return await gathered(platform, record, await Register(platform.pool).get(wish.feed))

    joining, sets = on_platform(data, look)
    return replace(joining, name=wish.name or joining.name), sets
