"""Who looked at a resident's record, in sentences: audit rows of a day and a person are one look. Pure.

A look is told with the instant of the first of its rows and how many there were. What was refused is told as well, and
whoever broke the glass stands out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from kangyun.access.events.people import Called
from kangyun.access.events.rows import Seen
from kangyun.access.events.words import is_emergency, kind_of
from kangyun.access.identities.model import PLATFORM, RESIDENTS
from kangyun.base.texts import Language, say

REFUSED = 400  # and above
_VERBS = {"R": "viewed", "C": "changed", "U": "changed", "D": "changed", "E": "used"}
_OF_ALL = frozenset({"everything", "export", "export-file", "sheet", "summary", "summary-paper"})
_SENT = "notify"
_BEFORE_TELLING = "circle"
"""The finding out of whom a message goes to: of what is told, it is no message by itself."""
_TOLD = frozenset({"tell", _BEFORE_TELLING})
_EXPORTED = frozenset({"export", "export-file", "sheet", "summary", "summary-paper"})
_FAMILY = {
    "family-ask": "asked",
    "family-give": "gave",
    "family-refuse": "kept",
    "family-end": "ended",
    "family": "listed",
}
"""What a family did about its rights: a sentence of its own each."""
_OF_RESIDENTS = ("Patient/", "RelatedPerson/")
_PARTS = {
    "view-timeline": "Encounter", "view-tests": "Observation", "view-documents": "DocumentReference",
    "view-family": "FamilyMemberHistory", "view-consents": "Consent",
}  # fmt: skip
"""What the parts of the console's page of a resident are of."""
_SHOWN = {
    "$view": "", "$today": "", "$residents": "Patient", "$who-looked": "AuditEvent", "$look-questions": "AuditEvent",
    "$ask-look": "AuditEvent", "$answer-look": "AuditEvent", "$choices": "Consent", "$choose": "Consent",
    "$series": "Observation", "$series-samples": "Observation", "$last-readings": "Observation",
}  # fmt: skip
"""What an operation shows whose address names a type of which it shows more, less or nothing; empty for all of it."""


@dataclass(slots=True)
class Look:
    """What somebody did within a day, in one way. what: the type of resource, empty for the record as a whole."""

    day: str
    actor: str
    role: str
    institution: str
    purpose: str
    way: str
    client: str
    verb: str
    what: str
    refused: bool
    first: datetime
    last: datetime
    count: int = field(default=0)

    @property
    def emergency(self) -> bool:
        """Whether the glass was broken."""
        return is_emergency(self.purpose, self.way)


def looks(rows: Iterable[Seen], zone: ZoneInfo, *, whole: bool = True) -> list[Look]:
    """Returns the looks of rows, newest first. The day is that of the region.

    whole: they may say over what a search went; otherwise it is told as one of the record as a whole.
    """
    found: dict[tuple[str, ...], Look] = {}
    for row in rows:
        day = row.instant.astimezone(zone).date().isoformat()
        what = _what(row) if whole or row.names_something else ""
        said = (
            *(day, row.actor, row.role or "", _institution(row), row.purpose, row.way or "", row.client or ""),
            *(_verb(row), what),
        )
        refused = row.outcome >= REFUSED
        key = (*said, str(refused))
        look = found.get(key)
        if look is None:
            look = found[key] = Look(*said, refused=refused, first=row.instant, last=row.instant)
        look.first, look.last = min(look.first, row.instant), max(look.last, row.instant)
        look.count += row.action != _BEFORE_TELLING
    for look in found.values():
        look.count = max(look.count, 1)
    return sorted(found.values(), key=lambda look: look.last, reverse=True)


def sentence(look: Look, called: Called, own: frozenset[str], language: Language, zone: ZoneInfo) -> str:
    """Returns a look as a person reads it. own: references of the resident."""
    verb = f"{look.verb}-refused" if look.refused else look.verb
    text = say(
        f"access.events.look-{verb}",
        language,
        {
            "when": when(look.first, language, zone),
            "who": _who(look, called, own, language),
            "because": _because(look, language),
            "what": say(f"access.events.{_type_text(look.what)}", language),
        },
    )
    if look.count > 1:
        last = look.last.astimezone(zone)
        text += say("access.events.look-times", language, {"count": look.count, "last": f"{last:%H:%M}"})
    return say("access.events.look-emergency", language, {"text": text}) if look.emergency else text


def when(instant: datetime, language: Language, zone: ZoneInfo) -> str:
    """Returns an instant as people write it: 2026年11月22日 14:03."""
    local = instant.astimezone(zone)
    if language == "zh":
        return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def _institution(row: Seen) -> str:
    """Returns where somebody looked from; the platform's own works are the platform's, whosever record they write."""
    own = OWN.get(row.actor, "").startswith("work-") and row.actor not in _OF_HOUSES
    return PLATFORM if own else row.institution or ""


def _verb(row: Seen) -> str:
    if row.action == _SENT:
        return "sent"
    if row.action in _TOLD:
        return "told"
    if row.action in _EXPORTED:
        return "exported"
    if row.action in _FAMILY:
        return _FAMILY[row.action]
    return _VERBS[kind_of(row.action).letter]


