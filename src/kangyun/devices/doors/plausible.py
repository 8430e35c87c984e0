"""What is asked back before a typed reading is taken: what cannot be, and what is very unusual. Pure; bounds are data.

Nothing is changed by itself: where one slip of the finger would explain a value, the question says so.
"""

from collections.abc import Sequence

import msgspec

from kangyun.base.texts import Language, say
from kangyun.devices.doors.line import Value, table
from kangyun.devices.formats.values import Refused, known

_PRESSURE = "devices.doors.pressure"


class Doubt(msgspec.Struct, frozen=True):
    """Why something is asked back. text: the id of a text. values, meant: as they are shown; meant '' for none.

    impossible: nobody living has it; kept all the same, it is judged by nothing, and who types it must know that.
    """

    text: str
    metric: str
    values: str
    meant: str = ""
    impossible: bool = False

    def say(self, language: Language) -> str:
        """Returns the question."""
        name = _PRESSURE if self.metric in ("sys", "dia") else f"devices.metrics.{known()[self.metric].metric.name}"
        name = say(name, language)
        said = say(self.text, language, {"metric": name, "values": self.values, "meant": self.meant})
        return said + say("devices.doors.impossible", language) if self.impossible else said


def doubts(values: Sequence[Value]) -> list[Doubt]:
    """Returns what is to be asked back, one question for the pressures together. Raises Refused for a wrong unit."""
    by_name = {one.metric: one for one in values}
    found = [_single(one) for one in values if one.metric not in ("sys", "dia")]
    if "sys" in by_name or "dia" in by_name:
        found.append(_pressure(by_name.get("sys"), by_name.get("dia")))
    return [one for one in found if one is not None]


def _single(one: Value) -> Doubt | None:
    if _is_usual(one, one.value):
        return None
    meant = [value for value in _slips(one.value) if _is_usual(one, value)]
    return _doubt(one.metric, _shown(one.value), [_shown(value) for value in meant], [one])


def _pressure(upper: Value | None, lower: Value | None) -> Doubt | None:
    if upper is None or lower is None:
        one = upper or lower
        return _single(one) if one is not None else None
    if _fits(upper, lower, upper.value, lower.value):
        return None
    meant = [
        f"{_shown(high)}/{_shown(low)}"
        for high, low in [
            (lower.value, upper.value),
            *((slip, lower.value) for slip in _slips(upper.value)),
            *((upper.value, slip) for slip in _slips(lower.value)),
        ]
        if _fits(upper, lower, high, low)
    ]
    return _doubt("sys", f"{_shown(upper.value)}/{_shown(lower.value)}", meant, [upper, lower])


def _fits(upper: Value, lower: Value, high: float, low: float) -> bool:
    if not (_is_usual(upper, high) and _is_usual(lower, low)):
        return False
    between = _stored(upper, high) - _stored(lower, low)
    return table().pulse_pressure["least"] <= between <= table().pulse_pressure["most"]


def _is_usual(one: Value, value: float) -> bool:
    bounds = table().usual.get(one.metric)
    metric = known()[one.metric]
    lowest, highest = bounds or (metric.lowest, metric.highest)
    try:
        return lowest <= _stored(one, value) <= highest
    except Refused as why:
        if why.text in ("devices.formats.magnitude", "devices.formats.not-a-number"):
            return False
        raise


def _stored(one: Value, value: float) -> float:
    return known()[one.metric].taken(value, one.unit or None)[0]


def _slips(value: float) -> list[float]:
    """What may have been meant: a point forgotten or misplaced, a nought too many."""
    return [round(value * factor, 3) for factor in table().slips["factors"]]


def _doubt(metric: str, values: str, meant: Sequence[str], typed: Sequence[Value]) -> Doubt:
    several = sorted(set(meant))
    impossible = not all(_can_be(one) for one in typed)
    if len(several) == 1:
        return Doubt("devices.doors.meant", metric, values, several[0], impossible)
    return Doubt("devices.doors.unusual", metric, values, impossible=impossible)


def _can_be(one: Value) -> bool:
    metric = known()[one.metric]
    try:
        return metric.lowest <= _stored(one, one.value) <= metric.highest
    except Refused:
        return False


def _shown(value: float) -> str:
    return f"{value:g}" if value < 1_000_000 else f"{value:.0f}"
