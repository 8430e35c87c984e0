"""FHIR JSON keeps all that it accepts, and refuses what it must in whatever disguise."""

import json
import tarfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid, Malformed, PlatformError
from kangyun.base.texts import say
from kangyun.fhir.json import MAX_DEPTH, canonical, decode, decode_value, encode, pretty

EXAMPLES = Path(__file__).parents[6] / "shared/data/fhir/r4-examples.tar.xz"


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    return (opening * (levels - 1) + "{}" + closing * (levels - 1)).encode()


def test_digits_order_and_unknown_members_are_kept():
    data = b'{"z":1.10,"a":[0.0100,100000000000000000001,-1.50],"_x":{"extension":[]},"t":true,"n":null}'
    assert encode(decode(data)) == data


def test_canonical_sorts_names_and_tells_digits_apart():
    assert canonical(decode(b'{"b":{"d":1,"c":2},"a":1.10}')) == b'{"a":1.10,"b":{"c":2,"d":1}}'
    assert canonical(decode(b'{"a":1.10}')) != canonical(decode(b'{"a":1.1}'))


def test_pretty_reads_back_the_same():
    resource = decode(b'{"resourceType":"Basic","name":["\xe5\xba\xb7"],"value":2.50}')
    assert decode(pretty(resource)) == resource
    assert b'\n  "name": [' in pretty(resource)


def test_a_byte_order_mark_and_any_buffer_are_accepted():
    assert decode(memoryview(b'\xef\xbb\xbf {"a":"\xe5\xba\xb7"} ')) == {"a": "康"}


def test_a_json_patch_is_an_array():
    assert decode_value(b'[{"op":"remove","path":"/a"}]') == [{"op": "remove", "path": "/a"}]


@pytest.mark.parametrize(
    ("data", "text", "line", "column"),
    [
        (b'{"a":1,}', "trailing-comma", 1, 8),
        (b'{\n "\xe5\xba\xb7": tru}', "syntax", 2, 11),
        (b'{"a":1} x', "trailing-characters", 1, 10),
        (b'{"a":NaN}', "syntax", 1, 6),
        (b'{"a":-Infinity}', "syntax", 1, 7),
        (b'{"a":01}', "number-form", 1, 7),
        (b"{1:2}", "name-expected", 1, 2),
        (b'{"a" 1}', "colon-expected", 1, 6),
        (b'{"a":1 "b":2}', "comma-expected", 1, 8),
        (b'{"a":"\\x"}', "escape", 1, 9),
        (b'{"a":"\\udc00\\ud800"}', "surrogate", 1, 13),
        (b'{"a":"\x00"}', "syntax", 1, 7),
        (b'{"a":"\n"}', "syntax", 1, 7),
        (b'{"a":\n"\xff"}', "utf8", 2, 2),
        (b'{"a":"\xed\xa0\x80"}', "utf8", 1, 7),
    ],
)
def test_what_is_not_json_is_placed(data, text, line, column):
    with pytest.raises(Malformed) as refused:
        decode(data)
    issue = refused.value.issues[0]
    assert (issue.text, issue.parameters) == (f"fhir.json.{text}", {"line": line, "column": column})
    assert say(issue.text, "zh", issue.parameters)


@pytest.mark.parametrize("data", [b"", b" ", b'{"a":"b', b'{"a":"\\ud800"}', b'{"a":[1,'])
def test_what_breaks_off_is_malformed(data):
    with pytest.raises(Malformed, match=r"fhir\.json\.truncated"):
        decode(data)


@pytest.mark.parametrize("data", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_the_outermost_value_is_an_object(data):
    with pytest.raises(Malformed, match="not-an-object"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":[{"b":1,"b":1}]}',
        b'{"\\u0061":1,"a":2}',
        b'{"x":"\\u0022","a":1,"a":2}',
        b'{"x":"\\u0022\\u0022","a":1,"a":2}',
        b'{"x":"\\"","a":1, "a":2}',
        b'{"x":1.0e1,"a":1,"a":2}',
    ],
)
def test_a_name_stands_once(data):
    with pytest.raises(Invalid, match="duplicate"):
        decode(data)


def test_a_repeated_name_that_is_no_element_name_is_not_said_back():
    with pytest.raises(Invalid) as refused:
        decode('{"张三 138":1,"张三 138":2}'.encode())
    assert refused.value.issues[0].parameters == {}


