"""Answers: in the sender's version, delimiters, character set and mode, naming the place and no person's data."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.hl7v2.acknowledging import Answer, acknowledged, judged, unavailable
from kangyun.exchange.hl7v2.mapping import Feed, mapped
from kangyun.exchange.hl7v2.message import Message
from kangyun.exchange.hl7v2.splitting import head, split

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
HEAD = (
    "MSH|^~\\&|HIS|县医院|KANGYUN|REGION|20261123100000||ADT^A01|C1|P|{version}|||{modes}|CHN|{characters}\r"
    "PID|1||||张晓兰|"
)
MISSING = Refusal(Place("C1", 3, "PID-3"), "exchange.hl7v2.mapping.no-patient")
NO_DAY = Refusal(Place("C1", 3, "PID-7"), "exchange.hl7v2.mapping.day", "9999-99", whole=False)


def answered(
    answer: Answer, version: str = "2.5.1", modes: str = "|", characters: str = "UNICODE UTF-8", codec: str = "utf-8"
) -> list[Message]:
    text = HEAD.format(version=version, modes=modes, characters=characters)
    return [split(one) for one in acknowledged(split(text.encode(codec)).header, answer, NOW, "K1")]


def test_it_goes_back_to_who_sent_it() -> None:
    (ack,) = answered(Answer("AA"))
    header, said = ack.segments
    assert [header.text(field) for field in (3, 4, 5, 6, 7, 10, 11, 12, 17, 18)] == [
        "KANGYUN", "REGION", "HIS", "县医院", "20261123123000+0800", "K1", "P", "2.5.1", "CHN", "UNICODE UTF-8",
    ]  # fmt: skip
    assert header.raw(9) == "ACK^A01^ACK"
    assert (said.text(1), said.text(2), said.text(3)) == ("AA", "C1", "")


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2.3", "ACK^A01"),
        ("2.3.1", "ACK^A01^ACK"),
        ("2.4", "ACK^A01^ACK"),
        ("2.5", "ACK^A01^ACK"),
        ("2.5.1", "ACK^A01^ACK"),
    ],
)
def test_an_error_names_the_place_as_its_version_does(version: str, kind: str) -> None:
    (ack,) = answered(Answer("AE", (MISSING, NO_DAY)), version)
    assert ack.header.raw(9) == kind
    assert ack.segments[1].text(1) == "AE"
    assert "PID-3" in ack.segments[1].text(3)
    errors = [one for one in ack.segments if one.name == "ERR"]
    expected = {
        "2.5": ["PID^3^3^1", "PID^3^7^1"],
        "2.4": ["PID^3^3^101&Required field missing&HL70357~PID^3^7^102&Data type error&HL70357"],
    }  # fmt: skip
    found = {"2.5": [one.raw(2) for one in errors], "2.4": [one.raw(1) for one in errors]}
    family = "2.5" if version.startswith("2.5") else "2.4"
    assert found[family] == expected[family]


def test_from_2_5_on_an_error_says_what_to_do() -> None:
    (ack,) = answered(Answer("AE", (MISSING, NO_DAY)))
    first, second = ack.segments[2:]
    assert (first.raw(3), first.text(4), first.text(5)) == ("101^Required field missing^HL70357", "E", "no-patient")
    assert "PI、MR" in first.text(8)
    assert (second.text(4), "9999-99" in second.text(8)) == ("W", True)


@pytest.mark.parametrize(
    ("modes", "code", "said"),
    [
        ("|", "AA", ["AA"]), ("|", "AE", ["AE"]), ("AL|NE", "AA", ["CA"]), ("AL|NE", "AE", ["CE"]),
        ("AL|NE", "AR", ["CR"]),
        ("AL|AL", "AA", ["CA", "AA"]), ("NE|AL", "AA", ["AA"]), ("NE|NE", "AE", []), ("ER|ER", "AA", []),
        ("ER|ER", "AE", ["CE", "AE"]), ("SU|NE", "AA", ["CA"]), ("SU|NE", "AR", []), ("|AL", "AA", ["AA"]),
    ],
)  # fmt: skip
def test_modes(modes: str, code: Any, said: list[str]) -> None:
    answers = answered(Answer(code), modes=modes)
    assert [one.segments[1].text(1) for one in answers] == said
    assert len({one.control_id for one in answers}) == len(answers)


@pytest.mark.parametrize(
    ("characters", "codec", "chinese"),
    [
        ("UNICODE UTF-8", "utf-8", True), ("GB18030", "gb18030", True), ("GBK", "gbk", True), ("", "gbk", True),
        ("", "utf-8", True), ("ASCII", "gbk", False), ("8859/1", "gbk", False),
    ],
)  # fmt: skip
def test_the_text_is_in_the_senders_characters(characters: str, codec: str, chinese: bool) -> None:
    text = HEAD.format(version="2.5", modes="|", characters=characters)
    (ack,) = acknowledged(split(text.encode(codec)).header, Answer("AE", (MISSING,)), NOW, "K1")
    said = ack.decode(codec)
    assert ("患者编号" in said) == chinese
    assert ("patient number" in said) != chinese
    assert split(ack).segments[1].text(2) == "C1"


def test_delimiters_are_the_senders() -> None:
    header = split(b"MSH#$!?%#HIS#H#K#R#20261123##ADT$A01#C#1#P#2.3\rPID#1").header
    (ack,) = acknowledged(header, Answer("AE", (MISSING,)), NOW, "K1")
    assert ack.startswith(b"MSH#$!?%#K#R#HIS#H#")
    assert b"\rERR#PID$3$3$101%Required field missing%HL70357\r" in ack


def test_an_answer_is_not_answered() -> None:
    (ack,) = answered(Answer("AA"))
    assert acknowledged(ack.header, Answer("AR"), NOW, "K2") == []


def test_what_has_no_header_is_answered_as_well_as_can_be() -> None:
    assert head(b"hello") is None
    (ack,) = acknowledged(None, Answer("AR", (Refusal(Place(""), "exchange.hl7v2.no-header"),)), NOW, "K1")
    assert split(ack).segments[1].text(1) == "AR"


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("adt_a01", ("P0001^^^HIS^PI~", ""), "AE"), ("adt_a01", ("|19850203|", "|1985年|"), "AA"),
        ("adt_a01", ("ADT^A01^ADT_A01", "ADT^A60"), "AR"), ("adt_a01", ("|P|2.4", "|P|3.0"), "AR"),
        ("adt_a01", ("19850203", "19850204"), "AA"),
    ],
)  # fmt: skip
def test_what_is_answered_to_what(
    name: str, change: tuple[str, str], code: str, example: Callable[..., Message], feed: Feed
) -> None:
    assert judged(mapped(example(name, change), feed).refusals).code == code


def test_no_person_is_quoted(example: Callable[..., Message], feed: Feed) -> None:
    message = example("adt_a01", ("|19850203|", "|一九八五|"), ("20261120083000", "张晓兰的入院时间"))
    (ack,) = acknowledged(message.header, judged(mapped(message, feed).refusals), NOW, "K1")
    said = ack.decode()
    assert "一九八五" not in said and "张晓兰" not in said and "PV1-44" in said


def test_a_store_that_is_away_is_a_reject_to_be_sent_again() -> None:
    (ack,) = answered(unavailable("C1"))
    assert ack.segments[1].text(1) == "AR"
    assert "重发" in ack.segments[2].text(8)
