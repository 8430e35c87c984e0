"""Bluetooth health profiles, as a phone forwards them: the bytes of GATT characteristics within a little JSON.

    {"n":1795000000000,"z":480,"r":[{"c":"2A35","b":"1e7300…","t":1795000000000}]}

c: the characteristic's number. b: its value, in hexadecimal. t: when the phone heard it, milliseconds. n: when it
sends. z: minutes east of UTC, which Bluetooth's own times lack. clock: what the device's clock says at n, local time,
where the phone has asked it. Read are blood pressure 2A35, heart rate 2A37, glucose 2A18 and its context 2A34,
temperature 2A1C, weight 2A9D, oximetry 2A5E and 2A5F.

Source: Bluetooth SIG, GATT Specification Supplement, and the profiles' services (BLS, HRS, GLS, HTS, WSS, PLXS).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

import msgspec

from kangyun.devices.formats.ieee11073 import float32, sfloat
from kangyun.devices.formats.taking import MILLISECOND, UNREADABLE, Context, Taking
from kangyun.devices.formats.values import Refused
from kangyun.devices.model import Mark, Message, Refusal

_DOUBTED: Final = int(Mark.DOUBTED)
_NOBODY: Final = 255  # a user that the device does not know
_CONTROL_SOLUTION: Final = 10  # type of a glucose sample
_ON_SKIN: Final = (4, 8)  # temperature types: finger, toe


class Characteristic(msgspec.Struct, forbid_unknown_fields=True):
    c: str
    b: Annotated[str, msgspec.Meta(max_length=1024)]
    t: int | None = None


class Forwarded(msgspec.Struct, forbid_unknown_fields=True):
    r: list[Characteristic]
    n: int | None = None
    z: int | None = None
    s: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)] | None = None
    h: bool = False
    b: float | None = None
    clock: datetime | None = None


_decode = msgspec.json.Decoder(Forwarded).decode


class _Bytes:
    """A characteristic's value, read from its beginning. Raises Refused where it ends too early."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._at = 0

    def unsigned(self, size: int = 1) -> int:
        end = self._at + size
        if end > len(self._value):
            raise Refused("devices.formats.cut-off")
        number = int.from_bytes(self._value[self._at : end], "little")
        self._at = end
        return number

    def sfloat(self) -> float:
        return sfloat(self.unsigned(2))

    def time(self) -> datetime | None:
        """A local time without a zone; None where the device has none."""
        year, month, day, hour, minute, second = self.unsigned(2), *(self.unsigned() for _ in range(5))
        if not year or not month or not day:
            return None
        try:
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - Bluetooth's times have no zone
        except ValueError:
            raise Refused("devices.formats.time") from None

    @property
    def has_more(self) -> bool:
        return self._at < len(self._value)


