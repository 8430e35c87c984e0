"""A Patient as a registration: what its fields are, what decides, what is found wrong."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.numbers import resident_id
from kangyun.identity.registration import identifiers
from kangyun.identity.registration.issues import QUESTIONS, Issue
from kangyun.identity.registration.reading import read

NUMBER = "11010519491231002X"
MOTHER = resident_id.made("110105", date(1990, 5, 4), 2)
DEMO = "990000195003121011"
TODAY = date(2026, 11, 22)
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def codes(reading):
    return [issue.code for issue in reading.issues]


def test_a_whole_registration(reading):
    found = reading(
        NUMBER,
        name=[{"text": "王秀英", "family": "王", "given": ["秀英"]}, {"use": "maiden", "text": "李秀英（大）"}],
        telecom=[
            {"system": "phone", "value": "+86 139-1234-5678／0531-88886666"},
            {"system": "phone", "value": "无"},
            {"system": "email", "value": "Wang@Example.org"},
        ],
        address=[
            {
                "text": "云城市云川县青石镇柳林村三组十二号",
                "_text": {"extension": [{"url": "https://example.org/division-code", "valueCode": "410105001001"}]},
                "postalCode": "450000",
            }
        ],
        contact=[
            {
                "relationship": [{"coding": [{"system": "urn:oid:2.16.156.10011.2.3.3.8", "code": "52"}]}],
                "name": {"family": "赵", "given": ["娟"]},
                "telecom": [{"system": "phone", "value": "13812345678"}],
            }
        ],
        managingOrganization={"reference": "Organization/1"},
        multipleBirthInteger=2,
        link=[{"type": "seealso", "other": {"reference": "Patient/9"}}],
    )
    assert found.fields == {
        "sex": ("female",),
        "birth_date": ("19491231",),
        "name": ("王秀英", "李秀英"),
        "name_note": ("大",),
        "surname": ("王", "李"),
        "given": ("秀英",),
        "pinyin": ("wangxiuying", "lixiuying"),
        "id_number": (NUMBER,),
        "phone": ("13912345678", "053188886666"),
        "email": ("wang@example.org",),
        "address": ("云城市云川县青石镇柳林村三组十二号",),
        "town": ("云川县青石镇",),
        "postal_code": ("450000",),
        "division": ("410105001001",),
        "contact_name": ("赵娟",),
        "contact": ("mother|赵娟",),
        "mother_name": ("赵娟",),
        "contact_phone": ("13812345678",),
        "multiple_birth": ("2",),
        "institution": ("Organization/1",),
        "link": ("seealso|Patient/9",),
    }
    assert found.certain == (("id_number", NUMBER),)
    assert found.issues == ()


@pytest.mark.parametrize(
    ("identifier", "field", "value", "certain"),
    [
        ({"system": "urn:oid:2.16.156.10011.1.3", "value": "110105491231002"}, "id_number", NUMBER, True),
        ({"type": {"coding": [{"system": V2, "code": "NI"}]}, "value": NUMBER}, "id_number", NUMBER, True),
        ({"type": {"text": "身份证号码"}, "value": "110105 19491231 002x"}, "id_number", NUMBER, True),
        ({"value": NUMBER}, "id_number", NUMBER, True),
        ({"system": "https://h.example.org/card", "value": NUMBER}, "id_number", NUMBER, True),
        ({"system": "urn:oid:2.16.156.10011.1.19", "value": NUMBER}, "id_number", NUMBER, True),
        ({"type": {"text": "护照"}, "value": "e12345670"}, "passport", "E12345670", True),
        ({"system": "http://hl7.org/fhir/sid/passport-USA", "value": "512345670"}, "passport", "512345670", True),
        ({"type": {"text": "回乡证"}, "value": "H1234567902"}, "travel_permit_hong_kong_macao", "H12345679", True),
        ({"type": {"text": "台胞证"}, "value": "01234560"}, "travel_permit_taiwan", "01234560", True),
        ({"type": {"text": "出生医学证明"}, "value": "k330123456"}, "birth_certificate", "K330123456", True),
        ({"system": "urn:oid:2.16.156.10011.1.19", "value": "ab" * 32}, "health_card", "AB" * 32, True),
        ({"type": {"text": "电子健康卡"}, "value": "ab" * 32}, "health_card", "AB" * 32, True),
        ({"type": {"text": "社保卡"}, "value": "A12345679"}, "social_security", "Organization/1|A12345679", True),
        (
            {"system": "urn:oid:2.16.156.10011.1.13", "value": "0012"},
            "record_number",
            "Organization/1|0012",
            True,
        ),
        (
            {"system": "urn:oid:2.16.156.10011.1.13", "value": "0012", "assigner": {"reference": "Organization/2"}},
            "record_number",
            "Organization/2|0012",
            True,
        ),
        (
            {"system": "https://h.example.org/mrn", "type": {"coding": [{"system": V2, "code": "MR"}]}, "value": "7-1"},
            "record_number",
            "https://h.example.org/mrn|7-1",
            True,
        ),
        (
            {"system": "urn:oid:2.16.156.10011.1.13", "value": "0012", "use": "old"},
            "record_number",
            "Organization/1|0012",
            False,
        ),
        (
            {"system": "urn:oid:2.16.156.10011.1.13", "value": "0012", "period": {"end": "2020-01-01"}},
            "record_number",
            "Organization/1|0012",
            False,
        ),
        (
            {"system": "urn:oid:2.16.156.10011.1.12", "value": "ZY01"},
            "inpatient_number",
            "Organization/1|ZY01",
            False,
        ),
        ({"system": "https://h.example.org/x", "value": "A1B2"}, "other_number", "https://h.example.org/x|A1B2", False),
    ],
)
def test_kinds_of_identifiers(reading, identifier, field, value, certain):
    found = reading(identifier=[identifier], managingOrganization={"reference": "Organization/1"})
    assert found.fields[field] == (value,)
    assert ((field, value) in found.certain) is certain


@pytest.mark.parametrize(
    "identifier",
    [{"value": "110105491231002"}, {"value": "12345670"}, {"value": "K330123456"}, {"value": "无"}, {"value": 7}, {}],
)
def test_what_says_nothing_of_itself_is_taken_by_no_form_that_proves_nothing(reading, identifier):
    found = reading(identifier=[identifier])
    assert found.certain == ()
    assert not found.fields.keys() & {kind.field for kind in identifiers.kinds().values()}


def test_a_number_of_an_unknown_issuer_decides_nothing(reading):
    found = reading(identifier=[{"system": "urn:oid:2.16.156.10011.1.13", "value": "0012"}])
    assert found.certain == ()
    assert found.fields["doubtful_number"] == ("0012",)


@pytest.mark.parametrize(
    ("number", "code", "kept"),
    [
        ("110105194912310021", "number-malformed", ("110105194912310021",)),
        ("9.90000E+17", "number-rounded", ()),
        ("110105194912312000", "number-rounded", ()),
        ("王秀英", "number-is-name", ()),
        (MOTHER, "number-birth", (MOTHER,)),
        (DEMO, "number-demo", ()),
    ],
)
def test_numbers_that_do_not_decide(reading, number, code, kept):
    found = reading(number)
    assert codes(found) == [code]
    assert found.certain == ()
    assert found.fields.get("doubtful_number", ()) == kept
    assert "id_number" not in found.fields


def test_a_demonstration_takes_fictitious_numbers(reading):
    found = reading(DEMO, demo=True, birthDate="1950-03-12", gender="male")
    assert found.certain == (("id_number", DEMO),)


@pytest.mark.parametrize(
    "elements",
    [
        {"birthDate": "2026-11-20", "name": [{"text": "李娟之女"}]},
        {"birthDate": None, "name": [{"text": "李娟之女"}]},
        {"birthDate": "2020-03-01", "name": [{"text": "王小宝"}], "gender": "male"},
    ],
)
def test_a_child_under_its_mothers_number(reading, elements):
    found = reading(MOTHER, **elements)
    assert codes(found) == ["number-of-mother"]
    assert found.fields["mother_number"] == (MOTHER,)
    assert found.certain == ()


def test_a_number_of_somebody_whom_nobody_knows_is_asked_about(reading):
    assert codes(reading(NUMBER, name=[{"text": "无名氏"}])) == ["number-of-unidentified"]
    assert codes(reading(name=[{"text": "无名氏"}])) == []


def test_a_slip_in_the_date_of_birth_leaves_the_number(reading):
    assert reading(NUMBER, birthDate="1949-12-13").certain == (("id_number", NUMBER),)
    assert reading(NUMBER, birthDate="1949-01-01").certain == (("id_number", NUMBER),)


def test_another_sex_than_the_numbers_is_told(reading):
    found = reading(NUMBER, gender="male")
    assert codes(found) == ["number-sex"]
    assert found.certain == (("id_number", NUMBER),)


def test_the_number_says_what_nobody_else_does(reading):
    found = reading(NUMBER, gender="unknown", birthDate=None)
    assert (found.fields["sex"], found.fields["birth_date"]) == (("female",), ("19491231",))


def test_two_valid_numbers_decide_nothing(reading):
    other = resident_id.made("110105", date(1949, 12, 31), 4)
    found = reading(identifier=[{"type": {"text": "身份证"}, "value": one} for one in (NUMBER, other)])
    assert codes(found) == ["several-numbers"]
    assert found.certain == ()


@pytest.mark.parametrize(
    ("elements", "code", "field"),
    [
        ({"birthDate": "2026-11-23"}, "birth-in-future", "birth_date"),
        ({"birthDate": "1849-12-31"}, "birth-too-early", "birth_date"),
        ({"birthDate": "1950-02-30"}, "birth-impossible", "birth_date"),
        ({"birthDate": "1900-01-01"}, "sentinel-date", "birth_date"),
        ({"deceasedDateTime": "1900-01-01T00:00:00+08:00"}, "sentinel-date", "deceased"),
        ({"deceasedDateTime": "2027-01-01"}, "death-in-future", "deceased"),
        ({"name": [{"text": "王*英"}]}, "name-masked", "name"),
        ({"name": [{"text": NUMBER}]}, "name-is-number", "name"),
        ({"name": [{"text": "13912345678"}]}, "name-is-number", "name"),
    ],
)
def test_what_is_found_wrong_is_not_used(reading, elements, code, field):
    found = reading(**elements)
    assert codes(found) == [code]
    assert field not in found.fields


def test_a_death_before_the_birth_is_a_question(reading):
    found = reading(deceasedDateTime="1948-01-01")
    assert codes(found) == ["death-before-birth"]
    assert found.issues[0].is_question


@pytest.mark.parametrize(
    ("elements", "deceased"),
    [
        ({"deceasedBoolean": True}, ("true",)),
        ({"deceasedBoolean": False}, ()),
        ({"deceasedDateTime": "2020-05"}, ("202005",)),
    ],
)
def test_the_dead(reading, elements, deceased):
    assert reading(**elements).fields.get("deceased", ()) == deceased


def test_a_family_name_alone_is_no_name(reading):
    found = reading(name=[{"text": "王女士"}])
    assert ("name" in found.fields, found.fields["surname"]) == (False, ("王",))


def test_a_private_character_is_kept_and_asked_about(reading):
    found = reading(name=[{"text": "测试\ue0a1"}])
    assert codes(found) == ["private-character"]
    assert found.fields["name"] == ("测试\ue0a1",)


@pytest.mark.parametrize(
    ("human", "name", "surname"),
    [
        ({"family": "张", "given": ["伟"]}, "张伟", ("张",)),
        ({"family": "Zhang", "given": ["Wei"]}, "ZHANG WEI", ("ZHANG",)),
        ({"family": "Li", "given": ["Na"]}, "LI NA", ("LI",)),
        ({"family": "Smith", "given": ["John", "Paul"], "text": "John Paul Smith"}, "SMITH JOHN PAUL", ("SMITH",)),
        ({"family": "欧阳", "given": ["娜娜"], "text": "欧阳娜娜"}, "欧阳娜娜", ("欧阳",)),
        ({"text": "阿测试．买测试提"}, "阿测试·买测试提", None),
    ],
)
def test_human_names(reading, human, name, surname):
    found = reading(name=[human])
    assert (found.fields["name"][0], found.fields.get("surname")) == (name, surname)


@pytest.mark.parametrize(("code", "sex"), [("1", ("male",)), ("2", ("female",)), ("9", ()), ("0", ())])
def test_a_sex_that_only_an_extension_says(reading, code, sex):
    coding = {"system": "urn:oid:2.16.156.10011.2.3.3.4", "code": code}
    extension = {"url": "https://example.org/sex", "valueCoding": coding}
    assert reading(gender="unknown", extension=[extension]).fields.get("sex", ()) == sex


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("code", sorted(QUESTIONS))
def test_questions_can_be_asked(code, language):
    assert Issue(code, "Patient").text(language)


def test_every_kind_names_its_source_and_form():
    for kind in identifiers.kinds().values():
        assert kind.source
        assert kind.number("-") == ""


KEYS = st.sampled_from(
    [
        "system", "value", "type", "coding", "code", "display", "text", "use", "period", "end", "assigner", "reference",
        "family", "given", "line", "city", "district", "state", "extension", "url", "valueCoding", "valueCode", "name",
        "telecom", "relationship", "other", "identifier", "valueCodeableConcept", "postalCode", "_line", "_district",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ELEMENTS = st.sampled_from(
    [
        "identifier", "name", "telecom", "gender", "_gender", "birthDate", "deceasedBoolean", "deceasedDateTime",
        "link", "address", "contact", "multipleBirthInteger", "multipleBirthBoolean", "managingOrganization",
        "extension",
    ]
)  # fmt: skip


@given(st.dictionaries(ELEMENTS, JSON | st.lists(st.dictionaries(KEYS, JSON, max_size=4), max_size=3), max_size=6))
def test_nothing_raises_whatever_stands_there(elements):
    found = read(elements, TODAY)
    assert all(values and all(values) for values in found.fields.values())
    assert all(value in found.fields[field] for field, value in found.certain)
