"""Documents of what hospitals' tables bring, and damaged documents: nothing raises, nothing wrong comes of them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from kangyun.access.intake import check as check_resource
from kangyun.exchange.cda.checking import check
from kangyun.exchange.cda.reading import Feed, read
from kangyun.exchange.cda.writing import write
from kangyun.exchange.entries import Entry
from kangyun.exchange.tables.mapping import Feed as TableFeed
from kangyun.exchange.tables.mapping import convert, shipped_for
from kangyun.exchange.tables.reading import read as read_table
from kangyun.exchange.tables.recognition import recognise

TRAPS = Path(__file__).parents[6] / "shared" / "data" / "cn" / "traps"
FILES = ("16_tb_set/TB_YL_PATIENT_INFORMATION.csv", "16_tb_set/TB_YL_ZY_MEDICAL_RECORD.csv",
         "16_tb_set/TB_IH_DIAGNOSIS_DETAIL.csv", "14_n041.csv")  # fmt: skip
HOUSE = {"resourceType": "Organization", "id": "h1", "name": "测试市演示医院"}
FEED = Feed("h1", "Organization/h1")


def brought(name):
    """Returns the resources that a file comes to."""
    with (TRAPS / name).open("rb") as stream:
        table = read_table(stream, name)
        best = recognise(table.header, name)[0]
        feed = TableFeed("h1", "Organization/h1", "h1", best.dialect)
        made = convert(table, shipped_for(best.table), feed)
        return [dict(one.resource) for one in made if isinstance(one, Entry)]


def stays():
    """Returns what the record has of each stay of the files."""
    resources = [one for name in FILES for one in brought(name)]
    for stay in [one for one in resources if one["resourceType"] == "Encounter"]:
        about_ = {stay["subject"]["reference"], f"Encounter/{stay['id']}"}
        yield [HOUSE] + [
            one for one in resources
            if f"{one['resourceType']}/{one['id']}" in about_ or one.get("encounter", {}).get("reference") in about_
        ]  # fmt: skip


@pytest.mark.skipif(not TRAPS.exists(), reason="the collected samples are not beside the repository")
@pytest.mark.parametrize("kind", ["C0032", "C0049", "C0053", "HSDC00.03"])
def test_stays_of_tables_are_written_by_our_rules_and_come_back(kind):
    written = 0
    for resources in stays():
        raw = write(kind, resources)
        assert check(raw) == []
        again = [dict(one.resource) for one in read(raw, "out.xml", FEED).entries]
        assert write(kind, [*again, HOUSE]) == raw
        written += 1
    assert written == 10


def emptied(node, word):
    node.clear()


def reworded(node, word):
    node.text = word


def renamed(attribute):
    return lambda node, word: node.set(attribute, word)


DAMAGES = [
    emptied,
    reworded,
    *map(renamed, ("code", "value", "extension", "root", "unit", "codeSystem", "displayName")),
]
WORDS = st.text(st.characters(exclude_categories=("C",)), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["C0053", "C0007", "C0009", "C0004", "C0032", "HSDB03.01"]),
    damages=st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(DAMAGES), WORDS), min_size=1, max_size=6),
)
def test_what_comes_of_a_damaged_document_is_still_fhir(record, kind, damages):
    root = etree.fromstring(write(kind, record))
    nodes = list(root.iter())[1:]
    for nth, damage, word in damages:
        damage(nodes[nth % len(nodes)], word)
    found = read(etree.tostring(root), "a.xml", FEED)
    for one in found.entries:
        check_resource(dict(one.resource))
    assert found.entries or any(one.whole for one in found.refusals)
    check(etree.tostring(root))
