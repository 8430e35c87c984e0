"""A vendor's own JSON, read by a mapping file and without code: paths, names, units, instants, keys, events, datum.

A mapping is TOML (docs/devices/formats.md has the whole of it):

    instants = "ms"                      # s, ms, us, iso, or a pattern such as "%Y%m%d%H%M%S"
    [[reading]]
    each = "data"                        # a list, or an object; absent: the message itself
    when = { type = "bp" }
    at = "time"
    key = "user"
    values = { sys = "sbp", dia = "dbp", hr = { path = "pulse", absent = [0] } }
    [[event]]
    when = { alarm = 1 }
    kind = "sos"

A path is names with dots and numbers in brackets (`data.list[0].v`), from the item; one that begins with `$.` from the
message. Pure: the files are read elsewhere.
"""

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from math import inf
from typing import Any, Final

import msgspec

from kangyun.base.errors import Invalid
from kangyun.devices.formats.positions import DATUMS
from kangyun.devices.formats.taking import UNREADABLE, Context, Taking, is_urgent
from kangyun.devices.formats.values import PLACES, known
from kangyun.devices.metrics import event_kinds
from kangyun.devices.model import Message, Refusal

_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d{1,4})\]")
_UNITS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_TRUE: Final = (True, 1, "1", "true", "True", "Y", "y")
_MISSING: Final = object()
_LONGEST_KEY: Final = 32


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a value stands. absent: what the vendor writes where it has none. scale: 0.1 where 365 is 36.5."""

    path: str
    unit: str | None = None
    scale: float = 1.0
    absent: tuple[float | str, ...] = ()


class ReadingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items that are readings.

    values: short names of metrics and where each stands. Or, where an item names its own metric: name (a path), names
    (the vendor's word and the metric) and value.
    """

    each: str = ""
    when: dict[str, Any] = {}
    at: str = ""
    key: str = ""
    keys: dict[str, str] = {}
    place: str = ""
    values: dict[str, str | Value] = {}
    name: str = ""
    names: dict[str, str] = {}
    value: str | Value = ""
    unit: str = ""
    latitude: str = ""
    longitude: str = ""


class EventRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Items that are events. kind: ours; or code (a path) and kinds (the vendor's code and ours)."""

    each: str = ""
    when: dict[str, Any] = {}
    at: str = ""
    kind: str = ""
    code: str = ""
    kinds: dict[str, str] = {}
    latitude: str = ""
    longitude: str = ""
    text: str = ""


class Push(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor's cloud sends messages of many devices. messages: the list of them. device: its name, within one."""

    device: str
    messages: str = ""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file."""

    title: str
    instants: str = "ms"
    zone: int | None = None
    datum: str = "wgs84"
    sequence: str = ""
    sent: str = ""
    battery: str = ""
    historic: str = ""
    reading: tuple[ReadingRule, ...] = ()
    event: tuple[EventRule, ...] = ()
    push: Push | None = None


def mapping_of(text: str) -> Mapping:
    """Returns a mapping file as it is used. Raises Invalid, naming the place."""
    try:
        mapping = msgspec.convert(tomllib.loads(text), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid("devices.formats.mapping", at=str(error)) from None
    for place, wrong in _faults(mapping):
        raise Invalid("devices.formats.mapping", at=f"{place}: {wrong}")
    return mapping


def _faults(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Names in a mapping that are not ours."""
    names, kinds = known(), event_kinds()
    if mapping.datum not in DATUMS:
        yield "datum", mapping.datum
    for number, rule in enumerate(mapping.reading):
        where = f"reading[{number}]"
        yield from ((f"{where}.values", name) for name in rule.values if name not in names)
        yield from ((f"{where}.names", name) for name in rule.names.values() if name not in names)
        if rule.place and rule.place not in PLACES:
            yield f"{where}.place", rule.place
        if not (rule.values or (rule.name and rule.value) or (rule.latitude and rule.longitude)):
            yield where, "values"
    for number, event in enumerate(mapping.event):
        yield from (
            (f"event[{number}]", kind) for kind in [*event.kinds.values(), event.kind or "sos"] if kind not in kinds
        )


class MappedReader:
    """Reads messages by a mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping

    def __call__(self, payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
        """Returns what a message says and what of it was refused."""
        taking = Taking(context)
        try:
            root = msgspec.json.decode(payload)
        except UNREADABLE:
            taking.refuse("devices.formats.unreadable", "$")
            return taking.result()
        self._head(taking, root)
        for rule in self.mapping.event:
            for item, where in _items(root, rule.each):
                if _fits(item, root, rule.when, exact=False):
                    self._event(taking, rule, item, root, where)
        for reading in self.mapping.reading:
            for item, where in _items(root, reading.each):
                if _fits(item, root, reading.when):
                    self._reading(taking, reading, item, root, where)
        return taking.result()

    def _head(self, taking: Taking, root: object) -> None:
        mapping = self.mapping
        taking.zone = mapping.zone
        sequence = _found(root, root, mapping.sequence)
        if isinstance(sequence, str) and sequence.isdecimal() and len(sequence) < 19:
            sequence = int(sequence)
        if isinstance(sequence, int) and 0 <= sequence < 1 << 62:
            taking.sequence = sequence
        taking.historic = _found(root, root, mapping.historic) in _TRUE
        battery = _number(_found(root, root, mapping.battery))
        if battery is not None:
            taking.charge(battery, mapping.battery)
        sent = _found(root, root, mapping.sent)
        if sent is not _MISSING:
            instant = self._instant(taking, sent, mapping.sent)
            if instant is not None:
                taking.sent(instant[0])

    def _instant(self, taking: Taking, said: object, where: str) -> tuple[int, int] | None:
        """A time as microseconds by the device's clock and its mark; None, noted, for what is none."""
        form = self.mapping.instants
        try:
            if form in _UNITS:
                number = _number(said)
                if number is not None and abs(number) < 1e18:
                    return round(number * _UNITS[form]), 0
            elif isinstance(said, str | int) and not isinstance(said, bool):
                text = str(said)
                return taking.instant(
                    datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
                )
        except (ValueError, OverflowError):
            pass
        taking.refuse("devices.formats.time", where)
        return None

    def _at(self, taking: Taking, path: str, item: object, root: object, where: str) -> tuple[int, int]:
        """When an item was, and its mark; (0, 0), noted, where that cannot be known."""
        said = _found(item, root, path)
        if said is _MISSING or said is None:
            if not path:
                return taking.context.received, 0
            taking.refuse("devices.formats.time", where)
            return 0, 0
        instant = self._instant(taking, said, where)
        return (0, 0) if instant is None else taking.corrected(*instant, where)

    def _reading(self, taking: Taking, rule: ReadingRule, item: object, root: object, where: str) -> None:
        at, mark = self._at(taking, rule.at, item, root, where)
        if not at:
            return
        key = _word(_found(item, root, rule.key))
        key = rule.keys.get(key, key)[:_LONGEST_KEY]
        taking.names = known(rule.place or taking.context.place)
        for name, value in rule.values.items():
            self._value(taking, name, value, item, root, (at, mark, key, f"{where}.{name}"))
        if rule.name:
            word = _word(_found(item, root, rule.name))
            value = rule.value if isinstance(rule.value, Value) else Value(rule.value)
            if rule.unit:
                value = msgspec.structs.replace(value, unit=_word(_found(item, root, rule.unit)) or value.unit)
            self._value(taking, rule.names.get(word, word), value, item, root, (at, mark, key, where))
        if rule.latitude:
            latitude = _number(_found(item, root, rule.latitude))
            longitude = _number(_found(item, root, rule.longitude))
            if latitude is None or longitude is None:
                taking.refuse("devices.formats.half-a-position", where)
            else:
                taking.position(latitude, longitude, self.mapping.datum, at, mark, key, where)
        taking.names = known(taking.context.place)

    def _value(
        self,
        taking: Taking,
        name: str,
        value: str | Value,
        item: object,
        root: object,
        about: tuple[int, int, str, str],
    ) -> None:
        """Takes one value of an item. about: when it was, its mark, its key and where it stands."""
        one = value if isinstance(value, Value) else Value(value)
        said = _found(item, root, one.path)
        if said is _MISSING or said is None or said == "" or said in one.absent:
            return
        at, mark, key, where = about
        number = _number(said)
        if number is None:
            taking.refuse("devices.formats.not-a-number", where)
            return
        taking.reading(name, number * one.scale, one.unit, at, mark, key, where)

    def _event(self, taking: Taking, rule: EventRule, item: object, root: object, where: str) -> None:
        kind = rule.kind
        if rule.code:
            code = _found(item, root, rule.code)
            if code is _MISSING:
                return
            kind = _kind(rule, _word(code))
        said = _found(item, root, rule.at)
        instant = None if said is _MISSING or said is None else self._instant(taking, said, where)
        places = [_found(item, root, path) for path in (rule.latitude, rule.longitude)]
        latitude, longitude = map(_number, places)
        if (latitude is None or longitude is None) and any(one is not _MISSING and one is not None for one in places):
            taking.refuse("devices.formats.half-a-position", where)
        spot = None if latitude is None or longitude is None else (latitude, longitude, self.mapping.datum)
        text = _word(_found(item, root, rule.text))[:200]
        taking.event(kind, None if instant is None else instant[0], where, spot, text)


def parts_of(payload: bytes, push: Push) -> list[tuple[str, bytes]]:
    """Returns the messages of a vendor's push: the device's name, '' where it says none, and the message by itself.

    Raises Invalid for what is no JSON, or where no message names a device.
    """
    try:
        root = msgspec.json.decode(payload)
    except UNREADABLE:
        raise Invalid("devices.formats.unreadable", at="$") from None
    found, nameless = [], ""
    for item, where in _items(root, push.messages):
        name = _word(_found(item, root, push.device))
        nameless = nameless if name else nameless or where
        found.append((name, payload if item is root else msgspec.json.encode(item)))
    if nameless and not any(name for name, _ in found):
        raise Invalid("devices.formats.no-device", at=nameless)
    return found


def _items(root: object, path: str) -> Iterator[tuple[object, str]]:
    """What stands at a path, one by one, with its place."""
    found = _found(root, root, path) if path else root
    where = f"$.{path}" if path else "$"
    if isinstance(found, list):
        yield from ((item, f"{where}[{number}]") for number, item in enumerate(found))
    elif found is not _MISSING and found is not None:
        yield found, where


def _found(item: object, root: object, path: str) -> Any:
    """What stands at a path, `_MISSING` where nothing does."""
    if not path:
        return _MISSING
    if path.startswith("$."):
        item, path = root, path[2:]
    for name, number in _STEP.findall(path):
        if name and isinstance(item, dict) and name in item:
            item = item[name]
        elif number and isinstance(item, list) and int(number) < len(item):
            item = item[int(number)]
        else:
            return _MISSING
    return item


def _fits(item: object, root: object, when: dict[str, Any], *, exact: bool = True) -> bool:
    """Whether an item is meant. exact: False for events: a cry for help is one in capitals and as a text, too."""
    for path, wanted in when.items():
        found, several = _found(item, root, path), wanted if isinstance(wanted, list) else [wanted]
        loose = not exact and _word(found).lower() in {_word(one).lower() for one in several} - {""}
        if found is _MISSING or not (found in several or loose):
            return False
    return True


def _kind(rule: EventRule, code: str) -> str:
    """Returns our kind of a vendor's code; a cry for help is heard in capitals, and by our own word for it, too."""
    kinds = {one.lower(): kind for one, kind in rule.kinds.items()}
    return rule.kinds.get(code) or kinds.get(code.lower()) or (code if is_urgent(code) else rule.kind)


def _number(said: object) -> float | None:
    """A number, also as a text, as vendors write them."""
    if isinstance(said, str):
        try:
            return float(said)
        except ValueError:
            return None
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said) if abs(said) < 1e300 else inf
    return None


def _word(said: object) -> str:
    """A name or code, which some vendors write as a number."""
    if isinstance(said, str):
        return said
    return str(said) if isinstance(said, int) and not isinstance(said, bool) else ""
