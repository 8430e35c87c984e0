"""A resource is the same after a journey through XML, and XML that is not FHIR gets no further than its first fault."""

import json
import tarfile
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid, Malformed, PlatformError
from kangyun.base.texts import say
from kangyun.fhir import xml
from kangyun.fhir.json import canonical
from kangyun.fhir.json import decode as decode_json

DATA = Path(__file__).parents[6] / "shared/data/fhir"


def document(inside: str, root: str = "Patient") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="http://hl7.org/fhir">{inside}</{root}>'.encode()


def read(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the data set {name} is not at {DATA}")
    with tarfile.open(path) as archive:
        yield from ((member.name, file.read()) for member in archive if (file := archive.extractfile(member)))


def test_every_official_example_survives_xml():
    # package.json describes the package of the specification and is no resource.
    resources = [(name, decode_json(data)) for name, data in read("r4-examples.tar.xz") if "package.json" not in name]
    changed = [
        name for name, resource in resources if canonical(xml.decode(xml.encode(resource))) != canonical(resource)
    ]
    assert len(resources) == 5298
    assert changed == []


def test_synthea_survives_xml():
    for _, data in islice(read("synthea-r4.tar.xz"), 3):
        bundle = decode_json(data)
        assert canonical(xml.decode(xml.encode(bundle))) == canonical(bundle)


PATIENT = {
    "resourceType": "Patient",
    "id": "a",
    "text": {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml">&lt;康\r\n&#160;<br /> é <!-- kept --></div>',
    },
    "contained": [{"resourceType": "Organization", "id": "o", "name": 'a<b>&"\n\t\r c'}],
    "extension": [{"url": "http://example.org/unknown", "valueDecimal": Decimal("1.10")}],
    "active": True,
    "_active": {"id": "x"},
    "name": [
        {
            "id": "n",
            "given": ["a", None, "c"],
            "_given": [None, {"extension": [{"url": "u", "valueCode": "k"}]}, None],
        }
    ],
    "_birthDate": {"extension": [{"url": "http://example.org/b", "valueBoolean": False}]},
    "multipleBirthInteger": 2,
    "generalPractitioner": [{"reference": "#o"}],
}  # fmt: skip


def test_a_resource_with_everything_survives_xml():
    assert xml.decode(xml.encode(PATIENT)) == PATIENT


def test_in_lines_a_resource_is_the_same():
    lines = xml.pretty(PATIENT).decode().split("\n")
    assert lines[1:3] == ['<Patient xmlns="http://hl7.org/fhir">', '  <id value="a"/>']
    assert lines[-2:] == ["</Patient>", ""]
    assert xml.decode(xml.pretty(PATIENT)) == PATIENT
    examples = [decode_json(data) for name, data in islice(read("r4-examples.tar.xz"), 0, None, 20) if "-" in name]
    assert [one["id"] for one in examples if canonical(xml.decode(xml.pretty(one))) != canonical(one)] == []


def test_elements_are_written_in_the_order_of_the_specification():
    shuffled = {
        "resourceType": "Patient",
        "birthDate": "1990",
        "active": True,
        "name": [{"given": ["b"], "family": "a"}],
        "id": "1",
    }
    assert xml.encode(shuffled) == document(
        '<id value="1"/><active value="true"/><name><family value="a"/><given value="b"/></name>'
        '<birthDate value="1990"/>'
    )


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1.10", Decimal("1.10")),
        ("5", 5),
        ("-0.0", Decimal("-0.0")),
        ("1E+3", Decimal("1E+3")),
        (" 2.50 ", Decimal("2.50")),
    ],
)
def test_decimals_keep_their_digits(number, value):
    observation = xml.decode(document(f'<valueQuantity><value value="{number}"/></valueQuantity>', "Observation"))
    assert repr(observation["valueQuantity"]["value"]) == repr(value)


def test_comments_instructions_and_schema_locations_are_dropped():
    data = (
        b'\xef\xbb\xbf<?xml version="1.0"?><!-- a --><?b c?>\n'
        b'<f:Patient xmlns:f="http://hl7.org/fhir" xsi:schemaLocation="a b"'
        b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n <!-- d --><f:active value="true" /></f:Patient>'
    )
    assert xml.decode(data) == {"resourceType": "Patient", "active": True}


