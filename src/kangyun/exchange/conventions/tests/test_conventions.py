"""One table of words for every format: tables and messages read the same word alike."""

import pytest

from kangyun.base.numbers.documents import FORMS
from kangyun.base.units import parse
from kangyun.exchange import conventions
from kangyun.exchange.hl7v2.mapping import Feed, standard
from kangyun.exchange.hl7v2.mapping.values import read
from kangyun.exchange.tables.values.laboratory import quantity_unit, result

FEED = Feed("h1", "Organization/h1")


@pytest.mark.parametrize("written", sorted(conventions.ordinals()))
def test_a_result_in_words_is_one_ordinal_in_tables_and_messages(written):
    table = result(written, "", "阴性").elements["valueCodeableConcept"]["coding"][0]["code"]
    message, _ = read(FEED, written, {})
    assert message["valueCodeableConcept"]["coding"][0]["code"] == table == conventions.ordinals()[written]


@pytest.mark.parametrize(("written", "code"), sorted(conventions.units().items()))
def test_a_unit_is_one_code_in_tables_and_messages(written, code):
    parse(code)
    assert quantity_unit(written).get("code") == code == FEED.code("units", written)


@pytest.mark.parametrize(("written", "code"), sorted(conventions.flags().items()))
def test_a_flag_is_one_code_in_messages_too(written, code):
    assert FEED.code("flags", written) == code


@pytest.mark.parametrize(("code", "paper"), sorted(conventions.papers().items()))
def test_a_paper_has_one_system_and_a_form_that_is_known(code, paper):
    assert standard().numbers[code] == (paper.kind, paper.system)
    assert paper.form == "identity" or paper.form in FORMS


def test_a_day_that_stands_for_none_does_so_in_messages():
    assert {day.replace("-", "") for day in conventions.sentinels()} == standard().no_dates


def test_every_ordinal_has_a_name_and_a_meaning():
    codes = set(conventions.ordinals().values())
    assert codes == conventions.ordinal_names().keys() == conventions.ordinal_flags().keys()
