"""Parameters by the types of a function: what fits comes through, what does not is refused by name, whatever it is."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.access.apps.parameters import Code, Coding, Instant, Reference, read, signature_of, written
from kangyun.base.errors import PlatformError
from kangyun.fhir import Resource

settings.register_profile("parameters", deadline=None)
settings.load_profile("parameters")


@dataclass(frozen=True)
class Part:
    """A part."""

    code: Code


@dataclass(frozen=True)
class Answer:
    """One of each."""

    whom: Reference
    valid_until: Instant
    day: date | None
    part: tuple[Part, ...]
    coding: Coding | None = None


async def function(
    record: object, *, text: str, count: int = 0, share: Decimal | None = None, day: date | None = None,
    moment: datetime | None = None, sure: bool = False, whom: Reference = "", coding: Coding | None = None,
    names: tuple[str, ...] = (), patient: Annotated[Resource, "Patient"] | None = None,
    second_reader: Code | None = None,
) -> Answer:  # fmt: skip
    """Takes one of each."""
    raise NotImplementedError


SIGNATURE = signature_of(function)


def sent(**values):
    """Parameters: `sent(text=("String", "x"))`."""
    entries = [
        {"name": name, "resource" if type_ == "Resource" else f"value{type_}": value}
        for name, (type_, value) in values.items()
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "text", "valueString": "x"}, *entries]}


@pytest.mark.parametrize(
    ("name", "entry", "argument"),
    [
        ("count", ("Integer", 3), 3), ("count", ("String", "3"), 3),
        ("share", ("Decimal", Decimal("1.50")), Decimal("1.50")),
        ("share", ("String", "1.50"), Decimal("1.50")), ("day", ("Date", "2026-11-22"), date(2026, 11, 22)),
        ("moment", ("DateTime", "2026-11-22T08:00:00+08:00"), datetime(2026, 11, 22, tzinfo=UTC)),
        ("sure", ("Boolean", True), True), ("sure", ("String", "true"), True),
        ("whom", ("Reference", {"reference": "Patient/1"}), "Patient/1"),
        ("whom", ("String", "Patient/1"), "Patient/1"),
        ("coding", ("Coding", {"code": "x"}), {"code": "x"}), ("secondReader", ("Code", "x"), "x"),
        ("patient", ("Resource", {"resourceType": "Patient"}), {"resourceType": "Patient"}),
    ],
)  # fmt: skip
def test_what_fits_comes_through(name, entry, argument):
    arguments = read(SIGNATURE, sent(**{name: entry}))
    ours = {"secondReader": "second_reader"}.get(name, name)
    assert arguments == {"text": "x", ours: argument}


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("count", ("Integer", 2**40)), ("count", ("String", "many")), ("count", ("Boolean", True)),
        ("day", ("String", "2026-11")), ("moment", ("DateTime", "2026-11-22T08:00:00")),
        ("sure", ("String", "perhaps")),
        ("whom", ("Reference", {"display": "x"})), ("whom", ("Coding", {"code": "x"})), ("coding", ("String", "x")),
        ("coding", ("Coding", {"colour": "x"})), ("patient", ("Resource", {"resourceType": "Group"})),
        ("patient", ("Resource", {"resourceType": "Patient", "gender": "x"})), ("patient", ("String", "x")),
        ("text", ("String", "again")), ("secondReader", ("String", " ")), ("unknown", ("String", "x")),
        ("second_reader", ("String", "x")), ("names", ("String", "x" * 20_000)), ("record", ("String", "x")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(name, entry):
    with pytest.raises(PlatformError):
        read(SIGNATURE, sent(**{name: entry}))


def test_what_is_needed_must_be_there_and_several_may_be():
    with pytest.raises(PlatformError):
        read(SIGNATURE, {"resourceType": "Parameters"})
    several = [{"name": "names", "valueString": each} for each in ("a", "b")]
    asked = sent() | {"parameter": [*sent()["parameter"], *several]}
    assert read(SIGNATURE, asked) == {"text": "x", "names": ("a", "b")}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["name", "valueString", "valueInteger", "valueCoding", "resource", "part"]),
            st.sampled_from([one.name for one in SIGNATURE.inputs]) | VALUES,
        ),
        max_size=4,
    )
)
def test_whatever_is_sent_is_read_or_refused(entries):
    try:
        read(SIGNATURE, {"resourceType": "Parameters", "parameter": entries})
    except PlatformError:
        return


def test_an_answer_is_parameters():
    answer = Answer("Patient/1", datetime(2026, 11, 22, tzinfo=UTC), None, (Part("a"), Part("b")), {"code": "x"})
    assert written(answer)["parameter"] == [
        {"name": "whom", "valueReference": {"reference": "Patient/1"}},
        {"name": "validUntil", "valueInstant": "2026-11-22T00:00:00.000Z"},
        {"name": "part", "part": [{"name": "code", "valueCode": "a"}]},
        {"name": "part", "part": [{"name": "code", "valueCode": "b"}]},
        {"name": "coding", "valueCoding": {"code": "x"}},
    ]