@pytest.mark.parametrize(
    ("declared", "div", "text"),
    [
        (
            "",
            "<div xmlns='http://www.w3.org/1999/xhtml'><p>a</p></div>",
            "<div xmlns='http://www.w3.org/1999/xhtml'><p>a</p></div>",
        ),
        (
            "",
            '<div xmlns="http://www.w3.org/1999/xhtml" title=">"/>',
            '<div xmlns="http://www.w3.org/1999/xhtml" title=">"/>',
        ),
        (
            ' xmlns:h="http://www.w3.org/1999/xhtml"',
            '<h:div xml:lang="zh"><h:p title="&quot;">a &lt; b</h:p></h:div>',
            '<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="zh"><p title=\'"\'>a &lt; b</p></div>',
        ),
    ],
)
def test_a_narrative_stands_alone(declared, div, text):
    data = f'<Patient xmlns="http://hl7.org/fhir"{declared}><text><status value="empty"/>{div}</text></Patient>'
    resource = xml.decode(data.encode())
    assert resource["text"] == {"status": "empty", "div": text}
    assert xml.decode(xml.encode(resource)) == resource


LAUGHS = (
    '<!DOCTYPE a [<!ENTITY b "ha">'
    + "".join(f'<!ENTITY b{n} "&b{n - 1 or ""};&b{n - 1 or ""};">' for n in range(1, 40))
    + "]>"
)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "syntax"),
        (b"<a", "syntax"),
        (document("<name>"), "syntax"),
        (document('<active value="&nbsp;"/>'), "entity"),
        (document('<active value="&#0;"/>'), "syntax"),
        ("<a/>".encode("utf-16"), "encoding"),
        ("<a/>".encode("utf-16-be"), "encoding"),
        (b'<?xml version="1.0" encoding="GBK"?><Patient xmlns="http://hl7.org/fhir"/>', "encoding"),
        (b'<!DOCTYPE Patient SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>', "doctype"),
        (
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir">&b;</Patient>',
            "doctype",
        ),
        (LAUGHS.encode() + b'<Patient xmlns="http://hl7.org/fhir">&b39;</Patient>', "doctype"),
        (b"<Patient/>", "namespace"),
        (b'<Patient xmlns="urn:hl7-org:v3"/>', "namespace"),
    ],
)
def test_what_is_not_fhir_xml_is_malformed(data, text):
    with pytest.raises(Malformed) as refused:
        xml.decode(data)
    issue = refused.value.issues[0]
    assert issue.text == f"fhir.xml.{text}"
    assert {"line", "column"} <= issue.parameters.keys()
    assert say(issue.text, "zh", issue.parameters)


@pytest.mark.parametrize(
    ("inside", "text", "at"),
    [
        ("<nickname value='a'/>", "unknown-element", "Patient"),
        (
            "<name><given value='a'/></name><name><given value='b'><part/></given></name>",
            "unknown-element",
            "Patient.name[1].given[0]",
        ),
        ("<name other='a'/>", "unknown-attribute", "Patient.name[0]"),
        ("<name value='a'/>", "unknown-attribute", "Patient.name[0]"),
        ("<active value='true' url='a'/>", "unknown-attribute", "Patient.active"),
        ("<birthDate value='1990'/><birthDate value='1991'/>", "repeated", "Patient"),
        ("<active value='yes'/>", "type", "Patient.active"),
        ("<multipleBirthInteger value='1.5'/>", "type", "Patient.multipleBirthInteger"),
        ("<multipleBirthInteger value='007'/>", "type", "Patient.multipleBirthInteger"),
        (f"<multipleBirthInteger value='{'9' * 41}'/>", "type", "Patient.multipleBirthInteger"),
        ("<extension url='a'><valueDecimal value='1e999'/></extension>", "number", "Patient.extension[0].valueDecimal"),
        ("<extension url='a'><valueDecimal value='NaN'/></extension>", "type", "Patient.extension[0].valueDecimal"),
        ("<active/>", "empty", "Patient.active"),
        ("<contained/>", "empty", "Patient.contained[0]"),
        ("<contained><Patient/><Patient/></contained>", "repeated", "Patient.contained[0]"),
        ("<contained><Human/></contained>", "resource-type", "Patient.contained[0]"),
        ("<name>text</name>", "text", "Patient.name[0]"),
        ("<extension>" * 60 + "</extension>" * 60, "depth", "Patient" + ".extension[0]" * 32),
        ("<text><div xmlns='urn:other'/></text>", "unknown-element", "Patient.text"),
        (
            "<text><div xmlns='http://www.w3.org/1999/xhtml' xmlns:o='urn:o'><o:p/></div></text>",
            "narrative",
            "Patient.text",
        ),
        (
            "<text><div xmlns='http://www.w3.org/1999/xhtml'>" + "<p>" * 300 + "</p>" * 300 + "</div></text>",
            "depth",
            "Patient.text",
        ),
    ],
)
def test_a_fault_has_its_place(inside, text, at):
    with pytest.raises(Invalid) as refused:
        xml.decode(document(inside))
    issue = refused.value.issues[0]
    assert (issue.text, issue.at) == (f"fhir.xml.{text}", at)
    assert say(issue.text, "en", issue.parameters)