@pytest.mark.parametrize(
    "data",
    [
        nested(MAX_DEPTH),
        ("[" * (MAX_DEPTH - 1) + '{"a":"]]]]}}"}' + "]" * (MAX_DEPTH - 1)).encode(),
        json.dumps({"a": "[{" * 500, "b": '\\"[[' * 500}).encode(),
        json.dumps([{"unit": "{score}"}] * 500).encode(),
    ],
)
def test_depth_counts_structure_and_not_text(data):
    assert decode_value(data) == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        nested(MAX_DEPTH + 1),
        nested(MAX_DEPTH + 1, '{"a":[', "]}"),
        nested(100_000),
        # Text that closes what it did not open, and text that opens it again.
        ('["]",' * 100 + "1" + ',"["]' * 100).encode(),
        ('["\\"]",' * 100 + "1" + ',"[\\\\"]' * 100).encode(),
        b"[" * 1_000_000,
    ],
)
def test_deep_nesting_is_refused(data):
    with pytest.raises(PlatformError, match=r"depth|truncated"):
        decode_value(data)


@pytest.mark.parametrize(
    "number", ["9" * 41, "-" + "9" * 41, "9" * 5000, "1e401", "1E-401", "1e" + "9" * 50, "0." + "1" * 41]
)
@pytest.mark.parametrize("before", range(0, 16, 3))
def test_numbers_that_would_choke_arithmetic_are_refused(number, before):
    with pytest.raises(Invalid, match=r"fhir\.json\.number"):
        decode(f'{{"{"x" * before}":[{number}]}}'.encode())


@pytest.mark.parametrize("number", ["9" * 40, "1E+400", "0." + "1" * 39, "1E-7", "-0.0"])
def test_numbers_within_the_limits_keep_their_digits(number):
    assert encode(decode(f'{{"a":{number}}}'.encode())) == f'{{"a":{number}}}'.encode()


def test_long_digit_runs_in_text_are_text():
    assert decode(b'{"a":"' + b"7" * 100 + b'"}') == {"a": "7" * 100}


@pytest.mark.parametrize("data", [b'{"a":["\\u0000"]}', b'{"\\u0000":1}', b'{"a":"\\\\\\u0000"}'])
def test_nul_is_refused(data):
    with pytest.raises(Invalid, match="nul"):
        decode(data)


def test_a_backslash_before_u0000_is_text():
    assert decode(b'{"a":"\\\\u0000 \\\\u0022"}') == {"a": "\\u0000 \\u0022"}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
scalars = texts | st.booleans() | st.none() | st.integers(-(10**39), 10**39) | st.sampled_from('"[]{}\\')
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
objects = st.dictionaries(texts, values, max_size=4)


@given(objects, st.booleans(), st.sampled_from([None, 1]))
def test_what_json_writes_is_read(value, ascii_only, indent):
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert decode(data) == value
    assert decode(encode(value)) == value


@given(objects, texts, scalars, scalars, st.booleans())
def test_a_repeated_name_is_found_anywhere(value, name, first, second, ascii_only):
    key = json.dumps(name, ensure_ascii=ascii_only)
    inner = f"{{{key}:{json.dumps(first)}, {key}:{json.dumps(second)}}}"
    data = json.dumps({"x": value, "marker-7c1f": 0}, ensure_ascii=ascii_only).replace(
        '"marker-7c1f": 0', f'"y": {inner}'
    )
    with pytest.raises(Invalid, match="duplicate"):
        decode(data.encode())


@given(st.binary(max_size=60) | texts.map(lambda text: f'{{"a":{text}}}'.encode()))
def test_garbage_raises_nothing_but_platform_errors(data):
    try:
        decode(data)
    except PlatformError as refused:
        assert refused.issues


@pytest.fixture(scope="session")
def examples():
    if not EXAMPLES.exists():
        pytest.skip(f"the official examples are not at {EXAMPLES}")
    with tarfile.open(EXAMPLES) as archive:
        return [file.read() for member in archive if (file := archive.extractfile(member))]


def test_official_examples_read_back_equal(examples):
    assert len(examples) > 5000
    for data in examples:
        resource = decode(data)
        assert resource == json.loads(data, parse_float=Decimal)
        assert canonical(decode(encode(resource))) == canonical(resource)
