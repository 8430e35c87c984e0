"""The words that pages about persons, and files taken out, carry: who saw this, where and when. Pure.

A photograph of a screen then says whose screen it was. It is no protection against who removes it.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from kangyun.access.actor import Actor

LAST = 4  # characters of the session's name: enough to find it in the audit trail, not to use it


def watermark(actor: Actor, institution: str, moment: datetime, zone: ZoneInfo) -> str:
    """Returns the text: 李医生 · 县人民医院 · 2026-11-22 14:03 · 3f9c.

    institution: its name for people, empty for the actor's reference. moment: aware.
    """
    minute = moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    parts = (actor.name or actor.reference, institution or actor.institution, minute, actor.session[-LAST:])
    return " · ".join(" ".join(part.split()) for part in parts if part)
