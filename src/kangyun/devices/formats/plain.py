"""Our own compact JSON: `plain`. Read straight into typed structs, as it is what the hot path decodes.

    {"m":"spo2","v":97,"t":1763899200000}                                one value
    {"v":{"sys":152,"dia":94,"hr":78},"t":"2026-11-23T08:12:00+08:00"}   several at one time
    {"s":17,"n":1763899203000,"b":80,"r":[{…},{…}]}                      a batch with its sequence
    {"e":"sos","t":1763899200000,"lat":31.23,"lon":121.47,"d":"gcj02"}   an event

m metric or short name, v value or values, u unit (UCUM; absent: the metric's own), t time (milliseconds since 1970 or
ISO 8601; absent: now), k key that was pressed, p place of a pressure, d datum of a position; of the message: s
sequence, n what the device's clock says as it sends, z minutes east of UTC, h history, b battery in per cent,
r readings, e events, w waves. What else it may say is refused, so that a misspelt name is not lost in silence.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec

from kangyun.devices.formats.taking import LONGEST_TEXT, MILLISECOND, UNREADABLE, Context, Taking, is_urgent
from kangyun.devices.formats.values import PLACES, known
from kangyun.devices.model import Mark, Message, Refusal, Wave

Key = Annotated[str, msgspec.Meta(max_length=32)]
Words = Annotated[str, msgspec.Meta(max_length=200)]
Sequence = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Time = int | datetime | None
"""Milliseconds since 1970, or ISO 8601."""


class Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One value, or several at one time."""

    m: str | None = None
    v: float | dict[str, float] | None = None
    u: str | None = None
    t: Time = None
    k: Key = ""
    p: str | None = None
    d: str = "wgs84"


class Happened(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One event of a batch."""

    e: str
    t: Time = None
    lat: float | None = None
    lon: float | None = None
    d: str = "wgs84"
    text: Words = ""


class Waves(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Samples: value = origin + factor x sample. hz: samples a second."""

    m: str
    t: Time
    hz: Annotated[float, msgspec.Meta(gt=0, le=100_000)]
    v: tuple[Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 31)], ...]
    origin: float = 0.0
    factor: float = 1.0


class Said(Item, forbid_unknown_fields=True, gc=False):
    """A whole message."""

    s: Sequence | None = None
    n: int | datetime | None = None
    z: int | None = None
    h: bool = False
    b: float | None = None
    e: str | list[Happened] | None = None
    r: list[Item] | None = None
    w: list[Waves] | None = None
    lat: float | None = None
    lon: float | None = None
    text: Words = ""


class _Loose(msgspec.Struct, forbid_unknown_fields=True):
    """A message of which a part cannot be read: the parts one by one."""

    s: Any = None
    n: Any = None
    z: Any = None
    h: Any = False
    b: Any = None
    e: str | list[msgspec.Raw] | None = None
    r: list[msgspec.Raw] | None = None
    w: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(Said | list[Item]).decode


