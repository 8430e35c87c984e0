"""What screens ask of feeds: how they go, what was refused and why, 试传, a replay; each for whom it concerns."""

import io

import pytest
from openpyxl import load_workbook

from kangyun.access.staff.sheets import XLSX
from kangyun.testing.provider import SITE

PATIENTS = "TB_YL_PATIENT_INFORMATION"
FEED = "/house-1-tables"
TRY = f"{SITE}/feeds{FEED}/try"


@pytest.fixture
async def of(region):
    """Headers of an interface officer of a hospital."""

    async def officer(house):
        user = f"officer-{house}"
        await region.admit(user, roles=("interface-officer",), institution=f"Organization/{house}")
        token = await region.sign_in.sign_in(user, "Correct-horse-7")
        return {"authorization": f"Bearer {token}"}

    return officer


@pytest.fixture
async def delivered(gateway, worked, make_person):
    """Two deliveries: of three rows two are kept aside; and one that is understood by nobody."""
    await gateway.put(1, [make_person(1), make_person(2, number="1"), make_person(3, flag="7")])
    await gateway.put(2, [["1", "2", "3", "4"]], table="V_UNKNOWN", columns=["A", "B", "C", "D"])
    await worked(2)


def as_csv(gateway, *rows):
    return "\n".join(",".join(row) for row in [gateway.columns, *rows]).encode()


async def test_a_list_says_how_each_feed_goes(delivered, staff):
    ((one,),) = [(await staff("GET"))[1]]
    assert {name: one[name] for name in ("waiting", "parked", "stopped", "rows", "aside", "hour")} == {
        "waiting": 0, "parked": 1, "stopped": 1, "rows": 3, "aside": 2, "hour": 3,
    }  # fmt: skip
    assert one["last"]
    (minute, *_) = (await staff("GET", f"{FEED}/rates"))[1]
    assert (minute["rows"], minute["aside"]) == (3, 2)


async def test_deliveries_come_the_last_first_each_with_its_rows_and_why(delivered, staff):
    _, (last, first) = await staff("GET", f"{FEED}/deliveries?before=0")
    assert (last["number"], last["fate"], first["number"], first["table"]) == (2, "failed", 1, PATIENTS)
    assert "V_UNKNOWN" in last["source"]
    assert last["why"]
    assert (await staff("GET", f"{FEED}/deliveries/1"))[1]["aside"] == 2
    assert (await staff("GET", f"{FEED}/deliveries/9"))[0] == 404
    _, told = await staff("GET", f"{FEED}/refusals?number=1&whole=true")
    assert told["total"] == 2
    assert [(one["row"], one["part"], one["day"]) for one in told["rows"]] == [
        (2, "ZJHM", "2025-12-01"), (3, "XGBZ", "2025-12-01"),
    ]  # fmt: skip
    assert all(one["why"] for one in told["rows"])


async def test_the_rows_of_a_day_and_table_and_no_others(delivered, staff):
    for search, total in (
        (f"table={PATIENTS}", 2), ("day=2025-12-01", 2), ("day=2025-12-02", 0), ("table=TB_LIS_REPORT", 0),
    ):  # fmt: skip
        assert (await staff("GET", f"{FEED}/refusals?whole=true&{search}"))[1]["total"] == total
    assert (await staff("GET", f"{FEED}/refusals?day=yesterday"))[0] == 400


async def test_what_is_tried_is_judged_and_nothing_of_it_stays(gateway, worked, staff, region, make_person):
    body = as_csv(gateway, make_person(1), make_person(2, number="990000197001010000"))
    answer = await region.client.post(TRY, params={"name": f"{PATIENTS}.csv"}, content=body)
    told = answer.json()
    assert (told["table"], told["rows"], told["aside"], told["makes"]) == (PATIENTS, 2, 1, {"Patient": 1})
    (refused,) = (one for one in told["refusals"] if one["whole"])
    assert (refused["row"], refused["part"]) == (3, "ZJHM")
    assert "990000197001010000" not in answer.text
    assert (await region.client.get("Patient?_summary=count")).json()["total"] == 0
    assert (await staff("GET", FEED))[1]["next"] == 1
    book = await region.client.post(TRY, params={"name": f"{PATIENTS}.csv"}, content=body, headers={"accept": XLSX})
    header, row = load_workbook(io.BytesIO(book.content)).active.values
    assert (row[header.index("原行号")], bool(row[header.index("原因")])) == ("3", True)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        pytest.param("V_X.csv", b"A,B,C\n1,2,3", "mapping", id="unknown"),
        pytest.param("", b"A,B,C", "name", id="no name"),
        pytest.param("V_X.csv", b"", "name", id="nothing"),
    ],
)
async def test_what_cannot_be_tried_says_why(gateway, region, name, body, said):
    answer = await region.client.post(TRY, params={"name": name}, content=body, headers={"accept-language": "en"})
    assert answer.status_code == 400
    assert said in answer.json()["issue"][0]["details"]["text"]


async def test_an_institution_s_own_people_watch_their_own_only(delivered, staff, of, region):
    own, others = await of("house-1"), await of("house-2")
    for path in ("/rates", "/deliveries?before=0", "/deliveries/1", "/refusals", "/messages"):
        assert (await staff("GET", FEED + path, headers=own))[0] == 200
        assert (await staff("GET", FEED + path, headers=others))[0] == 404
    assert (await region.client.post(TRY, params={"name": "x.csv"}, content=b"A", headers=others)).status_code == 404
    replay = {"table": PATIENTS, "dryRun": True}
    assert (await staff("POST", f"{FEED}/replay", replay, headers=own))[0] == 403


async def test_a_replay_is_looked_at_before_it_is_done(delivered, staff):
    status, told = await staff("POST", f"{FEED}/replay", {"table": PATIENTS})
    assert (status, told["deliveries"], told["rows"], told["unchanged"], told["aside"]) == (200, 1, 3, 1, 2)
    assert (await staff("POST", f"{FEED}/replay", {"table": PATIENTS, "dryRun": False}))[1] == {"again": 1}
    acts = [one["act"] for one in (await staff("GET", f"{FEED}/history"))[1]]
    assert acts[-1] == "replayed"


async def test_what_was_refused_while_testing_is_answered_while_testing(gateway, worked, staff, make_person):
    assert (await staff("POST", f"{FEED}/move", {"to": "testing"}))[0] == 200
    await gateway.put(1, [make_person(1), make_person(3, number="1")])
    await gateway.put(2, [make_person(5, number="1")])
    await worked(2)
    assert (await staff("GET", f"{FEED}/returned"))[1] == {PATIENTS: 2}
    await gateway.put(3, [make_person(3)])
    await worked(3)
    assert (await staff("GET", f"{FEED}/returned"))[1] == {PATIENTS: 1}


async def test_what_was_refused_while_testing_is_open_only_while_it_is_tested(gateway, worked, staff, make_person):
    assert (await staff("POST", f"{FEED}/move", {"to": "testing"}))[0] == 200
    await gateway.put(1, [make_person(1), make_person(2, number="1")])
    await worked(1)
    assert (await staff("GET", f"{FEED}/returned"))[1] == {PATIENTS: 1}
    assert (await staff("GET", FEED))[1]["aside"] == 1
    assert (await staff("POST", f"{FEED}/move", {"to": "trial"}))[0] == 200
    assert (await staff("GET", f"{FEED}/returned"))[1] == {}
    assert (await staff("GET", FEED))[1]["aside"] == 0
    assert (await staff("GET", f"{FEED}/refusals?whole=true"))[1]["total"] == 0
