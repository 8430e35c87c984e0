"""What is said of an alarm: its evidence read again, and the variables of a notice. Pure.

The sentences with their figures are the rules' own (`devices.signals.sentences`); the templates are the outbox's.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo

import msgspec

from kangyun.access.circle import Circle
from kangyun.base.texts import Language, say
from kangyun.devices.alarms.raising import instant_of
from kangyun.devices.places import in_words
from kangyun.devices.signals import Names, Reader, Warning
from kangyun.devices.signals.sentences import sentence

OWN_TEMPLATES = frozenset({"sos", "fall"})
"""Rules whose template says all of it."""
AT_ONCE: Mapping[Language, str] = {"zh": "请立即联系。", "en": "Get in touch at once."}
MEDICATED = "有用药记录"
_KIN = {
    "CHILD": {"male": "父亲", "female": "母亲"}, "PRN": {"male": "儿子", "female": "女儿"}, "SPS": {"": "配偶"},
    "GRNDCHILD": {"male": "祖父", "female": "祖母"}, "GRPRN": {"": "孙辈"}, "SIB": {"": "兄弟姐妹"},
}  # fmt: skip


def read_evidence(plain: bytes) -> Warning:
    """Reads what was sealed."""
    return msgspec.json.decode(plain, type=Warning)


def kinship(relation: str, gender: str) -> str:
    """Returns what a resident is to somebody: relation is what that one is to the resident, of v3-RoleCode."""
    words = _KIN.get(relation, {})
    return words.get(gender) or words.get("") or "家人"


def place_in_words(evidence: Warning, address: str) -> str:
    """Returns where somebody is: in words first, then the figures of the position; "" where none is known."""
    if evidence.position is None:
        return f"住址 {address}" if address else ""
    return in_words(evidence.position, address=address)


def sentence_of(
    evidence: Warning, zone: tzinfo, now: datetime, reader: Reader = "doctor", names: Names | None = None,
    language: Language = "zh",
) -> str:  # fmt: skip
    """Returns what was found, with its figures; without names, of nobody by name."""
    try:
        said = sentence(
            evidence, reader, names or Names(medicine=say("devices.alarms.medicine", language)), language, zone, now
        )
    except KeyError:  # A region's own rule: nobody may be left untold because nothing is written of it.
        figures = "，".join(f"{name} {value}" for name, value in evidence.figures.items())
        return f"规则 {evidence.rule}：{figures or '无数值'}"
    if evidence.rule in OWN_TEMPLATES:  # A cry for help waits for nobody, whatever its level says of readings.
        said = said.replace(say(f"devices.signals.within-{int(evidence.level)}", language), AT_ONCE[language])
    return said


class Said(msgspec.Struct, frozen=True):
    """What a notice may say: the same to all, and the sentence for each kind of reader.

    late: minutes by which the platform tells it later than it should have. has: who has answered, "" for nobody;
    doctor: how he is called, where he is of the resident's doctors.
    """

    evidence: Warning
    circle: Circle
    now: datetime
    zone: tzinfo
    late: int = 0
    has: str = ""
    doctor: str = ""

    @property
    def in_hand(self) -> bool:
        """Whether it is a cry for help that somebody has answered: there is no more to say than that."""
        return bool(self.has) and self.evidence.rule in OWN_TEMPLATES

    def variables(self) -> dict[str, str]:
        """Returns what is said to whoever it is."""
        age = self.circle.age(self.now.astimezone(self.zone).date())
        happened = instant_of(self.evidence.at).astimezone(self.zone)
        today = happened.date() == self.now.astimezone(self.zone).date()
        past = self.now - instant_of(self.evidence.at)
        return {
            "name": self.circle.name, "age": "" if age is None else str(age),
            "time": f"{happened:%H:%M}" if today else f"{happened:%m-%d %H:%M}",
            # Templates of their own say no sentence; `time` is a field of its own in messages of providers.
            "place": (place_in_words(self.evidence, self.circle.address) or "未知")
            + (self._lateness() if self.evidence.rule in OWN_TEMPLATES else ""),
            "minutes": str(max(int(past.total_seconds() // 60), 0)),
        }  # fmt: skip

    def sentence(self, reader: Reader, kin: str = "", *, named: bool = True) -> str:
        """Returns the sentence for a kind of reader. named: it says of whom; else the template does."""
        circle = self.circle
        if reader == "family" and self.in_hand:
            by = "doctor" if self.has in circle.doctors else "desk"
            who = say(f"devices.alarms.by-{by}", "zh", {"doctor": self.doctor})
            told = {"name": circle.name, "kinship": kin, "time": self.variables()["time"], "who": who}
            return say(f"devices.alarms.in-hand-{self.evidence.rule}", "zh", told)
        medicine = MEDICATED if circle.medicated else ""
        names = Names(medicine=medicine)
        if named:
            age = circle.age(self.now.astimezone(self.zone).date())
            by_doctor = self.has in circle.doctors
            names = Names(
                person=circle.name, kinship=kin, age=age, medicine=medicine, doctor=self.doctor, received=by_doctor,
                at_desk=bool(self.has) and not by_doctor,
            )  # fmt: skip
        said = sentence_of(self.evidence, self.zone, self.now, reader, names)
        return self._lateness() + said

    def _lateness(self) -> str:
        return f"（系统中断，迟发 {self.late} 分钟）" if self.late else ""
