"""What stands after later messages that say less than the first, something else, or come late."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kangyun.exchange.hl7v2.mapping import Feed, conventions, mapped, updated
from kangyun.exchange.hl7v2.splitting import split
from kangyun.fhir.validation import validator

Stands = Callable[..., list[Any]]


def pid(**fields: str) -> str:
    """A PID by the numbers of its fields: `f3`."""
    return "|".join(["PID", *(fields.get(f"f{field}", "") for field in range(1, 31))])


NUMBERS, NAME = "P1^^^HIS^PI~H1^^^HIS^HC", "测试^甲"
PID = pid(f3=NUMBERS, f5=NAME, f6="测试母", f7="19900101", f8="M", f10="01", f13="1", f19="990000199001010017")
PV1 = "PV1|1|I|W^^1||||D1^张||||||||||D2^王||V1" + "|" * 25 + "20261120083000"
OBR = "OBR|1||F1|XCG^血常规|||20261123|||||||||||||||20261123115000||LAB|F"


@pytest.fixture
def stands() -> Stands:
    """Applies messages one after the other, each as event and segments; returns the resources of a type that stand."""
    feed = Feed("h1", "Organization/h1", conventions('[fields]\n"ZVI-1" = "visit.number.inpatient"'))

    def stands_(type_: str, *messages: list[str]) -> list[Any]:
        standing: dict[str, Any] = {}
        for event, *segments in messages:
            header = f"MSH|^~\\&|HIS|H1|KY|KY|20261123||{event}|1|P|2.5|||||CHN|UNICODE UTF-8"
            found = mapped(split("\r".join([header, *segments]).encode()), feed)
            assert not [one for one in found.refusals if one.whole]
            for entry in found.entries:
                before = standing.get(entry.id)
                if before is None or entry.id not in found.introduced:
                    standing[entry.id] = updated(before, entry.resource, found.deleted.get(entry.id, ()))
                assert not validator().validate(dict(standing[entry.id]))
        return [one for one in standing.values() if one["resourceType"] == type_]

    return stands_


def result(value: str, kind: str = "NM", flag: str = "", state: str = "F", code: str = "A", unit: str = "g/L") -> str:
    return f"OBX|1|{kind}|{code}^项||{value}|{unit}||{flag}|||{state}"


def said(observation: Any) -> dict[str, Any]:
    return {key: observation[key] for key in observation if key.startswith(("value", "interpretation", "dataAbsent"))}


def test_a_result_takes_the_place_of_one_of_another_kind(stands: Stands) -> None:
    first = ["ORU^R01", PID, OBR, result("待查", "ST", state="P")]
    (now,) = stands("Observation", first, ["ORU^R01", PID, OBR, result("5.2")])
    assert (now["status"], now["valueQuantity"]["value"]) == ("final", Decimal("5.2"))
    assert list(said(now)) == ["valueQuantity"]


def test_a_flag_goes_with_its_value(stands: Stands) -> None:
    (now,) = stands(
        "Observation", ["ORU^R01", PID, OBR, result("9", flag="H")], ["ORU^R01", PID, OBR, result("4", state="C")]
    )
    assert list(said(now)) == ["valueQuantity"]


def test_a_value_that_was_not_there_comes_and_one_that_is_no_more_goes(stands: Stands) -> None:
    empty, value, none = (["ORU^R01", PID, OBR, result(text)] for text in ("", "4", '""'))
    assert [list(said(one)) for one in stands("Observation", empty, value)] == [["valueQuantity"]]
    assert [list(said(one)) for one in stands("Observation", value, empty)] == [["valueQuantity"]]
    assert [list(said(one)) for one in stands("Observation", value, none)] == [["dataAbsentReason"]]


def test_results_that_are_not_sent_again_stay_the_report_s(stands: Stands) -> None:
    first = ["ORU^R01", PID, OBR, result("1"), result("2", code="B"), result("3", code="C")]
    (now,) = stands("DiagnosticReport", first, ["ORU^R01", PID, OBR, result("1.5", state="C")])
    assert len(now["result"]) == 3
    (now,) = stands("DiagnosticReport", first, ["ORU^R01", PID, OBR, result("2", code="B", state="W")])
    assert len(now["result"]) == 2
    assert "result" not in stands("DiagnosticReport", ["ORU^R01", PID, OBR, result("1")],
                                  ["ORU^R01", PID, OBR, result("1", state="D")])[0]  # fmt: skip


def test_what_stood_in_a_field_that_is_not_said_stays(stands: Stands) -> None:
    first = ["ADT^A01", PID, PV1, "ZVI|ZY1", "NK1|1|测试乙|SPO", "DG1|1||I10^高血压|||A|||||||||1"]
    less = "PV1|1|I|||||D3^李||||||||||||V1"
    later = ["ADT^A08", pid(f3="P1^^^HIS^PI", f5=NAME), less, "NK1|1|测试丙|MTH", "DG1|1||E11^糖尿病|||A|||||||||1"]
    (patient,) = stands("Patient", first, later)
    assert [one["value"] for one in patient["identifier"]] == ["P1", "H1", "990000199001010017"]
    assert len(patient["extension"]) == 2 and len(patient["contact"]) == 2
    (stay,) = stands("Encounter", first, later)
    assert [one["individual"]["display"] for one in stay["participant"]] == ["李", "王"]
    assert [one["value"] for one in stay["identifier"]] == ["V1", "ZY1"]
    assert [one.get("rank") for one in stay["diagnosis"]] == [None, 1]


def test_what_says_a_part_again_changes_nothing(stands: Stands) -> None:
    first = ["ADT^A01", PID, PV1, "DG1|1||I10^高血压|||A|||||||||1", "DG1|2||E11^糖尿病|||A|||||||||2"]
    part = ["ADT^A01", pid(f3="P1^^^HIS^PI", f19="990000199001010017"), *first[2:4]]
    assert stands("Encounter", first, part) == stands("Encounter", first)
    assert stands("Patient", first, part) == stands("Patient", first)


def test_what_is_no_more_goes(stands: Stands) -> None:
    none = pid(f3='P1^^^HIS^PI~""^^^HIS^HC', f5=NAME, f6='""', f10='""', f19='""')
    (patient,) = stands("Patient", ["ADT^A28", PID], ["ADT^A31", none])
    assert [one["value"] for one in patient["identifier"]] == ["P1"]
    assert "extension" not in patient
    later = ["ADT^A08", PID, PV1.replace("D2^王", '""'), 'ZVI|""']
    (stay,) = stands("Encounter", ["ADT^A01", PID, PV1, "ZVI|ZY1"], later)
    assert len(stay["participant"]) == len(stay["identifier"]) == 1


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (("A01", "A03", "A08"), "finished"), (("A01", "A03", "A02"), "finished"), (("A03", "A01"), "finished"),
        (("A01", "A03", "A13", "A02"), "in-progress"), (("A01", "A11", "A08"), "entered-in-error"),
        (("A01", "A11", "A03"), "entered-in-error"), (("A01", "A11", "A01"), "in-progress"),
        (("A05", "A01"), "in-progress"),
    ],
)  # fmt: skip
def test_a_stay_ends_once_however_late_a_message_comes(events: tuple[str, ...], status: str, stands: Stands) -> None:
    def message(event: str) -> list[str]:
        return [f"ADT^{event}", PID, PV1 + ("|20261122080000" if event == "A03" else "")]

    (stay,) = stands("Encounter", *map(message, events))
    assert stay["status"] == status
    assert ("end" in stay["period"]) == ("A03" in events and "A13" not in events)
    if status == "finished":
        assert {one["status"] for one in stay["location"]} == {"completed"}


@pytest.mark.parametrize("event", ["S14", "S17", "S26"])
def test_an_appointment_that_was_cancelled_and_is_not_has_no_reason(event: str, stands: Stands) -> None:
    schedule = "SCH|Y1|Y1||||6^患者要求|||15|MIN|^^^20261124090000^20261124091500"
    (now,) = stands(
        "Appointment", ["SIU^S12", schedule, PID], ["SIU^S15", schedule, PID], [f"SIU^{event}", schedule, PID]
    )
    assert "cancelationReason" not in now


def test_when_one_died_is_not_lost_by_that_one_is_dead(stands: Stands) -> None:
    since = ["ADT^A31", pid(f3=NUMBERS, f29="20261120", f30="Y")]
    (now,) = stands("Patient", since, ["ADT^A31", pid(f3=NUMBERS, f30="Y")])
    assert now["deceasedDateTime"] == "2026-11-20"
    (now,) = stands("Patient", since, ["ADT^A31", pid(f3=NUMBERS, f30="N")])
    assert (now["deceasedBoolean"], "deceasedDateTime" in now) == (False, False)


def test_a_range_whose_sign_was_not_escaped_is_a_range(stands: Stands) -> None:
    (now,) = stands("Observation", ["ORU^R01", PID, OBR, result("5~10", "ST", unit="/HP")])
    assert (now["valueRange"]["low"]["value"], now["valueRange"]["high"]["value"]) == (5, 10)


CHARGE = "FT1|1|{}||20261120||{}|A1^检查|||1|10&CNY"


def test_a_credit_under_the_number_of_its_charge_leaves_both(stands: Stands) -> None:
    charges = [["DFT^P03", PID, CHARGE.format("X1", kind)] for kind in ("CG", "CD", "CD")]
    found = stands("ChargeItem", *charges)
    assert [one["priceOverride"]["value"] for one in found] == [10, -10]


@pytest.mark.parametrize(
    "segments",
    [
        ["ORC|NW|N1", "OBR|1|||A^甲", "ORC|NW|N1", "OBR|2|||B^乙"],
        ["ORC|NW|N1", "RXO|A^甲|1||片", "ORC|NW|N1", "RXO|B^乙|1||片"],
        [CHARGE.format("X1", "CG"), CHARGE.format("X1", "CG").replace("A1^", "B1^")],
        [OBR, result("5"), OBR.replace("|20261123|", "|20261124|"), result("7")],
    ],
)
def test_items_that_share_a_number_are_not_lost_in_silence(segments: list[str]) -> None:
    type_ = {"FT1": "DFT^P03", "OBR": "ORU^R01"}.get(segments[0][:3], "ORM^O01")
    header = f"MSH|^~\\&|HIS|H1|KY|KY|20261123||{type_}|1|P|2.5|||||CHN|UNICODE UTF-8"
    found = mapped(split("\r".join([header, PID, *segments]).encode()), Feed("h1", "Organization/h1"))
    assert [(one.text.rpartition(".")[2], one.place.row) for one in found.refusals] == [
        ("same-number", {"DFT^P03": 4, "ORU^R01": 5}.get(type_, 6))
    ]