def test_names_that_are_no_element_names_are_not_said_back():
    with pytest.raises(Invalid) as refused:
        xml.decode(document("<张三 value='138'/>"))
    assert refused.value.issues[0].parameters["name"] == "?"


@pytest.mark.parametrize(
    ("member", "text", "at"),
    [
        ({"nickname": "a"}, "unknown-element", "Patient"),
        (
            {"contained": [{"resourceType": "Patient", "name": [{}, {"x": 1}]}]},
            "unknown-element",
            "Patient.contained[0].name[1]",
        ),
        ({"contained": [{"resourceType": "Human"}]}, "resource-type", "Patient.contained[0]"),
        ({"active": "true"}, "type", "Patient.active"),
        ({"multipleBirthInteger": True}, "type", "Patient.multipleBirthInteger"),
        ({"birthDate": 1990}, "type", "Patient.birthDate"),
        ({"_birthDate": "a"}, "type", "Patient.birthDate"),
        ({"birthDate": None}, "empty", "Patient.birthDate"),
        ({"maritalStatus": "M"}, "type", "Patient.maritalStatus"),
        ({"name": {"family": "a"}}, "array", "Patient.name"),
        ({"name": [{"given": ["a", None]}]}, "empty", "Patient.name[0].given[1]"),
        ({"name": [{"id": 5}]}, "type", "Patient.name[0].id"),
        ({"birthDate": "a\0"}, "character", "Patient.birthDate"),
        ({"birthDate": "\ufffe"}, "character", "Patient.birthDate"),
        ({"text": {"div": "<div>no namespace</div>"}}, "narrative", "Patient.text.div"),
        ({"text": {"div": '<div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div>'}}, "narrative", "Patient.text.div"),
        (
            {"text": {"div": '<div xmlns="http://www.w3.org/1999/xhtml"/></text></Patient>'}},
            "narrative",
            "Patient.text.div",
        ),
        ({"text": {"div": '<!DOCTYPE a><div xmlns="http://www.w3.org/1999/xhtml"/>'}}, "narrative", "Patient.text.div"),
    ],
)
def test_what_xml_cannot_say_is_refused(member, text, at):
    with pytest.raises(Invalid) as refused:
        xml.encode({"resourceType": "Patient", **member})
    assert (refused.value.issues[0].text, refused.value.at) == (f"fhir.xml.{text}", at)


@pytest.mark.parametrize("resource", [{}, {"resourceType": 1}, {"resourceType": "Element"}])
def test_only_resources_are_written(resource):
    with pytest.raises(Invalid, match="resource-type"):
        xml.encode(resource)


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
) | st.sampled_from("\n\t\r<&\"'>")
extensions = st.fixed_dictionaries(
    {"url": texts}, optional={"valueString": texts, "valueDecimal": st.decimals(-9, 9, places=3)}
)
siblings = st.fixed_dictionaries({"extension": st.lists(extensions, min_size=1, max_size=2)}, optional={"id": texts})
items = st.lists(st.tuples(texts, siblings | st.none()) | st.tuples(st.none(), siblings), min_size=1, max_size=4)


@given(items, texts)
def test_any_primitive_array_survives_xml(pairs, family):
    name = {"family": family}
    values, others = [list(column) for column in zip(*pairs, strict=True)]
    name |= {
        key: column
        for key, column in {"given": values, "_given": others}.items()
        if any(item is not None for item in column)
    }
    resource = {"resourceType": "Patient", "name": [name]}
    assert canonical(xml.decode(xml.encode(resource))) == canonical(resource)


tags = st.sampled_from(["name", "given", "active", "contained", "Patient", "extension", "text", "div", "other", "id"])
trees = st.recursive(
    st.builds(lambda tag, value: f"<{tag} value={json.dumps(value)}/>", tags, st.sampled_from(["true", "a", "1", ""])),
    lambda inner: st.builds(
        lambda tag, children: f"<{tag}>{''.join(children)}</{tag}>", tags, st.lists(inner, max_size=3)
    ),
)


@given(st.binary(max_size=40) | trees.map(document))
def test_garbage_raises_nothing_but_platform_errors(data):
    try:
        assert xml.decode(data)["resourceType"]
    except PlatformError as refused:
        assert refused.issues[0].text
