"""A result lies where its laboratory says, else where its own range puts it."""

import pytest

from kangyun.fhir.ranges import flags_of

RANGE = {"low": {"value": 3.9, "unit": "mmol/L"}, "high": {"value": 6.1, "unit": "mmol/L"}}


def result(value, *ranges, unit="mmol/L", **more):
    return {"valueQuantity": {"value": value, "unit": unit} | more, "referenceRange": list(ranges)}


@pytest.mark.parametrize(
    ("part", "flags"),
    [
        (result(7.9, RANGE), ("H",)),
        (result(3.8, RANGE), ("L",)),
        (result(3.9, RANGE), ()),
        (result(6.1, RANGE), ()),
        (result(7.9, {"high": {"value": 6.1}}), ("H",)),
        (result(7.9), ()),
        (result(7.9, {"text": "3.9-6.1"}), ()),
        (result(142.3, RANGE, unit="mg/dL"), ()),  # Other units are not compared.
        (result(7.9, RANGE | {"age": {"low": {"value": 18}}}), ()),  # Whom it is for is not known here.
        (result(7.9, RANGE, {"high": {"value": 11}}), ()),
        (result(6.1, RANGE, comparator=">"), ()),
        (result(7.9, RANGE) | {"interpretation": [{"coding": [{"code": "N"}]}]}, ("N",)),
        (result(5, RANGE) | {"interpretation": [{"coding": [{"code": "HH"}]}]}, ("HH",)),
        ({"valueString": "阴性", "referenceRange": [{"text": "阴性"}]}, ()),
    ],
)
def test_it_lies_where_its_laboratory_or_its_range_says(part, flags):
    assert flags_of(part) == flags
