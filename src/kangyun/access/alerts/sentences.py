"""An alert in a sentence that says why, with its figures. Pure."""

from zoneinfo import ZoneInfo

from kangyun.access.alerts.rules import Rule
from kangyun.access.alerts.table import Shown
from kangyun.access.events.looks import ROLES, when
from kangyun.access.events.people import Called
from kangyun.base.texts import Language, say


def sentence(
    shown: Shown, rule: Rule, names: Called, patient: str, language: Language, zone: ZoneInfo
) -> str:  # fmt: skip
    """Returns why somebody should look at it. patient: a reference; its name is not told here."""
    who = " ".join(names.name(one) for one in (shown.institution, shown.actor) if one)
    role = f"role-{shown.role}"
    if role in ROLES:
        known_as = say(f"access.events.{role}", language)
        who += f"（{known_as}）" if language == "zh" else f" ({known_as})"
    return say(
        f"access.alerts.odd-{rule.kind}",
        language,
        {
            "who": who,
            "when": when(shown.began, language, zone),
            "window": say(f"access.alerts.window-{rule.window}", language),
            "count": shown.number,
            "limit": shown.limit,
            "usual": shown.usual,
            "days": rule.days,
            "patient": patient or str(shown.patient),
            "source": shown.source,
            "statuses": ", ".join(map(str, sorted(rule.statuses))),
        },
    )
