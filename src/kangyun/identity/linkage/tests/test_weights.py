"""Weights go to JSON and come back, and those of something else are refused."""

import json

import msgspec
import pytest

from kangyun.base.errors import Invalid
from kangyun.identity.linkage.scoring import Scorer
from kangyun.identity.linkage.weights import check, load, save


def test_weights_come_back_as_they_were(schema, weights):
    data = save(weights)
    again = load(data, schema)
    assert again == weights
    assert save(again) == data
    assert again.version == weights.version


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"kind": "other"}'])
def test_what_is_no_weights_is_refused(schema, data):
    with pytest.raises(Invalid, match="weights-unreadable"):
        load(data, schema)


def test_a_changed_number_is_noticed(schema, weights):
    file = json.loads(save(weights))
    file["weights"]["prior"] *= 2
    with pytest.raises(Invalid, match="weights-unreadable"):
        load(json.dumps(file).encode(), schema)


def test_another_schema_is_refused(schema, weights):
    other = msgspec.structs.replace(schema, comparison=schema.comparison[::-1])
    with pytest.raises(Invalid, match="another-schema"):
        load(save(weights), other)
    with pytest.raises(Invalid, match="another-schema"):
        Scorer(other, weights)


@pytest.mark.parametrize(
    "changed",
    [
        {"prior": 0.0},
        {"prior": 1.0},
        {"frequencies": {}},
        {"m": (0.0, 0.5, 0.5)},
        {"m": (0.5, 0.5)},
        {"m": (float("nan"), 0.5, 0.5)},
        # A slip that counts more than equal numbers.
        {"m": (0.1, 0.8, 0.1), "u": (0.4, 0.2, 0.4)},
    ],
)
def test_numbers_that_cannot_be_are_refused(schema, weights, changed):
    levels = {key: value for key, value in changed.items() if key in ("m", "u")}
    last = msgspec.structs.replace(weights.comparisons[-1], **levels)
    rest = {key: value for key, value in changed.items() if key not in levels}
    wrong = msgspec.structs.replace(weights, comparisons=(*weights.comparisons[:-1], last), **rest)
    with pytest.raises(Invalid, match="weights-wrong"):
        check(wrong, schema)
