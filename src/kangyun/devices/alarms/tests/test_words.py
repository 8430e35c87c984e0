"""What is said of an alarm, to whom."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kangyun.access.circle import Circle
from kangyun.access.identities.hearing import Hearer
from kangyun.access.messages.outbox import Urgency
from kangyun.devices.alarms.raising import micros_of
from kangyun.devices.alarms.readers import Telling
from kangyun.devices.alarms.words import Said, kinship, place_in_words, sentence_of
from kangyun.devices.signals import Level, Rest, Warning

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 0, 20, tzinfo=UTC)
AT = micros_of(datetime(2026, 11, 23, 0, 12, tzinfo=UTC))
WHO = Circle(
    (4096,), ("p",), "王建国", "male", date(1956, 2, 3), ("13900000001",), "测试路 1 号",
    (Hearer("RelatedPerson/son", "CHILD"),), ("Practitioner/li",), ("Practitioner/hua",),
)  # fmt: skip
PRESSURE = Warning(
    rule="blood-pressure-high", level=Level.RED, holder=4096, at=AT, since=AT,
    rests=(Rest(1, 1, AT, 186.0), Rest(2, 2, AT, 112.0)), figures={"limit": 180.0, "mean": "158/92"},
)  # fmt: skip
SOS = Warning(rule="sos", level=Level.RED, holder=4096, at=AT, since=AT, position=(30.1, 104.2))


def cry(rule: str) -> Warning:
    """A cry for help, of a rule."""
    return msgspec.structs.replace(SOS, rule=rule)


def telling(whom, warning=PRESSURE, **given) -> Telling:
    said = Said(warning, WHO, NOW, ZONE, given.pop("late", 0))
    made = Telling(
        17, 4096, warning.rule, int(warning.level), 1, 2, whom, WHO, "Organization/centre", ("Practitioner/wang",),
        ("Practitioner/head",), "", said,
    )  # fmt: skip
    return replace(made, **given)


def test_the_family_is_told_in_its_own_words():
    (one,) = telling("family").notices()
    assert one.readers[0].variables["kinship"] == "父亲"
    assert one.readers[0].variables["sentence"].startswith("王建国（父亲）今天 08:12 自测血压")
    assert (one.key, one.urgency, one.asker) == ("alarm/17/1/2/family/0", Urgency.RED, "alarm/17")


def test_the_resident_is_told_what_to_do_and_no_diagnosis():
    (one,) = telling("resident").notices()
    assert "马上打 120" in one.readers[0].variables["sentence"]


def test_the_doctor_is_told_of_whom_and_that_nothing_is_known_of_medicine():
    (one,) = telling("family-doctor").notices()
    assert one.variables["sentence"].startswith("王建国 70岁 ")
    assert "未见服药记录" in one.variables["sentence"]
    (one,) = telling("family-doctor", said=Said(PRESSURE, replace(WHO, medicated=True), NOW, ZONE)).notices()
    assert "有用药记录" in one.variables["sentence"]


def test_the_desk_is_told_through_who_is_on_duty_and_then_as_a_desk():
    (one,) = telling("desk", SOS).notices()
    assert [reader.reference for reader in one.readers] == ["Practitioner/wang", "desk/centre"]
    assert one.template == "sos"
    assert "住址：测试路 1 号" in one.variables["place"] and "30.10000, 104.20000" in one.variables["place"]


def test_the_head_is_told_as_who_looks_after_it_and_then_as_a_desk():
    (one,) = telling("head", heads=("Practitioner/a", "Practitioner/b")).notices()
    assert [reader.reference for reader in one.readers] == ["Practitioner/a", "Practitioner/b", "desk/centre"]


@pytest.mark.parametrize(
    ("emergency", "reader", "asked"), [("", "desk/centre", True), ("Organization/120", "desk/120", False)]
)
def test_without_a_way_to_the_emergency_centre_the_desk_is_told_to_call(emergency, reader, asked):
    (one,) = telling("emergency", emergency=emergency).notices()
    assert [one.reference for one in one.readers] == [reader]
    assert ("请立即呼叫 120" in one.variables["sentence"]) == asked


def test_what_is_told_late_says_so():
    (one,) = telling("family-doctor", late=20).notices()
    assert one.variables["sentence"].startswith("（系统中断，迟发 20 分钟）")


@pytest.mark.parametrize("rule", ["sos", "fall"])
def test_a_cry_for_help_is_to_be_answered_at_once(rule):
    said = sentence_of(cry(rule), ZONE, NOW)
    assert said.endswith("请立即联系。") and "30 分钟" not in said
    assert sentence_of(PRESSURE, ZONE, NOW).endswith("建议 30 分钟内联系。")


@pytest.mark.parametrize("rule", ["sos", "fall"])
def test_a_cry_for_help_that_is_told_late_says_so_to_everybody(rule):
    for whom in ("desk", "family"):
        (late,), (prompt,) = telling(whom, cry(rule), late=20).notices(), telling(whom, SOS).notices()
        assert late.variables["place"].endswith("（系统中断，迟发 20 分钟）")
        assert "迟发" not in prompt.variables["place"]


def test_nobody_of_a_kind_is_no_notice():
    nobody = replace(WHO, family=(), doctors=(), nurses=(), patients=())
    assert [telling(whom, circle=nobody).notices() for whom in ("family", "family-doctor", "nurse", "resident")] == [
        []
    ] * 4


def test_a_rule_of_a_regions_own_is_told_with_its_figures():
    own = Warning(rule="own-rule", level=Level.AMBER, holder=1, at=AT, since=AT, figures={"co2": 3000.0})
    assert sentence_of(own, ZONE, NOW) == "规则 own-rule：co2 3000.0"


@pytest.mark.parametrize(
    ("relation", "gender", "word"),
    [("CHILD", "female", "母亲"), ("SPS", "male", "配偶"), ("GUARD", "male", "家人"), ("PRN", "", "家人")],
)
def test_what_the_resident_is_to_somebody(relation, gender, word):
    assert kinship(relation, gender) == word


def test_nothing_is_made_up_of_a_place():
    assert place_in_words(PRESSURE, "") == ""
