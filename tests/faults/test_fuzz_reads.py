"""Addresses, queries, headers and methods that nobody meant: each is answered, and none by a defect."""

import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st

from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import parameters
from kangyun.fhir.search.query import MODIFIERS
from kangyun.testing.oddities import NUMBERS, RICH, TEXTS, as_json, as_query, fuzzed, texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPES = sorted(definitions().resource_types)
USUAL = ["Patient", "Observation", "Encounter", "ValueSet", "Questionnaire", "MedicationRequest", "Condition", "List"]
WORDS = sorted({word for words in MODIFIERS.values() for word in words} | {"Patient", "Group", "iterate", "x", ""})
OF_ALL = ["_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_list", "_text", "_content", "_filter"]
ABOUT_ANSWER = [
    *("_sort", "_count", "_include", "_revinclude", "_include:iterate", "_revinclude:iterate", "_total", "_summary"),
    *("_elements", "_contained", "_containedType", "_format", "_pretty", "_cursor", "_since", "_at", "_type", "_query"),
    *("", "_", "_has", "_has:", "_has:Patient", "_has:Observation:patient", "_in", "x"),
]
VALUES = [
    *("2020", "2020-01-01T10:00:00+08:00", "5.4|http://unitsofmeasure.org|mg", "5||mg", "5|||", "true", "maybe", "0"),
    *("Patient/a", "http://127.0.0.1:8080/fhir/Patient/1", "http://x/Patient/1", "name", "-date,_id", "_id", "*"),
    *("Patient:*", "Observation:subject:Patient", "Patient:link:iterate", "accurate", "estimate", "count", "xml"),
    *('name eq "a"', "name eq a and (", 'given co "a" or not(birthdate gt 2020)', "(" * 500 + "name eq a"),
    *("not " * 500 + "(name eq a)", "code:of-type=a", "http://hl7.org/fhir/ValueSet/observation-status", "1000000"),
    *("http://loinc.org|1-1", "$$", "a$1", "a,b,,c", ",".join(map(str, range(300))), "a AND b OR -c", '"a b"', "a*"),
    *NUMBERS,
]  # fmt: skip
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
HEADERS = [
    *(b"accept", b"accept-language", b"accept-encoding", b"content-type", b"content-length", b"content-encoding"),
    *(b"if-match", b"if-none-match", b"if-none-exist", b"if-modified-since", b"prefer", b"x-request-id", b"range"),
    *(b"traceparent", b"host", b"cookie", b"expect", b"x-forwarded-for", b"origin", b"authorization"),
]
HEADER_VALUES = [
    *(b"", b"*", b'W/"1"', b'"x"', b'W/"99999999999"', b"\xff\xfe", b"a;q=0,c;q=nan", b"q=", b"application/fhir+xml"),
    *(b"application/fhir+json;fhirVersion=4.0", b"application/fhir+json;fhirVersion=5.0", b"text/html", b"9" * 5000),
    *(b"Tue, 99 Foo 99999 00:00:00 GMT", b"Tue, 01 Jan 0001 00:00:00 +9999", b"Tue, 01 Jan 9999 23:59:59 -2359"),
    *(b"gzip", b"gzip;q=0", b"deflate", b"return=minimal", b"return=OperationOutcome; handling=strict", b"?", b"-1"),
    *(b"respond-async", b"identifier=a", b"Patient?", b"name=%00", b"_id=x", b"zh;q=1e999", b"en;q=-1", b"a\r\nb: c"),
    *(b"application/json-patch+json", b"application/x-www-form-urlencoded", b"Basic YTpi", b"Bearer \xff", b"\x00"),
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"]
PARTS = [
    *("Patient", "Observation", "a", "patched", "_history", "_search", "$validate", "$everything", "$meta", "$x", "*"),
    *("%00", "%ff", "..", ".", "%2f", "", "a" * 300, "1", "0", "99999999999", "metadata", "%E5%BC%A0", "$bulk-status"),
    *("$bulk-file", "$export", "$expunge", "00000000-0000-0000-0000-000000000000", "_history%3f", "Quark", "%%%"),
]
BODIES = [b"", b"{}", b"[]", b"\x1f\x8b", b"a=b", b"<a/>", b"null", *(as_json(one) for one in RICH[:2])]


@st.composite
def names(draw, type_, depth=0):
    """A search parameter of a type, chained and reversed where it can be."""
    known = parameters(type_)
    links = sorted(code for code, one in known.items() if one.type == "reference")
    kind = draw(st.sampled_from(["own", "own", "own", "all", "chain", "has"])) if depth < 4 else "own"
    if kind == "chain" and links:
        target = draw(st.sampled_from(USUAL))
        name = draw(st.sampled_from(links)) + draw(st.sampled_from(["", f":{target}"]))
        return f"{name}.{draw(names(target, depth + 1))}"
    if kind == "has":
        target = draw(st.sampled_from(USUAL))
        link = draw(
            st.sampled_from([*sorted(c for c, one in parameters(target).items() if one.type == "reference"), "x"])
        )
        return f"_has:{target}:{link}:{draw(names(target, depth + 1))}"
    name = draw(st.sampled_from(OF_ALL if kind == "all" else sorted(known)))
    modifier = draw(st.sampled_from(["", "", "", *WORDS]))
    return f"{name}:{modifier}" if modifier else name


@st.composite
def queries(draw):
    """A type and the pairs of a search for it."""
    type_ = draw(st.sampled_from(USUAL) | st.sampled_from(TYPES))
    name = names(type_) | st.sampled_from(ABOUT_ANSWER)
    value = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(VALUES) | texts()) | st.sampled_from(
        VALUES
    )
    return type_, draw(st.lists(st.tuples(name, value), max_size=4))


