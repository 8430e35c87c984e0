"""The lists of the exam: what may be said to have passed, what not, and the region's points."""

import csv

import pytest
from lxml import etree
from openpyxl import Workbook, load_workbook

from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.exchange.entries import Entry
from kangyun.exchange.exam import data_sets, documents, services
from kangyun.exchange.exam.model import Line, report
from kangyun.exchange.exam.samples import sample
from kangyun.exchange.exam.scoring import points_of, scored
from kangyun.exchange.exam.showing import HEADER, as_workbook, row, sums
from kangyun.exchange.soap import envelope
from kangyun.exchange.soap.mapping import parse
from kangyun.exchange.tables.mapping import Feed, convert, shipped
from kangyun.exchange.tables.reading import Row, Table

K = "urn:kangyun:soap:1"


class Scratch:
    """A scratch that stores nothing; it answers every call with `status`, and remembers what was asked."""

    def __init__(self, status=200, refuses=False):
        self.status, self.refuses = status, refuses
        self.stored, self.called = [], []

    def store(self, resources):
        if self.refuses:
            raise Invalid
        self.stored += resources

    def call(self, service, message):
        self.called.append((service, envelope.read(message).payload))
        payload = etree.Element(f"{{{K}}}Answer")
        etree.SubElement(payload, f"{{{K}}}ContentId").text = "platform-content"
        return self.status, envelope.written("1.2", payload)


def by_id(lines):
    return {line.id: line for line in lines}


@pytest.mark.parametrize("mapping", shipped(), ids=lambda one: one.name)
def test_a_sample_row_of_each_mapping_becomes_all_that_it_can(mapping):
    header, cells = sample(mapping)
    made = list(convert(Table("t", "", "", header, iter([Row(1, cells)])), mapping, Feed("h", "Organization/h", "h")))
    assert [one.text for one in made if not isinstance(one, Entry) and one.whole] == []
    assert {one.resource["resourceType"] for one in made if isinstance(one, Entry)}


def test_each_table_is_a_line_and_passes_only_when_it_was_stored():
    scratch = Scratch()
    lines = by_id(data_sets.lines(scratch))
    passed = lines["table:TB_YL_PATIENT_INFORMATION"]
    assert (passed.covered, passed.outcome, passed.count, len(passed.digest)) == ("part", "passed", 1, 64)
    assert {one.outcome for one in lines.values() if one.covered == "no"} == {"not-run"}
    assert scratch.stored
    refused = by_id(data_sets.lines(Scratch(refuses=True)))
    assert {one.outcome for one in refused.values() if one.covered != "no"} == {"failed"}


def test_the_same_run_has_the_same_digests():
    first, second = (by_id(data_sets.lines(Scratch())) for _ in range(2))
    assert {id_: one.digest for id_, one in first.items()} == {id_: one.digest for id_, one in second.items()}


def test_each_kind_of_document_is_a_line_as_the_installed_code_knows_it():
    lines = list(documents.lines(Scratch()))
    assert [sum(one.standard == standard for one in lines) for standard in documents.STANDARDS] == [53, 20]
    read = by_id(lines)["document:C0001"]
    assert (read.covered == "no", read.outcome, len(read.digest)) == (False, "passed", 64)
    assert {one.outcome for one in documents.lines(Scratch(refuses=True))} == {"failed"}


def test_without_documents_a_line_says_so(monkeypatch):
    monkeypatch.setattr(documents, "CDA", "kangyun.exchange.none")
    lines = list(documents.lines(Scratch()))
    assert [(one.covered, one.outcome, one.remark) for one in lines] == [("no", "not-run", "exam-no-documents")] * 2


def test_no_line_of_a_standard_passes_as_shipped():
    lines = list(services.lines(Scratch(), None))
    assert {one.outcome for one in lines if one.standard} == {"not-run"}
    assert {one.remark for one in lines if one.standard} == {"exam-needs-mapping", "exam-not-offered"}
    assert {one.outcome for one in lines if not one.standard} == {"passed"}


def test_each_action_of_our_own_is_called_with_what_was_answered_before():
    scratch = Scratch()
    list(services.lines(scratch, None))
    asked = {etree.QName(payload).localname: payload for _, payload in scratch.called}
    assert len(asked) == 21
    assert asked["DocumentFetch"].findtext(f"{{{K}}}ContentId") == "platform-content"


def test_an_answer_that_says_nothing_has_failed():
    scratch = Scratch()
    scratch.call = lambda service, message: (200, envelope.written("1.2", etree.Element(f"{{{K}}}Answer")))
    lines = by_id(services.lines(scratch, None))
    assert (lines["own:ResidentQuery"].outcome, lines["own:ResidentQuery"].remark) == ("failed", "exam-empty")
    assert lines["own:DocumentUnsubscribe"].outcome == "passed"


def test_what_is_refused_has_failed_and_nothing_stands_on_it():
    lines = by_id(services.lines(Scratch(status=422), None))
    assert lines["own:TimeQuery"].outcome == "failed"
    assert lines["WS/T 790.2-2021"].covered == "no"


