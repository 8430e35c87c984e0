"""What counts as examined lately, and text that is read out of markup."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kangyun.access.look.opening import File, paragraphs_of, text_of
from kangyun.access.look.recent import FILE, Found, recent, recognition_here
from kangyun.base.errors import Invalid

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOINC = "http://loinc.org"


def coded(system, code, text):
    return {"coding": [{"system": system, "code": code}], "text": text}


def result(id_, code, day, flag="N"):
    return {
        "resourceType": "Observation", "id": id_, "code": coded(LOINC, code, id_), "effectiveDateTime": day,
        "interpretation": [{"coding": [{"code": flag}]}],
    }  # fmt: skip


def examined(tmp_path, *resources):
    found = [Found(one, "县人民医院") for one in resources]
    return recent(recognition_here(tmp_path), found, NOW, UTC)


def test_a_report_stands_for_its_results_what_is_out_of_range_first(tmp_path):
    report = {
        "resourceType": "DiagnosticReport", "id": "r", "code": coded("urn:local", "XCG", "血常规"),
        "effectiveDateTime": "2026-11-21T08:00:00Z", "category": [{"coding": [{"code": "LAB"}]}],
        "result": [{"reference": "Observation/718-7"}, {"reference": "Observation/wbc"}],
    }  # fmt: skip
    one = result("718-7", "718-7", "2026-11-21T08:00:00Z")
    (shown,) = examined(tmp_path, report, one, result("wbc", "6690-2", "2026-11-21T08:00:00Z", "H"))
    assert (shown.line.what, shown.imaging, shown.item.key) == ("血常规", False, "blood-count")
    assert [line.what for line in shown.results] == ["wbc", "718-7"]


@pytest.mark.parametrize("status", ["registered", "cancelled"])
def test_what_was_not_examined_is_not_lately(tmp_path, status):
    assert examined(tmp_path, result("718-7", "718-7", "2026-11-22T08:00:00Z") | {"status": status}) == ()


def test_only_the_days_of_the_rule_are_lately_and_other_items_are_not_recognised(tmp_path):
    study = {"resourceType": "ImagingStudy", "id": "s", "description": "腹部 CT", "started": "2026-11-20T00:00:00Z"}
    old, unknown = result("old", "718-7", "2026-11-19T23:00:00Z"), result("other", "0-0", "2026-11-23")
    shown = examined(tmp_path, study, old, unknown)
    assert [(one.line.what, one.item, one.imaging) for one in shown] == [
        ("other", None, False),
        ("腹部 CT", None, True),
    ]


def test_a_region_has_items_and_days_of_its_own(tmp_path):
    (tmp_path / "policy").mkdir()
    own = tmp_path / "policy" / FILE
    item = f'[[item]]\nkey="k"\nzh="k"\nen="k"\ndays=14\ncodes=["{LOINC}|718-7"]\n'
    own.write_text(f'edition = "x"\ndays = 1\n{item}')
    old, other = result("old", "718-7", "2026-11-10"), result("other", "777-3", "2026-11-20")
    assert [one.line.what for one in examined(tmp_path, old, other)] == ["old"]
    own.write_text('edition = "x"\ndays = 0\n')
    with pytest.raises(Invalid):
        recognition_here(Path(tmp_path))


def test_markup_is_read_as_text_and_nothing_of_it_runs():
    assert paragraphs_of("<div>主诉<script>alert(1)</script><p>胸闷 &lt;2&gt; 天</p></div>") == ["主诉", "胸闷 <2> 天"]
    cda = (
        "<ClinicalDocument><id root='1'/><realmCode>CN</realmCode><title>出院小结</title>"
        "<section><text><table><tr><td>体温</td><td>36.5</td></tr></table></text></section></ClinicalDocument>"
    )
    assert paragraphs_of(cda) == ["出院小结", "体温 36.5"]
    assert text_of(File(0, "", "application/pdf", b"%PDF")) == []
    assert text_of(File(0, "", "text/plain", "好转\n出院".encode("gb18030"))) == ["好转", "出院"]
