"""Whom a rung of the ladder tells, and what: notices for the outbox. Pure.

Each notice has a key of its alarm, round, rung and reader, so that nothing is told twice however often it is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from kangyun.access.circle import Circle
from kangyun.access.messages.outbox import Notice, Reader, Urgency
from kangyun.devices.alarms.plan import Whom
from kangyun.devices.alarms.words import OWN_TEMPLATES, Said, kinship
from kangyun.devices.signals import Level
from kangyun.devices.signals import Reader as Role

URGENCIES = {Level.RED: Urgency.RED, Level.AMBER: Urgency.AMBER, Level.YELLOW: Urgency.PLAIN}
RESPONSIBLE = frozenset({"desk", "family-doctor", "nurse", "head", "emergency"})
"""Whose silence has the next rung climbed at once."""
MOST_FAMILY = 5
CALL_120 = "无人响应，请立即呼叫 120。"


@dataclass(frozen=True, slots=True)
class Telling:
    """A rung to be told. desk: the institution as a reference; on_duty: who is there, or looks after it where the
    roster has nobody.

    heads: who looks after it then, in any case. emergency: of the plan. owner: who it was handed to, where he is told.
    """

    alarm: int
    holder: int
    rule: str
    level: int
    round: int
    rung: int
    whom: Whom | Literal["owner"]
    circle: Circle
    desk: str
    on_duty: tuple[str, ...]
    heads: tuple[str, ...]
    emergency: str
    said: Said
    owner: str = ""

    def notices(self) -> list[Notice]:
        """Returns the notices, none where there is nobody of that kind."""
        circle = self.circle
        match self.whom:
            case "resident":
                # Who gave the device out may know no telephone of his, and another registration does.
                ids = dict.fromkeys([*circle.patients[:1], *([circle.reachable] if circle.reachable else [])])
                self_ = [Reader(f"Patient/{id_}", "resident", self._says("resident")) for id_ in ids]
                return [self._notice(self_)] if self_ else []
            case "family":
                return [
                    self._notice([Reader(one.reference, "family", self._kin(one.relation))], str(place))
                    for place, one in enumerate(circle.family[:MOST_FAMILY])
                ]
            case "family-doctor":
                return self._staff(circle.doctors)
            case "nurse":
                return self._staff(circle.nurses)
            case "desk":
                return [self._notice([*map(staff_reader, self.on_duty), self._desk()])]
            case "owner":
                return self._staff([self.owner])
            case "head":
                return [self._notice([*map(staff_reader, self.heads), self._desk()])]
            case "emergency":
                centre = [desk_reader(self.emergency)] if self.emergency else [self._desk()]
                return [self._notice(centre, asked="" if self.emergency else CALL_120)]

    def _kin(self, relation: str) -> dict[str, str]:
        kin = kinship(relation, self.circle.gender)
        return {"kinship": kin, **self._says("family", kin)}

    def _says(self, reader: Role, kin: str = "") -> dict[str, str]:
        return {"sentence": self.said.sentence(reader, kin)}

    def _staff(self, names: Sequence[str]) -> list[Notice]:
        return [self._notice(list(map(staff_reader, names)))] if names else []

    def _desk(self) -> Reader:
        return desk_reader(self.desk)

    def _notice(self, readers: list[Reader], more: str = "", asked: str = "") -> Notice:
        key = f"alarm/{self.alarm}/{self.round}/{self.rung}/{self.whom}"
        climbed = self.whom in ("head", "emergency") or (self.whom == "nurse" and self.level > Level.YELLOW)
        relieved = self.whom == "family" and bool(self.said.has)
        own = self.rule in OWN_TEMPLATES and not relieved
        template = "escalated" if climbed else self.rule if own else "warning"
        return Notice(
            key=f"{key}/{more}" if more else key,
            # That somebody has it is good news, and wakes nobody.
            urgency=Urgency.AMBER if relieved else URGENCIES[Level(self.level)],
            template=template,
            readers=tuple(readers),
            # Who is told by `escalated` is told the name by it.
            variables={**self.said.variables(), "sentence": asked + self.said.sentence("doctor", named=not climbed)},
            holder=self.holder,
            asker=f"alarm/{self.alarm}",
        )


def gap_notice(desk: str, fallback: str, gap: tuple[datetime, datetime], now: datetime, zone: tzinfo) -> Notice:
    """Returns what is told of hours for which a desk's roster has nobody. Of one that has begun: until when it is."""
    begin, end = (one.astimezone(zone) for one in gap)
    to_come = gap[0] > now
    since = f"{begin:%m-%d %H:%M}" if to_come else "现在"
    reader = staff_reader(fallback) if fallback.startswith("Practitioner/") else desk_reader(desk)
    return Notice(
        # What has begun begins later with each look: once a day of it.
        key=f"duty-gap/{desk}/{begin:%Y-%m-%dT%H:%M}" if to_come else f"duty-gap/{desk}/{begin:%Y-%m-%d}",
        urgency=Urgency.AMBER,
        template="duty-gap",
        readers=(reader,),
        variables={"time": f"{since} 至 {end:%m-%d %H:%M}"},
        not_after=gap[1],
    )


def whom_of(key: str) -> str:
    """Returns of which readers a notice's key is."""
    return key.split("/")[4]


def staff_reader(name: str) -> Reader:
    """Returns somebody of staff as a reader."""
    return Reader(name, "doctor")


def desk_reader(institution: str) -> Reader:
    """Returns the duty desk of an institution as a reader."""
    return Reader(desk_name(institution), "desk")


def desk_name(institution: str) -> str:
    """Returns how the outbox names the duty desk of an institution."""
    return f"desk/{institution.rpartition('/')[2]}"
