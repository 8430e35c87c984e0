"""Counts by business key, against what the hospital declares; serial numbers; what was kept aside, put right."""

import io
from datetime import date

import pytest
from openpyxl import load_workbook

from kangyun.access.staff.sheets import XLSX
from kangyun.exchange.protocol import Declared, File, Serials

PATIENTS = "TB_YL_PATIENT_INFORMATION"
DAY = date(2025, 12, 1)
FEES = (
    *("YLJGDM", "SFMXID", "JZLSH", "KH", "KLX", "STFBZ", "MXFYLB", "MXXMMC", "MXXMDJ", "MXXMSL", "MXXMJE"),
    *("FYFSSJ", "XGBZ"),
)


@pytest.fixture
def counts(staff):
    """Returns the figures of a day by table."""

    async def counted(day=DAY):
        status, told = await staff("GET", f"/house-1-tables/counts?day={day}")
        assert status == 200
        return {one["table"]: one for one in told}

    return counted


@pytest.fixture
async def own_people(region):
    """Headers of somebody of the hospital."""
    await region.admit("wang", roles=("registrar",), institution="Organization/house-1")
    token = await region.sign_in.sign_in("wang", "Correct-horse-7")
    return {"authorization": f"Bearer {token}"}


async def test_what_is_sent_again_corrected_and_revoked_counts_once(gateway, worked, counts, make_person):
    await gateway.put(1, [make_person(1), make_person(2), make_person(3, number="1")])
    await worked(1)
    one = (await counts())[PATIENTS]
    assert (one["received"], one["stored"], one["refused"], one["revoked"]) == (3, 2, 1, 0)
    await gateway.put(2, [make_person(1), make_person(2, flag="2"), make_person(3), make_person(4), make_person(4)])
    await worked(2, 1)
    one = (await counts())[PATIENTS]
    assert (one["received"], one["stored"], one["refused"], one["revoked"]) == (4, 3, 0, 1)
    await gateway.put(3, [make_person(4, day="2025-12-02 08:00:00")])
    await worked(3, 2)
    assert (await counts())[PATIENTS]["received"] == 3
    assert (await counts(date(2025, 12, 2)))[PATIENTS]["received"] == 1


async def test_what_is_declared_stands_beside_and_serials_name_what_differs(
    gateway, worked, counts, staff, make_person
):
    await gateway.put(1, [make_person(1), make_person(2), make_person(3, number="1")])
    await worked(1)
    assert await gateway.say("/declared", [Declared(PATIENTS, DAY, 4)]) == 204
    one = (await counts())[PATIENTS]
    assert (one["declared"], one["received"], one["differs"]) == (4, 3, True)
    ask = {"what": "serials", "table": PATIENTS, "day": str(DAY)}
    status, told = await staff("POST", "/house-1-tables/asked", ask)
    assert status == 201
    _, ((asked),) = await gateway.get("/asked")
    assert (asked["columns"], asked["by"]) == (["YLJGYQDM", "KLX", "KH"], "YWSCSJ")
    keys = [["D1", "9", number] for number in ("2", "3", "7")]
    assert await gateway.say(f"/asked/{asked['id']}", Serials(asked["id"], keys)) == 204
    assert (await gateway.get("/asked"))[1] == []
    _, found = await staff("GET", f"/house-1-tables/asked/{told['id']}")
    assert (found["missing"], found["aside"]) == ([["D1", "9", "7"]], [["D1", "9", "3"]])
    assert [delivery for _, delivery in found["surplus"]] == [1]


async def test_what_stands_under_another_day_and_what_nobody_reads_is_named(
    gateway, worked, staff, region, make_person
):
    await gateway.put(1, [make_person(1), make_person(2, day="2025-12-02 08:00:00")])
    await worked(1)
    asked = (await staff("POST", "/house-1-tables/asked", {"what": "serials", "table": PATIENTS, "day": str(DAY)}))[1]
    keys = [["D1", "9", number] for number in ("1", "2", "1.1E+17")]
    await gateway.say(f"/asked/{asked['id']}", Serials(asked["id"], keys))
    _, found = await staff("GET", f"/house-1-tables/asked/{asked['id']}")
    assert (found["missing"], found["surplus"]) == ([], [])
    assert found["elsewhere"] == [[["D1", "9", "2"], "2025-12-02"]]
    assert found["aside"] == [["D1", "9", "1.1E+17"]]
    assert "feed-differences" in {row[0] for row in await region.trail()}


async def test_a_request_to_send_again_is_answered_by_nothing(gateway, worked, staff, make_person):
    await gateway.put(1, [make_person(1)])
    await worked(1)
    ask = {"what": "resend", "table": PATIENTS, "day": str(DAY), "keys": [["D1", "9", "2"]]}
    await staff("POST", "/house-1-tables/asked", ask)
    (asked,) = (await gateway.get("/asked"))[1]
    assert asked["keys"] == [["D1", "9", "2"]]
    assert await gateway.say(f"/asked/{asked['id']}", b"") == 204
    assert await gateway.say("/asked/999", b"") == 404


