"""`kangyun exam`, on a scratch of its own: real processes, a real database, real calls."""

import json

from openpyxl import load_workbook

from kangyun.testing.installation import kangyun


def test_the_lists_are_run_shown_and_kept(tmp_path):
    (tmp_path / "points.csv").write_text("id,points\nown:TimeQuery,2\ntable:TB_LIS_REPORT,3\nWS/T 790.2-2021,5\n")
    given = ("--data", tmp_path / "data", "--scores", tmp_path / "points.csv", "--xlsx", tmp_path / "exam.xlsx")
    done = kangyun("exam", *given, "--json")
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "data" / "exam.json").read_text()) == found
    failed = [line["id"] for line in found["lines"] if line["outcome"] == "failed"]
    assert done.returncode == bool(failed)
    assert [id_ for id_ in failed if not id_.startswith("document:")] == []
    passed = {line["id"]: line for line in found["lines"] if line["outcome"] == "passed"}
    assert {"own:DocumentFetch", "table:TB_YL_PATIENT_INFORMATION"} <= passed.keys()
    assert all(line["count"] and len(line["digest"]) == 64 for line in passed.values())
    assert sum(one["points"] or 0 for one in found["sums"]) == 5
    assert load_workbook(tmp_path / "exam.xlsx").active.max_row == len(found["lines"]) + 1
