"""The sentences: the agreed words as they are, and nothing about anybody's health by other people's hands."""

from pathlib import Path

import pytest

from kangyun.access.messages.outbox.rules import read_rules
from kangyun.access.messages.outbox.templates import places, read_templates
from kangyun.base.errors import Invalid

NOWHERE = Path("/nonexistent")
SHIPPED = read_rules(NOWHERE)
TEMPLATES = read_templates(NOWHERE, SHIPPED.public.variables, SHIPPED.public.forbidden)
ALLOWED = {"code", "count", "days", "institution", "link", "minutes", "time"}


@pytest.mark.parametrize(
    ("template", "role", "variables", "words"),
    [
        (
            "pressure", "resident", {"value": "186/112"},
            "您的血压 186/112，偏高。请坐下休息 5 分钟再量一次。如有胸痛、说话不清、一侧手脚没力气，马上打 120。",
        ),
        (
            "pressure", "family",
            {
                "name": "王建国", "kinship": "父亲", "time": "08:12", "value": "186/112", "minutes": "5",
                "again": "184/110", "doctor": "李医生",
            },
            "王建国（父亲）今天 08:12 自测血压 186/112，5 分钟后复测 184/110。家庭医生李医生已收到。",
        ),
        (
            "pressure", "doctor",
            {
                "name": "王建国", "age": "70", "condition": "高血压", "values": "186/112、184/110", "limit": "180/110",
                "mean": "158/92", "medication": "未见服药记录", "minutes": "30",
            },
            "王建国 70岁 高血压 自测 186/112、184/110（个人上限 180/110）；近 7 天均值 158/92；未见服药记录。"
            "建议 30 分钟内联系。",
        ),
        (
            "silent", "family", {"kinship": "爸爸", "device": "血压计", "days": "3"},
            "爸爸的血压计已 3 天没有数据，可能没电或没联网。",
        ),
        (
            "sos", "resident", {"time": "08:12"},
            "您 08:12 按下了求助键，已通知值班人员，请保持电话畅通。如情况紧急，马上打 120。",
        ),
        (
            "sos", "family", {"name": "王建国", "kinship": "父亲", "time": "08:12", "place": "住址"},
            "王建国（父亲）08:12 按下了求助键，位置：住址。已通知值班人员，请您也立即联系本人。",
        ),
        (
            "fall", "family", {"name": "王建国", "kinship": "父亲", "time": "08:12", "place": "住址"},
            "王建国（父亲）08:12 可能跌倒，位置：住址。已通知值班人员，请您也立即联系本人。",
        ),
        (
            "escalated", "desk", {"name": "王建国", "age": "70", "minutes": "0", "sentence": "收缩压 186"},
            "王建国 70岁的提醒刚刚无人应答：收缩压 186",
        ),
        (
            "escalated", "desk", {"name": "王建国", "age": "70", "minutes": "1", "sentence": "收缩压 186"},
            "王建国 70岁的提醒 1 分钟无人应答：收缩压 186",
        ),
        ("hidden", "doctor", {"count": "2"}, "有 2 份记录因居民设置未显示。需要时可请居民当面授权。"),
    ],
)  # fmt: skip
def test_the_agreed_words_are_shipped(template, role, variables, words):
    assert TEMPLATES.sentence(template, role, variables) == words


@pytest.mark.parametrize("name", sorted(TEMPLATES.all))
def test_no_sms_says_a_diagnosis_a_value_or_a_name(name):
    public = TEMPLATES.public(name)
    assert set(public.sms.variables) <= ALLOWED
    assert places(public.zh) | places(public.en) <= ALLOWED
    assert all(places(field) <= ALLOWED for field in public.wechat.fields.values())
    said = (public.zh, public.en, *public.wechat.fields.values())
    assert not [word for word in SHIPPED.public.forbidden for one in said if word in one]


def test_the_list_of_allowed_variables_is_the_one_that_was_agreed():
    assert set(SHIPPED.public.variables) == ALLOWED


@pytest.mark.parametrize(
    "public",
    [
        'zh = "您的血压偏高。"\nen = "x"',
        'zh = "{name}请看"\nen = "x"',
        'zh = "x"\nen = "x"\nsms = { id = "A", variables = ["value"] }',
        'zh = "x"\nen = "x"\nwechat = { id = "A", fields = { thing1 = "{sentence}" } }',
    ],
)
def test_a_region_s_own_template_is_held_to_the_same(tmp_path, public):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/templates.toml").write_text(f'[mine.doctor]\nzh = "x"\nen = "x"\n[mine.public]\n{public}\n')
    with pytest.raises(Invalid):
        read_templates(tmp_path, SHIPPED.public.variables, SHIPPED.public.forbidden)


def test_a_variable_that_was_not_given_leaves_a_mark_and_breaks_nothing():
    assert TEMPLATES.sentence("silent", "doctor", {"name": "王建国"}).startswith("王建国的—已 — 天")


def test_what_a_region_s_own_file_does_not_say_is_said_as_the_platform_says_it(tmp_path):
    (tmp_path / "policy").mkdir()
    own = '[warning.doctor]\nzh = "请看：{sentence}"\nen = "x"\n[warning.public]\nzh = "请看 {link}"\nen = "x"\n'
    (tmp_path / "policy/templates.toml").write_text(own)
    found = read_templates(tmp_path, SHIPPED.public.variables, SHIPPED.public.forbidden)
    assert found.sentence("warning", "doctor", {"sentence": "收缩压 186"}) == "请看：收缩压 186"
    assert found.has("warning", "family") and found.has("escalated", "desk") and found.has("stray", "desk")
    assert found.public("sos", red=True) == TEMPLATES.public("sos", red=True)
