"""How a device is, said in a sentence to whoever asks: whose it is as he would say it, and for how long nothing came.

Never that all is well: at best, when it last said something. Source of the words for silence:
the conventions of this project (爸爸的血压计已 3 天没有数据，可能没电或没联网。).
"""

from datetime import datetime, timedelta, tzinfo

from kangyun.base.texts import Language, say
from kangyun.devices.register.health import Health, silent_for, state_of
from kangyun.devices.register.kinds import Kinds
from kangyun.fhir import Resource

# As what somebody acts for a resident (v3-RoleCode), and the resident's gender -> how he calls him.
_CALLED = {
    ("CHILD", "male"): "father", ("CHILD", "female"): "mother", ("SPS", "male"): "husband", ("SPS", "female"): "wife",
    ("PRN", "male"): "son", ("PRN", "female"): "daughter",
}  # fmt: skip
SELF, STAFF, FAMILY = "self", "resident", "family"


def owner_word(relation: str, patient: Resource) -> str:
    """Returns the word for a resident by who acts for him: a relation of v3-RoleCode."""
    return _CALLED.get((relation, str(patient.get("gender", ""))), FAMILY)


def sentence(
    health: Health, owner: str, kinds: Kinds, language: Language, now: datetime, zone: tzinfo
) -> str:  # fmt: skip
    """Returns the sentence. owner: SELF, STAFF, FAMILY or as `owner_word`."""
    state = state_of(health, kinds, now)
    last = health.reading
    text = f"is-{state}"
    if state == "silent" and health.battery is not None and health.battery <= kinds.low_battery:
        text = "is-silent-battery"
    if state == "never" and last is not None:  # It has sent, but of somebody before.
        text = "is-never-since"
    given: dict[str, str | int] = {
        "whose": say(f"devices.register.whose-{owner}", language),
        "device": kinds.of(health.kind).name(language),
        "long": _long(silent_for(health, now), language),
        "when": last.astimezone(zone).strftime("%Y-%m-%d %H:%M") if last is not None else "",
        "battery": round(health.battery) if health.battery is not None else 0,
        "minutes": round(abs(health.offset_s or 0) / 60),
    }  # fmt: skip
    return say(f"devices.register.{text}", language, given)


def _long(time: timedelta, language: Language) -> str:
    hours = int(time.total_seconds() // 3600)
    if hours < 1:
        return say("devices.register.under-an-hour", language)
    if hours < 48:
        return say("devices.register.hours", language, {"count": hours})
    return say("devices.register.days", language, {"count": hours // 24})
