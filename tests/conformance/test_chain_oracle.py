"""Chains and `_has` of any depth against an oracle: random resources that refer to each other, and random ways through.

The oracle follows the references of the resources themselves. Each search is made twice: as if what lies in between
were few, and as if it were many.

Source: https://hl7.org/fhir/R4/search.html#chaining, #has
"""

from itertools import count
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kangyun.store.search import compiler

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "urn:test:run"
runs = count()

# --- what is drawn: three of each type at most, which refer to each other by number

NUMBERS = st.integers(0, 2)
maybe = st.none() | NUMBERS
organizations = st.tuples(st.sampled_from(["Alpha", "Beta"]), maybe)
patients = st.tuples(st.sampled_from(["male", "female", None]), maybe)
observations = st.tuples(
    st.sampled_from(["x", "y"]), maybe,
    st.lists(st.tuples(st.sampled_from(["Patient", "Organization"]), NUMBERS), max_size=2),
    st.lists(NUMBERS, max_size=2),
)  # fmt: skip


def to(run, type_, number):
    return {"reference": f"{type_}/{run}-{number}"}


def organization(run, name, above):
    made = {"resourceType": "Organization", "name": name}
    return made | ({} if above is None else {"partOf": to(run, "Organization", above)})


def patient(run, gender, at):
    made = {"resourceType": "Patient"} | ({"gender": gender} if gender else {})
    return made | ({} if at is None else {"managingOrganization": to(run, "Organization", at)})


def observation(run, code, about, performers, members):
    made = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "urn:c", "code": code}]}}
    made |= {} if about is None else {"subject": to(run, "Patient", about)}
    made |= {"performer": [to(run, *one) for one in performers]} if performers else {}
    return made | ({"hasMember": [to(run, "Observation", one) for one in members]} if members else {})


# --- the oracle: what a resource refers to by a parameter, and ways through

LINKS = {
    ("Organization", "partof"): ("partOf", ["Organization"]),
    ("Patient", "organization"): ("managingOrganization", ["Organization"]),
    ("Observation", "patient"): ("subject", ["Patient"]),
    ("Observation", "subject"): ("subject", ["Patient"]),
    ("Observation", "performer"): ("performer", ["Patient", "Organization"]),
    ("Observation", "has-member"): ("hasMember", ["Observation"]),
}
LEAVES = {
    "Organization": [
        ("name", "alpha", lambda one: one["name"] == "Alpha"),
        ("partof:missing", "true", lambda one: "partOf" not in one),
    ],
    "Patient": [
        ("gender", "male", lambda one: one.get("gender") == "male"),
        ("gender:not", "male", lambda one: one.get("gender") != "male"),
        ("gender:missing", "true", lambda one: "gender" not in one),
    ],
    "Observation": [
        ("code", "x", lambda one: one["code"]["coding"][0]["code"] == "x"),
        ("code:not", "urn:c|x", lambda one: one["code"]["coding"][0]["code"] != "x"),
        ("performer:missing", "false", lambda one: "performer" in one),
    ],
}


def targets(world, resource, element, type_):
    given = resource.get(element, [])
    names = [link["reference"] for link in (given if isinstance(given, list) else [given])]
    return [world[name] for name in names if name.startswith(f"{type_}/") and name in world]


def ways(type_, depth):
    """Draws tests of a type: (name, value, what the oracle says to the world and a resource)."""
    leaves = st.sampled_from(LEAVES[type_]).map(lambda leaf: (leaf[0], leaf[1], lambda world, one: leaf[2](one)))
    if depth == 0:
        return leaves
    forth = [
        ways(target, depth - 1).map(
            lambda inner, code=code, element=element, target=target: (
                f"{code}:{target}.{inner[0]}", inner[1],
                lambda world, one: any(inner[2](world, found) for found in targets(world, one, element, target)),
            )
        )
        for (source, code), (element, among) in LINKS.items() if source == type_ for target in among
    ]  # fmt: skip
    back = [
        ways(source, depth - 1).map(
            lambda inner, source=source, code=code, element=element: (
                f"_has:{source}:{code}:{inner[0]}", inner[1],
                lambda world, one: any(
                    inner[2](world, other) and one in targets(world, other, element, type_)
                    for other in world.values() if other["resourceType"] == source
                ),
            )
        )
        for (source, code), (element, among) in LINKS.items() if type_ in among
    ]  # fmt: skip
    return st.one_of(*forth, *back, leaves)


searches = st.sampled_from(sorted(LEAVES)).flatmap(
    lambda type_: st.tuples(st.just(type_), st.lists(ways(type_, 3), min_size=1, max_size=2))
)


async def check(client, made, asked):
    run = f"c{next(runs)}"
    world = {
        f"{type_}/{run}-{number}": {"id": f"{run}-{number}", "meta": {"tag": [{"system": RUN, "code": run}]}, **one}
        for type_, make, drawn in made
        for number, one in enumerate(make(run, *each) for each in drawn)
    }
    entries = [{"resource": one, "request": {"method": "PUT", "url": name}} for name, one in world.items()]
    written = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert written.status_code == 200, written.text
    for type_, named in asked:
        query = "&".join(f"{name}={quote(value, safe='|:')}" for name, value, _ in named)
        expected = sorted(
            one["id"]
            for one in world.values()
            if one["resourceType"] == type_ and all(holds(world, one) for _, _, holds in named)
        )
        answer = await client.get(f"{type_}?_tag={RUN}|{run}&{query}", headers={"prefer": "handling=strict"})
        assert answer.status_code == 200, answer.text
        assert sorted(entry["resource"]["id"] for entry in answer.json().get("entry", ())) == expected, query


@pytest.mark.parametrize("most", [1000, 0])
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    made=st.tuples(
        st.lists(organizations, min_size=1, max_size=3), st.lists(patients, max_size=3),
        st.lists(observations, max_size=3),
    ),
    asked=st.lists(searches, min_size=1, max_size=5),
)  # fmt: skip
async def test_references_are_followed_as_the_oracle_says(shared_client, monkeypatch, most, made, asked):
    monkeypatch.setattr(compiler, "MOST_TARGETS", most)
    monkeypatch.setattr(compiler, "MOST_REFERRING", most)
    kinds = (("Organization", organization), ("Patient", patient), ("Observation", observation))
    drawn = [(type_, make, given) for (type_, make), given in zip(kinds, made, strict=True)]
    await check(shared_client, drawn, asked)
