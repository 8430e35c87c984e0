"""Scores from figures: what counts, what does not, and that no figures give a score outside of its bounds."""

import io
import tomllib
from dataclasses import replace
from datetime import date
from importlib.resources import files

import msgspec
import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.texts import say
from kangyun.oversight.feed_quality.circular import as_docx, as_xlsx, sheets
from kangyun.oversight.feed_quality.rules import DIMENSIONS, Figures, overall, read_rules, scored

TABLE = tomllib.loads(files("kangyun.oversight.feed_quality").joinpath("data", "feed_quality.toml").read_text("utf-8"))
RULES = read_rules(TABLE)
COUNTS = st.integers(0, 10**9)
FULL = Figures(
    "Organization/h1", "his", "TB_LIS_REPORT", "检验报告", date(2026, 10, 1),
    {
        "stored": 90, "revoked": 0, "refused": 10, "in-time": 81, "declared": 100, "compared": 100, "looked-at": 90,
        "linked": 45,
    },
    {name: {"rows": 100, "filled": 80, "valid": 60, "put-right": 0} for name in ("JZLSH", "BGDLB", "BGSJ")},
)  # fmt: skip


def test_each_dimension_is_the_share_that_its_name_says():
    shares = scored(FULL, RULES).shares
    assert shares == {"completeness": 0.8, "validity": 0.75, "timeliness": 0.9, "consistency": 1.0, "linkage": 0.5}


def test_of_alternatives_the_one_that_is_filled_counts():
    fields = {name: {"rows": 100, "filled": 0, "valid": 0} for name in ("BGSJ", "JZLSH", "BGDLB")}
    either = replace(FULL, fields=fields | {"JYRQ": {"rows": 100, "filled": 60, "valid": 60}})
    assert scored(either, RULES).shares["completeness"] == pytest.approx(0.2)


def test_the_score_is_weighted():
    wanted = (0.8 * 30 + 0.75 * 25 + 0.9 * 15 + 1.0 * 15 + 0.5 * 15) / 100 * 100
    assert scored(FULL, RULES).score == pytest.approx(wanted)


def test_what_nothing_says_counts_for_none():
    late = replace(FULL, of={"stored": 100, "in-time": 8, "back-fill": 90})
    assert scored(late, RULES).shares["timeliness"] == 0.8
    assert scored(replace(late, of={"stored": 90, "in-time": 0, "back-fill": 90}), RULES).shares["timeliness"] is None
    without = replace(FULL, of={"stored": 100, "in-time": 100})
    score = scored(without, RULES)
    assert score.shares["linkage"] is None
    assert score.score == pytest.approx(((0.8 * 30) + (0.75 * 25) + 15 + 15) / 85 * 100, abs=0.01)


def test_what_was_appealed_against_does_not_count():
    score = scored(FULL, RULES, ["linkage"])
    assert (score.shares["linkage"], score.appealed) == (None, ("linkage",))
    assert score.score > scored(FULL, RULES).score


def test_what_is_too_many_of_one_day_makes_up_for_nothing_of_another():
    # 100 declared and 100 received, of two days 60 and 40 against 40 and 60.
    differing = replace(FULL, of=FULL.of | {"agreeing": 80, "either": 120})
    assert scored(differing, RULES).shares["consistency"] == pytest.approx((1 + 80 / 120) / 2)


def test_counts_that_differ_from_what_is_declared_cost_consistency():
    differing = replace(FULL, of=FULL.of | {"declared": 200})
    assert scored(differing, RULES).shares["consistency"] == pytest.approx(0.75)


def test_a_month_without_figures_has_no_score():
    nothing = scored(replace(FULL, of={}, fields={}), RULES)
    assert (nothing.score, nothing.grade) == (None, "")
    assert overall([nothing]) is None


def test_several_tables_are_weighed_by_their_rows():
    small = replace(FULL, of=FULL.of | {"stored": 0, "refused": 1, "in-time": 0})
    scores = [scored(FULL, RULES), scored(small, RULES)]
    assert abs(overall(scores) - scores[0].score) < 1


@given(st.dictionaries(st.sampled_from(sorted(FULL.of)), COUNTS), st.dictionaries(
    st.sampled_from(["JZLSH", "BGDLB", "OTHER"]),
    st.dictionaries(st.sampled_from(["rows", "filled", "valid", "put-right"]), COUNTS),
))  # fmt: skip
def test_shares_and_scores_stay_within_bounds(of, fields):
    score = scored(replace(FULL, of=of, fields=fields), RULES)
    assert all(share is None or 0 <= share <= 1 for share in score.shares.values())
    assert score.score is None or 0 <= score.score <= 100
    assert (score.score is None) == (score.grade == "")


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        pytest.param({"weights": {"completeness": 1}}, "weights", id="not all dimensions"),
        pytest.param({"weights": dict.fromkeys(DIMENSIONS, 0)}, "weights", id="no weight at all"),
        pytest.param({"grades": {"优": 95}}, "grades", id="no grade for the lowest"),
        pytest.param({"fields": {"TB_X": "A"}}, "fields", id="a list that is none"),
    ],
)
def test_rules_that_cannot_be_are_refused_by_their_place(changed, place):
    with pytest.raises(ValueError, match=place):
        read_rules(TABLE | changed)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_circular_names_institutions_and_marks_appeals(language):
    other = replace(FULL, institution="Organization/h2", of=FULL.of | {"linked": 90})
    made = sheets(
        [scored(FULL, RULES, ["validity"]), scored(other, RULES)], {"Organization/h1": "一院"}, RULES, language
    )
    (_, _, summary), (_, _, detail) = made
    assert [row[1] for row in summary] == ["Organization/h2", "一院"]
    assert say("oversight.feed_quality.appealed", language) in detail[1]
    assert as_xlsx(made).startswith(b"PK") and as_docx(made, "2026-10", RULES, language).startswith(b"PK")


@pytest.mark.parametrize("unverified", [True, False])
def test_a_circular_by_rules_that_nobody_has_confirmed_says_so(unverified):
    rules = msgspec.structs.replace(RULES, unverified=unverified)
    made = as_docx(sheets([scored(FULL, rules)], {}, rules, "zh"), "2026-10", rules, "zh")
    told = [one.text for one in Document(io.BytesIO(made)).paragraphs]
    assert (say("oversight.feed_quality.unverified", "zh") in told) is unverified
