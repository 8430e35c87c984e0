"""The server's own programs that copy it: those of the wheel, or for a server of one's own those of this machine.

A password never stands on a command line: it goes by the environment.
"""

import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from kangyun.base.errors import Unavailable
from kangyun.database.embedded import wheel_binaries


def client(name: str, *, own: bool) -> Path:
    """Returns where a program is. own: the server is not the embedded one, so this machine's programs come first: they
    have TLS. Raises Unavailable without it."""
    found = shutil.which(name) if own else None
    path = Path(found) if found else wheel_binaries() / name
    if not path.exists():
        raise Unavailable("database.no-binaries")
    return path


def reaching(url: str) -> tuple[str, dict[str, str]]:
    """Returns a URL without its password, and the environment that carries it."""
    parts = urlsplit(url)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("PG")}
    if parts.password:
        environment["PGPASSWORD"] = unquote(parts.password)
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    # `urlunsplit` drops the two slashes of an empty host.
    text = urlunsplit(parts)
    return text if "://" in text else text.replace(":", "://", 1), environment
