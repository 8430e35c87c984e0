"""Whether a system user may walk to a folder, and the smallest permission that lets it.

Search permission on the parents, for that one user, by an entry of a POSIX access control list: other local users
get nothing. The lists are read and written as Linux keeps them in an extended attribute (version 2, then entries of
tag, permissions and id), so that no tool has to be installed.

Source: acl(5); linux/posix_acl_xattr.h
"""

import os
import struct
from pathlib import Path

from kangyun.base.errors import Unavailable

_ACL, _VERSION = "system.posix_acl_access", 2
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER, _NO_ID = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF
_Entry = tuple[int, int, int]


def reaches(path: Path, uid: int) -> bool:
    """Whether a user without groups may walk to `path`."""
    return all(_may_pass(folder, uid) for folder in [path, *path.parents])


def let_through(path: Path, user: str, uid: int) -> None:
    """Lets one user, and nobody else, pass the parents of `path`. Raises Unavailable where that cannot be."""
    for folder in path.parents:
        if _may_pass(folder, uid):
            continue
        mode = folder.stat().st_mode
        entries = _entries(folder) or [
            (_USER_OBJ, mode >> 6 & 7, _NO_ID),
            (_GROUP_OBJ, mode >> 3 & 7, _NO_ID),
            (_MASK, mode >> 3 & 7 | 1, _NO_ID),
            (_OTHER, mode & 7, _NO_ID),
        ]
        kept = ((t, p | 1 if t == _MASK else p, w) for t, p, w in entries if (t, w) != (_USER, uid))
        entries = sorted([*kept, (_USER, 1, uid)])
        packed = struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        try:
            os.setxattr(folder, _ACL, packed)
        except OSError:
            raise Unavailable("database.folder-out-of-reach", folder=str(folder), user=user) from None


def _may_pass(folder: Path, uid: int) -> bool:
    facts = folder.stat()
    return bool(facts.st_mode & (0o100 if facts.st_uid == uid else 0o001)) or uid in _named_users(folder)


def _named_users(folder: Path) -> set[int]:
    entries = _entries(folder)
    # The mask bounds what named users have: a chmod by somebody else may have taken it back.
    if not all(permissions & 1 for tag, permissions, _ in entries if tag == _MASK):
        return set()
    return {who for tag, permissions, who in entries if tag == _USER and permissions & 1}


def _entries(folder: Path) -> list[_Entry]:
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        return []
    return list(struct.iter_unpack("<HHI", raw[4:]))
