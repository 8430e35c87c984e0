"""A code of another list than a document's data element wants is left out: insurance's codes are not clinical ones."""

import pytest

from kangyun.exchange.cda.checking import check
from kangyun.exchange.cda.writing import write
from kangyun.exchange.cda.writing.parts import listed


@pytest.mark.parametrize(
    ("system", "there"),
    [("urn:oid:2.16.156.10011.2.3.1.253", True), ("urn:kangyun:code-system:insurance:adm_cond_type", False)],
)
def test_a_code_is_written_where_its_list_is_the_elements(system, there):
    value = listed("DE09.00.104.00", {"system": system, "code": "1"})
    assert (value is not None) is there


def test_a_document_of_a_record_with_insurance_codes_keeps_our_rules(record):
    extension = {"url": "urn:kangyun:extension:condition-on-admission"}
    coding = {"system": "urn:kangyun:code-system:insurance:adm_cond_type", "code": "1"}
    mixed = [
        one | ({"extension": [extension | {"valueCoding": coding}]} if one["resourceType"] == "Condition" else {})
        for one in record
    ]
    assert check(write("C0053", mixed)) == []
