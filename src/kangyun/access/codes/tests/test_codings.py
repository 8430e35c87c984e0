"""What was decided stands beside what institutions write, whoever writes it, and follows what is decided later."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.codes.applying import apply, waiting
from kangyun.access.codes.codings import CODED_BY, Target, completed
from kangyun.access.codes.counting import count
from kangyun.access.codes.table import Proposal, decide, propose, withdraw
from kangyun.access.codes.tests.conftest import (
    CLINICAL,
    INSURANCE,
    LOCAL,
    codes_of,
    condition,
    person,
    put,
    rows,
    search,
)
from kangyun.base.errors import Forbidden

ALL = [(LOCAL, "Z1"), (CLINICAL, "I10.x00"), (INSURANCE, "I10.x00x002")]


async def test_what_comes_has_three_codings_and_is_found_by_each(house, mapped):
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    await mapped(CLINICAL, "I10.x00", INSURANCE, "I10.x00x002")
    done = await put(house, condition("h1-c", (LOCAL, "Z1")))
    assert codes_of(done.stored) == ALL
    for system, code in ALL:
        assert await search(house, "Condition", code=f"{system}|{code}") == ["h1-c"]


async def test_what_is_sent_again_makes_no_version(house, mapped):
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    await put(house, condition("h1-c", (LOCAL, "Z1")))
    assert (await put(house, condition("h1-c", (LOCAL, "Z1")))).status == "unchanged"


async def test_what_is_stored_gets_it_once(house, mapped, platform):
    for number in range(5):
        await put(house, condition(f"h1-c{number}", (LOCAL, "Z1")))
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    assert await apply(platform.gate) is None, "it waits until every process has heard of it"
    run = await apply(platform.gate, settle=0)
    assert (run.looked, run.changed, run.failed) == (5, 5, 0)
    assert len(await search(house, "Condition", code=f"{CLINICAL}|I10.x00")) == 5
    stored = await house.read("Condition", "h1-c0")
    assert (stored.version, codes_of(stored)) == (2, ALL[:2])
    assert await waiting(platform.gate) == 0
    assert await apply(platform.gate, settle=0) is None


async def test_what_is_withdrawn_goes(house, mapped, platform, opened):
    ids = await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    await put(house, condition("h1-c", (LOCAL, "Z1")))
    asked = await withdraw(await opened(person("b")), ids, "选错了")
    assert (asked.done, asked.asked) == (0, 1)
    assert (await withdraw(await opened(person("c")), ids, "")).done == 1
    assert (await apply(platform.gate, settle=0)).changed == 1
    assert codes_of(await house.read("Condition", "h1-c")) == ALL[:1]
    assert await search(house, "Condition", code=f"{CLINICAL}|I10.x00") == []


async def test_nobody_withdraws_alone(house, mapped, platform, opened):
    ids = await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    await put(house, condition("h1-c", (LOCAL, "Z1")))
    one, another = await opened(person("b")), await opened(person("c"))
    await withdraw(one, ids, "选错了")
    again = await withdraw(one, ids, "选错了")
    assert (again.done, again.asked, again.own) == (0, 0, tuple(ids))
    assert await rows(one, "approved") == ids
    # Another one refuses to: it stands, as if nobody had asked.
    assert (await decide(another, ids, approve=False)).done == 1
    assert (await withdraw(another, ids, "")).asked == 1
    assert await rows(one, "approved") == ids
    assert codes_of(await house.read("Condition", "h1-c")) == ALL[:2]


async def test_another_decision_takes_the_place_of_the_first(house, mapped, platform):
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    await put(house, condition("h1-c", (LOCAL, "Z1")))
    await mapped(LOCAL, "Z1", CLINICAL, "I11.900")
    await apply(platform.gate, settle=0)
    assert codes_of(await house.read("Condition", "h1-c")) == [(LOCAL, "Z1"), (CLINICAL, "I11.900")]


async def test_the_institution_keeps_its_resource_and_its_own_word(house, mapped, platform, opened):
    await put(house, condition("h1-c", (LOCAL, "Z1"), (CLINICAL, "I15.900")))
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    assert (await apply(platform.gate, settle=0)).changed == 0, "it has said itself what it is"
    await mapped(LOCAL, "Z1", INSURANCE, "I10.x00x002")
    await apply(platform.gate, settle=0)
    own = [(LOCAL, "Z1"), (CLINICAL, "I15.900")]
    assert codes_of(await house.read("Condition", "h1-c")) == [*own, ALL[2]]
    assert (await put(house, condition("h1-c", *own))).status == "unchanged", "it is the institution's to change"


async def test_nobody_forges_what_the_platform_adds(house):
    by = [{"url": CODED_BY, "valueCanonical": "urn:kangyun:concept-map:local:h1:diagnosis|99"}]
    said = condition("h1-c", (LOCAL, "Z1"), (CLINICAL, "I10.x00"))
    said["code"]["coding"][1]["extension"] = by
    assert codes_of((await put(house, said)).stored) == [(LOCAL, "Z1")]
    said["code"]["coding"] = said["code"]["coding"][1:]
    stored = (await put(house, said)).stored
    assert stored.resource["code"]["coding"] == [{"system": CLINICAL, "code": "I10.x00"}], "then it is his own word"


async def test_a_run_goes_on_where_it_stopped(house, mapped, platform, monkeypatch):
    monkeypatch.setattr("kangyun.access.codes.applying.AT_ONCE", 2)
    for number in range(7):
        await put(house, condition(f"h1-c{number}", (LOCAL, "Z1")))
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")

    class Stopped:
        def is_set(self):
            return True

    first = await apply(platform.gate, settle=0, stop=Stopped())
    assert (first.looked, first.changed) == (2, 2)
    second = await apply(platform.gate, settle=0)
    assert (second.id, second.looked, second.changed) == (first.id, 7, 7)


async def test_what_was_deleted_stays_deleted(house, mapped, platform):
    await put(house, condition("h1-c", (LOCAL, "Z1")))
    await house.commit([house.operation("delete", "Condition", id="h1-c")], "delete")
    await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    assert (await apply(platform.gate, settle=0)).looked == 0


async def test_four_eyes(opened):
    first, second = await opened(person("a")), await opened(person("b"))
    assert await propose(first, [Proposal(LOCAL, "Z1", CLINICAL, "I10.x00")]) == 1
    assert await propose(first, [Proposal(LOCAL, "Z1", CLINICAL, "I10.x00")]) == 0
    ids = await rows(first, "proposed")
    refused = await decide(first, ids, approve=True)
    assert (refused.done, refused.own) == (0, tuple(ids))
    assert (await decide(second, ids, approve=True)).done == 1
    again = await decide(second, ids, approve=True)
    assert (again.done, again.gone) == (0, tuple(ids))


@pytest.mark.parametrize(
    ("role", "institution", "system"),
    [
        ("coder", "Organization/h2", LOCAL),
        ("coder", "Organization/h1", CLINICAL),
        ("doctor", "Organization/h1", LOCAL),
        ("coder", "Organization/h1", "urn:kangyun:code-system:local:h1x:diagnosis"),
    ],
)
async def test_nobody_proposes_for_others(opened, role, institution, system):
    record = await opened(person("a", role, institution))
    with pytest.raises(Forbidden):
        await propose(record, [Proposal(system, "Z1", INSURANCE, "I10.x00")])
    assert await rows(record, "proposed") == []


async def test_a_coder_decides_nothing(opened, mapped):
    record = await opened(person("c", "coder", "Organization/h1"))
    ids = await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")
    with pytest.raises(Forbidden):
        await decide(record, ids, approve=True)
    with pytest.raises(Forbidden):
        await withdraw(record, ids, "")


async def test_uses_are_counted(house, platform):
    for number in range(3):
        said = condition(f"h1-c{number}", (LOCAL, "Z1"), ("http://example.org/other", "1"))
        said["code"]["coding"][0]["display"] = "高血压病"
        await put(house, said | {"onsetDateTime": f"2026-01-0{number + 1}"})
        await put(house, said | {"onsetDateTime": f"2026-01-0{number + 1}", "note": [{"text": "again"}]})
    await put(house, condition("h1-gone", (LOCAL, "Z1")))
    await house.commit([house.operation("delete", "Condition", id="h1-gone")], "delete")
    assert await count(platform.gate.store) == 1
    assert await count(platform.gate.store) == 1
    async with platform.pool.connection() as connection:
        (use,) = await connection.fetch("SELECT system, code, count, last - first AS during FROM code_use")
        name = await connection.fetchval("SELECT name FROM code_name")
    assert tuple(use) == (LOCAL, "Z1", 3, timedelta(days=2))
    assert name == "高血压病"


SYSTEMS = st.sampled_from([LOCAL, CLINICAL, INSURANCE])
KEYS = st.tuples(SYSTEMS, st.sampled_from("ABC"))
TARGETS = st.builds(Target, st.integers(1, 9), SYSTEMS, st.sampled_from("ABC"), st.just(""))
MAPS = st.dictionaries(KEYS, st.lists(TARGETS, max_size=2).map(tuple))


@given(st.lists(KEYS, min_size=1, max_size=3), MAPS, MAPS)
def test_what_is_worked_out_follows_from_ones_own_codes_and_the_map_alone(own, before, after):
    said = condition("x", *own)
    assert completed(completed(said, before), after) == completed(said, after)
    found = completed(said, after)["code"]["coding"]
    assert found[: len(own)] == said["code"]["coding"]