SITE = """
name = "hip"
title = "试验医院"
edition = "2026"
certainty = "{certainty}"
namespace = "urn:site"
[method]
name = "HIPMessageServer"
action = "action"
message = "message"
result = "payload"
[[actions]]
name = "PatientInfoQuery"
title = "查询"
answer = "<Ack/>"
columns = {{ CARD = "/Msg/Card" }}
ask = {{ path = ["Patient"], query = {{ identifier = "@!CARD key" }} }}
"""


@pytest.mark.parametrize(
    ("certainty", "sample_there", "covered", "outcome", "remark"),
    [
        ("confirmed", True, "yes", "passed", ""),
        ("confirmed", False, "yes", "not-run", "exam-no-sample"),
        ("unverified", True, "part", "not-run", "exam-unverified"),
    ],
)
def test_a_standards_action_passes_by_a_confirmed_mapping_and_a_sample(
    tmp_path, certainty, sample_there, covered, outcome, remark
):
    folder = tmp_path / "soap" / "samples"
    folder.mkdir(parents=True)
    (tmp_path / "soap" / "hip.toml").write_text(SITE.format(certainty=certainty), "utf-8")
    (folder / ("hip.PatientInfoQuery.xml" if sample_there else "other.xml")).write_text("<Msg><Card>1</Card></Msg>")
    line = by_id(services.lines(Scratch(), tmp_path))["WS/T 846:PatientInfoQuery"]
    assert (line.covered, line.outcome, line.remark) == (covered, outcome, remark)


@pytest.fixture
def lines():
    """Two lines, one of which has passed."""
    return [
        Line(
            id="a", list="services", standard="", name="甲", covered="yes", outcome="passed", ran="exam-call", count=1
        ),
        Line(id="b", list="services", standard="WS/T 846", name="乙", remark="exam-not-offered"),
    ]


def as_csv(file, rows):
    with file.open("w", encoding="utf-8-sig", newline="") as sink:
        csv.writer(sink).writerows(rows)
    return file


def as_gbk(file, rows):
    file.write_bytes("\r\n".join(",".join(map(str, row)) for row in rows).encode("gb18030"))
    return file


def as_xlsx(file, rows):
    book = Workbook()
    for one in rows:
        book.active.append(one)
    book.save(file)
    return file


@pytest.mark.parametrize(("write", "form"), [(as_csv, "csv"), (as_gbk, "csv"), (as_xlsx, "xlsx")])
def test_points_are_the_regions(tmp_path, lines, write, form):
    scored(lines, points_of(write(tmp_path / f"points.{form}", [("编号", "分值"), ("a", 2), ("b", 1.5), ("", "")])))
    found = report(lines, clock.now(), "1", "points")
    assert (found.sums[2].points, found.sums[2].most) == (2, 3.5)
    assert "得 2 分，共 3.5 分" in sums(found, "zh")[-1]


def test_points_of_lines_that_are_covered_in_part_are_named(tmp_path, lines):
    lines[0].covered = "part"
    scored(lines, points_of(as_csv(tmp_path / "points.csv", [("编号", "分值"), ("a", 2), ("b", 1.5)])))
    assert "其中 2 分在“部分覆盖”的行上" in sums(report(lines, clock.now(), "1", "points"), "zh")[-1]


def test_without_points_there_is_no_score(lines):
    found = report(lines, clock.now(), "1")
    assert found.sums[2].points is None
    assert "不给分" in sums(found, "zh")[-1]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([("编号", "名称"), ("a", "1")], "scores-header"),
        ([("编号", "分值"), ("a", "一")], "scores-row"),
        *(([("编号", "分值"), ("a", wrong)], "scores-row") for wrong in ("nan", "inf", "-1", "1e400", "")),
        ([("编号", "分值"), ("", "1")], "scores-row"),
        ([("编号", "分值"), ("a", "1"), ("a", "2")], "scores-twice"),
        ([("编号", "分值"), ("c", "1")], "scores-unknown"),
        ([], "scores-header"),
    ],
)
def test_a_wrong_file_of_points_is_refused_with_the_reason(tmp_path, lines, rows, text):
    with pytest.raises(Invalid, match=text):
        scored(lines, points_of(as_csv(tmp_path / "points.csv", rows)))


def test_a_file_that_is_none_is_refused(tmp_path):
    file = tmp_path / "points.xlsx"
    file.write_bytes(b"nothing")
    with pytest.raises(Invalid, match="scores-header"):
        points_of(file)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_workbook_has_the_rows_of_the_screen(tmp_path, lines, language):
    file = tmp_path / "exam.xlsx"
    file.write_bytes(as_workbook(report(lines, clock.now(), "1"), language))
    rows = list(load_workbook(file).active.iter_rows(values_only=True))
    assert len(rows[0]) == len(HEADER)
    assert rows[2][1:3] == row(lines[1], language)[1:3]


def test_the_sites_file_of_these_tests_is_one():
    assert parse(SITE.format(certainty="confirmed")).actions[0].name == "PatientInfoQuery"
