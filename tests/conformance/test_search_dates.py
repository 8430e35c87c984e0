"""Searches by date: every prefix against days, instants, periods that are open, and partial dates.

Source: https://hl7.org/fhir/R4/search.html#prefix, https://hl7.org/fhir/R4/search.html#date
"""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def observed(id_, **effective):
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"}} | effective


def condition(id_, **more):
    resolved = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}
    return {"resourceType": "Condition", "id": id_, "subject": {"display": "x"}, "clinicalStatus": resolved} | more


STOCK = (
    observed("year", effectiveDateTime="2013"),
    observed("month", effectiveDateTime="2013-03"),
    observed("day", effectiveDateTime="2013-03-14"),
    observed("noon", effectiveDateTime="2013-03-14T12:00:00+08:00"),
    observed("second", effectiveInstant="2013-03-14T12:00:00.250Z"),
    observed("spring", effectivePeriod={"start": "2013-03-01", "end": "2013-05-31"}),
    observed("since", effectivePeriod={"start": "2013-03-15"}),
    observed("until", effectivePeriod={"end": "2013-03-13"}),
    observed("never"),
    # Not the clinical date of its type: kept in rows of its own.
    condition("abated", abatementDateTime="2013-03-14"),
    condition("abating", abatementPeriod={"start": "2013-03-13", "end": "2013-03-15"}),
    condition("lasting"),
)
TIMED = {"year", "month", "day", "noon", "second", "spring", "since", "until"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2013-03-14", {"day", "noon", "second"}),
        ("eq2013-03-14", {"day", "noon", "second"}),
        ("2013-03", {"month", "day", "noon", "second"}),
        ("2013", {"year", "month", "day", "noon", "second", "spring"}),
        ("2013-03-14T12:00:00%2B08:00", {"noon"}),
        ("2013-03-14T04:00:00Z", {"noon"}),
        ("2013-03-14T04:00Z", {"noon"}),
        ("2013-03-14T12:00:00.250Z", {"second"}),
        ("2013-03-14T12:00:00Z", {"second"}),
        ("ne2013-03-14", TIMED - {"day", "noon", "second"}),
        ("gt2013-03-14", {"year", "month", "spring", "since"}),
        ("ge2013-03-14", {"year", "month", "spring", "since", "day", "noon", "second"}),
        ("lt2013-03-14", {"year", "month", "spring", "until"}),
        ("le2013-03-14", {"year", "month", "spring", "until", "day", "noon", "second"}),
        ("sa2013-03-14", {"since"}),
        ("eb2013-03-14", {"until"}),
        ("sa2013-03-13", {"day", "noon", "second", "since"}),
        ("eb2013-03-15", {"day", "noon", "second", "until"}),
        ("ap2013-03-14", {"year", "month", "day", "noon", "second", "spring", "since", "until"}),
        ("ap2013-07", {"year", "since"}),
        ("2013-03-14,2013-03", {"month", "day", "noon", "second"}),
    ],
)
async def test_a_date_is_found_by_its_prefix(stocked, ids_of, value, found):
    assert set(await ids_of(stocked, f"Observation?date={value}")) == found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("date=ge2013-03-14&date=lt2013-03-15", {"year", "month", "spring", "day", "noon", "second"}),
        ("date=sa2013-03-13&date=eb2013-03-15", {"day", "noon", "second"}),
        ("date:missing=true", {"never"}),
        ("date:missing=false", TIMED),
    ],
)
async def test_dates_go_together(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, f"Observation?{search}")) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2013-03-14", {"abated"}),
        ("ne2013-03-14", {"abating"}),
        ("gt2013-03-14", {"abating"}),
        ("ge2013-03-14", {"abated", "abating"}),
        ("lt2013-03-14", {"abating"}),
        ("le2013-03-14", {"abated", "abating"}),
        ("sa2013-03-12", {"abated", "abating"}),
        ("sa2013-03-13", {"abated"}),
        ("eb2013-03-15", {"abated"}),
        ("eb2013-03-16", {"abated", "abating"}),
        ("ap2013-03-14", {"abated", "abating"}),
        ("2013-03", {"abated", "abating"}),
    ],
)
async def test_a_date_that_is_not_the_clinical_one_is_found_too(stocked, ids_of, value, found):
    assert set(await ids_of(stocked, f"Condition?abatement-date={value}")) == found


@pytest.mark.parametrize(
    "value", ["yesterday", "2013-13", "2013-02-30", "13-03-14", "gt", "2013-03-14T25:00:00Z", "99999", ""]
)
async def test_what_is_no_date_is_refused(stocked, value):
    assert (await stocked.get(f"Observation?date={value}")).status_code == 400


async def test_last_updated(stocked, ids_of):
    assert await ids_of(stocked, "Condition?_lastUpdated=lt2013") == []
    assert set(await ids_of(stocked, "Condition?_lastUpdated=gt2013")) == {"abated", "abating", "lasting"}
    moment = (await stocked.get("Condition/abated")).json()["meta"]["lastUpdated"]
    assert "abated" in await ids_of(stocked, f"Condition?_lastUpdated={moment}")
    assert await ids_of(stocked, f"Condition?_lastUpdated=gt{moment}") == []
    assert "abated" in await ids_of(stocked, f"Condition?_lastUpdated=ge{moment}&_lastUpdated=le{moment}")