def _what(row: Seen) -> str:
    if row.action in _OF_ALL or row.origin is not None:
        return ""
    path = row.shape.partition(" ")[2].partition("?")[0].split("/")
    known = _PARTS.get(row.action, _SHOWN.get(path[-1]))
    if known is not None:
        return known
    # The first word of the path; in a compartment it is the last one.
    words = [word for word in path if word[:1].isupper()]
    return words[-1] if words else ""


def _who(look: Look, called: Called, own: frozenset[str], language: Language) -> str:
    if look.actor in own:
        return say("access.events.yourself", language)
    at = look.first
    # Who acts for himself or his family comes from no institution.
    from_there = look.institution and look.institution != RESIDENTS
    parts = [name_of(look.institution, called, language, at) if from_there else ""]
    parts += [called.department(look.actor), name_of(look.actor, called, language, at)]
    role = f"role-{look.role}"
    if look.role and role in ROLES:
        known_as = say(f"access.events.{role}", language)
        parts[-1] += f"（{known_as}）" if language == "zh" else f" ({known_as})"
    if look.client and look.client != look.actor:
        parts.append(say("access.events.through", language, {"client": name_of(look.client, called, language, at)}))
    return " ".join(part for part in parts if part)


def name_of(reference: str, called: Called, language: Language, at: datetime | None = None) -> str:
    """Returns how somebody is called: by the record, the platform's own by words of its own, else by the reference.

    at: as it was then, where that was asked for.
    """
    known = (called.then.get((reference, at)) if at is not None else None) or called.names.get(reference)
    own = OWN.get(reference)
    if known or own:
        return known or say(f"access.events.{own}", language)
    return say("access.events.another", language) if reference.startswith(_OF_RESIDENTS) else reference


def _because(look: Look, language: Language) -> str:
    """Returns for which reason it was; nothing of the platform's own works, whose names say what they are for."""
    if OWN.get(look.actor, "").startswith("work-"):
        return ""
    return say("access.events.because", language, {"reason": say(f"access.events.{_reason(look)}", language)})


def _reason(look: Look) -> str:
    way, purpose = f"way-{look.way}", f"purpose-{look.purpose.lower()}"
    return way if way in WAYS else purpose if purpose in PURPOSES else "purpose-none"


def _type_text(what: str) -> str:
    key = f"type-{what.lower()}"
    return key if key in TYPES else "type-other" if what else "type-all"


OWN = {
    "Organization/platform": "platform",
    "Device/administrator": "administrator",
    "Device/resident-binding": "work-resident-binding",
    "Device/staff-leavers": "work-staff-leavers",
    "Device/kangyun": "work-automatic",
    "Device/feed": "work-feed",
    "Device/series": "work-series",
    "Device/feed-figures": "work-figures",
    "Device/codes": "work-codes",
    "Device/device-register": "work-devices",
}
"""The platform itself, which no resource of the record describes."""
_OF_HOUSES = frozenset({"Device/feed", "Device/series"})
"""Works that take in what an institution sends, and are told as that one's."""
ROLES = frozenset(
    {
        "role-doctor", "role-nurse", "role-pharmacist", "role-family-doctor", "role-public-health", "role-insurance",
        "role-registrar", "role-steward", "role-duty-officer", "role-device-officer", "role-researcher",
        "role-coder", "role-terminologist",
        "role-resident", "role-guardian", "role-device", "role-application",
        "role-system-administrator", "role-security-administrator", "role-audit-administrator",
    }
)  # fmt: skip
WAYS = frozenset(
    {
        "way-encounter", "way-stay", "way-card", "way-word", "way-code", "way-contract", "way-duty", "way-referral",
        "way-emergency", "way-consent", "way-ticket", "way-alarm",
    }
)  # fmt: skip
PURPOSES = frozenset(
    {
        "purpose-treat", "purpose-etreat", "purpose-btg", "purpose-hpaymt", "purpose-pubhlth", "purpose-hresch",
        "purpose-hoperat", "purpose-sysadmin", "purpose-patrqt", "purpose-famrqt", "purpose-coc",
        "purpose-patadmin", "purpose-recordmgt", "purpose-caremgt", "purpose-coverage", "purpose-clintrch",
        "purpose-hqualimp", "purpose-hlegal",
    }
)  # fmt: skip
TYPES = frozenset(
    {
        "type-patient", "type-observation", "type-condition", "type-medicationrequest", "type-medicationstatement",
        "type-encounter", "type-diagnosticreport", "type-imagingstudy", "type-immunization", "type-procedure",
        "type-allergyintolerance", "type-documentreference", "type-composition", "type-careplan", "type-consent",
        "type-claim", "type-coverage", "type-questionnaireresponse", "type-auditevent", "type-servicerequest",
        "type-appointment", "type-binary", "type-familymemberhistory", "type-linkage", "type-flag", "type-careteam",
    }
)  # fmt: skip
