"""What a Subscription says: whatever it says, it is read or refused in words."""

from contextlib import suppress
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.outbound import Guard
from kangyun.access.subscriptions import rules
from kangyun.access.subscriptions.rules import is_taken, read_subscription, wait_after
from kangyun.base.errors import PlatformError

OPEN = Guard.of("127.0.0.1", "KANGYUN_TEST")
ZONE = ZoneInfo("Asia/Shanghai")


def resource(criteria="Patient?gender=female", end=None, **channel):
    channel = {"type": "rest-hook", "endpoint": "http://127.0.0.1/on", "payload": rules.JSON} | channel
    return {"criteria": criteria, "channel": channel} | ({"end": end} if end else {})


def test_a_payload_without_a_word_on_its_content_is_the_whole_resource():
    wanted = read_subscription(resource(payload="application/xml;charset=utf-8"), OPEN, ZONE)
    assert (wanted.media_type, wanted.content, wanted.query.type) == (rules.XML, "full-resource", "Patient")


@pytest.mark.parametrize(
    "header", ["Host: x", "content-length: 3", "no colon", "a: b\r\nc: d", "ä: b", "a: \x00", ": b"]
)
def test_headers_that_are_ours_or_none_are_refused(header):
    with pytest.raises(PlatformError) as refused:
        read_subscription(resource(header=[header]), OPEN, ZONE)
    assert refused.value.issues[0].text == "access.subscriptions.header"


@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=4), st.text(max_size=40), st.text(max_size=60))
def test_whatever_it_says_it_is_read_or_refused_in_words(criteria, headers, payload, endpoint):
    for said in (
        resource(criteria), resource(f"Patient?{criteria}"), resource(header=headers), resource(payload=payload),
        resource(endpoint=endpoint), resource(endpoint=f"http://{endpoint}"),
    ):  # fmt: skip
        with suppress(PlatformError):
            assert read_subscription(said, OPEN, ZONE).channel == "rest-hook"


def test_pauses_grow_to_a_limit_and_no_further():
    pauses = [wait_after(failures) for failures in range(1, 1000)]
    assert pauses[0] == rules.SHORTEST_WAIT
    assert pauses[-1] == rules.LONGEST_WAIT
    assert all(one <= other for one, other in pairwise(pauses))


def test_what_is_taken_is_no_refusal():
    assert [status for status in range(600) if is_taken(status)] == list(range(200, 300))
    assert not any(is_taken(status) for status in rules.REFUSALS)
