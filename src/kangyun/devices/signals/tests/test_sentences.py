"""The sentences are the agreed ones, word for word, and name no disease to residents and families."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kangyun.base.texts import say
from kangyun.devices.metrics import metrics
from kangyun.devices.signals import Level, Names, Rest, Warning
from kangyun.devices.signals.rules import standing_rules
from kangyun.devices.signals.sentences import sentence

ZONE = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 11, 23, 0, 12, tzinfo=UTC)  # 08:12 in Beijing
AT = int(MORNING.timestamp()) * 1_000_000
NAMES = Names("王建国", "父亲", "李医生", 70, "高血压", "", True)
CRISIS = Warning(
    rule="blood-pressure-high", level=Level.RED, holder=7, at=AT + 300_000_000, since=AT,
    rests=(
        Rest(1, 1, AT, 186), Rest(2, 2, AT, 112), Rest(1, 1, AT + 300_000_000, 184), Rest(2, 2, AT + 300_000_000, 110),
    ),
    figures={"value": "184/110", "limit": "180/110", "own": 1, "mean": "158/92", "minutes": 0},
)  # fmt: skip
FIRST = Warning(
    rule="blood-pressure-high", level=Level.RED, holder=7, at=AT, since=AT,
    rests=(Rest(1, 1, AT, 186), Rest(2, 2, AT, 112)),
    figures={"value": "186/112", "limit": "180/110", "own": 0, "mean": "158/92", "minutes": 0},
)  # fmt: skip
AGAIN = Warning(
    rule="measure-again", level=Level.YELLOW, holder=7, at=AT, since=AT, rests=(Rest(1, 1, AT, 268),),
    figures={"value": 268, "metric": "systolic-home"},
)  # fmt: skip
SILENT = Warning(
    rule="device-silent",
    level=Level.YELLOW,
    holder=7,
    at=AT,
    since=AT,
    figures={"device": "blood-pressure", "days": 3},
    device=4,
)


@pytest.mark.parametrize(
    ("warning", "reader", "names", "said"),
    [
        (
            FIRST, "resident", Names(),
            "您的血压 186/112，偏高。请坐下休息 5 分钟再量一次。如有胸痛、说话不清、一侧手脚没力气，马上打 120。",
        ),
        (
            CRISIS, "family", NAMES,
            "王建国（父亲）今天 08:12 自测血压 186/112，5 分钟后复测 184/110。家庭医生李医生已收到。",
        ),
        (
            CRISIS, "doctor", NAMES,
            "王建国 70岁 高血压 自测 186/112、184/110（个人上限 180/110）；近 7 天均值 158/92；未见服药记录。"
            "建议 30 分钟内联系。",
        ),
        (SILENT, "family", Names(kinship="爸爸"), "爸爸的血压计已 3 天没有数据，可能没电或没联网。"),
        (AGAIN, "doctor", Names(), "今天 08:12 家测收缩压读数 268，疑为测量不当，已请复测。"),
        (AGAIN, "resident", Names(), "这次家测收缩压量出来是 268，不太像。请照说明坐好，5 分钟后再量一次。"),
        (FIRST, "family", NAMES._replace(received=False), "王建国（父亲）今天 08:12 自测血压 186/112。"),
    ],
)  # fmt: skip
def test_the_agreed_words(warning, reader, names, said):
    now = MORNING + timedelta(hours=1)
    assert sentence(warning, reader, names, "zh", ZONE, now) == said


def test_another_day_is_named():
    said = sentence(FIRST, "family", NAMES, "zh", ZONE, MORNING + timedelta(days=2))
    assert said.startswith("王建国（父亲）11 月 23 日 08:12 自测血压")


FIGURES = {
    "value": "120", "limit": "100", "own": 0, "mean": "110", "minutes": 20, "gain": 2.4, "days": 3, "score": 7,
    "scale": 1,
    "value-systolic": 95, "value-spo2": 91, "value-heart-rate": 118, "value-respiratory-rate": 24,
    "value-body-temperature": 38.4, "away": 4.2, "usual": 1.2, "nights": 2, "above": 5, "hours": 6, "ratio": 0.14,
    "count": 12, "place": "home", "device": "watch", "what": "pressure",
}  # fmt: skip
DISEASES = (
    "高血压", "糖尿病", "低血糖", "高血糖", "房颤", "心律失常", "心衰", "心力衰竭", "感染", "中风", "卒中",
    "痴呆", "缺氧", "失智",
    "hypertens", "diabet", "glycaemia", "fibrillation", "arrhythmia", "failure", "infection", "stroke", "dementia",
    "hypoxi", "tachycard", "bradycard",
)  # fmt: skip


def any_warning(rule, level):
    number = metrics()["heart-rate"].number
    return Warning(
        rule=rule, level=level, holder=7, at=AT, since=AT, rests=(Rest(1, number, AT, 120),), figures=FIGURES,
        position=(38.9, 82.6),
    )  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("level", [Level.YELLOW, Level.AMBER, Level.RED])
@pytest.mark.parametrize("reader", ["resident", "family", "doctor"])
@pytest.mark.parametrize("rule", [one.id for one in standing_rules().rule])
def test_every_rule_has_a_sentence_with_no_place_unfilled(rule, reader, level, language):
    said = sentence(any_warning(rule, level), reader, Names("王建国", "父亲"), language, ZONE, MORNING)
    assert len(said) > 8
    assert "{" not in said
    assert "  " not in said


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("reader", ["resident", "family"])
@pytest.mark.parametrize("rule", [one.id for one in standing_rules().rule])
def test_no_disease_is_named_to_residents_and_families(rule, reader, language):
    for level in (Level.YELLOW, Level.AMBER, Level.RED):
        said = sentence(any_warning(rule, level), reader, NAMES, language, ZONE, MORNING).lower()
        assert not [word for word in DISEASES if word in said]


def test_a_silent_device_is_never_called_normal():
    for language in ("zh", "en"):
        for reader in ("resident", "family", "doctor"):
            said = sentence(SILENT, reader, NAMES, language, ZONE, MORNING)
            assert "正常" not in said
            assert "normal" not in said.lower()
    assert "正常" not in say("devices.signals.device-silent-family", "zh", {"person": "", "device": "", "days": 1})


CLIP = Warning(
    rule="spo2-low", level=Level.RED, holder=7, at=AT, since=AT, rests=(Rest(1, 40, AT, 84),),
    figures={"value": "84", "limit": "85", "own": 0, "minutes": 0},
)  # fmt: skip
ALONE = msgspec.structs.replace(FIRST, figures={"value": "186/112", "limit": "180/110", "own": 0, "minutes": 0})


@pytest.mark.parametrize(
    ("warning", "unsaid"), [(CLIP, "持续"), (CLIP, "已有"), (ALONE, "均值"), (CLIP, "for 0"), (ALONE, "mean of")]
)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("reader", ["family", "doctor"])
def test_what_is_not_known_is_not_said(warning, unsaid, language, reader):
    assert unsaid not in sentence(warning, reader, NAMES, language, ZONE, MORNING)


def test_what_lasts_is_said():
    lasting = msgspec.structs.replace(CLIP, figures=CLIP.figures | {"minutes": 6})
    assert "持续 6 分钟" in sentence(lasting, "doctor", NAMES, "zh", ZONE, MORNING)
    assert "已有 6 分钟" in sentence(lasting, "family", NAMES, "zh", ZONE, MORNING)
