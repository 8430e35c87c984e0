"""A resource that matched all along is seen exactly once, whatever is written while the pages are turned.

Source: https://hl7.org/fhir/R4/http.html#paging
"""

import pytest

from kangyun.store.search import densities, orders, pages, plans, several, sorting
from kangyun.store.segments import BLOCK, SEGMENT_NUMBERS
from kangyun.store.types import TYPE_NUMBERS


def person(n, family="same", **more):
    return {
        "resourceType": "Patient",
        "id": f"p{n}",
        "name": [{"family": family}],
        "birthDate": f"19{n + 10}-01-01",
    } | more


@pytest.mark.parametrize("sort", ["", "_id", "-_id", "birthdate", "-birthdate", "family", "-family", "name,-birthdate"])
async def test_pages_hold_what_stays_exactly_once_while_others_come_and_go(client, transaction, sort):
    await client.post("", json=transaction(*(person(n) for n in range(30))))
    staying = {f"p{n}" for n in range(30) if n % 3}
    url, seen, turn = f"Patient?_count=4&_sort={sort}" if sort else "Patient?_count=4", [], 0
    while url:
        bundle = (await client.get(url)).json()
        seen += [entry["resource"]["id"] for entry in bundle.get("entry", ())]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
        # The last one seen goes where it may, another comes before it and one behind it.
        await client.delete(f"Patient/p{3 * turn}")
        await client.put(f"Patient/n{turn}", json=person(turn, family=("aaa", "zzz")[turn % 2]) | {"id": f"n{turn}"})
        turn += 1
    assert turn < 20
    assert [id_ for id_ in sorted(seen) if id_ in staying] == sorted(staying)


async def test_the_last_one_seen_may_go(client, transaction):
    await client.post("", json=transaction(*(person(n) for n in range(6))))
    for sort in ("family", "-birthdate", "_lastUpdated"):
        first = (await client.get(f"Patient?_count=2&_sort={sort}")).json()
        last = first["entry"][-1]["resource"]
        await client.delete(f"Patient/{last['id']}")
        (url,) = [link["url"] for link in first["link"] if link["relation"] == "next"]
        second = (await client.get(url)).json()
        seen = [entry["resource"]["id"] for entry in first["entry"] + second["entry"]]
        assert len(seen) == len(set(seen)) == 4
        await client.put(f"Patient/{last['id']}", json=person(int(last["id"][1:])))


async def ids_of_all_pages(client, url, says=0):
    seen = []
    while url:
        bundle = (await client.get(url)).json()
        entries = bundle.get("entry", ())
        seen += [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "match"]
        said = [entry["resource"]["issue"] for entry in entries if entry["search"]["mode"] == "outcome"]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert len(said) == says
    return seen


@pytest.mark.parametrize("search", ["Patient?", "?_type=Patient,Basic&"])
async def test_ids_are_sorted_as_texts_whoever_gave_them(client, transaction, monkeypatch, search):
    await client.post("", json=transaction(*(person(0, id=id_) for id_ in ("zz", "a", "m-1", "B"))))
    given = [(await client.post("Patient", json=person(0))).json()["id"] for _ in range(4)]
    expected = sorted([*given, "zz", "a", "m-1", "B"])
    assert await ids_of_all_pages(client, f"{search}_sort=_id&_count=3") == expected
    assert await ids_of_all_pages(client, f"{search}_sort=-_id&_count=3") == expected[::-1]
    for module in (pages, several, sorting):
        monkeypatch.setattr(module, "MOST_SORTED", 0)
    for sort in ("_id", "-_id"):  # Where they are too many to be sorted: in another order, yet each once.
        assert sorted(await ids_of_all_pages(client, f"{search}_sort={sort}&_count=3", says=1)) == expected


@pytest.mark.parametrize(
    ("search", "sort", "many"),
    [
        *(
            ("Patient?", sort, many)
            for sort in ("_lastUpdated", "-_lastUpdated", "-_lastUpdated,family")
            for many in (0, 1)
        ),
        *(("?_type=Patient,Basic&", sort, 0) for sort in ("_lastUpdated", "-_lastUpdated")),
    ],
)
async def test_what_is_updated_while_one_pages_by_last_updated_is_seen_once(client, monkeypatch, search, sort, many):
    for module in (pages, several, sorting, orders) if many else ():
        monkeypatch.setattr(module, "MOST_SORTED", 10)
    ids = [f"p{n}" for n in range(24)]
    for n in range(24):
        await client.put(f"Patient/p{n}", json=person(n))
    await client.put("Patient/p3", json=person(3, gender="male"))
    url, seen, turn = f"{search}_count=4&_sort={sort}", [], 0
    while url:
        bundle = (await client.get(url)).json()
        seen += [entry["resource"]["id"] for entry in bundle.get("entry", ())]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
        # Some that were seen and some that were not, some of them again and again.
        for n in (turn, 12, 23 - turn):
            await client.put(f"Patient/p{n}", json=person(n, gender=("female", "other")[turn % 2]))
        turn += 1
        assert turn < 12
    assert sorted(one for one in seen if one in ids) == sorted(ids)
    ordered = [*ids[:3], *ids[4:], "p3"]
    assert seen == (ordered if sort == "_lastUpdated" else ordered[::-1])


