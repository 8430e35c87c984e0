"""Orders of drugs, and results in the orders of segments that OUL has."""

from collections.abc import Callable
from typing import Any

import pytest

from kangyun.exchange.hl7v2.mapping import Feed, Mapped, mapped
from kangyun.exchange.hl7v2.message import Message

Example = Callable[..., Message]


def all_of(found: Mapped, type_: str) -> list[Any]:
    return [one.resource for one in found.entries if one.resource["resourceType"] == type_]


def test_a_drug_is_ordered_with_dose_route_and_time(example: Example, feed: Feed) -> None:
    (order,) = all_of(mapped(example("orm_o01_drug"), feed), "MedicationRequest")
    assert order["status"] == "active"
    assert order["medicationCodeableConcept"]["text"] == "阿莫西林胶囊"
    (dosage,) = order["dosageInstruction"]
    assert dosage["text"] == "遵医嘱 口服，饭后"
    assert dosage["route"]["text"] == "口服"
    assert dosage["doseAndRate"] == [{"doseQuantity": {"value": pytest.approx(0.5), "unit": "克"}}]
    assert dosage["timing"]["code"] == {"text": "BID"}
    assert dosage["timing"]["repeat"]["boundsPeriod"]["start"] == "2026-11-23T12:00:00+08:00"
    assert order["dispenseRequest"] == {"quantity": {"value": 24, "unit": "粒"}, "numberOfRepeatsAllowed": 0}
    assert order["note"] == [{"text": "皮试阴性"}]


def test_what_is_said_of_an_order_later_is_said_of_the_same(example: Example, feed: Feed) -> None:
    orders = [
        all_of(mapped(example(name), feed), "MedicationRequest") for name in ("orm_o01_drug", "omp_o09", "rde_o11")
    ]
    assert len({order["id"] for (order,) in orders}) == 1
    assert [order["status"] for (order,) in orders] == ["active", "cancelled", "active"]


def test_a_dose_from_one_to_another_is_a_range(example: Example, feed: Feed) -> None:
    (order,) = all_of(mapped(example("omp_o09"), feed), "MedicationRequest")
    dose = order["dosageInstruction"][0]["doseAndRate"][0]["doseRange"]
    assert (dose["low"]["value"], dose["high"]["value"]) == (pytest.approx(0.5), 1)


def test_a_dose_from_more_to_less_is_none(example: Example, feed: Feed) -> None:
    found = mapped(example("omp_o09", ("|0.5|1|g", "|1|0.5|g")), feed)
    assert found.entries == ()
    (refusal,) = found.refusals
    assert (refusal.text.rpartition(".")[2], refusal.place.part) == ("dose-upside-down", "RXO-3")


@pytest.mark.parametrize(
    ("old", "new", "text", "part"),
    [
        ("|0.5||g", "|半片||g", "amount", "RXO-2"),
        ("A01^阿莫西林胶囊^L", "", "no-code", "RXO-1"),
        ("PL300^HIS", "", "no-order", "ORC-2"),
    ],
)
def test_half_a_prescription_is_none(example: Example, feed: Feed, old: str, new: str, text: str, part: str) -> None:
    found = mapped(example("orm_o01_drug", (old, new)), feed)
    assert found.entries == ()
    assert [(one.text.rpartition(".")[2], one.place.part) for one in found.refusals] == [(text, part)]


@pytest.mark.parametrize(
    ("name", "specimens"),
    [("oul_r21", [None]), ("oul_r22", ["SP1", "SP1", "SP2"]), ("oul_r24", ["SP4"])],
)
def test_each_report_has_its_own_specimen_and_results(
    example: Example, feed: Feed, name: str, specimens: list[str | None]
) -> None:
    found = mapped(example(name), feed)
    numbers = {f"Specimen/{one['id']}": one["identifier"][0]["value"] for one in all_of(found, "Specimen")}
    reports = all_of(found, "DiagnosticReport")
    assert [numbers.get(one.get("specimen", [{}])[0].get("reference")) for one in reports] == specimens
    assert [len(one["result"]) for one in reports] == [1] * len(specimens)
    assert all(one["identifier"][0]["value"].startswith("FI40") for one in reports)


def test_a_specimen_is_of_the_orders_behind_it_though_one_has_no_result(example: Example, feed: Feed) -> None:
    without = ("OBX|1|NM|K^血钾^L||4.2|mmol/L|3.5-5.3|N|||F\r", "")
    found = mapped(example("oul_r22", without), feed)
    numbers = {f"Specimen/{one['id']}": one["identifier"][0]["value"] for one in all_of(found, "Specimen")}
    reports = all_of(found, "DiagnosticReport")
    assert [numbers[one["specimen"][0]["reference"]] for one in reports] == ["SP1", "SP1", "SP2"]
