"""What runs: the `kangyun up` or `standby` that holds the folder, its parts, the port and what answers there."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kangyun.base.settings import Settings
from kangyun.cli.doctor.findings import Finding, good, note, wrong
from kangyun.cli.folder import holder
from kangyun.database.unfinished import FOLLOWS

WITHIN = 5.0  # seconds
PARTS = {"serve": "web", "work": "work", "postgres": "database"}


def examine(settings: Settings) -> Iterator[Finding]:
    """Gives the findings."""
    held = holder(settings.data)
    if (settings.data / FOLLOWS).exists():
        yield good("standby-runs", process=held.process) if held else wrong("standby-not-running")
        return
    if held is None:
        yield note("not-running")
        if _listens(settings):
            yield wrong("port-taken", port=settings.port)
        else:
            yield good("port-free", port=settings.port)
        return
    yield good("running", process=held.process)
    wanted = {"serve", "work"} | (set() if settings.database else {"postgres"})
    missing = sorted(PARTS[name] for name in wanted.difference(*below(held.process).values()))
    yield wrong("parts-missing", parts=", ".join(missing)) if missing else good("parts")
    status, body = _ask(f"{held.url}/health/ready")
    if status is None:
        yield wrong("no-answer", url=held.url)
    elif status == 200:
        yield good("answers", url=held.url)
    else:
        yield wrong("not-ready", parts=", ".join(name for name, well in body.items() if well is False))


def below(parent: int) -> dict[int, set[str]]:
    """Returns the processes that a process has started, each with the words of its command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text("utf-8", "replace")
            words = {Path(word).name for word in (entry / "cmdline").read_text("utf-8", "replace").split("\0") if word}
        except OSError:
            continue  # It has ended meanwhile.
        if int(text[text.rindex(")") + 2 :].split()[1]) == parent:
            found[int(entry.name)] = words
    return found


def _listens(settings: Settings) -> bool:
    with socket.socket() as probe:
        probe.settimeout(WITHIN)
        host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
        return probe.connect_ex((host, settings.port)) == 0


def _ask(url: str) -> tuple[int | None, dict[str, Any]]:
    """Returns status and JSON of an answer, None when nobody answers HTTP."""
    try:
        with urllib.request.urlopen(url, timeout=WITHIN) as answer:
            return answer.status, _body(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, _body(refused.read())
    except (OSError, ValueError):
        return None, {}


def _body(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
