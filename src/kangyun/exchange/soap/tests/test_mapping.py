"""The mapping language of services: what a message becomes, what is refused with which place, what an answer says."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from kangyun.base.errors import Invalid, PlatformError
from kangyun.base.texts import say
from kangyun.exchange.soap.mapping import Adaptor, BadMapping, parse
from kangyun.exchange.soap.services import known, services
from kangyun.exchange.tables.mapping import Feed

FEED = Feed("h1", "Organization/h1", "h1")
HEAD = """
name = "x"
title = "试"
edition = "1"
certainty = "own"
namespace = "urn:x"
[namespaces]
x = "urn:x"
"""
STORE = """
[[actions]]
name = "Store"
title = "存"
root = "x:Store"
rows = "x:One"
key = ["KEY"]
answer = '<Done xmlns="urn:x" xmlns:t="urn:kangyun:template"><Id t:each="entry.response">{location}</Id></Done>'
[actions.columns]
KEY = "x:Key"
NAME = "x:Name"
BORN = "@born"
[[actions.resources]]
type = "Patient"
kind = "patient"
body = { name = [{ text = "@!NAME name" }], birthDate = "@BORN day" }
"""
ASK = """
[[actions]]
name = "Ask"
title = "问"
answer = '<Found xmlns="urn:x"/>'
[actions.columns]
NUMBER = "x:Number"
TYPE = "x:Type"
SINCE = "x:Since"
UNTIL = "x:Until"
[actions.ask]
path = ["Patient"]
[actions.ask.query]
identifier = ["urn:n|", "@NUMBER value"]
document = "@NUMBER+TYPE document"
date = [["ge", "@SINCE day"], ["le", "@UNTIL day"]]
_count = "5"
"""
GATHER = """
[[actions]]
name = "Gather"
title = "合"
rows = "x:C"
key = ["SYSTEM"]
gather = "concept"
answer = "<a/>"
[actions.columns]
SYSTEM = "../x:System"
CODE = "x:Code"
[[actions.resources]]
type = "CodeSystem"
kind = "terms"
body = { url = "@!SYSTEM value", concept = [{ code = "@!CODE value" }] }
"""


@pytest.fixture
def adaptor():
    """A service with an action that stores, one that asks, and one that gathers."""
    return Adaptor(parse(HEAD + STORE + ASK + GATHER), None)


def message(text):
    return etree.fromstring(text.replace(">", ' xmlns="urn:x">', 1))


def asked(adaptor, text):
    return adaptor.asked(adaptor.called(message(text)), FEED)


def test_records_become_one_transaction_under_ids_of_their_keys(adaptor):
    found = asked(
        adaptor, "<Store><One><Key>1</Key><Name>甲</Name></One><One><Key>2</Key><Name>乙</Name></One></Store>"
    )
    assert (found.method, found.path, found.body["type"]) == ("POST", "", "transaction")
    urls = [entry["request"]["url"] for entry in found.body["entry"]]
    assert len(set(urls)) == 2
    assert all(url.startswith("Patient/h1-") for url in urls)
    again = asked(adaptor, "<Store><One><Name>甲</Name><Key> 1 </Key></One></Store>")
    assert again.body["entry"][0] == found.body["entry"][0]


def test_what_is_wrong_is_told_by_record_and_path_all_at_once(adaptor):
    with pytest.raises(Invalid) as found:
        asked(adaptor, "<Store><One><Key>1</Key><Name>甲</Name></One><One><Key>-</Key></One></Store>")
    assert [issue.at for issue in found.value.issues] == ["x:One[2]/x:Key", "x:One[2]/x:Name"]


def test_what_is_left_out_is_told_beside_what_is_stored(adaptor):
    found = asked(adaptor, '<Store><One born="19991340"><Key>1</Key><Name>甲</Name></One></Store>')
    assert "birthDate" not in found.body["entry"][0]["resource"]
    assert [(issue.severity, issue.at) for issue in found.told] == [("warning", "x:One[1]/@born")]


def test_records_of_one_key_are_gathered(adaptor):
    found = asked(adaptor, "<Gather><System>urn:s</System><C><Code>a</Code></C><C><Code>b</Code></C></Gather>")
    (entry,) = found.body["entry"]
    assert [one["code"] for one in entry["resource"]["concept"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("<Number>7|,$\\</Number>", [("identifier", "urn:n|7\\|\\,\\$\\\\"), ("_count", "5")]),
        ("<Since>20260101</Since>", [("date", "ge2026-01-01"), ("_count", "5")]),
        (
            "<Since>20260101</Since><Until>20260131</Until>",
            [("date", "ge2026-01-01"), ("date", "le2026-01-31"), ("_count", "5")],
        ),
    ],
)
def test_a_question_is_a_search_in_which_only_what_is_said_stands(adaptor, text, query):
    found = asked(adaptor, f"<Ask>{text}</Ask>")
    assert (found.method, found.path) == ("GET", "Patient")
    assert [pair for pair in parse_qsl(found.query) if pair[0] != "document"] == query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<Ask></Ask>", "row-says-nothing"),
        ("<Nothing></Nothing>", "no-action"),
        ("<Ask><Number>" + "1" * 70_000 + "</Number></Ask>", "value-too-long"),
        ("<Store>" + "<One/>" * 1001 + "</Store>", "many-rows"),
    ],
)
def test_messages_that_ask_for_nothing_that_can_be_done(adaptor, text, said):
    with pytest.raises(PlatformError) as found:
        asked(adaptor, text)
    assert found.value.issues[0].text.endswith(said)


def test_another_root_than_the_actions_is_refused(adaptor):
    with pytest.raises(Invalid, match="wrong-message"):
        adaptor.called(etree.fromstring("<Store/>"))


BAD = [
    (HEAD + "[", "mapping-syntax", ""),
    (HEAD + STORE.replace('title = "存"', 'titel = "存"'), "mapping-syntax", "titel"),
    (HEAD + STORE + STORE, "mapping-twice", "Store"),
    (HEAD + STORE.replace("@BORN day", "@BORN dya"), "mapping-rule", "Store: @BORN dya"),
    (HEAD + STORE.replace("@BORN day", "@BIRTH day"), "mapping-column", "Store: @BIRTH day"),
    (HEAD + STORE.replace("@BORN day", "@!@"), "mapping-leaf", "Store"),
    (HEAD + STORE.replace("x:Name", "x:["), "mapping-path", "Store: columns.NAME"),
    (HEAD + STORE.replace("x:Name", "y:Name"), "mapping-path", "Store: columns.NAME"),
    (HEAD + STORE.replace('root = "x:Store"', 'root = "y:Store"'), "mapping-path", "root"),
    (HEAD + STORE.replace("</Done>", "</Doen>"), "mapping-answer", "Store: answer"),
    (HEAD + STORE.replace("{location}", "{location..}"), "mapping-expression", "location.."),
    (HEAD + STORE.replace("[[actions.resources]]", "[[actions.other]]"), "mapping-syntax", ""),
    (HEAD.replace("[namespaces]", '[bind]\nA = "B"\n[namespaces]'), "mapping-use", "bind.A"),
    (HEAD + '[[actions]]\nname = "A"\ntitle = "甲"\nanswer = "<a/>"', "mapping-ask", "A"),
]


@pytest.mark.parametrize(("text", "said", "at"), BAD)
def test_a_bad_mapping_names_its_place(text, said, at):
    with pytest.raises(BadMapping) as found:
        Adaptor(parse(text, "mine.toml"), None, source="mine.toml")
    assert (found.value.text, at in found.value.at) == (said, True)
    assert found.value.at.startswith("mine.toml")
    assert say(f"exchange.soap.{found.value.text}", "zh", {"at": found.value.at})


def test_an_answer_leaves_out_what_nobody_says_and_escapes_the_rest(adaptor):
    called = adaptor.called(message("<Store></Store>"))
    answer = adaptor.answer(called, {"resourceType": "Bundle", "entry": [{"response": {"location": "a<b>&c\x01"}}]})
    assert etree.tostring(answer, encoding="unicode").count("a&lt;b&gt;&amp;c") == 1
    assert len(adaptor.answer(called, {"resourceType": "Bundle", "entry": []})) == 0


def test_what_the_standards_name_is_bound_to_actions_that_there_are():
    actions = services()["kangyun"].actions
    assert {ours for one in known() for ours in one.ours} <= actions.keys()
    assert len([one for one in known() if one.standard == "WS/T 846"]) == 69
    assert len([one for one in known() if not one.action]) == 17


def test_no_action_of_a_standard_is_served_as_shipped():
    served = {name for one in services().values() for name in one.actions}
    assert served.isdisjoint(one.action for one in known())


@pytest.mark.parametrize("document", ["soap.md", "zh/服务接口.md"])
def test_the_mapping_files_of_the_manuals_can_be_used(document):
    text = Path(__file__).parents[5].joinpath("docs", document).read_text("utf-8")
    for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        made = Adaptor(parse(block), services()["kangyun"])
        assert "PatientInfoRegister" in made.actions


def test_the_manual_names_each_action():
    text = Path(__file__).parents[5].joinpath("docs", "zh", "服务接口.md").read_text("utf-8")
    assert [name for name in services()["kangyun"].actions if f"`{name}`" not in text] == []


TEXTS = st.text(max_size=30)


@given(st.lists(st.tuples(st.sampled_from(["One", "Key", "Name", "Store", "Ask", "Number"]), TEXTS), max_size=8))
def test_any_message_is_read_or_refused(parts):
    made = Adaptor(parse(HEAD + STORE + ASK), None)
    root = etree.Element("{urn:x}Store")
    place = root
    for name, text in parts:
        place = etree.SubElement(place if len(text) % 2 else root, f"{{urn:x}}{name}")
        place.text = "".join(sign for sign in text if sign.isprintable())
    try:
        found = made.asked(made.called(root), FEED)
    except PlatformError as error:
        assert all(issue.at or issue.text for issue in error.issues)
    else:
        assert all(entry["resource"]["id"].startswith("h1-") for entry in found.body["entry"])


@given(st.text(max_size=200))
def test_any_text_is_a_mapping_or_a_bad_one(text):
    with pytest.raises(BadMapping):
        parse(text)
