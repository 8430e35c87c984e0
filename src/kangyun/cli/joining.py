"""`kangyun feed package`: writes what a hospital's engineer needs to join, by `exchange.joining`."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from kangyun.base.errors import Conflict, Invalid
from kangyun.base.settings import read_settings
from kangyun.cli.feed import house_of
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import write_new
from kangyun.exchange.joining import Joining, data_sets, dialects, package


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line. tables: none for all of the dialect that are understood."""

    file: Path
    institution: str
    name: str
    dialect: str
    tables: tuple[str, ...] = ()
    feed: str = ""
    client: str = ""


def write(wish: Wish) -> int:
    """Writes the .zip. Returns 0. Raises Invalid for a dialect or table that is unknown, Conflict for a file there."""
    house = house_of(wish.institution)
    if wish.dialect not in dialects():
        raise Invalid("cli.feed-no-dialect", dialect=wish.dialect, known="、".join(dialects()))
    sets = data_sets(wish.dialect)
    wanted = {table.upper() for table in wish.tables}
    if unknown := wanted - {set_.table for set_ in sets}:
        raise Invalid("cli.feed-no-table", tables="、".join(sorted(unknown)), dialect=wish.dialect)
    if wish.file.exists():
        raise Conflict("cli.staff-exists", file=str(wish.file))
    settings = read_settings(log_level="warning")
    today = datetime.now(ZoneInfo(settings.time_zone)).date()
    joining = Joining(
        wish.institution,
        wish.name or house,
        wish.feed or "tables",
        wish.dialect,
        today,
        settings.public_url,
        wish.client,
    )
    chosen = [set_ for set_ in sets if not wanted or set_.table in wanted]
    write_new(wish.file, package(joining, chosen, language()))
    announce(speak("cli.feed-packaged", file=str(wish.file), count=len(chosen)))
    return 0
