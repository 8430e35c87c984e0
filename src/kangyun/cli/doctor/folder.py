"""The data folder: whose it is, who may read it, whether what is in it fits this program."""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from kangyun.base.errors import PlatformError
from kangyun.base.settings import Settings
from kangyun.cli.doctor.findings import Finding, good, note, unknown, wrong
from kangyun.database.embedded import major_version


def examine(settings: Settings) -> Iterator[Finding]:
    """Gives the findings about the folder and the files in it."""
    folder = settings.data
    if not folder.exists():
        yield note("folder-missing", folder=str(folder))
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        yield unknown("folder-closed", folder=str(folder), owner=_owner(folder))
        return
    yield _private("folder", folder)
    if not os.access(folder, os.W_OK):
        yield wrong("folder-not-writable", folder=str(folder), owner=_owner(folder))
    if not settings.database:
        yield from _embedded(folder / "postgresql")
    if settings.crypto != "software":
        return  # The root key is in a device: `kangyun crypto check` looks at it.
    key = Path(settings.root_key) if settings.root_key else folder / "root.key"
    yield from _root_key(key, made=(folder / "postgresql").exists() or bool(settings.database))


def _embedded(data: Path) -> Iterator[Finding]:
    try:
        ours = major_version()
    except PlatformError:
        yield wrong("wheel-missing")
        return
    if not data.exists():
        yield note("database-not-made")
        return
    yield _private("database-folder", data)
    try:
        found = (data / "PG_VERSION").read_text("ascii").strip()
    except PermissionError:
        yield unknown("database-folder-closed", owner=_owner(data))
        return
    except OSError:
        yield wrong("database-folder-broken", folder=str(data))
        return
    yield good("major", found=found) if found == ours else wrong("major-other", found=found, ours=ours)


def _root_key(key: Path, *, made: bool) -> Iterator[Finding]:
    if not key.exists():
        yield wrong("root-key-missing", file=str(key)) if made else note("root-key-not-made", file=str(key))
        return
    yield _private("root-key", key)


def _private(text: str, path: Path) -> Finding:
    """Says whether others than the owner may read something."""
    facts = path.stat()
    mode = stat.S_IMODE(facts.st_mode)
    # Search permission alone, as a named user's entry shows it, lets nobody read what is inside.
    open_to_others = mode & (0o044 if path.is_dir() else 0o077)
    shown = {"path": str(path), "owner": _owner(path), "mode": f"{mode:04o}"}
    return wrong(f"{text}-open", **shown) if open_to_others else good(f"{text}-private", **shown)


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