def read(payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what a message says and what of it was refused."""
    taking = Taking(context)
    try:
        said = _decode(payload)
    except UNREADABLE:
        _in_parts(payload, taking)
        return taking.result()
    if isinstance(said, list):
        for number, item in enumerate(said):
            _item(taking, item, f"$[{number}]")
    else:
        _message(taking, said)
    return taking.result()


def read_typed(payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what somebody typed, marked as typed: `typed`, which is our own JSON that no device has written."""
    message, refusals = read(payload, context)
    typed = tuple(msgspec.structs.replace(one, mark=one.mark | Mark.TYPED) for one in message.readings)
    return msgspec.structs.replace(message, readings=typed), refusals


def _message(taking: Taking, said: Said) -> None:
    taking.sequence, taking.historic = said.s, said.h
    taking.zoned(said.z, "$.z")
    if said.n is not None:
        taking.sent(said.n * MILLISECOND if isinstance(said.n, int) else taking.instant(said.n)[0])
    if said.b is not None:
        taking.charge(said.b, "$.b")
    if said.v is not None or said.m is not None:
        _item(taking, said, "$")
    if said.r is not None:
        for number, item in enumerate(said.r):
            _item(taking, item, f"$.r[{number}]")
    if said.e is not None or said.w is not None:
        _rest(taking, said)


def _rest(taking: Taking, said: Said) -> None:
    """Events and waves, which are rare."""
    if isinstance(said.e, str):
        _event(taking, Happened(said.e, said.t, said.lat, said.lon, said.d, said.text), "$.e")
    elif said.e is not None:
        for number, happened in enumerate(said.e):
            _event(taking, happened, f"$.e[{number}]")
    for number, wave in enumerate(said.w or ()):
        _wave(taking, wave, f"$.w[{number}]")


def _at(taking: Taking, said: Time, where: str) -> tuple[int, int]:
    """When something was, and its mark; (0, 0), noted, where that cannot be known."""
    if said is None:
        return taking.context.received, 0
    if isinstance(said, int):
        return taking.corrected(said * MILLISECOND, 0, where)
    return taking.corrected(*taking.instant(said), where)


def _item(taking: Taking, item: Item, where: str) -> None:
    at, mark = _at(taking, item.t, where)
    if not at:
        return
    value = item.v
    if item.p is not None:
        if item.p not in PLACES:
            taking.refuse("devices.formats.unknown-place", where)
            return
        taking.names = known(item.p)
    if isinstance(value, float):
        if item.m is None:
            taking.refuse("devices.formats.unknown-metric", where)
        else:
            taking.reading(item.m, value, item.u, at, mark, item.k, where)
    elif value:
        _several(taking, item, value, at, mark, where)
    else:
        taking.refuse("devices.formats.empty", where)
    if item.p is not None:
        taking.names = known(taking.context.place)


def _several(taking: Taking, item: Item, values: dict[str, float], at: int, mark: int, where: str) -> None:
    if item.u is not None or item.m is not None:  # One unit or name for several metrics is a mistake.
        taking.refuse("devices.formats.one-name", where)
        return
    if "lat" in values and "lon" in values:
        taking.position(values.pop("lat"), values.pop("lon"), item.d, at, mark, item.k, where)
    for name, value in values.items():
        if name in ("lat", "lon"):
            taking.refuse("devices.formats.half-a-position", where)
            continue
        taking.reading(name, value, None, at, mark, item.k, f"{where}.{name}" if name in taking.names else where)


def _event(taking: Taking, said: Happened, where: str) -> None:
    at = None
    if said.t is not None:
        at = said.t * MILLISECOND if isinstance(said.t, int) else taking.instant(said.t)[0]
    spot = None if said.lat is None or said.lon is None else (said.lat, said.lon, said.d)
    taking.event(said.e, at, where, spot, said.text)


def _wave(taking: Taking, said: Waves, where: str) -> None:
    at, _ = _at(taking, said.t, where)
    one = taking.names.get(said.m)
    if not at:
        return
    if one is None:
        taking.refuse("devices.formats.unknown-metric", where)
        return
    taking.wave(Wave(one.number, at, round(1_000_000 / said.hz), said.origin, said.factor, said.v), where)


_Part = TypeVar("_Part", bound=msgspec.Struct)


def _in_parts(payload: bytes, taking: Taking) -> None:
    """Takes of a message that cannot be read as a whole what can be, and notes what cannot."""
    try:
        loose = msgspec.json.decode(payload, type=_Loose | list[msgspec.Raw])
        if isinstance(loose, list):
            _each(loose, Item, _item, "$", taking)
            return
        head = {name: getattr(loose, name) for name in ("s", "n", "z", "h", "b")}
        said = msgspec.convert(head, Said)
    except UNREADABLE:
        if not _cried(payload, taking):
            taking.refuse("devices.formats.unreadable", "$")
        return
    said.e = loose.e if isinstance(loose.e, str) else None
    _message(taking, said)
    _each(loose.r, Item, _item, "$.r", taking)
    _each(None if isinstance(loose.e, str) else loose.e, Happened, _event, "$.e", taking)
    _each(loose.w, Waves, _wave, "$.w", taking)


def _each(
    raws: list[msgspec.Raw] | None,
    type_: type[_Part],
    take: Callable[[Taking, _Part, str], None],
    where: str,
    taking: Taking,
) -> None:
    for number, raw in enumerate(raws or ()):
        place = f"{where}[{number}]"
        try:
            part = msgspec.json.decode(raw, type=type_)
        except UNREADABLE:
            if not _cry(taking, _any(raw), place):
                taking.refuse("devices.formats.unreadable", place)
            continue
        take(taking, part, place)


_HEAD: Final = {"s": Sequence, "n": int | datetime, "z": int, "h": bool, "b": float}
_OF_EVENT: Final = {"t": int | datetime, "lat": float, "lon": float, "d": str, "text": str}


def _any(payload: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(payload)
    except UNREADABLE:
        return None


def _cried(payload: bytes, taking: Taking) -> bool:
    """Takes the cries for help of a message that cannot be read otherwise. Whether there is one."""
    said = _any(payload)
    if not isinstance(said, dict):
        return False
    listed = said.get("e")
    events: list[Any] = listed if isinstance(listed, list) else [said]
    if not any(isinstance(one, dict) and is_urgent(one.get("e")) for one in events):
        return False
    _message(taking, Said(**_readable(taking, said, _HEAD, "$")))
    if events[0] is said:
        return _cry(taking, {name: value for name, value in said.items() if name not in _HEAD}, "$")
    if said.keys() - _HEAD.keys() != {"e"}:
        taking.refuse("devices.formats.unreadable", "$")
    _each([msgspec.Raw(msgspec.json.encode(one)) for one in events], Happened, _event, "$.e", taking)
    return True


def _cry(taking: Taking, said: object, where: str) -> bool:
    """Takes a cry for help without what of it cannot be read, which is noted. Whether it is one."""
    if not isinstance(said, dict) or not is_urgent(said.get("e")):
        return False
    if said.keys() - _OF_EVENT.keys() != {"e"}:
        taking.refuse("devices.formats.unreadable", where)
    if isinstance(said.get("text"), str):
        said["text"] = said["text"][:LONGEST_TEXT]
    _event(taking, Happened(said["e"], **_readable(taking, said, _OF_EVENT, where)), where)
    return True


def _readable(taking: Taking, said: dict[str, Any], fields: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the fields that are what they should be; the others are noted."""
    found = {}
    for name in fields.keys() & said.keys():
        if said[name] is None:
            continue
        try:
            found[name] = msgspec.convert(said[name], fields[name])
        except UNREADABLE:
            taking.refuse("devices.formats.unreadable", f"{where}.{name}")
    return found
