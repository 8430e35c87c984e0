"""What is hidden of a person stays hidden: by value, by resource, and whatever the values are."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.actor import Actor
from kangyun.access.masking import is_masked, mask_email, mask_name, mask_number, mask_phone, masked
from kangyun.access.masking.texts import district_of
from kangyun.access.watermark import watermark

HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
LETTERS = st.characters(categories=["L"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张*"), ("张小明", "张*明"), ("欧阳修", "欧阳*"), ("欧阳建国", "欧阳**"), ("张王小明", "张**明"),
        ("欧阳", "欧*"), ("明", "*"), ("", ""), ("阿卜杜拉·买买提", "阿***·买**"), ("卓玛·才让", "卓*·才*"),
        ("古丽•艾合买提", "古*•艾***"), ("John Smith", "J*** S****"), ("Li", "L*"), ("A B", "***"),
        (" 张  三 ", "***"), ("𠮷田明", "𠮷*明"),
    ],
)  # fmt: skip
def test_names(name, shown):
    assert mask_name(name) == shown


@given(st.text(HAN, min_size=2, max_size=8))
def test_of_a_chinese_name_only_its_ends_are_legible(name):
    shown = mask_name(name)
    assert len(shown) == len(name)
    assert "*" in shown
    legible = {sign for sign in shown if sign != "*"}
    assert legible <= {name[0], name[-1]} | ({name[1]} if shown.startswith(name[:2]) and len(name) > 2 else set())


@given(st.lists(st.text(LETTERS, min_size=2, max_size=10), min_size=1, max_size=4), st.sampled_from("· .-"))
def test_of_any_other_name_only_the_first_of_each_part(parts, sign):
    shown = mask_name("latin" + sign + sign.join(parts))
    assert {one for one in shown if one not in f"*{sign}"} <= {"l"} | {part[0] for part in parts}


@given(st.text(max_size=30))
def test_no_name_is_shown_whole(name):
    told = " ".join(name.split())
    assert mask_name(name) != told or not told.strip("*")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("11010519491231002X", "110105**********2X"), ("110105491231002", "110105*******02"),
        ("E12345678", "E******78"), ("1234", "***4"), ("123", "***"), ("", ""),
    ],
)  # fmt: skip
def test_numbers(number, shown):
    assert mask_number(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13812341234", "138****1234"), ("+86 138-1234-1234", "+86138****1234"), ("0571-87651234", "057*****1234"),
        ("87651234", "******34"), ("120", "***"), ("", ""),
    ],
)  # fmt: skip
def test_phones(number, shown):
    assert mask_phone(number) == shown


@given(st.from_regex(r"[1-9]\d{5}(19|20)\d{9}[\dX]|\d{15}|[A-Z]\d{4,12}|\d{3,12}", fullmatch=True))
def test_of_a_number_at_least_a_third_is_hidden_where_it_stood(number):
    for shown in (mask_number(number), mask_phone(number.replace("X", "1"))):
        stars = shown.count("*")
        assert stars * 3 >= len(shown)
        begin = shown.index("*")
        assert shown[begin : begin + stars] == "*" * stars


def test_mail():
    assert mask_email("li@example.org") == "l***@example.org"
    assert mask_email("l@example.org") == "****@example.org"
    assert mask_email("nothing") == "***"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("浙江省杭州市西湖区文三路12号阳光小区3幢", "浙江省杭州市西湖区"), ("杭州市文三路12号阳光小区3幢", "杭州市"),
        ("江苏省苏州市昆山市玉山镇", "江苏省苏州市昆山市"),
        ("内蒙古自治区呼和浩特市新城区", "内蒙古自治区呼和浩特市新城区"),
        ("北京市朝阳区建国路1号", "北京市朝阳区"),
        ("湖南省湘西土家族苗族自治州凤凰县沱江镇", "湖南省湘西土家族苗族自治州凤凰县"),
        ("文三路12号", ""), ("", ""),
    ],
)  # fmt: skip
def test_addresses_end_with_the_district(address, shown):
    assert district_of(address) == shown


@given(st.text("省市县区旗州路街号0123456789浙江杭西湖", max_size=30))
def test_no_address_shows_a_street_or_a_number(address):
    shown = district_of(address)
    assert address.strip().startswith(shown)
    assert not set(shown) & set("路街号0123456789")


SECRETS = (
    "小明",
    "明",
    "Xiaoming",
    "491231",
    "19491231",
    "12-31",
    "1234-1234",
    "5678",
    "文三路",
    "310012",
    "AAAA",
    "秘密",
    "王芳",
)
PATIENT = {
    "resourceType": "Patient", "id": "p1", "meta": {"versionId": "3", "profile": ["http://a"]},
    "text": {"status": "generated", "div": "<div>欧阳小明 秘密</div>"},
    "extension": [{"url": "http://a", "valueString": "秘密"}],
    "identifier": [
        {"system": "urn:id", "value": "11010519491231002X", "assigner": {"display": "秘密"}},
        {"system": "urn:mrn", "value": "AAAA5678123", "_value": {"extension": [{"url": "x", "valueString": "秘密"}]}},
    ],
    "active": True, "gender": "male", "birthDate": "1949-12-31",
    "_birthDate": {"extension": [{"url": "http://t", "valueDateTime": "1949-12-31T08:00:00Z"}]},
    "name": [
        {"use": "official", "family": "欧阳", "given": ["小明"]},
        {"text": "欧阳小明"},
        {"family": "Ouyang", "given": ["Xiaoming"], "extension": [{"url": "py", "valueString": "秘密"}]},
    ],
    "telecom": [
        {"system": "phone", "value": "138-1234-1234", "use": "mobile"},
        {"system": "email", "value": "mingming@example.org"},
        {"system": "url", "value": "http://秘密"}, {"value": "秘密"},
    ],
    "address": [
        {"text": "浙江省杭州市西湖区文三路12号", "postalCode": "310012"},
        {"line": ["文三路12号"], "district": "西湖区", "city": "杭州市", "state": "浙江省", "text": "文三路"},
    ],
    "photo": [{"data": "AAAA"}],
    "contact": [{
        "name": {"text": "王芳"}, "telecom": [{"system": "phone", "value": "13812341234"}], "gender": "female",
    }],
    "generalPractitioner": [{"reference": "Practitioner/li", "display": "李医生"}],
    "link": [{"other": {"reference": "Patient/p2", "display": "欧阳小明"}, "type": "seealso"}],
}  # fmt: skip


def test_a_patient():
    before = deepcopy(PATIENT)
    shown = masked(PATIENT)
    assert before == PATIENT
    text = json.dumps(shown, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in text] == []
    assert [one.get("text") for one in shown["name"]] == ["欧阳**", "欧阳**", "X******* O*****"]
    assert shown["birthDate"] == "1949"
    assert shown["identifier"][0] == {"system": "urn:id", "value": "110105**********2X"}
    assert [one["text"] for one in shown["address"]] == ["浙江省杭州市西湖区", "浙江省杭州市西湖区"]
    assert shown["contact"][0]["name"]["text"] == "王*"
    assert shown["generalPractitioner"][0]["display"] == "李医生"
    assert shown["link"][0]["other"] == {"reference": "Patient/p2", "display": "欧阳**"}
    assert shown["meta"]["versionId"] == "3"
    assert is_masked(shown)
    assert not is_masked(PATIENT)


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p1", "display": "欧阳小明"},
        {"reference": "http://other/fhir/Patient/p1/_history/2", "display": "欧阳小明"},
        {"reference": "Patient?identifier=x", "display": "欧阳小明"},
        {"reference": "urn:uuid:1", "type": "Patient", "display": "欧阳小明"},
        {"reference": "#p", "display": "欧阳小明"},
        {"display": "欧阳小明"},
        {"type": "RelatedPerson", "identifier": {"value": "11010519491231002X"}},
    ],
)
def test_who_a_resource_is_about(reference):
    observation = {
        "resourceType": "Observation", "status": "final", "code": {"text": "小明的体重"}, "subject": reference,
        "performer": [{"reference": "Practitioner/li", "display": "李小明"}],
        "text": {"status": "generated", "div": "<div>欧阳小明</div>"}, "note": [{"text": "饭后"}],
    }  # fmt: skip
    shown = masked(observation)
    assert "欧阳小明" not in json.dumps(shown, ensure_ascii=False)
    assert "19491231" not in json.dumps(shown)
    assert shown["subject"] != reference
    assert shown["performer"] == observation["performer"]
    assert shown["code"] == observation["code"]
    assert shown["note"] == observation["note"]
    assert is_masked(shown)


BY_DATATYPE = {
    "valueHumanName": ({"family": "欧阳", "given": ["小明"]}, {"text": "欧阳**"}),
    "valueContactPoint": (
        {"system": "phone", "value": "13812341234", "extension": [{"url": "urn:x", "valueString": "欧阳小明"}]},
        {"system": "phone", "value": "138****1234"},
    ),
    "valueAddress": (
        {"city": "杭州市", "district": "西湖区", "line": ["文三路12号欧阳小明"]},
        {"city": "杭州市", "district": "西湖区", "text": "杭州市西湖区"},
    ),
    "valueIdentifier": ({"system": "urn:id", "value": "11010519491231002X"},
                        {"system": "urn:id", "value": "110105**********2X"}),
    "valueContactDetail": ({"name": "欧阳小明", "telecom": [{"system": "email", "value": "ouyang@example.org"}]},
                           {"name": "欧阳**", "telecom": [{"system": "email", "value": "o***@example.org"}]}),
    "valueReference": ({"display": "欧阳小明"}, {"display": "欧阳**"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_DATATYPE)
@pytest.mark.parametrize(
    "around",
    [
        lambda typed: {"resourceType": "Task", "input": [{"type": {"text": "x"}} | typed]},
        lambda typed: {"resourceType": "Task", "output": [{"type": {"text": "x"}} | typed]},
        lambda typed: {"resourceType": "Task", "extension": [{"url": "urn:x", "extension": [{"url": "y"} | typed]}]},
        lambda typed: {"resourceType": "Task", "_status": {"extension": [{"url": "urn:x"} | typed]}},
        lambda typed: {"resourceType": "Parameters", "parameter": [{"name": "x", "part": [{"name": "y"} | typed]}]},
        lambda typed: {"resourceType": "Practitioner", "extension": [{"url": "urn:x"} | typed]},
    ],
)
def test_what_is_a_persons_by_its_datatype_wherever_it_stands(around, name):
    value, expected = BY_DATATYPE[name]
    shown = masked(around({name: value}))
    assert is_masked(shown)
    assert {key: one for key, one in shown.items() if key != "meta"} == around({name: expected})


SOMEBODY = {"display": "欧阳小明", "identifier": {"value": "11010519491231002X"}}


def around(type_, path, reference):
    """A resource with a reference at a path: `link[].other`."""
    for name in reversed(path.split(".")):
        reference = {name.removesuffix("[]"): [reference] if name.endswith("[]") else reference}
    return {"resourceType": type_} | reference


@pytest.mark.parametrize("said", [{}, {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
                                  {"reference": "#nobody"}, {"reference": "12345"}])  # fmt: skip
@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("Patient", "link[].other"), ("Person", "link[].target"), ("RelatedPerson", "patient"),
        ("DocumentReference", "context.sourcePatientInfo"), ("Consent", "verification[].verifiedWith"),
        ("Group", "member[].entity"), ("QuestionnaireResponse", "source"), ("Communication", "recipient[]"),
        ("Communication", "sender"), ("Appointment", "participant[].actor"), ("Schedule", "actor[]"),
        ("Condition", "asserter"), ("Coverage", "payor[]"), ("Account", "guarantor[].party"), ("Claim", "payee.party"),
        ("MedicationDispense", "receiver[]"), ("CareTeam", "participant[].member"),
        ("Encounter", "participant[].individual"),
        ("Provenance", "agent[].who"), ("Consent", "provision.actor[].reference"),
        ("Observation", "note[].authorReference"),
    ],
)  # fmt: skip
def test_who_may_be_a_person_is_masked_where_nothing_says_who_it_is(type_, path, said):
    shown = json.dumps(masked(around(type_, path, SOMEBODY | said)), ensure_ascii=False)
    assert "欧阳**" in shown
    assert "欧阳小明" not in shown
    assert "19491231" not in shown


@pytest.mark.parametrize("said", [{"reference": "Practitioner/li"}, {"type": "Practitioner"}, {"reference": "#li"}])
def test_who_is_said_to_be_no_person_is_shown(said):
    resource = around("Condition", "asserter", SOMEBODY | said)
    resource["contained"] = [{"resourceType": "Practitioner", "id": "li"}]
    shown = masked(resource)["asserter"]
    assert shown | {"identifier": None} == resource["asserter"] | {"identifier": None}
    assert shown["identifier"] == {"value": "110105**********2X"}  # The number of an identity card is, whosever it is.
    report = around("DiagnosticReport", "performer[]", {"display": "县医院检验科"})
    assert masked(report) == report


def test_a_person_who_is_contained_or_said_by_a_url():
    url = {"type": "http://hl7.org/fhir/StructureDefinition/Patient"}
    for said in (url, {"reference": "#p"}):
        report = around("DiagnosticReport", "media[].link", SOMEBODY | said)
        report["contained"] = [{"resourceType": "Patient", "id": "p"}]
        assert masked(report)["media"][0]["link"]["display"] == "欧阳**"


def test_an_insured_person_and_the_place_of_an_accident():
    coverage = masked({"resourceType": "Coverage", "subscriberId": "11010519491231002X"})
    assert coverage["subscriberId"] == "110105**********2X"
    claim = masked({"resourceType": "Claim", "accident": {"locationAddress": {"text": "浙江省杭州市西湖区文三路12号"}}})
    assert claim["accident"]["locationAddress"] == {"text": "浙江省杭州市西湖区"}


def test_what_is_about_nobody_stays_as_it_is():
    organization = {"resourceType": "Organization", "name": "县医院", "telecom": [{"system": "phone", "value": "120"}]}
    assert masked(organization) is not None
    assert masked(organization) == organization
    assert not is_masked(masked(organization))


def test_persons_within_resources():
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": PATIENT}]}
    assert is_masked(masked(bundle)["entry"][0]["resource"])
    referral = {
        "resourceType": "ServiceRequest", "subject": {"reference": "#p"},
        "contained": [PATIENT | {"id": "p", "meta": {}}],
    }  # fmt: skip
    shown = masked(referral)
    assert "小明" not in json.dumps(shown, ensure_ascii=False)
    assert "security" not in shown["contained"][0].get("meta", {})


def test_of_staff_only_what_is_private():
    doctor = {
        "resourceType": "Practitioner", "name": [{"text": "李医生"}], "birthDate": "1970-05-06",
        "identifier": [{"value": "330100000"}, {"value": "11010519491231002X"}],
        "telecom": [{"system": "phone", "value": "13812341234", "use": "home"}, {"value": "0571-1", "use": "work"}],
    }  # fmt: skip
    shown = masked(doctor)
    assert shown["name"] == doctor["name"]
    assert shown["identifier"][0] == doctor["identifier"][0]
    assert shown["identifier"][1]["value"] == "110105**********2X"
    assert shown["telecom"][0]["value"] == "138****1234"
    assert shown["telecom"][1] == doctor["telecom"][1]


def test_of_a_familys_history_who_the_relative_is():
    history = {
        "resourceType": "FamilyMemberHistory", "status": "completed", "name": "张大山", "bornDate": "1940-02-03",
        "patient": {"reference": "Patient/zhang", "display": "张小明"}, "relationship": {"text": "祖父"},
        "condition": [{"code": {"text": "stroke"}}],
    }  # fmt: skip
    shown = masked(history)
    assert (shown["name"], shown["bornDate"], shown["patient"]["display"]) == ("张*山", "1940", "张*明")
    assert (shown["relationship"], shown["condition"]) == (history["relationship"], history["condition"])


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
WORDS = "name family given text div reference display subject value telecom link resourceType"
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(WORDS.split()),
    inner, max_size=4,
), max_leaves=12)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["name", "telecom", "identifier", "address", "contact", "link", "birthDate"]), ANYTHING
    )
)
def test_whatever_stands_there_nothing_breaks_and_nothing_unknown_is_shown(body):
    shown = masked({"resourceType": "Patient", "secret": "zqx", **body})
    assert "zqx" not in json.dumps(shown)


def test_the_watermark():
    actor = Actor("Practitioner/li", "李医生", "Organization/1", session="0123456789ab3f9c")
    moment = datetime(2026, 11, 22, 6, 3, tzinfo=UTC)
    assert (
        watermark(actor, "县人民医院", moment, ZoneInfo("Asia/Shanghai"))
        == "李医生 · 县人民医院 · 2026-11-22 14:03 · 3f9c"
    )


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Observation", "note": [{"authorString": "张三", "text": "复查"}]},
        {"resourceType": "Account", "status": "active", "name": "张三的账户", "subject": [{"reference": "Patient/a"}]},
        {"resourceType": "List", "title": "张三的用药清单", "subject": {"reference": "Patient/a"}},
        {"resourceType": "Composition", "contained": [{"resourceType": "List", "title": "张三", "subject": {}}]},
    ],
)
def test_names_in_plain_text_elements_are_masked(resource):
    shown = masked(resource)
    assert "张三" not in json.dumps(shown, ensure_ascii=False)
    assert is_masked(shown)


def test_a_title_of_what_is_nobody_s_is_shown():
    formulary = {"resourceType": "List", "status": "current", "mode": "working", "title": "基本药物目录"}
    assert masked(formulary) == formulary
