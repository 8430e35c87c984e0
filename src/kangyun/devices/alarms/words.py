"""What is said of an alarm: its evidence read again, and the variables of a notice. Pure.

The sentences with their figures are the rules' own (`devices.signals`); the templates are the outbox's.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo

import msgspec

from kangyun.access.circle import Circle
from kangyun.devices.alarms.raising import instant_of
from kangyun.devices.places import in_words

OWN_TEMPLATES = frozenset({"sos", "fall"})
"""Rules whose template says all of it."""
_KIN = {
    "CHILD": {"male": "父亲", "female": "母亲"}, "PRN": {"male": "儿子", "female": "女儿"}, "SPS": {"": "配偶"},
    "GRNDCHILD": {"male": "祖父", "female": "祖母"}, "GRPRN": {"": "孙辈"}, "SIB": {"": "兄弟姐妹"},
}  # fmt: skip


class Evidence(msgspec.Struct, frozen=True):
    """What was kept of a warning. position: degrees, WGS-84."""

    rule: str
    level: int
    holder: int
    at: int
    since: int = 0
    figures: Mapping[str, float | str] = {}
    device: int | None = None
    position: tuple[float, float] | None = None


def read_evidence(plain: bytes) -> Evidence:
    """Reads what was sealed."""
    return msgspec.json.decode(plain, type=Evidence)


def kinship(relation: str, gender: str) -> str:
    """Returns what a resident is to somebody: relation is what that one is to the resident, of v3-RoleCode."""
    words = _KIN.get(relation, {})
    return words.get(gender) or words.get("") or "家人"


def place_in_words(evidence: Evidence, address: str) -> str:
    """Returns where somebody is: in words first, then the figures of the position; "" where none is known."""
    named = str(evidence.figures.get("place", ""))
    if evidence.position is None:
        return named or (f"住址 {address}" if address else "")
    return in_words(evidence.position, named=named, address=address)


def variables(
    evidence: Evidence, circle: Circle, sentence: str, now: datetime, zone: tzinfo, late: int = 0
) -> dict[str, str]:
    """Returns what a notice may say. late: minutes by which the platform tells it later than it should have."""
    age = circle.age(now.astimezone(zone).date())
    said = f"（系统中断，迟发 {late} 分钟）{sentence}" if late else sentence
    happened = instant_of(evidence.at).astimezone(zone)
    time = f"{happened:%H:%M}" if happened.date() == now.astimezone(zone).date() else f"{happened:%m-%d %H:%M}"
    return {
        "name": circle.name, "age": "" if age is None else str(age), "time": time, "sentence": said,
        "place": place_in_words(evidence, circle.address) or "未知",
        "minutes": str(max(int((now - instant_of(evidence.at)).total_seconds() // 60), 0)),
    }  # fmt: skip


def sentence_of(evidence: Evidence) -> str:
    """Returns what was found, with its figures."""
    figures = "，".join(
        f"{name} {value:g}" for name, value in evidence.figures.items() if isinstance(value, float | int)
    )
    return f"{evidence.rule} {figures}".strip()