def headers():
    return st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(HEADER_VALUES)), max_size=4)


def paths():
    return st.lists(st.sampled_from(PARTS), max_size=5).map("/".join)


async def is_sound(call, *request, **options):
    answered = await call(*request, **options)
    assert answered.is_sound, (request, answered.status, answered.body[:500])
    return answered


async def search(call, type_, pairs):
    query = as_query(pairs)
    answered = await is_sound(call, "GET", type_, query)
    form = (b"content-type", b"application/x-www-form-urlencoded")
    posted = await is_sound(call, "POST", f"{type_}/_search", b"", form, body=query.encode())
    assert posted.status == answered.status
    condition = query.encode() or b"_id=none"
    await is_sound(call, "DELETE", "Basic", condition)
    await is_sound(
        call, "POST", "Basic", b"", FHIR_JSON, (b"if-none-exist", condition), body=b'{"resourceType":"Basic","code":{}}'
    )


FHIR_JSON = (b"content-type", b"application/fhir+json")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stocked(shared_call):
    """An installation with a few resources in it."""
    for resource in RICH[:5]:
        answered = await shared_call("POST", resource["resourceType"], b"", FHIR_JSON, body=as_json(resource))
        assert answered.status == 201, answered.body
    return shared_call


@fuzzed(200)
@given(queries())
async def test_searches(stocked, query):
    await search(stocked, *query)


@pytest.mark.soak
@fuzzed(30_000, at_random=True)
@given(queries())
async def test_searches_for_long(stocked, query):
    await search(stocked, *query)


@fuzzed(250)
@given(
    st.sampled_from(METHODS),
    paths(),
    st.binary(max_size=20) | queries().map(lambda one: as_query(one[1]).encode()),
    headers(),
    st.sampled_from(BODIES),
)
@example("GET", "Patient", b"_format=%ff", [], b"")
@example("GET", "Patient", b"name=%00", [(b"accept", b"application/fhir+xml")], b"")
async def test_any_request(stocked, method, path, query, given_headers, body):
    await is_sound(stocked, method, path, query, *given_headers, body=body)


@pytest.mark.soak
@fuzzed(50_000, at_random=True)
@given(
    st.sampled_from(METHODS),
    paths() | st.text(max_size=30),
    st.binary(max_size=200),
    headers(),
    st.sampled_from(BODIES) | st.binary(max_size=100),
)
async def test_any_request_for_long(stocked, method, path, query, given_headers, body):
    await is_sound(stocked, method, path, query, *given_headers, body=body)


@pytest.mark.parametrize("text", TEXTS)
async def test_each_odd_text_in_each_place_of_a_search(stocked, text):
    for type_, name in (
        *(
            ("Patient", one)
            for one in ("name", "name:exact", "name:contains", "identifier", "birthdate", "_id", "_content")
        ),
        *(
            ("Patient", one)
            for one in ("general-practitioner", "link:identifier", "identifier:of-type", "_has:List:item:code")
        ),
        *(
            ("Observation", one)
            for one in ("code", "code:text", "code:in", "value-quantity", "component-code-value-quantity")
        ),
        *(
            ("ValueSet", one)
            for one in ("url", "url:below", "url:above", "_filter", "_list", "_sort", "_cursor", "_count")
        ),
    ):
        await is_sound(stocked, "GET", type_, as_query([(name, text)]))
    for name in ("_since", "_at", "_count", "_cursor"):
        await is_sound(stocked, "GET", "_history", as_query([(name, text)]))
