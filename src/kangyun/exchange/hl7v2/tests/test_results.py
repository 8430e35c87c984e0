"""Results: reports, what a laboratory writes for a value, what FHIR cannot hold."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kangyun.exchange.entries import Entry
from kangyun.exchange.hl7v2.mapping import Feed, Mapped, mapped
from kangyun.exchange.hl7v2.message import Message
from kangyun.fhir.validation import validator

Example = Callable[..., Message]


def of(found: Mapped, type_: str) -> list[Entry]:
    return [one for one in found.entries if one.resource["resourceType"] == type_]


def one(found: Mapped, type_: str) -> Any:
    (entry,) = of(found, type_)
    return entry.resource


def test_a_report_names_the_order_that_was_sent(example: Example, feed: Feed) -> None:
    (ordered,) = of(mapped(example("orm_o01"), feed), "ServiceRequest")
    assert (ordered.resource["occurrenceDateTime"], ordered.resource["priority"]) == (
        "2026-11-23T12:00:00+08:00",
        "stat",
    )
    based = one(mapped(example("oru_r01"), feed), "DiagnosticReport")["basedOn"]
    assert [order["reference"] for order in based] == [f"ServiceRequest/{ordered.id}"]


def results(found: Mapped) -> dict[str, Any]:
    return {entry.resource["code"]["coding"][0]["code"]: entry.resource for entry in of(found, "Observation")}


def test_a_laboratory_report(example: Example, feed: Feed) -> None:
    found = mapped(example("oru_r01"), feed)
    report, by_code = one(found, "DiagnosticReport"), results(found)
    assert (report["status"], len(report["result"]), report["conclusion"]) == ("final", 8, "白细胞升高")
    assert by_code["WBC"]["valueQuantity"] == {
        "value": Decimal("11.2"), "unit": "10^9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L",
    }  # fmt: skip
    assert by_code["WBC"]["code"]["coding"][1] == {
        "system": "http://loinc.org", "code": "6690-2", "display": "Leukocytes",
    }  # fmt: skip
    assert by_code["CRP"]["valueQuantity"]["comparator"] == "<"
    ordinal = {"system": "urn:kangyun:code-system:laboratory-ordinal", "code": "negative"}
    assert by_code["HBSAG"]["valueCodeableConcept"] == {"coding": [ordinal], "text": "阴性"}
    assert by_code["WBC"]["category"][0]["coding"][0]["code"] == "laboratory"
    assert by_code["ANA"]["valueRatio"] == {"numerator": {"value": 1}, "denominator": {"value": 80}}
    assert by_code["RBCU"]["status"] == "corrected" and by_code["RBCU"]["valueRange"]["high"]["value"] == 2
    assert by_code["NOTE"]["valueString"] == "标本轻度\n溶血" and by_code["NOTE"]["note"] == [{"text": "已电话通知"}]
    assert by_code["K"]["status"] == "entered-in-error"
    flags = {
        code: flag["interpretation"][0]["coding"][0]["code"]
        for code, flag in by_code.items()
        if "interpretation" in flag
    }
    assert flags == {"WBC": "H", "HBSAG": "NEG", "GLU": "H", "ANA": "A", "K": "N"}
    (binary,) = of(found, "Binary")
    assert report["presentedForm"][0]["url"] == f"Binary/{binary.id}"
    assert binary.resource["data"] == "JVBERi0xLjQK"
    assert one(found, "Specimen")["type"] == {"text": "血清"}


@pytest.mark.parametrize(
    ("value", "unit", "element", "said"),
    [
        ("0.50", "mg/L", "valueQuantity", {"value": Decimal("0.50"), "code": "mg/L"}),
        ("≤5", "U/L", "valueQuantity", {"comparator": "<=", "value": 5}),
        ("＞1000", "", "valueQuantity", {"comparator": ">", "value": 1000}),
        ("3.5↓", "10\\S\\12/L", "valueQuantity", {"value": Decimal("3.5"), "code": "10*12/L"}),
        ("-1.5", "mmol/L^毫摩尔每升^UCUM", "valueQuantity", {"value": Decimal("-1.5"), "unit": "毫摩尔每升"}),
        ("12", "个/HP", "valueQuantity", {"unit": "个/HP"}),
        ("1：160", "", "valueRatio", {"denominator": {"value": 160}}),
        (">1:1280", "", "valueRatio", {"denominator": {"value": 1280, "comparator": ">"}}),
        ("0～3", "", "valueRange", {"low": {"value": 0}, "high": {"value": 3}}),
        ("弱阳性", "", "valueCodeableConcept", {"text": "弱阳性"}),
        ("（-）", "", "valueCodeableConcept", {"text": "（-）"}),
        ("见附件", "", "valueString", "见附件"),
        ("9" * 30, "", "valueString", "9" * 30),
        ("1e5", "", "valueString", "1e5"),
    ],
)  # fmt: skip
def test_values(value: str, unit: str, element: str, said: Any, example: Example, feed: Feed) -> None:
    message = example("oru_r01", ("||11.2|10^9/L|3.5-9.5|H|", f"||{value}|{unit}|3.5-9.5||"))
    found = results(mapped(message, feed))["WBC"]
    assert not validator().validate(found)
    held = found[element]
    told = {key: part for key, part in held.items() if key in said} if isinstance(said, dict) else held
    assert told == said


def test_a_text_that_fhir_cannot_hold_is_refused_with_its_place(example: Example, feed: Feed) -> None:
    found = mapped(example("oru_r01", ("标本轻度", "字" * 400_000)), feed)
    (refusal,) = found.refusals
    assert (refusal.text, refusal.place.part) == ("exchange.hl7v2.mapping.text-too-long", "OBX-5")
    assert found.entries == ()
    document = mapped(example("mdm_t02", ("患者张某", "字" * 400_000)), feed)
    assert not document.refusals and not validator().validate(dict(of(document, "Binary")[0].resource))
