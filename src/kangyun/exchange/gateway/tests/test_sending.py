"""From a hospital's table to the centre: each row once, in spite of what happens on the way."""

from contextlib import closing, suppress
from datetime import date, timedelta

import msgspec
import pytest

from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.line import LineFailed
from kangyun.exchange.gateway.pace import Pace, beijing
from kangyun.exchange.gateway.queue import Full, Queue, Unnumbered
from kangyun.exchange.gateway.sources.opening import open_session
from kangyun.exchange.protocol import Asked, Refused, Rows, digest_of


def names(numbers):
    return [f"R{number:05d}" for number in numbers]


def arrived(centre):
    return [row[1] for row in centre.rows("lis")]


def test_each_row_arrives_once_and_new_ones_follow(hospital, centre, gateway):
    hospital.reports(range(50))
    assert gateway.read() == 50
    assert gateway.read() == 0
    hospital.report(51, at="2026-01-05 09:00:00")
    assert gateway.read() == 1
    gateway.send()
    assert arrived(centre) == names([*range(50), 51])
    assert gateway.queue.waiting() == {}


def test_a_row_that_comes_late_is_read(hospital, centre, gateway):
    hospital.report(1, at="2026-01-05 09:00:00")
    gateway.read()
    hospital.report(2, at="2026-01-05 08:30:00")
    assert gateway.read() == 1
    gateway.send()
    assert arrived(centre) == names([1, 2])


def test_a_value_that_is_no_time_doubles_nothing(hospital, centre, gateway):
    for number, at in enumerate(("10:00:00", "10:59:--", "11:00:00")):
        hospital.report(number, at=f"2026-01-05 {at}")
    pages = msgspec.structs.replace(hospital.table, page=2)
    assert [gateway.read(pages), gateway.read(pages)] == [3, 0]


def test_a_row_that_was_changed_is_read_again(hospital, centre, gateway):
    hospital.report(1)
    gateway.read()
    hospital.run("UPDATE TB_LIS_REPORT SET BGDLB = '尿常规', GXSJ = '2026-01-05 08:20:00'")
    assert gateway.read() == 1
    gateway.send()
    assert [row[4] for row in centre.rows("lis")] == ["血常规", "尿常规"]


@pytest.mark.parametrize("page", [1, 20, 1000])
def test_rows_of_one_instant_are_neither_lost_nor_doubled_whatever_the_page(hospital, centre, gateway, page):
    hospital.reports(range(30), at="2026-01-05 08:00:00")
    hospital.reports(range(30, 45))
    hospital.report(45, at="2026-01-05 08:00:00")
    hospital.report(45, at="2026-01-05 08:00:00")  # two rows that are the same are two rows
    changed = msgspec.structs.replace(hospital.table, page=page)
    assert gateway.read(changed) == 47
    assert gateway.read(changed) == 0
    gateway.send()
    assert sorted(arrived(centre)) == sorted(names([*range(45), 45, 45]))


def test_an_answer_that_is_lost_on_the_way_doubles_nothing(hospital, centre, gateway):
    hospital.reports(range(5000))
    gateway.read()
    centre.cut = 3
    for _ in range(5):
        with suppress(LineFailed):
            gateway.send()
    assert arrived(centre) == names(range(5000))
    assert [number for number, _ in enumerate(centre.kept["lis"], 1)] == [1, 2, 3]


def test_what_waits_outlives_the_process(hospital, centre, gateway, start):
    hospital.reports(range(10))
    gateway.read()
    after = start()
    assert after.read() == 0
    after.send()
    assert arrived(centre) == names(range(10))


def test_before_the_centre_has_spoken_nothing_gets_a_number(hospital, centre):
    hospital.report(1)
    with closing(hospital.queue()) as queue, closing(open_session(hospital.source, "")) as session:
        with pytest.raises(Unnumbered):
            Collecting(queue, hospital.table, hospital.pace).round(session)
        assert queue.place(hospital.table.place).value == ""


