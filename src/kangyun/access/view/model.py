"""The shapes of what is answered. What is empty is left out, and institutions stand once, in `houses`: it is to be
small."""

import msgspec


class Entry(msgspec.Struct, omit_defaults=True):
    """A line: what, how much of it, when (local date or time). states: codes, which a page says. house: place of its
    institution in `houses`. since, times: of several that say the same, the first, and how many."""

    what: str
    detail: str = ""
    states: list[str] = []
    when: str = ""
    since: str = ""
    until: str = ""
    times: int = 1
    house: int = -1
    ref: str = ""


class Registration(msgspec.Struct, omit_defaults=True):
    """What one institution registered: its numbers as [what it is, number]."""

    id: str
    house: int
    name: str
    numbers: list[tuple[str, str]] = []
    updated: str = ""


class Person(msgspec.Struct, omit_defaults=True):
    """Who it is, as the registrations come to. masked: he has not been opened."""

    id: str
    name: str
    sex: str = ""
    born: str = ""
    masked: bool = False
    numbers: list[tuple[str, str]] = []
    phones: list[str] = []
    addresses: list[str] = []
    marital: str = ""
    nation: str = ""
    work: str = ""
    died: str = ""
    contacts: list[tuple[str, str, str]] = []
    insured: list[str] = []


class Mark(msgspec.Struct, omit_defaults=True):
    """A health mark of the front page. kind: of which of its kinds. since: from when it is known."""

    kind: str
    code: str
    what: str = ""
    since: str = ""


class Event(msgspec.Struct, omit_defaults=True):
    """Services of one kind: how many there were, and the last."""

    kind: str
    count: int
    last: str = ""
    house: int = -1


class Hidden(msgspec.Struct, omit_defaults=True):
    """What is not shown. count: kept back by the resident's own word. closed: the reason to look leaves labels closed.

    ways: by which the actor may ask for more (card, word, emergency).
    """

    count: int = 0
    closed: bool = False
    ways: list[str] = []


class First(msgspec.Struct, omit_defaults=True):
    """The first view. way: by which reason the actor sees what is of elsewhere; empty where he needs none.

    counts: resources that are seen, by type. more: sections of which there is more than is shown.
    """

    person: Person
    registrations: list[Registration]
    marks: list[Mark]
    events: list[Event]
    latest: list[Entry]
    allergies: list[Entry]
    alerts: list[Entry]
    problems: list[Entry]
    medications: list[Entry]
    houses: list[str]
    counts: dict[str, int]
    hidden: Hidden
    way: str = ""
    more: list[str] = []


class Visit(msgspec.Struct, array_like=True):
    """A visit of the timeline: begin, end, kind, place in `houses`, department, what for, id."""

    start: str
    end: str
    kind: str
    house: int
    department: str
    what: str
    id: str


class Timeline(msgspec.Struct):
    """All visits, the newest first."""

    visits: list[Visit]
    houses: list[str]


class Band(msgspec.Struct, omit_defaults=True):
    """What an institution calls normal, as it said last."""

    house: int
    low: float | None = None
    high: float | None = None
    said: str = ""


class Test(msgspec.Struct, omit_defaults=True):
    """What was found by one test in one unit. points: when, value, place of the institution, mark (H, L, …; N or none),
    and where the value is a bound only, its comparator (<, <=, >=, >).

    said: results that are no numbers: when, text, place of the institution.
    """

    code: str
    what: str
    kind: str
    unit: str = ""
    points: list[tuple[str, float, int, str] | tuple[str, float, int, str, str]] = []
    said: list[tuple[str, str, int]] = []
    bands: list[Band] = []


class Tests(msgspec.Struct):
    """All tests, that with the newest result first. more: older results are left out."""

    tests: list[Test]
    houses: list[str]
    more: bool


class Lines(msgspec.Struct):
    """A part that is a list: documents, family, consents."""

    entries: list[Entry]
    houses: list[str]
    more: bool
