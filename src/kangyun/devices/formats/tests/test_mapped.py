"""Vendors' own JSON by mapping files."""

import json
from typing import Any

import pytest

from kangyun.base.errors import Invalid
from kangyun.devices.formats import Context, add_mapping, mapping, read
from kangyun.devices.formats.mapped import MappedReader, Push, mapping_of, parts_of
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Mark, Message, Refusal

NOW = 1_795_000_000_000
CONTEXT = Context(received=NOW * 1000)


def said(name: str, value: Any) -> tuple[Message, tuple[Refusal, ...]]:
    return read(f"mapped/{name}", json.dumps(value).encode(), CONTEXT)


def test_a_cuff_of_two() -> None:
    message, refusals = said("example-cuff", {
        "msgId": "7", "power": 55,
        "records": [
            {"measureTime": "2026-11-18 08:12:00", "user": 2, "sbp": "152", "dbp": 94, "pulse": 0},
            {"measureTime": "18/11/2026", "user": 1, "sbp": 120},
            {"measureTime": "2026-11-18 08:13:00", "user": 1, "sbp": "E4", "dbp": 70},
        ],
    })  # fmt: skip
    assert [(metrics_by_number()[one.metric].name, one.value, one.key) for one in message.readings] == [
        ("systolic-home", 152, "B"), ("diastolic-home", 94, "B"), ("diastolic-home", 70, "A"),
    ]  # fmt: skip
    assert (message.sequence, message.battery, message.readings[0].at) == (7, 55, 1_794_960_720_000_000)
    assert [(one.text, one.at) for one in refusals] == [
        ("devices.formats.time", "$.records[1]"), ("devices.formats.not-a-number", "$.records[2].sys"),
    ]  # fmt: skip


def test_a_watch_with_positions_and_a_clock_that_is_ahead() -> None:
    ahead = NOW + 3_600_000
    message, refusals = said("example-watch", {
        "sendTime": ahead, "metrics": [{"code": "HR", "val": "71", "ts": ahead}, {"code": "XX", "val": 1, "ts": ahead}],
        "location": {"lat": 31.2, "lng": 121.4, "ts": ahead},
        "alarms": [{"kind": 1, "lat": 31.2, "lng": 121.4}, {"kind": 9}],
    })  # fmt: skip
    assert [(one.value, one.mark) for one in message.readings] == [
        (71, Mark.CLOCK), (31.20185, Mark.CLOCK), (121.395352, Mark.CLOCK), (1, Mark.CLOCK),
    ]  # fmt: skip
    assert [(one.kind, one.at) for one in message.events] == [("sos", NOW * 1000)]
    assert [one.text for one in refusals] == ["devices.formats.unknown-event", "devices.formats.unknown-metric"]


@pytest.mark.parametrize(
    ("instants", "time"),
    [
        ("s", NOW / 1000),
        ("ms", str(NOW)),
        ("us", NOW * 1000),
        ("iso", "2026-11-18T11:06:40Z"),
        ("%Y%m%d%H%M%S", 20261118190640),
    ],
)
def test_instants_in_every_form(instants: str, time: object) -> None:
    reader = MappedReader(
        mapping_of(f'title = "t"\ninstants = "{instants}"\n[[reading]]\nat = "t"\nvalues = {{ hr = "v" }}')
    )
    message, refusals = reader(json.dumps({"t": time, "v": 70}).encode(), CONTEXT)
    assert ([one.at for one in message.readings], refusals) == ([NOW * 1000], ())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('title = "t"\n[[reading]]\nvalues = { pulses = "p" }', "reading[0].values: pulses"),
        ('title = "t"\n[[event]]\nkind = "party"', "event[0]: party"),
        ('title = "t"\ndatum = "mars"', "datum: mars"),
        ('title = "t"\nreadings = 1', "readings"),
        ("title = ", "document"),
    ],
)
def test_a_mapping_that_is_wrong_says_where(text: str, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_mapping("wrong", text)
    assert place in (refused.value.at or "")
    assert mapping("wrong") is None


def test_a_push_is_taken_apart_by_device() -> None:
    payload = json.dumps({"data": [{"sn": "A1", "v": 1}, {"sn": 22, "v": 2}]}).encode()
    assert parts_of(payload, Push("sn", "data")) == [("A1", b'{"sn":"A1","v":1}'), ("22", b'{"sn":22,"v":2}')]
    whole = b'{"sn": "A1", "v": 1}'
    assert parts_of(whole, Push("sn")) == [("A1", whole)]


@pytest.mark.parametrize("payload", [b"", b"[" * 9999, b'{"data":[{"v":1}]}', b'{"data":[7]}'])
def test_a_push_that_names_no_device_is_refused(payload: bytes) -> None:
    with pytest.raises(Invalid):
        parts_of(payload, Push("sn", "data"))


CRY = """
title = "t"
historic = "old"
sent = "now"
[[event]]
when = { alarm = [1, "SOS"] }
kind = "sos"
at = "t"
latitude = "lat"
longitude = "lng"
[[event]]
code = "code"
kinds = { HELP = "sos" }
at = "t"
"""
SLOW = NOW - 990_000


@pytest.mark.parametrize(
    ("sent", "at", "refused"),
    [
        ({"alarm": "1", "x": 1}, NOW, []),
        ({"alarm": "sos"}, NOW, []),
        ({"code": "help"}, NOW, []),
        ({"code": "SOS"}, NOW, []),
        ({"alarm": 1, "t": "yesterday"}, NOW, ["time"]),
        ({"alarm": 1, "t": NOW, "lat": "north", "lng": 121.4}, NOW, ["half-a-position"]),
        ({"alarm": 1, "t": SLOW, "now": SLOW}, NOW, []),
        ({"alarm": 1, "t": SLOW}, NOW, []),
        ({"alarm": 1, "t": SLOW, "old": True}, SLOW, []),
    ],
)  # fmt: skip
def test_a_cry_for_help_is_heard_by_a_mapping_too(sent: dict[str, Any], at: int, refused: list[str]) -> None:
    message, refusals = MappedReader(mapping_of(CRY))(json.dumps(sent).encode(), CONTEXT)
    assert [(one.kind, one.at) for one in message.events] == [("sos", at * 1000)]
    assert [one.text for one in refusals] == [f"devices.formats.{one}" for one in refused]
