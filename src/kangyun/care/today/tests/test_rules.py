"""What is out of range, and who comes first."""

import tomllib
from importlib.resources import files

import pytest

from kangyun.care.today import rules

RULES = rules.read_rules(tomllib.loads(files("kangyun.care.today").joinpath("data", "today.toml").read_text("utf-8")))
FLAG = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def part(value, unit, code="", flag="", text="", low=None, high=None):
    made = {"code": {"coding": [{"system": rules.METRIC, "code": code}], "text": text}}
    made["valueQuantity"] = {"value": value, "code": unit}
    made |= {"interpretation": [{"coding": [{"system": FLAG, "code": flag}]}]} if flag else {}
    sides = {side: {"value": given} for side, given in (("low", low), ("high", high)) if given is not None}
    return made | ({"referenceRange": [sides]} if sides else {})


def bounded(comparator, *given, **more):
    made = part(*given, **more)
    return made | {"valueQuantity": made["valueQuantity"] | {"comparator": comparator}}


def said(*parts):
    panel = {"code": {}, "effectiveDateTime": "2026-11-23T08:12:00+08:00", "component": list(parts)}
    return [(one.what, one.value, one.side, one.range) for one in rules.out_of_range(panel, RULES)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (part(134.5, "mm[Hg]", "systolic-home"), []),
        (part(135, "mm[Hg]", "systolic-home"), [("家测收缩压", "135 mmHg", "high", "≥ 135")]),
        (part(139, "mm[Hg]", "systolic-office"), []),
        (part(90, "mm[Hg]", "diastolic-office"), [("诊室舒张压", "90 mmHg", "high", "≥ 90")]),
        (
            part("5.90", "mmol/L", flag="HH", text="血钾", low=3.5, high=5.3),
            [("血钾", "5.9 mmol/L", "critical-high", "3.5–5.3")],
        ),
        (part(86, "g/L", flag="L", text="血红蛋白", low=115), [("血红蛋白", "86 g/L", "low", "≥ 115")]),
        (part(86, "g/L", flag="A", text="某项"), [("某项", "86 g/L", "abnormal", "")]),
        (part(5, "mmol/L", flag="N", text="血糖"), []),
        (part(146, "umol/L", flag="H", text="血肌酐"), [("血肌酐", "146 μmol/L", "high", "")]),
        (bounded(">", 200, "mg/L", flag="H", text="C 反应蛋白"), [("C 反应蛋白", ">200 mg/L", "high", "")]),
        (bounded("<", 140, "mm[Hg]", "systolic-home"), []),
        ({"code": {}, "valueString": "阳性"}, []),
    ],
)
def test_what_is_out_of_range(given, wanted):
    assert said(given) == wanted


def test_red_comes_before_all_else():
    red, yellow = (rules.Alarm(1, level, "sos", "") for level in ("red", "yellow"))
    many = ["high"] * 50
    assert rules.weight([red], [], []) > rules.weight([yellow], many[:9], many) > rules.weight([], [], many) > 0


def test_a_critical_value_comes_before_who_came_home():
    assert rules.weight([], [], ["critical-low"]) > rules.weight([], ["home"] * 3, ["low"] * 9)


@pytest.mark.parametrize(("typed", "may_be"), [("王建国", True), ("王国", False), ("李建国", False)])
def test_a_name_is_held_against_a_masked_one(typed, may_be):
    assert rules.is_named("王*国", typed) is may_be
