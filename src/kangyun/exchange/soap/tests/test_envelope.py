"""SOAP envelopes from outside: what is taken, what is refused with which fault, and that nothing else happens."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from kangyun.base.errors import Invalid, Malformed, PlatformError, SignInNeeded, TooLong, Unavailable
from kangyun.exchange.soap import envelope
from kangyun.exchange.soap.envelope import NAMESPACES, fault, fault_status, read, version_of, written
from kangyun.exchange.soap.markup import parsed

BOTH = pytest.mark.parametrize("version", ["1.1", "1.2"])


def made(version="1.1", body="<a>张三</a>", header=""):
    space = NAMESPACES[version]
    return f'<s:Envelope xmlns:s="{space}">{header}<s:Body>{body}</s:Body></s:Envelope>'


@BOTH
def test_the_body_of_either_version_is_read(version):
    found = read(made(version).encode())
    assert (found.version, found.payload.tag, found.payload.text) == (version, "a", "张三")


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (made().encode("gb18030"), "text/xml; charset=GBK"),
        (b'<?xml version="1.0" encoding="GB18030"?>' + made().encode("gb18030"), "text/xml"),
        (b'<?xml version="1.0" encoding="UTF-8"?>' + made().encode("gb18030"), "text/xml; charset=utf-8"),
        (b'<?xml version="1.0" encoding="gb2312"?>' + made().encode("utf-8"), "text/xml; charset=utf-8"),
        (b"\xef\xbb\xbf" + made().encode("utf-8"), 'application/soap+xml; charset="utf-8"; action="a"'),
    ],
)
def test_characters_are_read_as_they_are_whatever_is_said(raw, content_type):
    assert read(raw, content_type).payload.text == "张三"


BOMB = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{}]>""".format(
    "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (BOMB + made(body="<a>&m;</a>"), "exchange.soap.document-type"),
        (BOMB + made(body='<a b="&m;"/>'), "exchange.soap.document-type"),
        ("<!-- x --><?y z?>" + BOMB + made(), "exchange.soap.document-type"),
        (made(body=f"<a>{'x' * 10_100_000}</a>"), "exchange.soap.beyond-limits"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd">' + made(), "exchange.soap.document-type"),
        (
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///x">]>' + made(body="<a>&e;</a>"),
            "exchange.soap.document-type",
        ),
        ("<a/>", "exchange.soap.no-envelope"),
        ('<s:Envelope xmlns:s="urn:other"><s:Body><a/></s:Body></s:Envelope>', "exchange.soap.version"),
        (made(body=""), "exchange.soap.no-body"),
        (made(body="<a/><b/>"), "exchange.soap.no-body"),
        (made(body="<a>" * 150 + "</a>" * 150), "exchange.soap.too-deep"),
        (made(body="<a>" * 5000 + "</a>" * 5000), "exchange.soap.beyond-limits"),
        (made()[:-9], "exchange.soap.not-xml"),
        ("", "exchange.soap.not-xml"),
    ],
)
def test_what_cannot_be_taken_is_refused_quickly(raw, text):
    began = time.process_time()
    with pytest.raises(PlatformError) as found:
        read(raw.encode())
    assert found.value.issues[0].text.startswith(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "body",
    [
        "<a/>" * 600_000 + "<a/>" * 600_000,
        "<a " + " ".join(f'b{n}=""' for n in range(1_000_001)) + "/>",
        "<a " + " ".join(f'b{n} = ""' for n in range(1_000_001)) + "/>",
    ],
)
def test_more_elements_than_memory_is_good_for_are_refused(body):
    with pytest.raises(TooLong):
        parsed(body)


def test_sixteen_bits_are_refused():
    with pytest.raises(Malformed):
        read(made().encode("utf-16"))


@BOTH
def test_a_header_that_must_be_understood_is_refused_and_others_are_not(version):
    space = NAMESPACES[version]
    block = '<s:Header><x:To xmlns:x="urn:x" {}/></s:Header>'
    assert read(made(version, header=block.format("")).encode()).version == version
    for_another = f's:mustUnderstand="1" s:{"actor" if version == "1.1" else "role"}="urn:somebody"'
    assert read(made(version, header=block.format(for_another)).encode()).version == version
    with pytest.raises(Invalid) as found:
        read(made(version, header=block.format('s:mustUnderstand="1"')).encode())
    assert b"soap:MustUnderstand" in fault(version, found.value)
    assert space.encode() in fault(version, found.value)


FAULTS = [
    (Invalid("exchange.soap.no-body"), "1.1", "Client", 500),
    (Invalid("exchange.soap.no-body"), "1.2", "Sender", 400),
    (Unavailable(), "1.1", "Server", 503),
    (Unavailable(), "1.2", "Receiver", 503),
    (SignInNeeded(), "1.2", "Sender", 401),
    (Invalid("exchange.soap.version"), "1.1", "VersionMismatch", 500),
]


@pytest.mark.parametrize(("error", "version", "code", "status"), FAULTS)
def test_a_fault_has_the_form_of_its_version(error, version, code, status):
    space = NAMESPACES[version]
    root = etree.fromstring(fault(version, error, "zh", "r1"))
    place = "faultcode" if version == "1.1" else f"{{{space}}}Code/{{{space}}}Value"
    reason = "faultstring" if version == "1.1" else f"{{{space}}}Reason/{{{space}}}Text"
    found = root.find(f"{{{space}}}Body/{{{space}}}Fault")
    assert found.findtext(place) == f"soap:{code}"
    assert found.find(reason).get("{http://www.w3.org/XML/1998/namespace}lang") == "zh-CN"
    assert any("\u4e00" <= sign <= "\u9fff" for sign in found.findtext(reason))
    assert fault_status(version, error) == status


@BOTH
def test_what_is_written_can_be_read(version):
    payload = etree.Element("{urn:x}Answer")
    payload.text = "好"
    found = read(written(version, payload, Invalid("exchange.soap.no-body", at="k:Name").issues))
    assert (found.version, found.payload.text) == (version, "好")


@pytest.mark.parametrize(
    ("content_type", "version"), [("", "1.1"), ("text/xml", "1.1"), ("application/soap+xml;a=b", "1.2")]
)
def test_the_version_of_a_fault_follows_the_media_type(content_type, version):
    assert version_of(content_type) == version


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_refused(raw):
    with pytest.raises(PlatformError):
        read(raw)


@given(st.data())
def test_a_damaged_envelope_is_read_or_refused(data):
    raw = bytearray(made(data.draw(st.sampled_from(["1.1", "1.2"]))).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(raw))
    except PlatformError as error:
        assert envelope.fault("1.2", error)
    else:
        assert found.payload is not None
