"""Bytes that are no document are refused with a reason that names the place; nothing raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.exchange.cda import parsing
from kangyun.exchange.cda.reading import Feed, read

FEED = Feed("h990102", "Organization/h990102")
BOMB = (
    b'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>'
)
DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">\n'
    '<id root="2.16.156.10011.1.1" extension="D-1"/><code code="C0001" codeSystem="2.16.156.10011.2.4"/>\n'
    '<effectiveTime value="20260105"/><recordTarget><patientRole><id root="2.16.156.10011.1.13" extension="B1"/>\n'
    "<patient><name>测试甲</name></patient></patientRole></recordTarget></ClinicalDocument>"
)


def why(raw):
    (refusal,) = [one for one in read(raw, "a.xml", FEED).refusals if one.whole]
    return refusal.text.removeprefix(parsing.TEXTS), refusal.place.row


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (BOMB, ("doctype", 2)),
        (b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><ClinicalDocument/>', ("doctype", 1)),
        (b"", ("cut", 1)),
        (b"not a document", ("cut", 1)),
        (DOCUMENT.encode()[:-30], ("cut", 5)),
        (DOCUMENT.replace("测试甲", "a < b").encode(), ("broken", 5)),
        (DOCUMENT.replace("</patient>", "</person>").encode(), ("broken", 5)),
        (b"<html/>", ("no-document", 1)),
        (DOCUMENT.replace("测试甲", "\x00").encode(), ("broken", 5)),
        (b"\xff\xff\xff\xff", ("characters", None)),
        (b"<ClinicalDocument>" + b"<a>" * 119 + b"</a>" * 119 + b"</ClinicalDocument>", ("no-time", 1)),
        (b"<ClinicalDocument>" + b"<a>" * 200 + b"</a>" * 200 + b"</ClinicalDocument>", ("too-deep", 1)),
        (b"<ClinicalDocument>" + b"<a>" * 5000, ("too-deep", 1)),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_is_no_document_is_refused_with_its_place(raw, reason):
    assert why(raw) == reason


def test_what_is_too_large_is_not_even_read():
    assert why(b"<ClinicalDocument>" + b"x" * parsing.MOST_BYTES) == ("too-large", None)


def test_a_text_that_is_too_long_for_a_document_is_refused():
    text = DOCUMENT.replace("测试甲", "x" * (12 * 1024 * 1024))
    assert why(text.encode())[0] == "too-deep"


def test_too_many_elements_are_refused():
    raw = b"<ClinicalDocument>" + b"<a/>" * (parsing.MOST_ELEMENTS + 1) + b"</ClinicalDocument>"
    assert why(raw)[0] == "too-many"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (DOCUMENT.encode(), []),
        (DOCUMENT.replace("UTF-8", "GB2312").encode("gb18030"), []),
        (DOCUMENT.encode("gb18030"), ["encoding-differs"]),
        (DOCUMENT.replace("UTF-8", "GBK").encode(), ["encoding-differs"]),
        (DOCUMENT.partition("?>")[2].encode("gb18030"), ["encoding-differs"]),
        (DOCUMENT.replace("UTF-8", "no-such").encode(), ["encoding-differs"]),
        (DOCUMENT.replace("UTF-8", "punycode").encode(), ["encoding-differs"]),
        (DOCUMENT.replace("UTF-8", "ISO-8859-1").encode(), ["encoding-differs"]),
        (DOCUMENT.replace("UTF-8", "ISO-8859-1").encode("gb18030"), ["encoding-differs"]),
        (DOCUMENT.replace("UTF-8", "windows-1252").encode("gb18030"), ["encoding-differs"]),
        (("\ufeff" + DOCUMENT).encode(), []),
        (DOCUMENT.replace("UTF-8", "UTF-16").encode("utf-16"), []),
        (DOCUMENT.replace(' xmlns="urn:hl7-org:v3"', "").encode(), []),
    ],
)
def test_encodings_declared_or_not(raw, told):
    found = read(raw, "a.xml", FEED)
    assert [one.text.removeprefix(parsing.TEXTS) for one in found.refusals] == told
    assert found.entries[0].resource["name"][0]["text"] == "测试甲"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(raw):
    assert not read(raw, "a.xml", FEED).entries


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(DOCUMENT.encode())), st.binary(max_size=6), st.integers(0, 8))
def test_no_damage_raises(at, put, gone):
    raw = DOCUMENT.encode()
    found = read(raw[:at] + put + raw[at + gone :], "a.xml", FEED)
    assert found.entries or any(one.whole for one in found.refusals)