def test_a_lost_queue_goes_on_behind_what_the_centre_has(hospital, centre, gateway, start):
    hospital.reports(range(10))
    gateway.read()
    gateway.send()
    gateway.queue.close()
    for path in hospital.folder.glob("queue.db*"):
        path.unlink()
    anew = start()
    hospital.report(11, at="2026-01-05 10:00:00")
    assert anew.read() == 11
    anew.send()
    assert len(centre.kept["lis"]) == 2
    assert arrived(centre)[-1] == "R00011"


def test_an_old_copy_of_the_queue_gets_new_numbers_where_contents_differ(hospital, centre, gateway):
    hospital.reports(range(10))
    gateway.read()
    # Somebody else had number 1 there: as if this queue were an older copy.
    centre.kept["lis"].append((digest_of(b"other"), Rows("T", ["A"], [["other"]], beijing())))
    gateway.send()
    gateway.send()
    assert len(centre.kept["lis"]) == 2
    assert [row[0] for row in centre.rows("lis")][:1] == ["other"]
    assert arrived_from(centre, 1) == names(range(10))


def arrived_from(centre, place):
    return [row[1] for _, one in centre.kept["lis"][place:] for row in one.rows]


def test_a_centre_that_was_set_back_is_given_again_what_it_lost(hospital, centre, gateway):
    hospital.reports(range(10))
    gateway.read()
    gateway.send()
    hospital.report(11, at="2026-01-05 12:00:00")
    gateway.read()
    gateway.send()
    del centre.kept["lis"][1:]
    centre.answers["lis"] = centre.answers["lis"][:1]
    gateway.sending.soon()
    gateway.sending.sync()
    gateway.read()
    gateway.send()
    assert set(arrived_from(centre, 1)) >= {"R00011"}
    assert set(arrived(centre)) == set(names([*range(10), 11]))


def test_while_paused_it_reads_and_does_not_send(hospital, centre, gateway):
    centre.open("lis", "paused")
    hospital.reports(range(10))
    gateway.read()
    gateway.send()
    assert arrived(centre) == []
    centre.open("lis", "live")
    gateway.send()
    assert arrived(centre) == names(range(10))


def test_what_was_only_tried_is_sent_again_once_it_counts(hospital, centre, gateway):
    centre.open("lis", "testing")
    gateway.sending.sync()
    hospital.reports(range(3))
    gateway.read()
    gateway.send()
    centre.open("lis", "trial")
    gateway.send()
    assert gateway.read() == 3


def test_what_was_tried_is_sent_again_though_the_feed_was_paused_in_between(hospital, centre, gateway):
    centre.open("lis", "testing")
    gateway.sending.sync()
    hospital.reports(range(3))
    gateway.read()
    for state in ("paused", "trial"):
        centre.open("lis", state)
        gateway.send()
    assert gateway.read() == 3
    centre.open("lis", "paused")
    gateway.send()
    centre.open("lis", "live")
    gateway.send()
    assert gateway.read() == 0


def test_what_was_tried_is_sent_again_though_its_table_is_being_read(hospital, centre, gateway, monkeypatch):
    centre.open("lis", "testing")
    gateway.sending.sync()
    hospital.reports(range(60))
    once = iter(["trial"])

    def in_between(rows):
        for state in once:
            gateway.send()
            centre.open("lis", state)
            gateway.send()

    monkeypatch.setattr(Pace, "took", lambda pace, rows: in_between(rows))
    gateway.read(msgspec.structs.replace(hospital.table, page=20))
    judged = len(arrived(centre))
    gateway.send()
    assert 0 < judged < 60
    assert arrived(centre)[judged:] == names(range(60))


def test_columns_that_change_stop_this_table_until_they_are_accepted(hospital, centre, gateway):
    hospital.report(1)
    gateway.read()
    hospital.run("ALTER TABLE TB_LIS_REPORT ADD COLUMN BZ TEXT")
    hospital.report_wide(2)
    assert gateway.read() == 0
    stopped = gateway.queue.place(hospital.table.place).stopped
    assert (stopped.text, stopped.parameters) == ("exchange.gateway.columns-changed", {"gone": "-", "added": "BZ"})
    gateway.queue.accept(hospital.table.place)
    # The row that was sent has a column more now, so it is another row: the centre's key knows it again.
    assert gateway.read() == 2