class _Reader:
    """One forwarded message."""

    def __init__(self, taking: Taking) -> None:
        self.taking = taking
        self.glucose: dict[int, tuple[int, int]] = {}
        """Instants and marks of the glucose measurements so far, by their own numbers."""

    def at(self, said: datetime | None, heard: int | None, where: str) -> tuple[int, int]:
        """When something was, and its mark; (0, 0), noted, where that cannot be known."""
        if said is not None:
            return self.taking.corrected(*self.taking.instant(said), where)
        if heard is None:
            return self.taking.context.received, 0
        return self.taking.corrected(heard * MILLISECOND, 0, where)

    def value(self, name: str, value: float, unit: str | None, about: tuple[int, int, str, str]) -> None:
        """Takes a value. about: when it was, its mark, its key and where it stands."""
        at, mark, key, where = about
        self.taking.reading(name, value, unit, at, mark, key, f"{where}.{name}")

    def pressure(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags = raw.unsigned()
        unit = "kPa" if flags & 1 else "mm[Hg]"
        values = [("sys", raw.sfloat()), ("dia", raw.sfloat()), ("map", raw.sfloat())]
        said = raw.time() if flags & 2 else None
        pulse = raw.sfloat() if flags & 4 else None
        key = _key(raw.unsigned()) if flags & 8 else ""
        status = raw.unsigned(2) if flags & 16 else 0
        at, mark = self.at(said, heard, where)
        if not at:
            return
        # The body moved, the cuff was loose, or the arm was not where it should be.
        about = (at, mark | (_DOUBTED if status & 0b100011 else 0), key, where)
        for name, value in values:
            if name != "map" or value == value:  # Many cuffs have no mean, and say so by NaN.
                self.value(name, value, unit, about)
        if pulse is not None:
            self.value("hr", pulse, "/min", about)
        if status:
            self.taking.note("device-status", at, f"2A35 {status:#06x}")

    def heart_rate(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags = raw.unsigned()
        rate = raw.unsigned(2 if flags & 1 else 1)
        if flags & 8:
            raw.unsigned(2)  # Energy since the sensor was reset: a counter without a beginning, not read.
        at, mark = self.at(None, heard, where)
        if not at:
            return
        off_skin = flags & 0b110 == 0b100
        about = (at, mark | (_DOUBTED if off_skin else 0), "", where)
        self.value("heart-rate", rate, "/min", about)
        intervals = []
        while flags & 16 and raw.has_more:
            intervals.append(raw.unsigned(2) * 1000 / 1024)
        before = 0.0
        for interval in reversed(intervals):
            self.value("rr-interval", interval, "ms", (at - round(before * MILLISECOND), *about[1:]))
            before += interval

    def glucose_value(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags, number = raw.unsigned(), raw.unsigned(2)
        said = raw.time()
        minutes = _signed16(raw.unsigned(2)) if flags & 1 else 0
        at, mark = self.at(said, heard, where)
        if not at:
            return
        at += minutes * 60_000_000
        self.glucose[number] = at, mark
        if not flags & 2:
            raise Refused("devices.formats.absent")
        value, kind = raw.sfloat(), raw.unsigned()
        if kind & 0x0F == _CONTROL_SOLUTION:
            raise Refused("devices.formats.no-person")
        status = raw.unsigned(2) if flags & 8 else 0
        # Anything but a low battery (bit 0) speaks against the value: sample, strip, temperature, time fault.
        mark |= _DOUBTED if status & ~1 else 0
        self.value("glucose", value, "mol/L" if flags & 4 else "kg/L", (at, mark, "", where))
        if status:
            self.taking.note("device-status", at, f"2A18 {status:#06x}")

    def glucose_context(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags, number = raw.unsigned(), raw.unsigned(2)
        if flags & 128:
            raw.unsigned()
        if flags & 1:
            raw.unsigned(3)
        if not flags & 2:
            return
        meal = raw.unsigned()
        if number not in self.glucose:
            raise Refused("devices.formats.without-measurement")
        at, mark = self.glucose[number]
        self.value("meal-context", meal, None, (at, mark, "", where))

    def temperature(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags = raw.unsigned()
        value = float32(raw.unsigned(4))
        said = raw.time() if flags & 2 else None
        kind = raw.unsigned() if flags & 4 else 0
        at, mark = self.at(said, heard, where)
        if at:
            name = "skin-temperature" if kind in _ON_SKIN else "body-temperature"
            self.value(name, value, "[degF]" if flags & 1 else "Cel", (at, mark, "", where))

    def weight(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags, weight = raw.unsigned(), raw.unsigned(2)
        imperial = flags & 1
        said = raw.time() if flags & 2 else None
        key = _key(raw.unsigned()) if flags & 4 else ""
        index, height = (raw.unsigned(2), raw.unsigned(2)) if flags & 8 else (0, 0)
        if weight == 0xFFFF:  # Nobody stood still on it.
            raise Refused("devices.formats.absent")
        at, mark = self.at(said, heard, where)
        if not at:
            return
        about = (at, mark, key, where)
        self.value("weight", weight * (0.01 if imperial else 0.005), "[lb_av]" if imperial else "kg", about)
        if flags & 8:
            self.value("body-mass-index", index * 0.1, "kg/m2", about)
            self.value("height", height * 0.1, "[in_i]" if imperial else "cm", about)

    def oximetry(self, raw: _Bytes, heard: int | None, where: str) -> None:
        """A spot check."""
        flags = raw.unsigned()
        values = raw.sfloat(), raw.sfloat()
        said = raw.time() if flags & 1 and not flags & 16 else None
        if flags & 1 and flags & 16:  # Its clock was never set.
            raw.unsigned(7)
        status = raw.unsigned(2) if flags & 2 else 0
        self._saturation(values, status, self.at(said, heard, where), where)

    def continuous_oximetry(self, raw: _Bytes, heard: int | None, where: str) -> None:
        flags = raw.unsigned()
        values = raw.sfloat(), raw.sfloat()
        for flag in (1, 2):  # The fast and the slow averages: the normal one is taken.
            if flags & flag:
                raw.unsigned(4)
        status = raw.unsigned(2) if flags & 4 else 0
        self._saturation(values, status, self.at(None, heard, where), where)

    def _saturation(self, values: tuple[float, float], status: int, when: tuple[int, int], where: str) -> None:
        at, mark = when
        if not at:
            return
        if status & 0x1C00:  # For demonstration, for a test, while it is calibrated.
            raise Refused("devices.formats.no-person")
        if status & 0xA000:  # Not to be had, or invalid.
            raise Refused("devices.formats.absent")
        about = (at, mark | (_DOUBTED if status & 0x4040 else 0), "", where)  # Questionable, or an early estimate.
        self.value("spo2", values[0], "%", about)
        self.value("hr", values[1], "/min", about)


_CHARACTERISTICS: Final[dict[str, Callable[[_Reader, _Bytes, int | None, str], None]]] = {
    "2A35": _Reader.pressure,
    "2A37": _Reader.heart_rate,
    "2A18": _Reader.glucose_value,
    "2A34": _Reader.glucose_context,
    "2A1C": _Reader.temperature,
    "2A9D": _Reader.weight,
    "2A5E": _Reader.oximetry,
    "2A5F": _Reader.continuous_oximetry,
}


def read(payload: bytes, context: Context) -> tuple[Message, tuple[Refusal, ...]]:
    """Returns what a forwarded message says and what of it was refused."""
    taking = Taking(context)
    try:
        said = _decode(payload)
    except UNREADABLE:
        taking.refuse("devices.formats.unreadable", "$")
        return taking.result()
    taking.sequence, taking.historic = said.s, said.h
    taking.zoned(said.z, "$.z")
    if said.b is not None:
        taking.charge(said.b, "$.b")
    if said.clock is not None:
        taking.sent(taking.instant(said.clock)[0])
    elif said.n is not None:
        taking.sent(said.n * MILLISECOND)
    reader = _Reader(taking)
    for number, one in enumerate(said.r):
        where = f"$.r[{number}]"
        characteristic = _CHARACTERISTICS.get(one.c.upper())
        try:
            if characteristic is None:
                raise Refused("devices.formats.unknown-characteristic")
            characteristic(reader, _Bytes(bytes.fromhex(one.b)), one.t, where)
        except Refused as why:
            taking.refuse(why.text, where)
        except ValueError:
            taking.refuse("devices.formats.unreadable", where)
    return taking.result()


def _key(user: int) -> str:
    return "" if user == _NOBODY else str(user)


def _signed16(raw: int) -> int:
    return raw - 0x10000 if raw & 0x8000 else raw
