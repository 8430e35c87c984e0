"""What a code is by its form, and what a code of ours holds: for whatever is read."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.errors import Forbidden, Invalid, RuleBroken
from kangyun.base.numbers import resident_id
from kangyun.care.health_card import own, rules

FILE = files("kangyun.care.health_card").joinpath("data", "health_card.toml").read_text("utf-8")
RULES = rules.read_rules(tomllib.loads(FILE))
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MOMENTS = st.integers(1_700_000_000, 1_900_000_000)
settings.register_profile("rules", deadline=None)
settings.load_profile("rules")


@given(st.text(max_size=200), st.none() | st.sampled_from(sorted(RULES.kinds)))
def test_whatever_is_read_is_of_a_kind_or_refused(text, said):
    try:
        kind = rules.recognised(text, said, RULES.kinds)
        found = rules.identifiers(text, RULES.kinds[kind])
    except Invalid:
        return
    assert found
    assert all(one.partition("|")[2] for one in found)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("990101198001010014", "id-card"), ("990101800101001", "id-card"), ("9" * 28, "insurance-code"),
        ("A1234567" + "8", "social-security-card"), ("e" * 64, "ehealth-card"),
    ],
)  # fmt: skip
def test_what_looks_like_one_kind_only_need_not_be_said(text, kind):
    assert rules.recognised(text, None, RULES.kinds) == kind


@pytest.mark.parametrize("text", ["990101198001010013", "V-1001", "123456", "990101198013010011"])
def test_what_may_be_several_must_be_said(text):
    with pytest.raises(Invalid):
        rules.recognised(text, None, RULES.kinds)


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(0, 995))
def test_an_old_number_is_that_of_eighteen_characters(born, sequence):
    digits = f"990101{born:%Y%m%d}{sequence:03}"
    number = digits + resident_id.check_character(digits)
    old = number[:6] + number[8:17]
    new_kind = RULES.kinds["id-card"]
    assert rules.identifiers(old, new_kind) == rules.identifiers(number, new_kind)
    assert {f"{new_kind.systems[0]}|{one}" for one in (number, old)} == set(rules.identifiers(number, new_kind))


def test_the_old_numbers_of_centenarians_are_of_the_century_before():
    (number, *_) = rules.identifiers("990101990101996", RULES.kinds["id-card"])
    assert number.partition("|")[2].startswith("99010118990101996")


@given(st.text(max_size=100))
def test_a_plain_text_is_read_or_refused(text):
    try:
        plain = rules.read_plain(text)
    except Invalid:
        return
    assert text.startswith(plain.card + ":")


@pytest.mark.parametrize("time", ["20261122160000", "1795334400", "1795334400000"])
def test_a_dynamic_card_says_until_when(time):
    assert rules.read_plain(f"{'a' * 64}:0:{time}") == rules.Plain("a" * 64, datetime(2026, 11, 22, 8, tzinfo=UTC))


@given(st.sampled_from(("dynamic", "static", "temporary", "newborn")), st.text(max_size=60), MOMENTS, MOMENTS)
def test_a_code_of_ours_comes_back_as_it_was(kind, what, made, until):
    payload = own.Payload(kind, what, made, until)
    message, signature = own.parts_of(own.text_of(own.packed(payload), b"s" * 64))
    assert signature == b"s" * 64
    begun, over = datetime.fromtimestamp(made, UTC), datetime.fromtimestamp(until, UTC)
    try:
        assert own.read(message, NOW, 60) == payload
        assert begun <= NOW + timedelta(seconds=60)
        assert over + timedelta(seconds=60) > NOW
    except Forbidden:
        assert begun > NOW + timedelta(seconds=60) or over + timedelta(seconds=60) <= NOW


@given(st.text(max_size=300))
def test_whatever_is_no_code_of_ours_is_refused(text):
    try:
        message, _ = own.parts_of(f"KY1.{text}")
        own.read(message, NOW, 60)
    except Forbidden:
        return
    raise AssertionError(text)


@given(st.binary(max_size=200))
def test_what_is_signed_and_no_payload_is_refused(message):
    with pytest.raises(Forbidden):
        own.read(message, NOW, 60)


def test_numbers_are_numbers_and_a_digit_more_or_less_is_seen():
    number = own.new_number()
    assert own.is_number(number)
    wrong = [number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :] for place in range(16)]
    assert not any(map(own.is_number, wrong))
    assert own.is_number("4000000000000002")  # An example number of ISO/IEC 7812-1.


@pytest.mark.parametrize(
    ("patient", "kind", "text"),
    [
        ({"active": False}, "static", "not-active"), ({"deceasedBoolean": True}, "static", "not-active"),
        ({"deceasedDateTime": "2026"}, "static", "not-active"),
        ({"identifier": [{"system": own.IDENTITY, "value": "x"}]}, "temporary", "is-identified"),
        ({}, "newborn", "not-newborn"), ({"birthDate": "2026-11"}, "newborn", "not-newborn"),
        ({"birthDate": "2026-10-24"}, "newborn", "not-newborn"),
        ({"birthDate": "2026-11-23"}, "newborn", "not-newborn"),
    ],
)  # fmt: skip
def test_who_may_not_have_a_card(patient, kind, text):
    with pytest.raises(RuleBroken, match=text):
        own.may_have(patient, kind, RULES.own, date(2026, 11, 22))


@pytest.mark.parametrize(
    ("patient", "kind"),
    [
        ({}, "static"), ({}, "temporary"), ({"deceasedBoolean": False}, "static"),
        ({"birthDate": "2026-11-22"}, "newborn"), ({"birthDate": "2026-10-25"}, "newborn"),
    ],
)  # fmt: skip
def test_who_may(patient, kind):
    own.may_have(patient, kind, RULES.own, date(2026, 11, 22))


@pytest.mark.parametrize(
    "wrong", ["[own]", 'edition = "x"', FILE + "\nother = 1", FILE.replace("\\d{28}", "("), FILE.replace("3000", '"x"')]
)
def test_a_region_s_file_that_cannot_be_is_refused(wrong):
    with pytest.raises(Invalid):
        rules.read_rules(tomllib.loads(wrong))