def test_a_full_queue_stops_reading_and_loses_nothing(hospital, centre, start):
    hospital.reports(range(3_000))
    with pytest.raises(Full) as refused:
        start({"queue_mb": 0}).read()
    assert refused.value.issues[0].parameters == {"waiting": 0, "most": 0}
    assert start().read() == 3_000


def test_a_disk_that_others_need_is_left_to_them(hospital, centre):
    with closing(hospital.queue(free_mb=1 << 40)) as queue, pytest.raises(Full) as refused:
        queue.check_room()
    assert refused.value.issues[0].text == "exchange.gateway.disk-full"


def test_what_is_queued_cannot_be_read_on_the_disk(hospital, centre, gateway):
    hospital.report(1)
    gateway.read()
    kept = b"".join(path.read_bytes() for path in hospital.folder.glob("queue.db*"))
    assert "血常规".encode() not in kept
    assert b"R00001" not in kept


def test_refusals_are_reported_by_the_key_of_the_row(hospital, centre, gateway):
    centre.refused = lambda delivery: [Refused("date-wrong", "不是日期。", 2, "BGRQ", "2*", whole=True)]
    hospital.reports(range(3))
    gateway.read()
    gateway.send()
    (report,) = (hospital.folder / "returned").glob("*.csv")
    text = report.read_text("utf-8-sig")
    assert "YLJGDM=H1 BGDH=R00001" in text
    assert "不是日期。" in text


def test_the_hospital_s_own_counts_are_told_once(hospital, centre, gateway):
    yesterday = (beijing() - timedelta(days=1)).date()
    hospital.report(1, day=f"{yesterday} 08:00:00")
    hospital.report(2, day=f"{yesterday} 09:00:00")
    gateway.count(1)
    gateway.send()
    gateway.count(1)
    gateway.send()
    told = {"table": "TB_LIS_REPORT", "day": yesterday.isoformat(), "rows": 2, "sums": {"JE": "25.00"}}
    assert centre.declared == [told]


def test_rows_that_are_never_read_are_counted(hospital, gateway):
    hospital.reports(range(3))
    assert (gateway.read(), gateway.unread()) == (3, 0)
    for number, written in enumerate(("昨天", "", None), start=10):
        hospital.report(number, at=written)
    assert (gateway.read(), gateway.unread()) == (0, 3)
    hospital.report(20, at="9999-12-31 00:00:00")
    assert (gateway.read(), gateway.unread()) == (0, 4)


def test_serials_that_the_centre_asks_for_are_told(hospital, centre, gateway):
    centre.asked["lis"] = [Asked(7, "serials", "TB_LIS_REPORT", date(2026, 1, 5))]
    hospital.reports(range(2))
    gateway.send()
    gateway.answer()
    gateway.send()
    assert centre.told["lis"] == [{"id": 7, "keys": [["H1", "R00000"], ["H1", "R00001"]]}]
    assert centre.asked["lis"] == []


def test_a_day_that_is_asked_for_is_never_in_memory_as_a_whole(hospital, centre, gateway, monkeypatch):
    rows, put = [], Queue.put
    monkeypatch.setattr(Queue, "put", lambda queue, *batches, **more: (
        rows.append(sum(batch.rows for batch in batches)), put(queue, *batches, **more),
    ))  # fmt: skip
    hospital.reports(range(4_500))
    centre.asked["lis"] = [Asked(8, "resend", "TB_LIS_REPORT", date(2026, 1, 5))]
    gateway.send()
    gateway.answer()
    gateway.send()
    assert rows == [2_000, 2_000, 500]
    assert arrived(centre) == names(range(4_500))
    assert centre.asked["lis"] == []


def test_rows_that_the_centre_asks_for_are_sent_again(hospital, centre, gateway):
    hospital.reports(range(3))
    gateway.read()
    gateway.send()
    centre.asked["lis"] = [Asked(8, "resend", "TB_LIS_REPORT", date(2026, 1, 5), [["H1", "R00002"]])]
    gateway.send()
    gateway.answer()
    gateway.send()
    assert arrived(centre) == names([0, 1, 2, 2])
    assert centre.told["lis"] == [None]
