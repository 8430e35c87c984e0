"""Papers, telephones, social credit codes, and what stands where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.numbers import credit_code, documents
from kangyun.base.numbers.fillers import is_filler, narrow, stated
from kangyun.base.numbers.phones import mobile, phone, phones


@pytest.mark.parametrize(
    ("form", "written", "number"),
    [
        ("identity", "990000500312101", "990000195003121011"),
        ("identity", "99000019500312101x", ""),
        ("identity", "99000085071410", ""),
        ("identity", "1" * 15, ""),
        ("travel-permit-hong-kong-macao", "H1234567801", "H12345678"),
        ("travel-permit-hong-kong-macao", "m 87654321", "M87654321"),
        ("travel-permit-hong-kong-macao", "H00000000", ""),
        ("travel-permit-hong-kong-macao", "K12345678", ""),
        ("travel-permit-taiwan", "01234560", "01234560"),
        ("travel-permit-taiwan", "0123456701(B)", "0123456701"),
        ("travel-permit-taiwan", "12345678", ""),
        ("passport", "ea 1234567", "EA1234567"),
        ("passport", "不详", ""),
        ("foreign-permanent-residence", "USA110080010110", "USA110080010110"),
        ("foreign-permanent-residence", "11010519491231002X", ""),
        ("birth-certificate", "K330123456", "K330123456"),
        ("birth-certificate", "330123456", ""),
        ("health-card", "a1" * 32, "A1" * 32),
        ("health-card", "a1" * 31, ""),
        ("health-card", "0" * 64, ""),
        ("social-security", "A12345678", "A12345678"),
        ("other", " mz-0007 ", "MZ-0007"),
        ("other", "-", ""),
        ("other", "无", ""),
    ],
)
def test_papers(form, written, number):
    assert documents.FORMS[form](written) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13912345678", "13912345678"), ("+86 139 1234 5678", "13912345678"), ("0086-139-1234-5678", "13912345678"),
        ("１３９１２３４５６７８", "13912345678"), ("(010)88886666", "01088886666"), ("0531-88886666", "053188886666"),
        ("+86 531 88886666", "053188886666"), ("88886666", "88886666"), ("0531-88886666-801", "053188886666"),
        ("0531-88886666转801", "053188886666"), ("+85291234567", "+85291234567"), ("5310000001", ""),
        ("12345678901", ""), ("11111111111", ""), ("13800138000", ""), ("-", ""), ("无", ""), ("139123456789", ""),
        ("张伟", ""),
    ],
)  # fmt: skip
def test_telephones(written, number):
    assert phone(written) == number


def test_a_code_may_go_to_any_mobile_number():
    assert mobile("13800138000") == "13800138000"
    assert mobile("053188886666") == ""


@pytest.mark.parametrize(
    "written",
    [
        "13912345678/0531-88886666",
        "13912345678,053188886666",
        "13912345678、0531 88886666",
        "13912345678 0531-88886666",
    ],
)
def test_several_telephones(written):
    assert phones(written) == ("13912345678", "053188886666")


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("91350100M000100Y43", True), ("91350100M000100Y44", False), ("91350100M000100Y4", False), ("", False),
        ("91350100I000100Y43", False), (credit_code.made("990121", "MB0000001"), True),
    ],
)  # fmt: skip
def test_social_credit_codes(code, valid):
    assert credit_code.is_valid(code) is valid


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "—", "/", "无", "不详", "NULL", "null", "N/A", "000000", "0" * 18, "1" * 18, "123456789012345678",
     "身份证不详", "无身份证", "未带身份证", "没带", "暂无电话", "＊＊＊", "987654321", "\u200b", "电话不详"],
)  # fmt: skip
def test_what_says_nothing(text):
    assert is_filler(text)
    assert stated(text) == ""


@pytest.mark.parametrize(
    "text", ["张伟", "吴", "无锡市", "3456", "1111", "13912345678", "Na Li", "何不详细", "\ue0a1", "0010"]
)
def test_what_says_something(text):
    assert not is_filler(text)


@pytest.mark.parametrize("value", [None, 1, [], {"a": "b"}])
def test_what_is_no_text_says_nothing(value):
    assert stated(value) == ""


@given(st.text(max_size=60))
def test_nothing_raises_and_nothing_changes_twice(text):
    assert narrow(narrow(text)) == narrow(text)
    for form in documents.FORMS.values():
        assert form(form(text)) == form(text)
    assert phone(phone(text)) == phone(text)
    assert all(phone(one) == one for one in phones(text))
    assert not credit_code.is_valid(text) or len(text) == 18


@given(st.from_regex(r"[ 0-9A-Z+\-/()（）转]{0,30}", fullmatch=True))
def test_numbers_change_once(text):
    for form in documents.FORMS.values():
        assert form(form(text)) == form(text)
    assert phone(phone(text)) == phone(text)
