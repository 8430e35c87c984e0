"""What goes up, as data: ids, locations, and what travels between nodes and back."""

import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.intake import check
from kangyun.base.errors import Invalid, Unavailable
from kangyun.exchange.federation import forms, looking, relay
from kangyun.exchange.federation.looking import Part
from kangyun.exchange.federation.relay import Asked
from kangyun.exchange.federation.sending import LONGEST_WAIT, wait_after

OWN = st.from_regex(r"[a-z][a-z0-9\-]{1,33}[a-z0-9]", fullmatch=True)
NAMES = st.binary(min_size=forms.NAME_BYTES, max_size=forms.NAME_BYTES)
TYPES = st.sampled_from(["Encounter", "Observation", "ImagingStudy", "Composition"])
MOMENTS = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))
CHINA = timezone(timedelta(hours=8))


@pytest.fixture(scope="module")
def upward(tmp_path_factory):
    return forms.upward_of(tmp_path_factory.mktemp("data"))


@given(OWN, NAMES)
def test_an_id_leads_back_to_the_name_and_is_one_of_fhir(own, name):
    id_ = forms.id_of(own, name)
    assert forms.name_in(own, id_) == name
    assert len(id_) <= 64
    assert forms.name_in(f"{own}-x", id_) is None


@given(st.text(max_size=80))
def test_what_is_no_id_of_ours_leads_nowhere(text):
    assert forms.name_in("county-1", text) in (None, b"")


@given(st.lists(st.tuples(TYPES, MOMENTS, MOMENTS)))
def test_a_location_is_good_fhir_and_names_each_kind_once(upward, spans):
    months = [(type_, *sorted(forms.month(one, CHINA) for one in moments)) for type_, *moments in spans]
    where = forms.location(upward, "county-1", "county-1-a", "Organization/h", months)
    parts = [] if where is None else [part for one in where["extension"] for part in one["extension"]]
    kinds = [part["valueCode"] for part in parts if part["url"] == "kind"]
    assert len(kinds) == len(set(kinds))
    assert bool(kinds) == bool(spans)
    for one in () if where is None else (where,):
        check(one)


@pytest.mark.parametrize(
    ("moment", "month"),
    [(datetime(2026, 2, 28, 17, tzinfo=UTC), "2026-03"), (None, ""), (datetime.max.replace(tzinfo=UTC), ""),
     (datetime(23, 1, 1, tzinfo=UTC), "0023-01")],
)  # fmt: skip
def test_months_are_those_of_the_region(moment, month):
    assert forms.month(moment, CHINA) == month


def test_a_registration_is_good_fhir_without_what_the_file_does_not_name(upward):
    said = {
        "resourceType": "Patient", "id": "p", "name": [{"text": "测试甲"}], "address": [{"text": "路"}],
        "contact": [{"name": {"text": "乙"}}], "photo": [{"url": "https://x.example"}], "gender": "male",
    }  # fmt: skip
    made = forms.registration(upward, "county-1", "county-1-a", "Organization/h", said)
    check(made)
    assert {"address", "contact", "photo"}.isdisjoint(made)
    assert forms.path_of(made) == ("county-1",)
    again = forms.registration(upward, "city-1", "city-1-b", "Organization/county-1", made)
    assert forms.path_of(again) == ("county-1", "city-1")
    assert again["managingOrganization"] == made["managingOrganization"]


@pytest.mark.parametrize("by_identifier", [False, True])
def test_the_same_said_again_has_the_same_digest_and_another_another(upward, by_identifier):
    person = {"resourceType": "Patient", "id": "p", "gender": "male"}
    first, second = (
        forms.present(
            forms.registration(upward, "county-1", "county-1-a", "Organization/h", person | more), None,
            by_identifier=by_identifier,
        )
        for more in ({}, {"gender": "female"})
    )  # fmt: skip
    assert first.digest != second.digest
    assert first.digest != forms.GONE
    assert forms.transaction(first.entries, None)["type"] == "transaction"


def test_what_is_erased_says_so_and_what_is_taken_back_does_not():
    erased = forms.absent("county-1-a", erased=True, by_identifier=False)
    assert forms.is_erased(erased.entries[1]["resource"])
    check(erased.entries[1]["resource"])
    taken_back = forms.absent("county-1-a", erased=False, by_identifier=False)
    assert [one["request"]["method"] for one in taken_back.entries] == ["DELETE", "DELETE"]


@pytest.mark.parametrize("text", ["edition = 1", "[", 'edition = "x"\nfields = []\nkinds = {a = 1}'])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, text):
    (tmp_path / forms.FILE).write_text(text)
    with pytest.raises(Invalid):
        forms.upward_of(tmp_path)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_grow_and_end(failures, drawn):
    assert 0 < wait_after(failures, drawn) <= LONGEST_WAIT
    assert wait_after(failures, drawn) <= wait_after(failures + 1, drawn)


@given(st.lists(st.builds(Part, st.text(), st.sampled_from(["answered", "paused"]), st.just(({"fullUrl": "x"},)))))
def test_parts_travel_there_and_back(parts):
    assert looking.parts_in(looking.told(parts)) == parts


@pytest.mark.parametrize("answer", [{"parameter": [{}]}, {"parameter": 1}, [], None, {"parameter": [{"part": [{}]}]}])
def test_an_answer_that_is_none_is_told_from_silence(answer):
    with pytest.raises(Unavailable):
        looking.parts_in(answer)


def test_what_is_asked_travels_there_and_back():
    asked = Asked("a.b.c", ("county-1", "city-1"), ("city-1-x", "city-1-y"), 4.25)
    id_ = uuid4()
    assert relay.read_fetched(relay.fetched([(id_, asked)])) == [(id_, asked)]


@pytest.mark.parametrize(
    "wrong",
    [{"parameter": [{"name": "request", "part": []}]}, {"parameter": [{"name": "request"}]}, [],
     {"parameter": [{"name": "request", "part": [{"name": "id", "valueString": "x"}]}]}],
)  # fmt: skip
def test_what_was_fetched_and_is_none_is_refused(wrong):
    with pytest.raises(Invalid):
        relay.read_fetched(wrong)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": "county-1", "exp": time.time() + 60, "look": {"origin": "county-1"}},
        {"iss": "county-1", "exp": 0, "look": {}},
        {"iss": "county-2", "exp": 9e9, "look": {"origin": "county-1", "actor": "a", "role": "", "ground": "",
                                                 "institution": ""}},
        {"iss": "county-1", "exp": 1, "look": {"origin": "county-1", "actor": "a", "role": "", "ground": "",
                                               "institution": ""}},
    ],
)  # fmt: skip
def test_a_statement_that_is_over_or_names_another_node_is_refused(claims):
    with pytest.raises(Invalid):
        looking.read_look(claims)
