"""Bluetooth characteristics as bytes: what the profiles say, and numbers of 16 and 32 bits."""

import json
from math import isfinite, isinf, isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.devices.formats import Context, read
from kangyun.devices.formats.ieee11073 import float32, sfloat
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Mark, Message, Refusal

NOW = 1_795_000_000_000
CONTEXT = Context(received=NOW * 1000)
LOCAL = "ea070b12080c00"  # 2026-11-18 08:12:00


def said(*characteristics: tuple[str, str], **rest: Any) -> tuple[Message, tuple[Refusal, ...]]:
    parts = [{"c": number, "b": value, "t": NOW} for number, value in characteristics]
    return read("gatt", json.dumps({"r": parts, **rest}).encode(), CONTEXT)


def values(message: Message) -> dict[str, float]:
    return {metrics_by_number()[one.metric].name: one.value for one in message.readings}


@pytest.mark.parametrize(
    ("number", "value", "expected"),
    [
        ("2A35", "00" + "9800" + "5e00" + "7100",
         {"systolic-home": 152, "diastolic-home": 94, "mean-pressure-home": 113}),
        ("2A35", "01" + "c8f0" + "78f0" + "ff07", {"systolic-home": 150, "diastolic-home": 90}),
        ("2A35", "1e" + "9800" + "5e00" + "ff07" + LOCAL + "4e00" + "02" + "0000",
         {"systolic-home": 152, "diastolic-home": 94, "heart-rate": 78}),
        ("2A37", "0048", {"heart-rate": 72}),
        ("2A37", "1148010004", {"heart-rate": 328, "rr-interval": 1000}),
        ("2A18", "06" + "0100" + LOCAL + "38c0" + "11", {"glucose": 5.6}),
        ("2A18", "02" + "0100" + LOCAL + "64b0" + "11", {"glucose": 5.6}),
        ("2A1C", "00" + "6d0100ff", {"body-temperature": 36.5}),
        ("2A1C", "01" + "da0300ff", {"body-temperature": 37.0}),
        ("2A1C", "04" + "6d0100ff" + "04", {"skin-temperature": 36.5}),
        ("2A9D", "00" + "c832", {"weight": 65.0}),
        ("2A9D", "0d" + "2c3c" + "03" + "f000" + "a802", {"weight": 69.85, "body-mass-index": 24.0, "height": 172.7}),
        ("2A5E", "00" + "6100" + "4e00", {"spo2": 97, "heart-rate": 78}),
        ("2A5F", "00" + "6100" + "4e00", {"spo2": 97, "heart-rate": 78}),
        ("2A5F", "07" + "6100" + "4e00" + "6000500060005000" + "0001", {"spo2": 97, "heart-rate": 78}),
    ],
)  # fmt: skip
def test_a_characteristic_is_read(number: str, value: str, expected: dict[str, float]) -> None:
    message, refusals = said((number, value))
    assert (values(message), refusals) == (expected, ())


def test_the_user_of_a_cuff_is_its_key_and_its_own_time_counts() -> None:
    message, _ = said(("2A35", "0a" + "9800" + "5e00" + "7100" + LOCAL + "02"), z=480)
    assert {(one.key, one.at, one.mark) for one in message.readings} == {("2", 1_794_960_720_000_000, 0)}
    assert {one.key for one in said(("2A35", "08" + "9800" + "5e00" + "7100" + "ff"))[0].readings} == {""}


def test_times_of_a_device_take_its_zone_and_say_so() -> None:
    message, _ = said(("2A35", "02" + "9800" + "5e00" + "7100" + LOCAL))
    assert {one.mark for one in message.readings} == {Mark.ZONE}


def test_the_devices_own_clock_as_the_phone_read_it_corrects() -> None:
    message, _ = said(("2A35", "02" + "9800" + "5e00" + "7100" + "d00701010c0c00"), clock="2000-01-01T12:22:00", z=480)
    assert {(one.at, one.mark) for one in message.readings} == {((NOW - 600_000) * 1000, Mark.CLOCK)}


@pytest.mark.parametrize(
    ("number", "value"),
    [("2A35", "10" + "9800" + "5e00" + "7100" + "0100"), ("2A37", "0448"), ("2A5E", "02" + "6100" + "4e00" + "0040")],
)
def test_what_the_device_itself_does_not_trust_is_doubted(number: str, value: str) -> None:
    message, _ = said((number, value))
    assert {one.mark for one in message.readings} == {Mark.DOUBTED}


def test_the_meal_is_of_its_measurement() -> None:
    measured = ("2A18", "06" + "0700" + LOCAL + "38c0" + "11")
    message, refusals = said(measured, ("2A34", "02" + "0700" + "02"), z=480)
    assert (values(message), refusals) == ({"glucose": 5.6, "meal-context": 2}, ())
    assert len({one.at for one in message.readings}) == 1


@pytest.mark.parametrize(
    ("number", "value", "text"),
    [
        ("2A35", "00" + "ff07" + "5e00" + "7100", "not-a-number"),
        ("2A35", "00" + "fe07" + "5e00" + "7100", "not-a-number"),
        ("2A1C", "00" + "ffff7f00", "not-a-number"), ("2A9D", "00" + "ffff", "absent"),
        ("2A18", "02" + "0100" + LOCAL + "38c0" + "1a", "no-person"),
        ("2A34", "02" + "0700" + "02", "without-measurement"),
        ("2A5E", "02" + "6100" + "4e00" + "0004", "no-person"), ("2A5E", "02" + "6100" + "4e00" + "0080", "absent"),
        ("2A35", "00" + "98", "cut-off"), ("2A35", "zz", "unreadable"), ("2A99", "00", "unknown-characteristic"),
        ("2A35", "02" + "9800" + "5e00" + "7100" + "ea070d12080c00", "time"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(number: str, value: str, text: str) -> None:
    assert f"devices.formats.{text}" in [one.text for one in said((number, value))[1]]


@given(mantissa=st.integers(-2045, 2045), exponent=st.integers(-8, 7))
def test_a_short_number_is_what_was_written(mantissa: int, exponent: int) -> None:
    assert sfloat((exponent & 0xF) << 12 | (mantissa & 0xFFF)) == float(f"{mantissa}e{exponent}")


@given(mantissa=st.integers(-8388605, 8388605), exponent=st.integers(-128, 127))
def test_a_long_number_is_what_was_written(mantissa: int, exponent: int) -> None:
    assert float32((exponent & 0xFF) << 24 | (mantissa & 0xFFFFFF)) == float(f"{mantissa}e{exponent}")


def test_five_mantissas_are_no_numbers() -> None:
    assert [isnan(sfloat(raw)) for raw in (0x07FF, 0x0800, 0x0801)] == [True] * 3
    assert [isnan(float32(raw)) for raw in (0x007FFFFF, 0x00800000, 0x00800001)] == [True] * 3
    assert [isinf(found) for found in (sfloat(0x07FE), sfloat(0x0802), float32(0x007FFFFE), float32(0x00800002))] == [
        True
    ] * 4


@given(raw=st.integers(0, 0xFFFF))
def test_every_short_number_is_a_number_or_none(raw: int) -> None:
    assert isfinite(sfloat(raw)) == (raw not in (0x07FE, 0x07FF, 0x0800, 0x0801, 0x0802))


@given(
    number=st.sampled_from(["2A35", "2A37", "2A18", "2A34", "2A1C", "2A9D", "2A5E", "2A5F"]),
    value=st.binary(max_size=24),
)
def test_no_bytes_raise(number: str, value: bytes) -> None:
    said((number, value.hex()))
