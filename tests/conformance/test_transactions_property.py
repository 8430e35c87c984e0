"""Transactions are all or nothing: random ones against a model of what the record must hold after each.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.asyncio(loop_scope="module")

runs = count()
NAMES = "abcd"
genders = st.sampled_from(["male", "female", "other"])
steps = st.tuples(st.sampled_from(["put", "put", "delete", "post"]), st.sampled_from(NAMES), genders)
# Entries that no server may carry out, and what they are refused with.
FAULTS = {
    422: {"resource": {"resourceType": "Patient", "gender": "odd"}, "request": {"method": "POST", "url": "Patient"}},
    412: {"request": {"method": "DELETE", "url": "Patient/nobody", "ifMatch": 'W/"7"'}},
    404: {"resource": {"resourceType": "Parameters"}, "request": {"method": "PATCH", "url": "Patient/nobody"}},
}
transactions = st.tuples(
    st.lists(steps, min_size=1, max_size=5, unique_by=lambda step: step[1]),
    st.none() | st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(0, 5)),
)


def entry(run, step):
    kind, name, gender = step
    address = f"Patient/{run}-{name}"
    resource = {"resourceType": "Patient", "gender": gender, "identifier": [{"system": "urn:run", "value": run}]}
    return {
        "put": {"resource": resource | {"id": f"{run}-{name}"}, "request": {"method": "PUT", "url": address}},
        "post": {"resource": resource, "request": {"method": "POST", "url": "Patient"}},
        "delete": {"request": {"method": "DELETE", "url": address}},
    }[kind]


def after(model, step):
    """The model (genders by name, and of those that have none) after a step."""
    kind, name, gender = step
    known, nameless = model
    rest = {one: value for one, value in known.items() if one != name}
    return {
        "put": (rest | {name: gender}, nameless),
        "post": (known, [*nameless, gender]),
        "delete": (rest, nameless),
    }[kind]


async def held(client, run):
    """What the record holds of a run: as the index finds it, and as it is read by id."""
    found = (await client.get(f"Patient?identifier=urn:run|{run}&_count=1000")).json()
    by_id = {entry["resource"]["id"]: entry["resource"]["gender"] for entry in found.get("entry", ())}
    assert found["total"] == len(by_id)
    reads = {name: await client.get(f"Patient/{run}-{name}") for name in NAMES}
    assert {name: answer.json()["gender"] for name, answer in reads.items() if answer.status_code == 200} == {
        name: by_id[f"{run}-{name}"] for name in NAMES if f"{run}-{name}" in by_id
    }
    known = {name: by_id.pop(f"{run}-{name}") for name in NAMES if f"{run}-{name}" in by_id}
    return known, sorted(by_id.values())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(transactions, min_size=1, max_size=5))
async def test_a_transaction_happens_whole_or_not_at_all(shared_client, drawn):
    run, model = f"t{next(runs)}", ({}, [])
    for changes, fault in drawn:
        entries = [entry(run, step) for step in changes]
        entries[fault[1] if fault else 0 : fault[1] if fault else 0] = [FAULTS[fault[0]]] if fault else []
        answer = await shared_client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status_code == (fault[0] if fault else 200), answer.text
        for step in [] if fault else changes:
            model = after(model, step)
        known, nameless = await held(shared_client, run)
        assert (known, nameless) == (model[0], sorted(model[1]))
