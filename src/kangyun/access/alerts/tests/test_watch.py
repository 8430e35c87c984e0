"""What is odd and what is not quite: made-up rows, rule by rule."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kangyun.access.alerts.rules import Rule, read_rules
from kangyun.access.alerts.watch import Day, Row, Watch
from kangyun.base.errors import Invalid

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 18, 4, tzinfo=UTC)  # a Wednesday, 12:00 in China
DOCTOR = "Practitioner/li"


def row(minutes=0.0, patients=(1,), **given):
    said = {
        "institution": 1, "outcome": 200, "action": "read", "actor": DOCTOR, "purpose": "TREAT",
        "shape": "GET /Patient/[id]", "source": "10.0.0.1", "patients": list(patients), "role": "doctor", "way": "",
    } | given  # fmt: skip
    return Row(NOON + timedelta(minutes=minutes), *said.values())


def rule(kind, reached, window="hour", **rest):
    return Rule("r", kind, window, {"other": reached} | rest.pop("by_role", {}), "test", **rest)


def watched(rule, rows, *, past=(), relatives=(), tagged=()):
    watch = Watch([rule], ZONE)
    watch.past = {DOCTOR: list(past)}
    watch.relatives = {DOCTOR: frozenset(relatives)}
    watch.tagged = {"r": frozenset(tagged)} if rule.kind == "tagged" else {}
    for one in rows:
        watch.take(one)
    return watch.odd()[0]


def numbers(*args, **rest):
    return [one.number for one in watched(*args, **rest)]


def each_its_own(count, every=1.0):
    return [row(n * every, [n]) for n in range(count)]


def test_many_patients_within_an_hour():
    assert numbers(rule("patients", 10), each_its_own(9)) == []
    assert numbers(rule("patients", 10), each_its_own(10)) == [10]
    assert numbers(rule("patients", 10), [row(n, [1]) for n in range(50)]) == []  # the same one again and again
    assert numbers(rule("patients", 10), [row(0, range(10))]) == [10]  # all on one page


def test_an_hour_is_an_hour_of_the_clock():
    half = [row(55 + n, [n]) for n in range(5)] + [row(60 + n, [10 + n]) for n in range(5)]
    assert numbers(rule("patients", 10), half) == []
    assert numbers(rule("patients", 10, "day"), half) == [10]


def test_each_role_has_its_own_limit():
    limits = rule("patients", 10, by_role={"nurse": 20, "steward": 0}, exempt=frozenset({"application"}))
    assert numbers(limits, each_its_own(15)) == [15]
    for role in ("nurse", "steward", "application"):
        assert numbers(limits, [one._replace(role=role) for one in each_its_own(15)]) == []


def test_what_was_refused_or_sent_by_the_platform_is_no_look():
    assert numbers(rule("patients", 10), [one._replace(outcome=403) for one in each_its_own(10)]) == []
    for action in ("notify", "create", "transaction", "import"):
        assert numbers(rule("patients", 10), [one._replace(action=action) for one in each_its_own(10)]) == []
    for action in ("search", "history", "everything", "external-R"):
        assert numbers(rule("patients", 10), [one._replace(action=action) for one in each_its_own(10)]) == [10]


def test_the_platform_s_own_programs_look_at_nobody():
    limits = rule("patients", 10, exempt=frozenset({"device"}))
    program = [one._replace(actor="Device/feed-figures", role="") for one in each_its_own(12)]
    assert numbers(limits, program) == []
    assert numbers(limits, [one._replace(actor="Device/administrator") for one in program]) == [12]
    assert numbers(limits, [one._replace(role="system-administrator") for one in program]) == [12]


def test_the_list_of_one_s_own_residents_is_no_look_and_any_other_is():
    limits = rule("patients", 10)
    own = row(0, range(40), action="search", shape="GET /CareTeam/$today")
    assert numbers(limits, [own]) == []
    assert numbers(limits, [own, *each_its_own(10)]) == [10]  # whom he opens of it counts
    assert numbers(limits, [own._replace(shape="GET /Patient?name")]) == [40]


def test_the_alert_says_whose_and_when():
    (alert,) = watched(rule("patients", 2), [row(5, [1]), row(6, [2])])
    assert (alert.actor, alert.role, alert.institution) == (DOCTOR, "doctor", 1)
    assert alert.began == NOON
    assert alert.ended - alert.began == timedelta(hours=1)
    assert alert.limit == 2


USUAL = [Day(date(2026, 11, day), 10, 30, 0, 0) for day in range(9, 14)]


def test_more_than_usual():
    five_times = rule("baseline", 20, "day", factor=5, days=28, known=5)
    assert numbers(five_times, each_its_own(49), past=USUAL) == []
    (alert,) = watched(five_times, each_its_own(50), past=USUAL)
    assert (alert.number, alert.usual) == (50, 10)
    assert numbers(five_times, each_its_own(50), past=USUAL[1:]) == []  # not known well enough
    assert (
        numbers(five_times, each_its_own(50), past=[day._replace(day=day.day - timedelta(30)) for day in USUAL]) == []
    )
    assert numbers(five_times, each_its_own(19), past=[day._replace(patients=1) for day in USUAL]) == []  # still few


def test_today_is_not_among_what_is_usual():
    past = [*USUAL, Day(date(2026, 11, 18), 40, 40, 0, 0)]
    assert numbers(rule("baseline", 20, "day", factor=5, days=28, known=5), each_its_own(50), past=past) == [50]


def test_relatives_and_protected_persons():
    for kind in ("relatives", "tagged"):
        whose = {"relatives": [7, 8]} if kind == "relatives" else {"tagged": [7, 8]}
        found = watched(rule(kind, 1, "day"), [row(0, [7]), row(1, [7, 9])], **whose)
        assert [(one.patient, one.number) for one in found] == [(7, 2)]
        assert numbers(rule(kind, 1, "day"), [row(0, [7], action="create")], **whose) == [1]  # nor is written about
        assert watched(rule(kind, 1, "day"), [row(0, [9])], **whose) == []
        assert watched(rule(kind, 1, "day"), [row(0, [7], outcome=403)], **whose) == []


def test_after_hours():
    shift = rule("hours", 3, "day", shifts={"other": "06:00-22:00", "nurse": "22:00-06:00"})
    night = [row(10 * 60 + n, [n]) for n in range(3)]  # 22:00
    assert numbers(shift, night) == [3]
    assert numbers(shift, night[:2]) == []
    assert numbers(shift, [row(10 * 60 - 1 - n, [n]) for n in range(3)]) == []  # 21:59
    assert numbers(shift, [one._replace(role="nurse") for one in night]) == []
    assert numbers(shift, [row(n, [n], role="nurse") for n in range(3)]) == [3]  # noon is not a night nurse's


def test_refused_again_and_again():
    refused = rule("statuses", 20, statuses=frozenset({403}))
    assert numbers(refused, [row(n, [], outcome=403) for n in range(20)]) == [20]
    assert numbers(refused, [row(n, [], outcome=403) for n in range(19)]) == []
    assert numbers(refused, [row(n, [], outcome=404) for n in range(50)]) == []


def test_sign_ins_that_failed_count_those_they_stand_for():
    door = rule("door", 100)
    told = {"actor": "nobody", "action": "sign-in", "outcome": 401, "role": ""}
    rows = [row(1, [], **told), row(2, [], shape="POST /sign-in +98", **told)]
    (alert,) = watched(door, [*rows, row(3, [], source="10.0.0.2", **told)])
    assert (alert.source, alert.number, alert.actor) == ("10.0.0.1", 100, "")
    assert numbers(door, [rows[1]]) == []


def test_one_record_and_many_people():
    lookers = rule("lookers", 3, "day", exempt=frozenset({"application"}))
    people = [row(n, [7], actor=f"Practitioner/{n}") for n in range(3)]
    (alert,) = watched(lookers, people)
    assert (alert.patient, alert.number, alert.actor) == (7, 3, "")
    assert watched(lookers, people[:2] * 5) == []
    assert watched(lookers, [*people[:2], row(5, [7], actor="Device/his", role="application")]) == []
    assert watched(lookers, [*people[:2], row(24 * 60, [7], actor="Practitioner/9")]) == []


def test_an_account_that_slept():
    dormant = rule("dormant", 90, "day")
    last = date(2026, 11, 18) - timedelta(days=90)
    assert numbers(dormant, [row()], past=[Day(last, 1, 1, 0, 0)]) == [90]
    assert numbers(dormant, [row()], past=[Day(last + timedelta(1), 1, 1, 0, 0)]) == []
    assert numbers(dormant, [row()]) == []  # a new one


@pytest.mark.parametrize("broken", [{"purpose": "ETREAT"}, {"purpose": "BTG"}, {"way": "emergency"}])
def test_the_glass_broken_often(broken):
    often = rule("emergency", 5, "day", days=7)
    before = [Day(date(2026, 11, 12), 1, 1, 0, 2), Day(date(2026, 11, 11), 1, 1, 0, 9)]  # the second is too long ago
    assert numbers(often, [row(n, [n], **broken) for n in range(3)], past=before) == [5]
    assert numbers(often, [row(n, [n], **broken) for n in range(2)], past=before) == []
    assert numbers(often, [row(n, [1], **broken) for n in range(20)], past=before) == []  # one emergency, many rows
    assert numbers(often, [row()], past=[Day(date(2026, 11, 17), 1, 1, 0, 9)]) == []  # not today


def test_however_they_are_cut_the_same_comes_out():
    rows = [row(n * 7, [n % 50, n % 13], actor=f"Practitioner/{n % 3}") for n in range(400)]
    rules = (rule("patients", 5), rule("lookers", 2, "day"))
    outcomes = []
    for size in (400, 37, 1):
        watch = Watch([msgspec.structs.replace(one, id=one.kind) for one in rules], ZONE)
        last = {}
        for begin in range(0, len(rows), size):
            for one in rows[begin : begin + size]:
                watch.take(one)
            last |= {one[:5]: one for one in watch.odd()[0]}
        outcomes.append(last)
    assert outcomes[0] == outcomes[1] == outcomes[2] != {}


def test_days_that_have_passed_are_remembered_while_somebody_goes_on():
    watch = Watch([rule("baseline", 20, "day", factor=5, days=28, known=5)], ZONE)
    for day in range(5):
        for n in range(10):
            watch.take(row(day * 24 * 60 + n, [n]))
        assert watch.odd()[0] == []
    for n in range(60):
        watch.take(row(5 * 24 * 60 + n, [n]))
    assert [(one.number, one.usual) for one in watch.odd()[0]] == [(60, 10)]


def test_the_rules_that_are_shipped():
    rules = read_rules()
    assert {one.kind for one in rules} == {
        "patients", "baseline", "relatives", "tagged", "hours", "statuses", "door", "lookers", "dormant", "emergency",
    }  # fmt: skip
    assert all(one.source for one in rules)
    assert all(one.unverified for one in rules)  # As long as nobody found a source.


@pytest.mark.parametrize("text", ["rule = 1", "[[rule]]\nid = 'a'", "x = {", "[[rule]]\nid='a'\nkind='odd'"])
def test_a_file_that_is_none_is_named(tmp_path, text):
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(Invalid) as raised:
        read_rules(str(file))
    assert raised.value.issues[0].parameters["file"] == str(file)
    with pytest.raises(Invalid):
        read_rules(str(tmp_path / "none.toml"))


def test_a_look_is_the_opening_of_one_resident_s_record():
    watch = Watch([], ZONE)
    watch.take(row(0, range(40), action="search", shape="GET /Patient?name"))  # a list
    watch.take(row(1, [5], action="find"))
    for opened in (row(2, [5, 6, 7], action="view"), row(3, [6], action="read"), row(4, [9], action="look")):
        watch.take(opened)
        watch.take(opened)
    ((_, day),) = watch.odd()[1]
    assert (day.looks, day.patients) == (2, 40)


def test_a_day_that_goes_on_is_told_as_it_grows():
    watch = Watch([], ZONE)
    told = []
    for n in range(2):
        watch.take(row(n, [n]))
        told += [(actor, one.patients, one.rows) for actor, one in watch.odd()[1]]
    assert told == [(DOCTOR, 1, 1), (DOCTOR, 2, 2)]
    assert watch.odd()[1] == []
