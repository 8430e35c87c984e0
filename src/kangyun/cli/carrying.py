"""What a standby carries along of the primary's data folder, besides the database.

What only grows (roots, ledger) is followed to its end. The region's rules, the certificate of the roots and archives of
the trail are carried as they stand while the primary lives: what is missing from a folder whose disk is dying was not
taken away by anybody, and a standby without the region's rules would serve by those that are shipped.

The settings (`kangyun.toml`) are kept under another name: they are of a place, and one that says to wait for a standby
would make the promoted one wait for itself. Who promotes says which hold there.
"""

import contextlib
import os
import shutil
from pathlib import Path

from kangyun.access.labels import FILE as LABELS
from kangyun.access.labels import LOCAL
from kangyun.access.policy import FILE as POLICY
from kangyun.access.rulebook import FOLDER as RULES
from kangyun.access.trail.roots import CERTIFICATE, FILE
from kangyun.base.settings import FILE as SETTINGS
from kangyun.base.settings import Settings
from kangyun.cli.audit import archive_folder
from kangyun.cli.backup import grown, grown_path
from kangyun.cli.folder import holder
from kangyun.database.backups.medium import sync_folder, write_whole

KEPT_SETTINGS = f"{SETTINGS}.primary"
OUTSIDE = "oidc.toml"


def carry(settings: Settings, primary: Settings) -> None:
    """Brings a standby's files up to what the primary has. Raises OSError where they cannot be read or written."""
    for name, path in grown(primary):
        _grow(path, grown_path(settings, name))
    if holder(primary.data) is None:
        return
    theirs, ours = _standing(primary.data, SETTINGS), _standing(settings.data, KEPT_SETTINGS)
    for name in ours.keys() - theirs.keys():
        (settings.data / name).unlink()
    for name, text in theirs.items():
        if ours.get(name) != text:
            write_whole(settings.data / name, text)
    for path in sorted(archive_folder(primary).glob("trail-*.zst")):
        _copy(path, archive_folder(settings) / path.name)


def lacks_settings(data: Path) -> bool:
    """Whether the primary has settings of its own and the standby none."""
    return (data / KEPT_SETTINGS).exists() and not (data / SETTINGS).exists()


def _standing(data: Path, settings: str) -> dict[str, bytes]:
    """Returns what is carried as it stands, by its place in a standby's folder. Raises OSError."""
    own = [data / POLICY, data / LABELS, data / LOCAL, data / OUTSIDE, (data / FILE).with_name(CERTIFICATE)]
    if (data / RULES).is_dir():
        own += [path for path in (data / RULES).iterdir() if path.suffix == ".toml"]
    places = {str(path.relative_to(data)): path for path in own} | {KEPT_SETTINGS: data / settings}
    found = {}
    for name, path in places.items():
        with contextlib.suppress(FileNotFoundError):
            found[name] = path.read_bytes()
    return found


def _copy(source: Path, target: Path) -> None:
    """Copies a file that never changes, once."""
    if target.exists():
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with source.open("rb") as there, os.fdopen(descriptor, "wb") as here:
        shutil.copyfileobj(there, here)
        here.flush()
        os.fsync(here.fileno())
    draft.replace(target)
    sync_folder(target.parent)


def _grow(source: Path, target: Path) -> None:
    """Appends to a copy what its original has more."""
    size = target.stat().st_size if target.exists() else 0
    if not source.exists() or source.stat().st_size <= size:
        return
    with source.open("rb") as there:
        there.seek(size)
        more = there.read()
    more = more[: more.rfind(b"\n") + 1]
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as here:
        here.write(more)
        here.flush()
        os.fsync(here.fileno())
