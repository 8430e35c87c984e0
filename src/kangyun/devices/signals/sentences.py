"""A warning in a sentence with its figures, for each reader, in Chinese and in English. Pure.

What residents and families are told names no disease: a reading is high, low or not as usual. The words for a high
pressure are the platform's agreed ones; they are not to be said otherwise on any screen.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from kangyun.base.texts import Language, say
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.register.kinds import kinds
from kangyun.devices.signals.figures import shown
from kangyun.devices.signals.model import Level, Names, Reader, Rest, Warning

_TEXTS = "devices.signals"
PAIRED = 60_000_000  # microseconds within which two values are of one measurement
TEXT_OF: Mapping[str, str] = {
    "blood-pressure-high": "pressure-high", "office-pressure-high": "pressure-measured",
    "ambulatory-pressure-high": "pressure-measured", "blood-pressure-low": "pressure-low", "spo2-low": "oxygen-low",
    "heart-rate-high": "heart-high", "heart-rate-low": "heart-low", "heart-rate-unusual": "heart-unusual",
    "night-heart-rate": "night-heart", "suspected-hypertension": "suspected", "measurement-missed": "missed",
    "bed-not-returned": "bed", "no-movement": "still",
}  # fmt: skip
"""The texts of a rule, where they are named otherwise."""
BY_LEVEL = frozenset(
    {
        "pressure-high", "pressure-measured", "pressure-low", "glucose-low", "glucose-high", "oxygen-low", "heart-high",
        "heart-low", "breathing-high", "breathing-low", "temperature-high", "temperature-low",
    }
)  # fmt: skip
"""Of which the resident is told other things when it is red; a level without a text of its own says that of amber."""
LOW = frozenset({"pressure-low", "glucose-low", "oxygen-low", "heart-low", "breathing-low", "temperature-low"})
NEWS = {
    "systolic": "systolic", "spo2": "oxygen", "heart-rate": "heart", "respiratory-rate": "breath",
    "body-temperature": "temperature",
}  # fmt: skip


class Reading(NamedTuple):
    """One measurement as people write it."""

    at: int
    text: str


def sentence(
    warning: Warning, reader: Reader, names: Names, language: Language, zone: tzinfo, now: datetime
) -> str:  # fmt: skip
    """Returns why somebody is told. now: so that today is called today."""
    text = TEXT_OF.get(warning.rule, warning.rule)
    key = f"{text}-{reader}"
    if reader == "resident" and text in BY_LEVEL:
        level = 3 if warning.level == Level.RED else 2
        key += "-1" if text == "temperature-high" and warning.level == Level.YELLOW else f"-{level}"
    said = say(f"{_TEXTS}.{key}", language, _places(warning, text, names, language, zone, now))
    return said if language == "zh" else said[:1].upper() + said[1:]


def _places(
    warning: Warning, text: str, names: Names, language: Language, zone: tzinfo, now: datetime
) -> dict[str, str | int]:
    figures: dict[str, str | int] = {name: _figure(value) for name, value in warning.figures.items()}
    readings = readings_of(warning.rests)
    first = readings[0] if readings else Reading(warning.at, str(figures.get("value", "")))
    last = readings[-1] if readings else first
    limit_text = ("own-limit" if figures.get("own") == "1" else "limit") + ("-low" if text in LOW else "")
    placed: dict[str, str | int] = {
        "value": last.text, "values": "、".join(one.text for one in readings) if language == "zh"
        else ", ".join(one.text for one in readings),
    }  # fmt: skip
    placed |= figures
    if text in ("pressure-high", "pressure-measured", "pressure-low") or text.startswith("glucose"):
        placed["value"] = last.text
    placed |= {
        "who": _who(names, language), "person": names.kinship or names.person or say(f"{_TEXTS}.who-none", language),
        "about": _about(names, language), "when": _when(first.at, language, zone, now), "first": first.text,
        "again": _again(readings, language), "received": _received(names, language),
        **_where_known(figures, language), "medicine": names.medicine or say(f"{_TEXTS}.medicine-none", language),
        "within": say(f"{_TEXTS}.within-{int(warning.level)}", language),
        "position": _position(warning, language), "device": kinds().of(str(figures.get("device", ""))).name(language),
        "what": _what(figures, language), "place": _word("place", figures.get("place"), language),
    }  # fmt: skip
    if text not in ("weight-gain", "heart-unusual", "pulse-irregular", "suspected"):
        placed["limit"] = say(f"{_TEXTS}.{limit_text}", language, {"limit": str(figures.get("limit", "-"))})
    for name, word in NEWS.items():
        if f"value-{name}" in figures:
            placed[word] = figures[f"value-{name}"]
    return placed


def readings_of(rests: tuple[Rest, ...]) -> list[Reading]:
    """Returns what a warning rests on as measurements, oldest first: systolic and diastolic of one are 186/112."""
    known = metrics_by_number()
    found: list[Reading] = []
    for one in sorted(rests, key=lambda each: (each.at, each.metric)):
        metric = known.get(one.metric)
        if metric is None:
            continue
        text = shown(one.value, metric.name)
        pairs = metric.name.startswith("diastolic") and found and "/" not in found[-1].text
        if pairs and one.at - found[-1].at < PAIRED:
            found[-1] = Reading(found[-1].at, f"{found[-1].text}/{text}")
        else:
            found.append(Reading(one.at, text))
    return found


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else f"{value:.1f}"


def _who(names: Names, language: Language) -> str:
    if names.person and names.kinship:
        return f"{names.person}（{names.kinship}）" if language == "zh" else f"{names.person} ({names.kinship})"
    return names.person or names.kinship or say(f"{_TEXTS}.who-none", language)


def _about(names: Names, language: Language) -> str:
    """Returns whom the doctor is told of: name, age, conditions."""
    age = say(f"{_TEXTS}.age", language, {"age": names.age}) if names.age is not None else ""
    parts = [one for one in (names.person, age, names.conditions) if one]
    return "".join(f"{one} " for one in parts) if language == "zh" else (", ".join(parts) + ": " if parts else "")


def _when(at: int, language: Language, zone: tzinfo, now: datetime) -> str:
    local = datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(zone)
    time = f"{local:%H:%M}"
    if local.date() == now.astimezone(zone).date():
        return say(f"{_TEXTS}.now", language, {"time": time})
    return say(f"{_TEXTS}.then", language, {"month": local.month, "day": local.day, "time": time})


def _again(readings: list[Reading], language: Language) -> str:
    if len(readings) < 2:
        return ""
    minutes = round((readings[-1].at - readings[0].at) / 60_000_000)
    return say(f"{_TEXTS}.kin-again", language, {"minutes": minutes, "value": readings[-1].text})


def _where_known(figures: Mapping[str, str | int], language: Language) -> dict[str, str]:
    """Returns what is left out where it says nothing: how long it has lasted, and the mean of a week."""
    lasted, mean = figures.get("minutes", "0") != "0", "mean" in figures
    return {
        name: say(f"{_TEXTS}.{name}", language, figures) if known else ""
        for name, known in (("lasting", lasted), ("lasted", lasted), ("week", mean))
    }


def _received(names: Names, language: Language) -> str:
    if not names.received:
        return say(f"{_TEXTS}.received-desk", language) if names.at_desk else ""
    if not names.doctor:
        return say(f"{_TEXTS}.received-some", language)
    return say(f"{_TEXTS}.received", language, {"doctor": names.doctor})


def _position(warning: Warning, language: Language) -> str:
    if warning.position is None:
        return ""
    latitude, longitude = warning.position
    places: dict[str, str | int] = {"latitude": f"{latitude:.5f}", "longitude": f"{longitude:.5f}"}
    return say(f"{_TEXTS}.position", language, places)


def _what(figures: Mapping[str, str | int], language: Language) -> str:
    """What was measured: by the name of a metric where the figures have one."""
    if "metric" in figures:
        return say(f"devices.metrics.{figures['metric']}", language)
    return _word("what", figures.get("what"), language)


def _word(kind: str, which: str | int | None, language: Language) -> str:
    return say(f"{_TEXTS}.{kind}-{which}", language) if which else say(f"{_TEXTS}.{kind}-any", language)
