"""What survives of several registrations."""

from kangyun.identity.golden import ORIGIN, RESIDENT, rules, survived


def patient(**elements):
    return {"resourceType": "Patient", **elements}


def made(*registrations):
    return survived([(f"Patient/{nth}", one) for nth, one in enumerate(registrations)], rules())


def origin(value):
    (found,) = [one for one in value["extension"] if one["url"] == ORIGIN]
    return found["valueReference"]["reference"]


def test_the_most_say_it_and_of_two_the_newest():
    assert made(patient(birthDate="1949-01-01"), *[patient(birthDate="1949-12-31")] * 2)["birthDate"] == "1949-12-31"
    newest = made(patient(birthDate="1949-01-01"), patient(birthDate="1949-12-31"))
    assert newest["birthDate"] == "1949-01-01"
    assert origin(newest["_birthDate"]) == "Patient/0"


def test_equal_values_count_once_and_are_the_newest_registrations():
    phone = {"system": "phone", "value": "13800000000"}
    found = made(patient(telecom=[phone]), patient(telecom=[phone | {"period": {"start": "2020"}}, {"value": "1"}]))
    assert [(one["value"], origin(one)) for one in found["telecom"]] == [
        ("13800000000", "Patient/0"),
        ("1", "Patient/1"),
    ]


def test_what_nobody_says_is_not_there():
    assert made(patient()) == {"resourceType": "Patient", "meta": {"tag": [RESIDENT]}}


def test_who_is_dead_to_one_is_dead():
    assert made(patient(deceasedBoolean=False), patient(deceasedBoolean=True))["deceasedBoolean"] is True
    both = made(patient(deceasedBoolean=True), patient(deceasedDateTime="2026-01-02"))
    assert both["deceasedDateTime"] == "2026-01-02"
    assert "deceasedBoolean" not in both


def test_which_of_twins_says_that_he_is_one():
    found = made(patient(multipleBirthBoolean=True), patient(multipleBirthInteger=2))
    assert found["multipleBirthInteger"] == 2
    assert not {"multipleBirthBoolean", "_multipleBirthBoolean"} & found.keys()


def test_extensions_of_a_value_stay():
    known = {"url": "http://example.org/x", "valueCode": "y"}
    name = made(patient(name=[{"text": "王建国", "extension": [known]}]))["name"][0]
    assert name["extension"][0] == known
    assert origin(name) == "Patient/0"
