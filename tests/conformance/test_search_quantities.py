"""Searches by number, quantity and composite.

Source: https://hl7.org/fhir/R4/search.html#number, #quantity, #composite
"""

import random
import string

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

UCUM, LOINC = "http://unitsofmeasure.org", "http://loinc.org"


def amount(value, code=None, system=UCUM, **more):
    unit = {"system": system, "code": code} if code else {}
    return {"value": value} | unit | more


def observed(id_, value=None, code="weight", components=()):
    resource = {
        "resourceType": "Observation", "id": id_, "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
    }  # fmt: skip
    if components:
        resource["component"] = [
            {"code": {"coding": [{"system": LOINC, "code": part}]}, "valueQuantity": value_}
            for part, value_ in components
        ]
    return resource | ({"valueQuantity": value} if value else {})


def risk(id_, **probability):
    return {
        "resourceType": "RiskAssessment", "id": id_, "status": "final", "subject": {"display": "x"},
        "prediction": [probability],
    }  # fmt: skip


def pressure(id_, systolic, diastolic):
    return observed(
        id_,
        code="bp",
        components=[("systolic", amount(systolic, "mm[Hg]")), ("diastolic", amount(diastolic, "mm[Hg]"))],
    )


STOCK = (
    observed("kilo", amount(5.4, "kg")),
    observed("grams", amount(5400, "g")),
    observed("pounds", amount(5.4, "[lb_av]")),
    observed("unitless", amount(5.4)),
    observed("worded", {"value": 5.4, "unit": "kg"}),
    observed("local", amount(5.4, "kg", "urn:local")),
    observed("above", amount(10, "kg", comparator=">")),
    observed("below", amount(1, "kg", comparator="<")),
    observed("warm", amount(37, "Cel"), code="temp"),
    observed("hot", amount(104, "[degF]"), code="temp"),
    pressure("high", 170, 90),
    pressure("normal", 120, 80),
    pressure("odd", 90, 170),
    risk("fifth", probabilityDecimal=0.2),
    risk("half", probabilityDecimal=0.5),
    risk("sure", probabilityDecimal=1),
    risk("spread", probabilityRange={"low": {"value": 0.1}, "high": {"value": 0.3}}),
)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("0.2", {"fifth"}),
        ("0.20", {"fifth"}),
        ("0", {"fifth", "spread"}),  # one digit leaves half a unit open on either side
        ("2e-1", {"fifth"}),
        ("1", {"half", "sure"}),
        ("ne0.2", {"half", "sure", "spread"}),
        ("gt0.2", {"half", "sure", "spread"}),
        ("ge0.2", {"fifth", "half", "sure", "spread"}),
        ("lt0.2", {"spread"}),
        ("le0.2", {"fifth", "spread"}),
        ("sa0.2", {"half", "sure"}),
        ("eb0.5", {"fifth", "spread"}),
        ("ap0.5", {"half"}),
        ("gt0.2,lt0.15", {"half", "sure", "spread"}),
    ],
)
async def test_a_number_is_found_by_its_prefix(stocked, ids_of, value, found):
    assert set(await ids_of(stocked, f"RiskAssessment?probability={value}")) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"5.4|{UCUM}|kg", {"kilo", "grams"}),
        (f"5400|{UCUM}|g", {"kilo", "grams"}),
        ("5.4||kg", {"kilo", "grams", "worded", "local"}),
        ("5.4", {"kilo", "pounds", "unitless", "worded", "local"}),
        ("5.40", {"kilo", "pounds", "unitless", "worded", "local"}),
        (f"5|{UCUM}|kg", {"kilo", "grams"}),
        (f"5.0|{UCUM}|kg", set()),
        ("5.4|urn:local|kg", {"local"}),
        (f"gt5.3|{UCUM}|kg", {"kilo", "grams", "above"}),
        (f"ge5400|{UCUM}|g", {"kilo", "grams", "above"}),
        (f"lt3|{UCUM}|kg", {"pounds", "below"}),
        (f"le5.4|{UCUM}|kg", {"kilo", "grams", "pounds", "below"}),
        (f"sa5.4|{UCUM}|kg", {"above"}),
        (f"eb5.4|{UCUM}|kg", {"pounds", "below"}),
        (f"ne5.4|{UCUM}|kg", {"pounds", "above", "below"}),
        (f"ap5.5|{UCUM}|kg", {"kilo", "grams"}),
        (f"98.6|{UCUM}|[degF]", {"warm"}),
        (f"40|{UCUM}|Cel", {"hot"}),
        (f"5.4|{UCUM}|kg,104|{UCUM}|[degF]", {"kilo", "grams", "hot"}),
    ],
)
async def test_a_quantity_is_found_in_any_unit_of_its_kind(stocked, ids_of, value, found):
    assert set(await ids_of(stocked, f"Observation?value-quantity={value}")) == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"component-code-value-quantity={LOINC}|systolic$gt150|{UCUM}|mm[Hg]", {"high"}),
        (f"component-code-value-quantity=systolic$gt100|{UCUM}|mm[Hg]", {"high", "normal"}),
        ("component-code-value-quantity=diastolic$170", {"odd"}),
        ("component-code-value-quantity=systolic$170", {"high"}),
        (f"component-code-value-quantity=systolic$gt16|{UCUM}|kPa", {"high"}),
        ("component-code-value-quantity=systolic$170,diastolic$170", {"high", "odd"}),
        ("component-code-value-quantity=systolic$170&component-code-value-quantity=diastolic$90", {"high"}),
        ("component-code-value-quantity=urn:wrong|systolic$170", set()),
        (f"code-value-quantity={LOINC}|temp$gt39|{UCUM}|Cel", {"hot"}),
        (f"code-value-quantity={LOINC}|weight$5.4|{UCUM}|kg", {"kilo", "grams"}),
        (f"combo-code-value-quantity=temp$37|{UCUM}|Cel", {"warm"}),
        ("combo-code-value-quantity=diastolic$lt85", {"normal"}),
        ("combo-value-quantity=gt150||mm[Hg]", {"high", "odd"}),
    ],
)
async def test_a_composite_holds_within_one_component(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, f"Observation?{search}")) == found


@pytest.mark.parametrize(
    "search",
    ["RiskAssessment?probability=much", "RiskAssessment?probability=gt", "RiskAssessment?probability=1e9999",
     "Observation?value-quantity=1|2|3|4", "Observation?component-code-value-quantity=systolic",
     "Observation?component-code-value-quantity=a$b$c", "RiskAssessment?probability=NaN"],
)  # fmt: skip
async def test_what_is_no_number_is_refused(stocked, search):
    assert (await stocked.get(search)).status_code == 400


async def test_a_unit_and_a_system_may_be_longer_than_an_entry_of_an_index(stocked, ids_of):
    noise = "".join(random.Random(1).choices(string.ascii_letters, k=4_000))
    long = observed("long", amount(7, noise, "urn:local"))
    long["code"]["coding"].append({"system": f"urn:{noise}", "code": "long"})
    assert (await stocked.put("Observation/long", json=long)).status_code == 201
    for search in (f"value-quantity=7|urn:local|{noise}", f"value-quantity=7||{noise}", f"code=urn:{noise}|"):
        assert set(await ids_of(stocked, f"Observation?{search}")) == {"long"}
