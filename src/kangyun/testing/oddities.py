"""What no honest client sends: odd values, and resources with something odd in them, as Hypothesis strategies.

Each has broken some server: what JSON, XML, UTF-8, PostgreSQL or Python's own numbers and dates have an edge at.
"""

import copy
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kangyun.fhir import Resource
from kangyun.fhir.definitions import definitions
from kangyun.web.samples import sample

Path = tuple[str | int, ...]
_NUMBER = "@@number:"

NUMBERS = ("1e400", "-1e400", "1e-400", "9" * 400, "1e99999999999", "-0", "-0.0", "0.10000", "1E5", "NaN", "Infinity")
"""Numbers as they may be written in JSON, or nearly."""

TEXTS = (
    *("", " ", "\0", "a\0b", "\ud800", "a\udfffb", "\ufeff", "\uffff", "\U0010ffff", "a\nb", "\x01", "x" * 9000),
    *("張" * 3000, "i\u0307" * 50, "-", "|", "||", "a|b|c", "$", "a$b", "\\", "a\\,b", ",", "%", "'", '"', "*", "1"),
    *("0000", "0001-01-01", "9999-12-31", "2023-02-30", "2020-13", "0001-01-01T00:00:00+14:00", "10000-01-01"),
    *("9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "2016-12-31T24:00:00Z", "2020-01-01T00:00:00." + "9" * 50),
    *("http://", "urn:uuid:", "urn:uuid:x", "urn:oid:", "#", "#a", "Patient/", "Patient/a/_history/1", "/", "///"),
    *("Patient?identifier=a", "Patient?", "http://a b/", "http://[::1", "../..", "Patient/" + "a" * 5000, "1e400"),
    *("(" * 2000, "[" * 2000, "name.where(" * 300, "%resource.repeat($this)", "m" * 5000, "10*99999999", "{a}" * 900),
    *("<div>&x;</div>", '<!DOCTYPE a [<!ENTITY b "c">]><div>&b;</div>', "<p>" * 2000, "eq", "gt", "ap1e308", "$this"),
)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308, [], {}, [[]], [{}], [None]),
    *([[[[1]]]], {"a": 1}, {"reference": "#"}, {"reference": 1}, {"extension": []}, {"extension": [{"url": "x"}]}),
    *({"resourceType": "Patient"}, {"resourceType": "Bundle", "type": "batch"}, {"resourceType": "Quark"}, {"": ""}),
    {"coding": [{"system": "\0", "code": "a"}]},
    {"value": 1, "system": "http://unitsofmeasure.org", "code": "10*300.kg"},
    *(_NUMBER + number for number in NUMBERS[:-2]),
)

NAMES = (
    *("resourceType", "id", "_id", "meta", "text", "contained", "extension", "modifierExtension", "language", "url"),
    *("reference", "value", "valueString", "valueQuantity", "_value", "fhir_comments", "", "_", "\0", "a" * 1000, "张"),
)

RICH: tuple[Resource, ...] = tuple(json.loads(files("kangyun.testing").joinpath("rich.json").read_text("utf-8")))
"""Valid resources with something in them of all that the server looks into."""


def fuzzed(examples: int, *, at_random: bool = False) -> settings:
    """Settings of a fuzz test: the same examples each time, so that nobody's change fails by chance; or new ones."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not at_random,
        database=None,
    )


def texts() -> st.SearchStrategy[str]:
    """Strings, mostly odd ones."""
    return st.sampled_from(TEXTS) | st.text(max_size=12)


def values() -> st.SearchStrategy[Any]:
    """JSON values that stand where others belong."""
    return st.sampled_from(VALUES) | texts()


def resources() -> st.SearchStrategy[Resource]:
    """Valid resources of all types: the rich ones, and the least of each type."""
    least = [made for made in map(sample, sorted(definitions().resource_types)) if made is not None]
    return st.sampled_from(RICH) | st.sampled_from(least)


@st.composite
def spoilt(draw: st.DrawFn, sound: st.SearchStrategy[Any], most: int = 3) -> Any:
    """JSON with up to `most` odd things done to it."""
    made = copy.deepcopy(draw(sound))
    for _ in range(draw(st.integers(1, most))):
        paths = [path for path in walk(made) if path]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        parent, key = _at(made, path[:-1]), path[-1]
        match draw(st.sampled_from(["set", "set", "set", "drop", "add", "wrap", "move", "repeat", "insert"])):
            case "set":
                parent[key] = copy.deepcopy(draw(values()))
            case "drop":
                del parent[key]
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(values()))
            case "wrap":
                parent[key] = [parent[key]]
            case "move":
                parent[key] = copy.deepcopy(_at(made, draw(st.sampled_from(paths))))
            case "repeat" if isinstance(parent[key], list):
                parent[key] = parent[key] * draw(st.sampled_from([2, 50]))
            case "insert" if isinstance(parent[key], str):
                place = draw(st.integers(0, len(parent[key])))
                parent[key] = parent[key][:place] + draw(st.sampled_from(TEXTS)) + parent[key][place:]
    return made


@st.composite
def spoilt_bytes(draw: st.DrawFn, sound: st.SearchStrategy[bytes], pieces: tuple[bytes, ...]) -> bytes:
    """Bytes with a few of them cut, doubled or changed, or with one of the pieces put in between."""
    made = bytearray(draw(sound))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(made)))
        match draw(st.sampled_from(["cut", "put", "double", "change"])):
            case "cut":
                del made[place : place + draw(st.integers(1, 20))]
            case "put":
                made[place:place] = draw(st.sampled_from(pieces))
            case "double":
                made[place:place] = made[place : place + draw(st.integers(1, 100))]
            case "change":
                made[place : place + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(made)


def walk(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yields the path of each node of JSON, the root's first."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*path, key))


def as_json(value: Any) -> bytes:
    """Returns the value as JSON, odd numbers written as they are meant, lone surrogates escaped."""
    return re.sub(rf'"{_NUMBER}([^"]*)"', r"\1", json.dumps(value)).encode()


def as_query(pairs: list[tuple[str, str]]) -> str:
    """Returns a query string; a lone surrogate in it becomes what is no UTF-8."""
    return "&".join("=".join(quote(part.encode("utf-8", "surrogatepass"), safe="") for part in pair) for pair in pairs)


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value