def weighed(n, more):
    coding = {"coding": [{"code": "w"}]}
    return {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": coding} | more


async def test_a_parameter_that_reads_two_elements_loses_nothing(client, platform, transaction, monkeypatch):
    """Each of its keys has an order of its own; what one reaches is further back than what the other does."""
    for name, value in (("WALK", 10), ("MOST_COUNTED", 0), ("FEW", 0)):
        monkeypatch.setattr(pages, name, value)
    monkeypatch.setattr(plans, "MOST_PROBED", 5)
    monkeypatch.setattr(plans, "UNKNOWN_SHARE", 1.0)
    monkeypatch.setattr(densities, "FRESH_FOR", 0.0)
    heavy, light = {"value": 900, "unit": "g"}, {"value": 1, "unit": "g"}
    parts = [{"code": {"text": "x"}, "valueQuantity": one} for one in (heavy, light, light)]
    await client.post("", json=transaction(*(weighed(n, {"valueQuantity": heavy}) for n in range(30))))
    await client.post("", json=transaction(*(weighed(n, {"component": parts[:1]}) for n in range(30, 50))))
    await client.post("", json=transaction(*(weighed(n, {"component": parts[1:]}) for n in range(50, 80))))
    async with platform.pool.connection() as connection:
        await connection.execute("ANALYZE")
    seen = await ids_of_all_pages(client, "Observation?combo-value-quantity=gt800&_count=4")
    assert sorted(seen) == sorted(f"o{n}" for n in range(50))


@pytest.mark.parametrize("sort", ["date", "-date"])
async def test_a_clinical_date_orders_several_segments(client, platform, transaction, monkeypatch, sort):
    for module in (pages, sorting, orders):
        monkeypatch.setattr(module, "MOST_SORTED", 12)
    monkeypatch.setattr(orders, "STRETCH", 5)
    day = [{"effectiveDateTime": f"2024-01-{n:02d}"} for n in range(1, 31)]
    await client.post("", json=transaction(*(weighed(n, day[n] | {"status": "amended"}) for n in range(10))))
    async with platform.pool.connection() as connection:
        await connection.execute(f"SELECT setval('res_number', {SEGMENT_NUMBERS + 100})")
    # The process has some numbers of the first segment left.
    others = [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": "x"}} for n in range(BLOCK)]
    await client.post("", json=transaction(*others))
    await client.post("", json=transaction(*(weighed(n, day[n]) for n in range(12, 30))))
    await client.post("", json=transaction(*(weighed(n, day[n] | {"status": "amended"}) for n in (10, 11))))
    await client.post("", json=transaction(*(weighed(n, {"status": "amended"}) for n in (97, 98))))
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM resource_1 WHERE type = $1", TYPE_NUMBERS["Observation"])
    seen = await ids_of_all_pages(client, f"Observation?status:not=final&_sort={sort}&_count=3")
    dated = [f"o{n}" for n in range(12)]
    assert seen == [*(dated if sort == "date" else dated[::-1]), "o98", "o97"]


REQUEST = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"display": "x"}}


@pytest.mark.parametrize("most", [10_000, -1], ids=["few", "many"])
@pytest.mark.parametrize(
    ("search", "made", "name"),
    [
        (
            "Observation?_sort={}date",
            {"resourceType": "Observation", "status": "final", "code": {"text": "x"}},
            "effective",
        ),
        ("ServiceRequest?_sort={}occurrence", REQUEST, "occurrence"),
    ],
)
async def test_a_period_without_a_start_comes_before_all_others(
    client, transaction, monkeypatch, most, search, made, name
):
    monkeypatch.setattr(pages, "MOST_SORTED", most)
    dates = {"later": {f"{name}DateTime": "2021"}, "earlier": {f"{name}DateTime": "2019"}, "undated": {},
             "always": {f"{name}Period": {"end": "2020"}}}  # fmt: skip
    await client.post("", json=transaction(*(made | date | {"id": id_} for id_, date in dates.items())))
    rising = await ids_of_all_pages(client, f"{search.format('')}&_count=1")
    assert rising == ["always", "earlier", "later", "undated"]
    falling = await ids_of_all_pages(client, f"{search.format('-')}&_count=1")
    assert falling == ["later", "earlier", "always", "undated"]
