"""By which rules an installation runs: the policy in words, and the settings with where they come from.

Both are changed where they stand, in files of the data folder, by who runs the machine; `kangyun policy check` says
whether the new ones can be.
"""

import re
from pathlib import Path
from typing import Any

from kangyun.access.platform import Platform
from kangyun.access.policy import FILE, Policy, Role
from kangyun.access.record import Record
from kangyun.access.rulebook import FOLDER
from kangyun.base.settings import PREFIX, describe, origin
from kangyun.base.texts import Language
from kangyun.web.exchange import HttpRequest

SECRETS = re.compile(r"token|pin$|secret|password|message_key|private|wechat_key")
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*(?=@)")
"""Of a URL that names a user."""
HIDDEN = "••••••"


async def policy(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns roles, reasons and what takes a second officer."""
    found, language = platform.gate.sights.policy, request.language
    own = sorted(path.name for path in (platform.settings.data / FOLDER).glob("*.toml"))
    return {
        "edition": found.edition,
        "own": (platform.settings.data / FILE).exists(),
        "file": FILE,
        "replaced": own,
        "permits": found.permits,
        "roles": [_role(role, platform, language) for role in found.roles.values()],
        "grounds": _grounds(found, language),
        "approvals": [
            {
                "kind": kind, "above": rule.above, "hours": rule.hours,
                "confirms": [_called(found, role, language) for role in sorted(rule.confirms)],
            }
            for kind, rule in platform.gate.rules.items()
        ],
    }  # fmt: skip


def _role(role: Role, platform: Platform, language: Language) -> dict[str, Any]:
    labels = platform.gate.labels
    ways = {"own": role.own, "granted": role.granted, "all": role.all, "selves": role.selves}
    return {
        "name": role.name, "called": role.zh if language == "zh" else role.en, "purposes": role.purposes,
        "ways": {way: labels.names(closed) for way, closed in ways.items() if closed is not None},
        "reads": len(role.reads), "writes": len(role.writes), "masked": role.masked, "free": role.free,
        "others": role.others,
    }  # fmt: skip


def _grounds(found: Policy, language: Language) -> list[dict[str, Any]]:
    return [
        {
            "called": one.zh if language == "zh" else one.en, "hours": one.hours, "over": one.over, "told": one.told,
            "reviewed": one.reviewed, "roles": [_called(found, role, language) for role in sorted(one.roles)],
        }
        for one in found.grounds.values()
    ]  # fmt: skip


def _called(found: Policy, name: str, language: Language) -> str:
    role = found.roles.get(name)
    return name if role is None else role.zh if language == "zh" else role.en


async def settings(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns each setting with its value, where that comes from, and what it means; secrets are not told."""
    rows = []
    for variable, default, chinese, english in describe():
        name = variable.removeprefix(PREFIX).lower()
        value = getattr(platform.settings, name)
        rows.append(
            {
                "name": variable, "value": _shown(name, value), "default": _shown(name, default),
                "origin": origin(name, platform.settings), "means": chinese if request.language == "zh" else english,
            }
        )  # fmt: skip
    return {"settings": rows, "folder": str(Path(platform.settings.data).resolve())}


def _shown(name: str, value: object) -> str:
    text = str(value).lower() if str(value) in ("True", "False") else str(value)
    if SECRETS.search(name):
        return HIDDEN if text else ""
    return _PASSWORD.sub(rf"\1:{HIDDEN}", text)
