"""A doctor's residents with what is to be done, and the list by which they become his."""

from kangyun.access.alerts.watch import OWN_LISTS
from kangyun.care.today.app import APP

WANG, LIU = "990101195602030011", "990101196003040022"
BOTH = [[WANG, "王建国", "li", "sun", "2026-01-01", "2099-12-31"], [LIU, "刘芳", "li", "", "", ""]]

FAULTY = [
    (["990101190001010000", "王建国", "li", "", "", ""], "证件号码"),
    ([WANG, "王大国人", "li", "", "", ""], "姓名"),
    ([WANG, "王建国", "nobody", "", "", ""], "家庭医生"),
    ([WANG, "王建国", "li", "", "", ""], "证件号码"),
    ([LIU, "刘芳", "li", "", "", ""], "证件号码"),
]


def parts(answer, name):
    """Returns the parts of each parameter of a name; of parts that repeat, or have parts, a list."""
    return [_read(one["part"]) for one in answer.json()["parameter"] if one["name"] == name]


def _read(given):
    found = {}
    for one in given:
        value = _read(one["part"]) if "part" in one else next(text for key, text in one.items() if key != "name")
        found.setdefault(one["name"], []).append(value)
    return {name: values if isinstance(values[0], dict) else values[0] for name, values in found.items()}


def said(answer):
    assert answer.status_code == 200, answer.text
    return {
        one["name"]: next(value for key, value in one.items() if key != "name") for one in answer.json()["parameter"]
    }


async def test_residents_of_a_list_are_on_the_page_who_needs_somebody_first(clinic):
    assert said(await clinic.bring(BOTH))["holds"] is True
    await clinic.happens()
    answer = await clinic.ask("doctor", "today")
    assert answer.status_code == 200, answer.text
    liu, wang = parts(answer, "resident")
    assert (liu["name"], wang["name"]) == ("刘*", "王*国")
    assert (liu["alarm"][0]["number"], liu["alarm"][0]["level"], liu["alarm"][0]["rule"]) == (7, "red", "sos")
    assert (wang["discharge"][0]["institution"], wang["discharge"][0]["why"]) == ("市一院", "肺炎")
    assert (wang["value"][0]["what"], wang["value"][0]["value"], wang["value"][0]["side"]) == (
        "血钾",
        "5.9 mmol/L",
        "high",
    )
    assert wang["until"] == "2099-12-31"


async def test_who_is_nobodys_family_doctor_has_an_empty_page(clinic):
    await clinic.bring(BOTH)
    assert said(await clinic.ask("other", "today"))["total"] == 0


async def test_a_trial_writes_nothing(clinic):
    told = said(await clinic.bring(BOTH, dry=True))
    assert (told["holds"], told["new"]) == (False, 2)
    assert said(await clinic.ask("doctor", "today"))["total"] == 0


async def test_a_list_that_comes_again_changes_what_is_new_only(clinic):
    await clinic.bring(BOTH)
    told = said(await clinic.bring([[WANG, "王建国", "li", "", "", ""], BOTH[1]]))
    assert (told["new"], told["changed"], told["same"]) == (0, 1, 1)


async def test_a_contract_that_is_over_begins_anew(clinic):
    await clinic.bring([[WANG, "王建国", "li", "", "2020-01-01", "2020-12-31"]])
    for changed, same in ((1, 0), (0, 1)):
        told = said(await clinic.bring([[WANG, "王建国", "li", "", "", ""]]))
        assert (told["changed"], told["same"]) == (changed, same)


async def test_one_fault_and_nothing_holds(clinic):
    answer = await clinic.bring([BOTH[1], *(row for row, _ in FAULTY)])
    faults = [(one["line"], one["column"]) for one in parts(answer, "fault")]
    assert faults == [(line, column) for line, (_, column) in enumerate(FAULTY, 3)]
    assert said(answer)["holds"] is False
    assert said(await clinic.ask("doctor", "today"))["total"] == 0


async def test_a_doctor_does_not_make_residents_his_own(clinic):
    assert (await clinic.bring(BOTH, who="doctor")).status_code == 403


async def test_the_template_is_a_workbook(clinic):
    assert (await clinic.ask("registrar", "residents-template")).json()["data"].startswith("UEs")


def test_the_watch_over_the_trail_knows_the_list_of_one_s_own_by_its_address():
    assert {f"GET /{name}" for name in APP.operations} & OWN_LISTS == OWN_LISTS != frozenset()