async def test_what_was_put_right_in_the_workbook_answers_what_was_kept_aside(
    gateway, worked, counts, staff, region, own_people, make_person
):
    await gateway.put(1, [make_person(1), make_person("", number="1"), make_person(3, number="1")])
    await worked(1)
    assert (await counts())[PATIENTS]["refused"] == 2
    address = f"/house-1-tables/returned?table={PATIENTS}"
    assert (await staff("GET", address))[0] == 403
    answer = await region.client.get(f"http://127.0.0.1:8080/feeds{address}", headers=own_people)
    assert answer.headers["content-type"] == XLSX
    book = load_workbook(io.BytesIO(answer.content))
    header, *rows = book.active.values
    assert [row[header.index("原行号")] for row in rows] == ["2", "3"]
    right = {2: make_person(2), 3: make_person(3)}
    for line, row in right.items():
        for place, cell in enumerate(row, 1):
            book.active.cell(line, place).value = cell
    told = io.BytesIO()
    book.save(told)
    await gateway.deliver(2, File(f"{PATIENTS}.xlsx", told.getvalue()))
    (answer,) = await worked(2, 1)
    assert (answer["fate"], answer["stored"], answer.get("aside", 0)) == ("taken", 2, 0)
    one = (await counts())[PATIENTS]
    assert (one["received"], one["stored"], one["refused"]) == (3, 3, 0)
    assert (await staff("GET", "/house-1-tables/returned"))[1] == {}


async def test_a_month_is_closed_once_and_stays_as_it_was(gateway, worked, staff, make_person):
    await gateway.put(1, [make_person(1)])
    await worked(1)
    month = "/house-1-tables/months/2025-12"
    assert (await staff("PUT", month, {"why": "12 月对账"}))[0] == 200
    assert (await staff("PUT", month, {}))[0] == 409
    await gateway.put(2, [make_person(2)])
    await worked(2, 1)
    (line,) = (await staff("GET", month))[1]
    assert line["received"] == 1
    (now,) = (await staff("GET", "/house-1-tables/counts?month=2025-12"))[1]
    assert now["received"] == 2
    assert (await staff("PUT", "/house-1-tables/months/2099-12", {}))[0] == 422


async def test_a_stopped_table_goes_on_and_what_was_parked_is_taken_in(gateway, worked, counts, staff, make_person):
    await gateway.put(1, [make_person(1)])
    columns = ["YLJGYQDM", "KH", "KLX", "ZJHM", "ZJLX", "XB", "XM", "CSRQ", "YWSCSJ", "XGBZ"]
    short = ["D1", "2", "9", "", "01", "1", "测试甲", "19700101", "2025-12-01 08:00:00", "1"]
    await gateway.put(2, [short], columns=columns)
    await gateway.put(3, [make_person(3)])
    assert [one["fate"] for one in await worked(3)] == ["taken", "failed", "failed"]
    (table,) = (await staff("GET", "/house-1-tables"))[1]["tables"]
    assert "HYZK" in table["why"]
    assert (await staff("POST", "/house-1-tables/resume", {"table": PATIENTS}))[1] == {"again": 2}
    answers = await worked(3)
    assert [one["fate"] for one in answers] == ["taken"] * 3
    assert (await counts())[PATIENTS]["received"] == 3


async def test_how_fields_were_filled_is_counted_by_month(gateway, worked, staff, make_person):
    await gateway.put(1, [make_person(1), make_person(2, name="-")])
    await gateway.put(2, [make_person(1)])
    await worked(2)
    _, told = await staff("GET", "/house-1-tables/fields?month=2025-12")
    figures = {one["field"]: (one["rows"], one["filled"]) for one in told}
    assert figures["KH"] == (2, 2)
    assert figures["XM"] == (2, 1)
    assert figures["LXRXM"] == (2, 0)


async def test_amounts_are_added_up_and_a_correction_replaces_what_it_corrects(gateway, worked, counts):
    def fee(number, amount):
        return ["D1", number, "V1", "1", "9", "1", "01", "药费", amount, "1", amount, "2025-12-01 08:00:00", "1"]

    table = "TB_HIS_ZY_FEE_DETAIL_FS"
    await gateway.put(1, [fee("F1", "10.10"), fee("F2", "5")], table=table, columns=FEES)
    await gateway.put(2, [fee("F1", "20.10")], table=table, columns=FEES)
    await worked(2)
    await gateway.say("/declared", [Declared(table, DAY, 2, {"MXXMJE": "25.10"})])
    one = (await counts())[table]
    assert (one["received"], one["sums"]["MXXMJE"]["received"]) == (2, 251_000)
    assert one["sums"]["MXXMJE"]["declared"] == 251_000


@pytest.mark.parametrize(
    "told", [pytest.param(b"[{}]", id="no member"), pytest.param(b"[", id="no JSON"),
             pytest.param(b'[{"table":"T","day":"2025-12-01","rows":1,"sums":{"A":"x"}}]', id="no amount")],
)  # fmt: skip
async def test_what_cannot_be_declared_is_refused(gateway, told):
    assert await gateway.say("/declared", told) == 400
