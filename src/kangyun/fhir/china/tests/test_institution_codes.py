"""Numbers that institutions carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.fhir.china.institution_codes import (
    credit_check,
    division_of,
    health_institution,
    is_credit_code,
    is_organisation_code,
    organisation_of,
    plain,
)

SPECIMEN = "47033256033018311A2221"


def test_the_specimen_of_a_health_institution_code_is_read():
    found = health_institution(SPECIMEN)
    assert (found.organisation, found.division, found.class_, found.management) == ("470332560", "330183", "A222", "1")
    assert is_organisation_code(found.organisation)


@pytest.mark.parametrize("code", ["", SPECIMEN[:-1], SPECIMEN + "1", SPECIMEN.replace("A", "1"), "x" * 22])
def test_another_form_is_no_health_institution_code(code):
    assert health_institution(code) is None


BODIES = st.builds(
    "{}{}{}".format, st.sampled_from(["12", "52", "91"]), st.integers(100000, 999999),
    st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=9, max_size=9),
)  # fmt: skip


@given(BODIES, st.integers(0, 17), st.sampled_from("0123456789"))
def test_one_wrong_sign_is_noticed(body, place, sign):
    code = body + credit_check(body)
    assert is_credit_code(code)
    changed = code[:place] + sign + code[place + 1 :]
    assert is_credit_code(changed) == (changed == code)


def test_parts_and_spelling():
    assert division_of("12990101MB0000001X") == "990101"
    assert organisation_of("12990101MB0000001X") == "MB0000001"
    assert plain(" １２99-0101 mb ") == "12990101MB"
    assert not is_credit_code("12990101MBI000001X")
    assert not is_organisation_code("470332561")
