"""The backups: whether there are any, whether the log goes on, whether somebody has tried to restore them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.base.texts import say
from kangyun.cli.archive import FILE, Told
from kangyun.cli.backup import root_file
from kangyun.cli.carrying import lacks_settings
from kangyun.cli.doctor.findings import Finding, good, note, unknown, wrong
from kangyun.cli.drill import last_drill
from kangyun.cli.folder import holder
from kangyun.cli.speech import language
from kangyun.database.unfinished import FOLLOWS

SILENT = 60.0  # seconds without a word of the archiving
LATE = 300.0  # seconds that the log may be behind
DRILL_DAYS = 100


def examine(settings: Settings) -> Iterator[Finding]:
    """Gives the findings."""
    if (settings.data / FOLLOWS).exists():
        yield (
            wrong("standby-no-settings", folder=str(settings.data))
            if lacks_settings(settings.data)
            else good("standby-is")
        )
        return  # Backups and drills are the primary's.
    if not settings.backup_folder:
        yield note("backup-none")
    else:
        yield from _medium(settings)
        yield from _archive(settings)
    yield _drill(settings)


def _medium(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.backup_folder)
    try:
        same = folder.stat().st_dev == settings.data.stat().st_dev
    except OSError:
        yield wrong("backup-no-folder", folder=str(folder))
        return
    if same:
        yield note("backup-same-disk", folder=str(folder))
    if root_file(settings).resolve().is_relative_to(folder.resolve()):
        yield wrong("backup-with-root-key", file=str(root_file(settings)))


def _archive(settings: Settings) -> Iterator[Finding]:
    told = _told(settings)
    if holder(settings.data) is None and not settings.database:
        yield unknown("archive-not-running")
        return
    if told is None or _age(told.told) > SILENT:
        yield wrong("archive-silent")
        return
    trouble = _reason(told.trouble)
    if told.archived is None or _age(told.archived) > LATE:
        yield wrong("archive-late", seconds=round(_age(told.archived)) if told.archived else "∞", reason=trouble)
    else:
        yield good("archive", seconds=round(_age(told.archived)))
    hours = _age(told.copied) / 3600 if told.copied else None
    if hours is None or hours > 2 * settings.backup_hours:
        yield wrong("backup-old", hours=round(hours) if hours else "∞", reason=_reason(told.copy_trouble) or trouble)
    else:
        yield good("backup", hours=f"{hours:.1f}")
    if told.changed:
        yield wrong("backup-changed", file=told.changed)


def _drill(settings: Settings) -> Finding:
    last = last_drill(settings.data)
    if last is None:
        return note("drill-none")
    days = round(_age(last.instant) / 86400)
    if not last.passed:
        return wrong("drill-failed", days=days)
    shown: dict[str, str | int] = {
        "days": days,
        "rto": f"{last.rto:.0f}",
        "rpo": "-" if last.rpo is None else f"{last.rpo:.0f}",
    }
    return note("drill-old", **shown) if days > DRILL_DAYS else good("drill", **shown)


def _told(settings: Settings) -> Told | None:
    try:
        return msgspec.json.decode((settings.data / FILE).read_bytes(), type=Told)
    except (OSError, msgspec.DecodeError):
        return None


def _age(moment: datetime) -> float:
    return (clock.now() - moment).total_seconds()


def _reason(text: str) -> str:
    """Returns a reason for people: a text of ours, where it is the id of one that has no places."""
    try:
        return say(text, language())
    except (KeyError, ModuleNotFoundError, FileNotFoundError, ValueError):
        return text
