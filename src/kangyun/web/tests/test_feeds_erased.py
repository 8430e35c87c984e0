"""What is kept of deliveries, when somebody in them is erased."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.erasing import UNSAID, Erasing, erase_also
from kangyun.access.kept import Kept
from kangyun.access.signin import ADMINISTRATOR
from kangyun.exchange.feeds.contents import Begun, opened
from kangyun.exchange.feeds.erasing import Search
from kangyun.exchange.feeds.register import SQL, Register
from kangyun.exchange.feeds.rework import Rework
from kangyun.exchange.protocol import File, Rows, Serials
from kangyun.store.erasure import Extent

NAME = "测试乙"
TABLE = "TB_YL_PATIENT_INFORMATION"
CUT = "990000197001010000"
FEED = "house-1-tables"
MARKED = """
SELECT f.name, count(*) FILTER (WHERE d.unsearched), f.anew_before > 0
FROM feed_source AS f JOIN feed_delivery AS d ON d.feed = f.id GROUP BY f.id, f.name ORDER BY f.name
"""


@pytest.fixture
def search(centre):
    """Looks through what is marked, as the background work does."""
    return lambda: Search(centre, Kept(centre.gate.store)).all(asyncio.Event())


@pytest.fixture
def confirm(region, centre):
    """Erases the resident of a name, by two officers."""

    async def erased():
        (one,) = (await region.client.get("Patient", params={"name": NAME})).json()["entry"]
        id_, gate = one["resource"]["id"], centre.gate
        async with centre.pool.connection() as connection:
            found = await gate.store.reader.locate(connection, [("Patient", id_)])
        erasing = Erasing(gate.store, gate.ledger, UNSAID)
        request = await erasing.ask({found["Patient", id_].res: f"Patient/{id_}"}, "Practitioner/a", "本人书面申请")
        record = await gate.open(ADMINISTRATOR, Circumstances("erase", "", "request-of-the-erasure"))
        await erasing.confirm(request.id, "Practitioner/b", record.audit_columns("erase", 200))

    return erased


@pytest.fixture
def erase(confirm, search):
    """Erases the resident of a name, and looks through what is kept."""

    async def erased():
        await confirm()
        await search()

    return erased


@pytest.fixture
async def other(gateway, region, centre):
    """The gateway of another institution, whose feed is live."""
    keys = {"keys": "ES384", "purpose": "HOPERAT", "scopes": ("system/feeds",), "redirect_uris": ()}
    await region.register("gateway-2", owner="Organization/house-2", **keys)
    register, name = Register(centre.pool), "house-2-tables"
    await register.add(
        name, "Organization/house-2", "二院业务表", "Device/test", client="gateway-2", agreement="H-2",
        agreed=date(2026, 11, 1), dialect="shanghai-hub-2026",
    )  # fmt: skip
    for state in ("testing", "trial", "live"):
        await register.move(name, state, "centre", "Device/test")
    token = (await region.for_itself("gateway-2", "system/feeds")).json()["access_token"]
    return type(gateway)(gateway.http, token, name)


@pytest.fixture
def marked(centre):
    """Returns of which feeds something is to be looked through, and which take rows anew that come as they were."""

    async def marked_():
        async with centre.pool.connection() as connection:
            rows = await connection.fetch(MARKED)
        return [tuple(row) for row in rows]

    return marked_


@pytest.fixture
def content(centre):
    """Opens what is kept of a delivery, None for nothing."""

    async def content_(number):
        async with centre.pool.connection() as connection:
            feed = await Register(centre.pool).within(connection, FEED)
            row = await connection.fetchrow(SQL["delivery"], feed.id, number)
            if row["content"] is None:
                return None
            return (await opened(connection, Kept(centre.gate.store), feed, Begun(**dict(row))))[0]

    return content_


async def test_his_rows_go_from_what_is_kept_and_nobody_else_s(gateway, worked, erase, content, make_person):
    await gateway.put(1, [make_person(1), make_person(2, NAME), make_person(3)])
    # Kept aside: the record has nothing of it, and yet it is his.
    await gateway.put(2, [make_person(2, NAME, number=CUT), make_person(4, number=CUT)])
    await worked(2)
    await erase()
    first, second = await content(1), await content(2)
    assert NAME not in str(first.rows) and NAME not in str(second.rows)
    assert [row[1] for row in first.rows] == ["1", None, "3"]
    assert [row[1] for row in second.rows] == [None, "4"]


async def test_what_another_institution_sent_is_not_opened(
    gateway, other, worked, confirm, marked, centre, make_person
):
    await gateway.put(1, [make_person(1), make_person(2, NAME)])
    await gateway.put(2, [make_person(3)])
    # As another hospital knows him: a registration of its own, which stays.
    await other.put(1, [make_person(5, number=CUT), make_person(6)])
    await worked(2)
    while (await other.get("/answers?after=0"))[1]["answers"] == []:
        await asyncio.sleep(0.1)
    await confirm()
    assert await marked() == [("house-1-tables", 2, True), ("house-2-tables", 0, False)]
    # After a restore nobody can say any more who wrote what is erased: all is looked through.
    async with centre.pool.connection() as connection:
        await erase_also(connection, Extent((1,), (), (1,), 0, ()))
    assert await marked() == [("house-1-tables", 2, True), ("house-2-tables", 1, True)]


async def test_the_others_are_given_back_and_replayed_as_before(gateway, worked, erase, staff, centre, make_person):
    await gateway.put(1, [make_person(2, NAME, number=CUT), make_person(4, number=CUT)])
    await gateway.put(2, [make_person(2, NAME), make_person(1)])
    await worked(2)
    await gateway.put(3, [make_person(2, NAME, number=CUT)])
    await worked(3)
    await erase()
    rework, feed = Rework(centre.pool, Kept(centre.gate.store)), await Register(centre.pool).get(FEED)
    assert await rework.tables(feed) == {TABLE: 1}
    assert (await rework.workbook(feed, TABLE))[1] == 1
    assert (await staff("POST", f"/{FEED}/replay", {"table": TABLE, "dryRun": False}))[1] == {"again": 3}
    told = await worked(3)
    assert [(one["number"], one.get("rows", 0), one.get("aside", 0)) for one in told] == [
        (1, 1, 1),
        (2, 1, 0),
        (3, 0, 0),
    ]


async def test_what_is_sent_of_him_later_is_refused_and_not_kept(gateway, worked, erase, search, content, make_person):
    rows = [make_person(1), make_person(2, NAME)]
    await gateway.put(1, rows)
    await worked(1)
    await erase()
    # As it came before: it is not taken for stored because of that.
    await gateway.put(2, rows)
    answer = (await worked(2))[-1]
    assert (answer["stored"], answer["unchanged"], answer["aside"]) == (1, 1, 1)
    await search()
    assert NAME not in str((await content(2)).rows)


async def test_what_was_only_judged_is_searched_as_well(gateway, worked, erase, staff, search, content, make_person):
    await gateway.put(1, [make_person(2, NAME)])
    await worked(1)
    await erase()
    await staff("POST", f"/{FEED}/move", {"to": "testing"})
    await gateway.put(2, [make_person(2, NAME), make_person(3)])
    await worked(2)
    # Until it is, a replay says that he would be refused.
    _, told = await staff("POST", f"/{FEED}/replay", {"table": TABLE, "since": 2, "tried": True, "dryRun": True})
    assert (told["rows"], told["created"], told["aside"]) == (2, 1, 1)
    await search()
    assert [row[1] for row in (await content(2)).rows] == [None, "3"]


async def test_a_file_goes_as_a_whole(gateway, worked, erase, content, make_person):
    lines = [",".join(gateway.columns), ",".join(make_person(1)), ",".join(make_person(2, NAME))]
    await gateway.deliver(1, File(f"{TABLE}.csv", "\n".join(lines).encode(), dialect="shanghai-hub-2026"))
    await gateway.put(2, [make_person(3)])
    await worked(2)
    await erase()
    assert await content(1) is None
    assert (await content(2)).rows[0][1] == "3"


async def test_rows_that_cannot_be_given_back_are_not_offered(gateway, worked, erase, staff, make_person):
    lines = [",".join(gateway.columns), ",".join(make_person(1, number=CUT)), ",".join(make_person(2, NAME))]
    await gateway.deliver(1, File(f"{TABLE}.csv", "\n".join(lines).encode(), dialect="shanghai-hub-2026"))
    await worked(1)
    assert (await staff("GET", f"/{FEED}/returned"))[1] == {TABLE: 1}
    await erase()
    assert (await staff("GET", f"/{FEED}/returned"))[1] == {}
    # What was wrong with them is still told.
    assert (await staff("GET", f"/{FEED}/refusals?whole=true"))[1]["total"] == 1


async def test_serial_numbers_go_with_whoever_is_erased(gateway, worked, erase, staff, make_person):
    await gateway.put(1, [make_person(2, NAME)])
    await worked(1)
    asked = {"table": TABLE, "day": "2025-12-01"}
    first = (await staff("POST", f"/{FEED}/asked", asked | {"what": "serials"}))[1]["id"]
    keys = [["2", "9"], ["7", "9"]]
    assert await gateway.say(f"/asked/{first}", Serials(first, keys)) == 204
    await staff("POST", f"/{FEED}/asked", asked | {"what": "resend", "keys": keys})
    await erase()
    assert (await staff("GET", f"/{FEED}/asked/{first}"))[0] == 410
    # What is open asks for the whole day.
    _, open_ = await gateway.get("/asked")
    assert [(one["what"], one.get("keys", [])) for one in open_] == [("resend", [])]


async def test_nobody_but_the_platform_says_that_rows_were_taken_out(gateway, make_person):
    rows = Rows(TABLE, gateway.columns, [make_person(1)], datetime(2026, 11, 23, tzinfo=UTC), emptied=[1])
    assert (await gateway.deliver(1, rows))[0] == 400
