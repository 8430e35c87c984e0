"""What is published of a month is what came in it, as the institution's own."""

import asyncio
import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.kept import Kept
from kangyun.access.signin import ADMINISTRATOR
from kangyun.exchange.feeds.deliveries import Deliveries
from kangyun.exchange.feeds.figures import Figures, keep_published
from kangyun.exchange.feeds.figures.report import Monthly, monthly_of, report_of
from kangyun.exchange.feeds.reconciling import Reconciliation
from kangyun.exchange.feeds.register import Register
from kangyun.exchange.feeds.worker import Worker
from kangyun.exchange.protocol import Declared, File, pack, unpack
from kangyun.simulate import City, error_model
from kangyun.simulate.sending import sending

HOUSE = "Organization/county"
UNTIL = date(2026, 11, 1)
VISITS = "TB_YL_MZ_MEDICAL_RECORD"


@pytest.fixture(scope="module")
def sent():
    """Rows of one hospital by table, as they first go out, of those that are to be stored as they are."""
    found = {}
    for dispatches, truth in sending(City(1, 150, UNTIL, 1.0), error_model("judging")):
        if truth.institution == "baiyun" and truth.fault in ("", "broken"):
            found.setdefault(truth.table, []).append((dispatches[0].cells, truth))
    return found


def as_file(table, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return File(f"{table}.csv", text.getvalue().encode("utf-8-sig"), dialect="chengdu-2011")


@pytest.fixture
async def taken(platform, sent):
    """A feed whose files were delivered and taken in."""
    register = Register(platform.pool)
    await register.add(
        "county-tables", HOUSE, "业务表", "Device/test", client="gateway", agreement="H-1", agreed=UNTIL,
        dialect="chengdu-2011",
    )  # fmt: skip
    for state in ("testing", "trial", "live"):
        await register.move("county-tables", state, "centre", "Device/test")
    actor = replace(ADMINISTRATOR, institution=HOUSE)
    record = await platform.gate.open(actor, Circumstances("test", "", "1"))
    deliveries = Deliveries(platform.pool, register, Kept(platform.gate.store))

    async def no_row(connection, verdict):
        """The test's own deliveries leave no row."""

    for number, (table, rows) in enumerate(sorted(sent.items()), start=1):
        body = unpack(pack(as_file(table, [cells for cells, _ in rows]))[0])
        assert (await deliveries.keep("county-tables", number, body, record.institution, no_row))[0] == "kept"
    worker = Worker(platform, asyncio.Event())
    feed = await register.get("county-tables")
    while await worker.intake.next(feed):
        pass
    return feed


async def reports(platform):
    record = await platform.gate.open(replace(ADMINISTRATOR, institution=HOUSE), Circumstances("test", "", "2"))
    query = await record.read_query("MeasureReport", [("_count", "1000")], strict=True)
    return [monthly_of(one.resource) for one in (await record.search(query)).matches]


async def test_the_figures_of_a_month_are_those_of_the_truth(platform, taken, sent):
    visits = sent["TB_YL_MZ_MEDICAL_RECORD"]
    month = max(truth.on for _, truth in visits).replace(day=1)
    assert await Figures(platform).publish(month) > 0
    (found,) = [one for one in await reports(platform) if one.table == "TB_YL_MZ_MEDICAL_RECORD"]
    of_month = [truth for _, truth in visits if truth.on.replace(day=1) == month]
    assert (found.institution, found.feed, found.month) == (HOUSE, "county-tables", month)
    assert found.figures["stored"] == sum(truth.fate == "stored" for truth in of_month)
    assert found.figures["looked-at"] == found.figures["stored"]
    # All of it is of days before the feed was connected: none of it was due.
    assert (found.figures["in-time"], found.figures["back-fill"]) == (0, found.figures["stored"])
    assert found.fields["JZZDBM"]["filled"] <= found.fields["JZZDBM"]["rows"]


async def test_a_column_that_its_table_has_and_nobody_sent_is_not_filled(platform, taken, sent):
    visits = sent[VISITS]
    month = max(truth.on for _, truth in visits).replace(day=1)
    async with platform.pool.connection() as connection:
        await connection.execute("DELETE FROM feed_field WHERE field = 'ZZYSXM'")
    await Figures(platform).publish(month)
    (found,) = [one for one in await reports(platform) if (one.table, one.month) == (VISITS, month)]
    unsent, sent_ = found.fields["ZZYSXM"], found.fields["JZZDBM"]
    assert (unsent["rows"], unsent["filled"]) == (sent_["rows"], 0)


async def test_a_table_by_the_hospital_s_own_mapping_has_the_hospital_s_columns(platform, taken, sent):
    month = max(truth.on for _, truth in sent[VISITS]).replace(day=1)
    async with platform.pool.connection() as connection:
        await connection.execute("DELETE FROM feed_field WHERE field = 'ZZYSXM'")
    own = files("kangyun.exchange.tables").joinpath("mappings", "outpatient-visit.toml").read_text("utf-8")
    await Register(platform.pool).map("county-tables", own, "Device/test")
    await Figures(platform).publish(month)
    (found,) = [one for one in await reports(platform) if (one.table, one.month) == (VISITS, month)]
    assert "ZZYSXM" not in found.fields


async def test_counts_agree_or_differ_day_by_day(platform, taken):
    month, table = date(2026, 5, 1), "TB_YL_MZ_MEDICAL_RECORD"
    days = [Declared(table, month.replace(day=nth), 3) for nth in (1, 2)]
    reconciliation = Reconciliation(platform.pool, Kept(platform.gate.store))
    await reconciliation.declare(taken, days)
    async with platform.pool.connection() as connection:
        for nth, stored in ((1, 1), (2, 5)):
            about = ("UPDATE feed_day SET stored = $2 WHERE day = $1", month.replace(day=nth), stored)
            await connection.execute(*about)
    await Figures(platform).publish(month)
    (found,) = [one for one in await reports(platform) if (one.table, one.month) == (table, month)]
    told = {name: found.figures[name] for name in ("declared", "compared", "agreeing", "either")}
    assert told == {"declared": 6, "compared": 6, "agreeing": 4, "either": 8}


async def test_published_again_nothing_is_new(platform, taken, sent):
    month = max(truth.on for _, truth in sent["TB_YL_MZ_MEDICAL_RECORD"]).replace(day=1)
    await Figures(platform).publish(month)
    before = await versions(platform)
    await Figures(platform).publish(month)
    assert before == await versions(platform)
    assert set(before) == {1}


async def test_an_older_month_is_published_anew_where_something_of_it_changed(platform, taken, sent):
    figures, stop = Figures(platform), asyncio.Event()

    async def round_of_publishing():
        rounds = asyncio.create_task(keep_published(platform, stop))
        while await figures.changed(date(2026, 8, 1)):
            await asyncio.sleep(0.05)
        stop.set()
        await rounds

    def quiet(connection):
        # Nothing of it is of the last minutes: that is looked at again in any case.
        return connection.execute("UPDATE feed_day SET changed = changed - interval '1 hour'")

    older = date(2026, 5, 1)
    async with platform.pool.connection() as connection:
        await quiet(connection)
    await round_of_publishing()
    (before,) = [one for one in await reports(platform) if (one.table, one.month) == (VISITS, older)]
    day = Declared(VISITS, older.replace(day=3), 7)
    await Reconciliation(platform.pool, Kept(platform.gate.store)).declare(taken, [day])
    assert await figures.changed(date(2026, 8, 1)) == [older]
    assert await figures.publish(older, whole=False) == 1
    (after,) = [one for one in await reports(platform) if (one.table, one.month) == (VISITS, older)]
    assert ("declared" in before.figures, after.figures["declared"]) == (False, 7)
    # Declared again as it was, nothing is to be said.
    async with platform.pool.connection() as connection:
        await quiet(connection)
    await Reconciliation(platform.pool, Kept(platform.gate.store)).declare(taken, [day])
    assert await figures.changed(date(2026, 8, 1)) == []


async def test_rows_that_come_late_change_their_month(platform, taken, sent):
    months = await Figures(platform).changed(UNTIL)
    days = {truth.on.replace(day=1) for _, truth in sent[VISITS] if truth.on < UNTIL}
    assert days <= set(months) and months == sorted(months, reverse=True)


async def versions(platform):
    record = await platform.gate.open(replace(ADMINISTRATOR, institution=HOUSE), Circumstances("test", "", "3"))
    query = await record.read_query("MeasureReport", [("_count", "1000")], strict=True)
    return [one.version for one in (await record.search(query)).matches]


def test_a_report_says_what_it_was_made_of():
    one = Monthly(
        "county",
        HOUSE,
        "county-tables",
        "TB_X",
        "表",
        date(2026, 12, 1),
        {"stored": 3},
        {"A": {"rows": 3, "filled": 2}},
    )
    report = report_of(one)
    assert monthly_of(report) == replace(one, house=report["id"])
    assert report["period"] == {"start": "2026-12-01", "end": "2026-12-31"}
    assert datetime.now(UTC).isoformat()[:10] not in str(report)
