"""Messages to entries: every sample is valid FHIR, and says what its sender meant."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.base.texts import say
from kangyun.exchange.entries import Entry, entry_id
from kangyun.exchange.hl7v2.mapping import Feed, Mapped, conventions, mapped, updated
from kangyun.exchange.hl7v2.mapping.making import masked
from kangyun.exchange.hl7v2.message import Message
from kangyun.exchange.hl7v2.splitting import split
from kangyun.fhir.validation import validator
from kangyun.identity.feeding import EVENTS
from kangyun.identity.registration.reading import read

Example = Callable[..., Message]
NAMES = sorted(path.stem for path in (Path(__file__).parent / "examples").glob("*.hl7"))


def of(found: Mapped, type_: str) -> list[Entry]:
    return [one for one in found.entries if one.resource["resourceType"] == type_]


def one(found: Mapped, type_: str) -> Any:
    (entry,) = of(found, type_)
    return entry.resource


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_valid_fhir_and_comes_out_the_same_again(name: str, example: Example, feed: Feed) -> None:
    found = mapped(example(name), feed)
    assert found.refusals == ()
    assert found.entries or found.told
    faults = {entry.origin.part: validator().validate(dict(entry.resource)) for entry in found.entries}
    assert not any(faults.values()), faults
    assert found == mapped(example(name), feed)
    assert len({entry.id for entry in found.entries}) == len(found.entries)
    assert all(entry.id.startswith("h990102-") for entry in found.entries)


@pytest.mark.parametrize("name", NAMES)
def test_references_to_others_of_the_message_are_entries(name: str, example: Example, feed: Feed) -> None:
    found = mapped(example(name), feed)
    ids = {f"{entry.resource['resourceType']}/{entry.id}" for entry in found.entries}
    ids |= {
        feed.institution, "DocumentReference/" + feed_id(feed, "document", "WS0000"),
        "ServiceRequest/" + feed_id(feed, "order", "placer", "PL100"),
    }  # fmt: skip
    assert set(references([dict(entry.resource) for entry in found.entries])) <= ids


def feed_id(feed: Feed, *key: str) -> str:
    return entry_id(feed.prefix, key[0], key[1:])


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if "reference" in value else []
        return own + [found for part in value.values() for found in references(part)]
    return [found for part in value for found in references(part)] if isinstance(value, list) else []


def test_an_admission(example: Example, feed: Feed) -> None:
    found = mapped(example("adt_a01"), feed)
    patient, stay = one(found, "Patient"), one(found, "Encounter")
    assert [(who["system"], who["value"]) for who in patient["identifier"]] == [
        ("urn:oid:2.16.156.10011.1.13", "P0001"),
        ("urn:oid:2.16.156.10011.1.3", "990102198502030028"),
    ]
    assert (patient["name"][0]["text"], patient["gender"], patient["birthDate"]) == ("张晓兰", "female", "1985-02-03")
    assert patient["contact"][0]["name"]["text"] == one(found, "RelatedPerson")["name"][0]["text"] == "王建国"
    assert (stay["class"]["code"], stay["status"]) == ("IMP", "in-progress")
    assert stay["period"] == {"start": "2026-11-20T08:30:00+08:00"}
    assert [place["status"] for place in stay["location"]] == ["completed", "active"]
    first, second = (entry.resource for entry in of(found, "Condition"))
    assert [(coding["system"], coding["code"]) for coding in first["code"]["coding"]] == [
        ("urn:kangyun:code-system:diagnosis-clinical", "I10.x00"),
        ("urn:kangyun:code-system:diagnosis-insurance", "I10"),
    ]
    assert second["code"]["coding"][0]["system"] == "urn:kangyun:code-system:local:h990102:diagnosis"
    assert [named["rank"] for named in stay["diagnosis"]] == [1, 2]
    assert one(found, "Coverage")["subscriberId"] == "YB0000001"
    assert one(found, "AllergyIntolerance")["reaction"][0]["severity"] == "severe"


@pytest.mark.parametrize(
    ("name", "status", "acts"),
    [
        ("adt_a01", "in-progress", "store"), ("adt_a02", "in-progress", "store"), ("adt_a03", "finished", "store"),
        ("adt_a04_v23", "in-progress", "store"), ("adt_a05", "planned", "store"), ("adt_a06", "in-progress", "store"),
        ("adt_a08", "in-progress", "store"), ("adt_a11", "entered-in-error", "revoke"),
        ("adt_a13", "in-progress", "store"),
    ],
)  # fmt: skip
def test_events_of_a_stay(name: str, status: str, acts: str, example: Example, feed: Feed) -> None:
    (entry,) = of(mapped(example(name), feed), "Encounter")
    assert (entry.resource["status"], entry.acts) == (status, acts)


def test_the_same_stay_is_one_resource_over_all_its_messages(example: Example, feed: Feed) -> None:
    names = ("adt_a01", "adt_a02", "adt_a03", "adt_a08", "adt_a11", "adt_a13", "oru_r01", "dft_p03")
    assert len({of(mapped(example(name), feed), "Encounter")[0].id for name in names}) == 1
    assert len({of(mapped(example(name), feed), "Patient")[0].id for name in names}) == 1


@pytest.mark.parametrize("name", ["oru_r01", "orm_o01", "siu_s12", "mdm_t02", "vxu_v04", "dft_p03"])
def test_who_a_result_is_about_is_introduced_only(name: str, example: Example, feed: Feed) -> None:
    found = mapped(example(name), feed)
    about = {entry.id for type_ in ("Patient", "Encounter") for entry in of(found, type_)}
    assert found.introduced == about
    assert not mapped(example("adt_a01"), feed).introduced


def test_a_discharge_that_is_cancelled_and_a_value_that_is_no_more(example: Example, feed: Feed) -> None:
    (stay,) = of(mapped(example("adt_a03"), feed), "Encounter")
    cancelled = mapped(example("adt_a13"), feed)
    (again,) = of(cancelled, "Encounter")
    now = updated(stay.resource, again.resource, cancelled.deleted[again.id])
    assert (now["status"], now["period"]) == ("in-progress", {"start": "2026-11-20T08:30:00+08:00"})
    assert "dischargeDisposition" in stay.resource["hospitalization"]
    assert "dischargeDisposition" not in now["hospitalization"]
    changed = mapped(example("adt_a08"), feed)
    (before,), (after,) = of(mapped(example("adt_a01"), feed), "Patient"), of(changed, "Patient")
    standing = updated(before.resource, after.resource, changed.deleted[after.id])
    assert "birthDate" in before.resource and "birthDate" not in standing
    assert standing["contact"] == before.resource["contact"]
    assert updated(None, after.resource, ()) == after.resource
    assert not validator().validate(now) and not validator().validate(standing)


def test_what_had_to_be_said_and_was_not_changes_nothing(example: Example, feed: Feed) -> None:
    (before,) = of(mapped(example("adt_a03"), feed), "Encounter")
    changed = mapped(example("adt_a08", ("PV1|1|I|", "PV1|1||"), ("20261120083000", "")), feed)
    (after,) = of(changed, "Encounter")
    assert (after.resource["status"], after.resource["class"]["code"]) == ("unknown", "UNK")
    assert not validator().validate(dict(after.resource))
    now = updated(before.resource, after.resource, ())
    assert (now["status"], now["class"]["code"], now["period"]) == ("finished", "IMP", before.resource["period"])


def test_the_resident_index_reads_who_it_is(example: Example, feed: Feed) -> None:
    reading = read(one(mapped(example("adt_a01"), feed), "Patient"), date(2026, 11, 23), demo=True)
    assert set(reading.certain) == {
        ("id_number", "990102198502030028"), ("record_number", "Organization/h990102|P0001"),
    }  # fmt: skip
    assert (reading.fields["name"], reading.fields["sex"], reading.fields["birth_date"]) == (
        ("张晓兰",), ("female",), ("19850203",),
    )  # fmt: skip
    assert reading.fields["ethnicity"] == ("01",) and "15400000002" in reading.fields["contact_phone"]
    assert not reading.issues


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adt_a24", [("link", "P0001", "P0009")]), ("adt_a37", [("part", "P0001", "P0009")]),
        ("adt_a40", [("merge", "P0009", "P0001"), ("merge", "P0010", "P0003")]),
    ],
)  # fmt: skip
def test_what_is_told_of_registrations(name: str, said: list[Any], example: Example, feed: Feed) -> None:
    message = example(name)
    found = mapped(message, feed)
    patients = [(event, *(f"Patient/{feed_id(feed, 'patient', key)}" for key in keys)) for event, *keys in said]
    assert [(one.event, one.first, one.second) for one in found.told] == patients
    assert {one.event for one in found.told} == {EVENTS[message.kind[1]]}


def test_a_registration_that_a_merge_gives_up_is_introduced(example: Example, feed: Feed) -> None:
    found = mapped(example("adt_a40", ("PID|2||P0003", "PID|2||P0009"), ("MRG|P0010", "MRG|P0001")), feed)
    first, second = (feed_id(feed, "patient", key) for key in ("P0001", "P0009"))
    assert set(found.introduced) == set()
    assert [entry.resource["active"] for entry in found.entries if entry.id in (first, second)] == [True, True]
    alone = mapped(example("adt_a40"), feed)
    assert alone.introduced == {feed_id(feed, "patient", key) for key in ("P0009", "P0010")}


@pytest.mark.parametrize(
    ("name", "changes", "text", "part"),
    [
        ("adt_a01", [("P0001^^^HIS^PI~", "")], "no-patient", "PID-3"),
        ("adt_a01", [("V20260001", "")], "no-visit", "PV1-19"),
        ("adt_a01", [("20261120083000", "20261320083000")], "time", "PV1-44.1"),
        ("adt_a01", [("20261120083000", "2026112008-2026")], "time", "PV1-44.1"),
        ("adt_a03", [("20261125093000", "20261119093000")], "ends-before", "PV1-45"),
        ("dft_p03", [("&CNY", "&元")], "amount", "FT1-11"),
        ("adt_a01", [("ADT^A01^ADT_A01", "ADT^A60")], "event", "MSH-9"),
        ("adt_a01", [("|P|2.4", "|P|2.8")], "version", "MSH-12"),
        ("adt_a01", [("PID|", "ZID|")], "segment-missing", "MSH"),
        ("adt_a40", [("MRG|P0009", "MRG|P0001")], "same-patient", "MRG"),
        ("adt_a24", [("PID|2", "ZZZ|2")], "two-patients", "MSH"),
        ("oru_r01", [("FI100^LIS", ""), ("PL100^HIS", "")], "no-order", "OBR-3"),
        ("oru_r01", [("OBX|2|NM|CRP^C反应蛋白^L", "OBX|2|NM|")], "no-code", "OBX-3"),
        ("oru_r01_v23", [("OBR|", "ZBR|")], "segment-missing", "MSH"),
        ("oru_r01", [("PV1|1", "PID|2||P0002\rPV1|1")], "several-patients", "PID"),
        ("oru_r01", [("ORC|RE", "OBX|0|NM|WBC||1\rORC|RE")], "wrong-order", "OBX"),
        ("oru_r01", [("|P|2.5.1", "|T|2.5.1")], "processing", "MSH-11"),
        ("dft_p03", [("FY001", "")], "no-charge", "FT1-2"),
        ("dft_p03", [("8.50", "八元五")], "amount", "FT1-11"),
        ("mdm_t02", [("WS0001", "")], "no-document", "TXA-12"),
        ("vxu_v04_v231", [("|20261123||08", "|||08")], "no-time", "RXA-3"),
        ("siu_s12", [("^^^20261124090000^20261124091500", ""), ("L|20261124090000", "L|")], "no-time", "SCH-11"),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_refused_whole(
    name: str, changes: list[tuple[str, str]], text: str, part: str, example: Example, feed: Feed
) -> None:
    found = mapped(example(name, *changes), feed)
    assert (found.entries, found.told) == ((), ())
    (refusal,) = found.refusals
    assert (refusal.text, refusal.place.part, refusal.whole) == (f"exchange.hl7v2.mapping.{text}", part, True)
    assert say(refusal.text, "zh", refusal.parameters) and say(refusal.text, "en", refusal.parameters)


@pytest.mark.parametrize(
    ("name", "change", "text", "part", "shown"),
    [
        ("adt_a01", ("|19850203|", "|1985-2月3日|"), "day", "PID-7", "9999-9字9字"),
        ("adt_a01", ("|F||01|", "|妇||01|"), "code", "PID-8", "字"),
        ("oru_r01", ("JVBERi0xLjQK", "JVBE*"), "enclosed", "OBX-5.5", ""),
    ],
)
def test_a_value_that_is_no_key_is_left_out(
    name: str, change: tuple[str, str], text: str, part: str, shown: str, example: Example, feed: Feed
) -> None:
    found = mapped(example(name, change), feed)
    (refusal,) = found.refusals
    assert (refusal.text, refusal.place.part, refusal.whole) == (f"exchange.hl7v2.mapping.{text}", part, False)
    assert refusal.shown == shown
    assert found.entries
    assert not any(validator().validate(dict(entry.resource)) for entry in found.entries)


OWN = """
[keys]
visit = ["ZVI-2"]
[fields]
"ZPI-1" = "patient.number.HC"
"ZPI-2.2" = "patient.phone"
"ZPI-3" = "patient.extension.vip-level"
"ZVI-3" = "visit.number.inpatient"
[codes.sex]
"妇" = "2"
[systems]
"XNH" = "urn:oid:2.16.156.10011.2.3.1.269"
"""


def test_z_segments_by_a_file_of_the_hospital(example: Example, feed: Feed) -> None:
    own = Feed(feed.prefix, feed.institution, conventions(OWN))
    message = example(
        "adt_a01", ("|F||01|", "|妇||01|"), ("V20260001", ""),
        ("AL1|1", "ZPI|K00001|x^15400000009|金卡\rZVI|1|ZV77|ZY0042\rAL1|1"),
        ("1^城镇职工基本医疗保险|", "1^职工^XNH|"),
    )  # fmt: skip
    found = mapped(message, own)
    assert not found.refusals
    patient, stay = one(found, "Patient"), one(found, "Encounter")
    assert patient["gender"] == "female"
    assert "K00001" in [number["value"] for number in patient["identifier"]]
    assert "15400000009" in [point["value"] for point in patient["telecom"]]
    assert {"url": "urn:kangyun:extension:vip-level", "valueString": "金卡"} in patient["extension"]
    assert stay["id"] == feed_id(feed, "visit", "ZV77")
    assert {"system": "urn:oid:2.16.156.10011.1.12", "value": "ZY0042"} in stay["identifier"]
    assert one(found, "Coverage")["type"]["coding"][0]["system"] == "urn:oid:2.16.156.10011.2.3.1.269"
    assert not any(validator().validate(dict(entry.resource)) for entry in found.entries)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[fields", "file"), ("[field]\n", "file-section"), ("codes = 1", "file-section"),
        ('[keys]\nvisit = []', "file-target"),
        ('[fields]\n"PID3" = "patient.phone"', "file-place"),
        ('[fields]\n"ZPI-1" = "patient.telephone"', "file-target"),
        ('[fields]\n"ZPI-1" = "patient.number.QQ"', "file-target"),
        ('[numbers]\nXX = ["a"]', "file-target"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named(text: str, problem: str) -> None:
    with pytest.raises(Invalid) as raised:
        conventions(text)
    (issue,) = raised.value.issues
    assert issue.text == f"exchange.hl7v2.mapping.{problem}"
    assert say(issue.text, "zh", issue.parameters)


def test_no_allergy_is_an_answer(example: Example, feed: Feed) -> None:
    allergy = one(mapped(example("adt_a08"), feed), "AllergyIntolerance")
    assert (allergy["code"]["coding"][0]["code"], allergy["code"]["text"]) == ("716186003", "无")


@pytest.mark.parametrize(
    ("name", "type_", "status", "acts"),
    [
        ("orm_o01", "ServiceRequest", "active", "store"), ("omg_o19", "ServiceRequest", "revoked", "store"),
        ("siu_s12", "Appointment", "booked", "store"), ("siu_s15", "Appointment", "cancelled", "store"),
        ("siu_s17", "Appointment", "entered-in-error", "revoke"), ("siu_s26", "Appointment", "noshow", "store"),
        ("mdm_t02", "DocumentReference", "current", "store"),
        ("mdm_t11", "DocumentReference", "entered-in-error", "revoke"),
        ("vxu_v04", "Immunization", "completed", "store"), ("oru_r01_v23", "DiagnosticReport", "preliminary", "store"),
    ],
)  # fmt: skip
def test_states(name: str, type_: str, status: str, acts: str, example: Example, feed: Feed) -> None:
    (entry,) = of(mapped(example(name), feed), type_)
    assert (entry.resource["status"], entry.acts) == (status, acts)


def test_an_appointment_that_is_deleted_without_its_time_is_cancelled(example: Example, feed: Feed) -> None:
    message = example("siu_s17", ("^^^20261124090000^20261124091500", ""), ("L|20261124090000", "L|"))
    (entry,) = of(mapped(message, feed), "Appointment")
    assert (entry.resource["status"], entry.acts) == ("cancelled", "store")
    assert not validator().validate(dict(entry.resource))


def test_a_credit_is_a_negative_charge(example: Example, feed: Feed) -> None:
    charges = [entry.resource for entry in of(mapped(example("dft_p03"), feed), "ChargeItem")]
    assert [(one["quantity"]["value"], one["priceOverride"]["value"]) for one in charges] == [
        (Decimal(2), Decimal("10.00")),
        (Decimal(-1), Decimal("-8.50")),
    ]


@pytest.mark.parametrize("name", ["mdm_t08", "mdm_t10", "mdm_t02"])
def test_what_is_enclosed_is_kept_as_it_was(name: str, example: Example, feed: Feed) -> None:
    found = mapped(example(name), feed)
    (binary,) = of(found, "Binary")
    attachment = one(found, "DocumentReference")["content"][0]["attachment"]
    assert attachment["url"] == f"Binary/{binary.id}"
    assert attachment["contentType"] == binary.resource["contentType"]


FIELD = st.text(st.sampled_from('|^~\\&\rAZ019 .-:/"张无<>↑'), max_size=60)


@given(st.sampled_from(NAMES), st.integers(0, 3000), FIELD)
def test_whatever_is_changed_in_a_message_ends_in_valid_entries_or_refusals(name: str, at: int, text: str) -> None:
    whole = (Path(__file__).parent / "examples" / f"{name}.hl7").read_text("utf-8").replace("\n", "\r")
    header, body = whole.split("\r", 1)
    at %= len(body)
    lines = [header, *(body[:at] + text + body[at + len(text) :]).split("\r")]
    message = split("\r".join(line for line in lines if re.match(r"[A-Z][A-Z0-9]{2}\|", line)).encode())
    found = mapped(message, Feed("h990102", "Organization/h990102"))
    faults = [validator().validate(dict(entry.resource)) for entry in found.entries]
    assert not any(faults), faults
    assert bool(found.entries or found.told) != any(refusal.whole for refusal in found.refusals)
    for refusal in found.refusals:
        assert say(refusal.text, "zh", refusal.parameters)


@given(st.text(max_size=60))
def test_a_masked_value_says_nothing(value: str) -> None:
    shown = masked(value)
    assert len(shown) <= 41
    assert not any(sign.isdecimal() and sign != "9" for sign in shown)
    assert not any(sign.isalpha() and sign not in "A字" for sign in shown)


def test_a_diagnosis_that_is_taken_back_is_revoked_and_one_that_is_not_sent_stays(example: Example, feed: Feed) -> None:
    message = example("adt_a01")
    (first, *_) = [segment for segment in message.segments if segment.name == "DG1"]
    written = "|".join(first.raw(field) for field in range(first.fields + 1))
    back = mapped(example("adt_a01", (written, written + "|" * (21 - first.fields) + "D")), feed)
    acts = [entry.acts for entry in of(back, "Condition")]
    assert acts[0] == "revoke"
    assert set(acts[1:]) <= {"store"}
    without = mapped(example("adt_a01", (written + "\r", "")), feed)
    assert {entry.id for entry in of(without, "Condition")} < {
        entry.id for entry in of(mapped(message, feed), "Condition")
    }
    assert all(entry.acts == "store" for entry in without.entries)
