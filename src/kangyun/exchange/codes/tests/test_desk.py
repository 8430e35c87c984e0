"""The desk: what is used how often, out as a workbook, filled in, back in, decided by another."""

import io
from dataclasses import replace

import openpyxl
import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.codes.counting import count
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.staff.sheets import read_sheet
from kangyun.base.errors import Forbidden, Invalid
from kangyun.exchange.codes.desk import (
    Asked,
    entries,
    index_of,
    open_proposals,
    propose_best,
    propose_national,
    totals,
    with_suggestions,
)
from kangyun.exchange.codes.sheets import COLUMNS, NEEDED, is_loinc, load, state_of, take_in, workbook

LOCAL = "urn:kangyun:code-system:local:h1:diagnosis"
ABOUT = Circumstances("test", "", "")
INSURANCE = "urn:kangyun:code-system:diagnosis-insurance"
DIAGNOSES = Asked("diagnosis", INSURANCE)
USED = {"D1": ("2型糖尿病", 3), "D2": ("脑梗死", 2), "D3": ("停车", 1)}


def person(name, role="terminologist", institution="Organization/platform"):
    return Actor(f"Practitioner/{name}", name, institution, "HOPERAT", role=role)


@pytest.fixture
def opened(platform):
    return lambda actor: platform.gate.open(actor, ABOUT)


@pytest.fixture
async def coder(opened, platform):
    """The coder of a hospital whose diagnoses are counted."""
    for house in ("h1", "h2"):
        record = await opened(replace(ADMINISTRATOR, institution=f"Organization/{house}"))
        patient = {"resourceType": "Patient", "id": f"{house}-p", "active": True}
        made = [patient, *(one for code, (name, many) in USED.items() for one in conditions(house, code, name, many))]
        operations = [record.operation("update", one["resourceType"], id=one["id"], resource=one) for one in made]
        await record.commit(operations, "feed")
    await count(platform.gate.store)
    return await opened(person("coder", "coder", "Organization/h1"))


def conditions(house, code, name, many):
    system = f"urn:kangyun:code-system:local:{house}:diagnosis"
    for number in range(many):
        yield {
            "resourceType": "Condition", "id": f"{house}-{code}-{number}",
            "subject": {"reference": f"Patient/{house}-p"},
            "code": {"coding": [{"system": system, "code": code, "display": name}]},
        }  # fmt: skip


def filled(book, **columns):
    """A workbook with columns filled in, by the code of the row: `filled(book, target={"D1": "E11.900"})`."""
    opened_book = openpyxl.load_workbook(io.BytesIO(book))
    sheet = opened_book.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        code = row[header.index(COLUMNS["code"])].value
        for name, values in columns.items():
            row[header.index(COLUMNS[name])].value = values.get(code, row[header.index(COLUMNS[name])].value)
    sink = io.BytesIO()
    opened_book.save(sink)
    return read_sheet(sink.getvalue(), NEEDED)


async def exported(record, asked=DIAGNOSES):
    return workbook(await with_suggestions(await entries(record, asked), await index_of(record, asked)), asked)


async def test_the_most_used_go_first_with_suggestions(coder):
    found = await with_suggestions(await entries(coder, DIAGNOSES), await index_of(coder, DIAGNOSES))
    assert [(one.code, one.name, one.count, one.state) for one in found] == [
        ("D1", "2型糖尿病", 3, "unmapped"), ("D2", "脑梗死", 2, "unmapped"), ("D3", "停车", 1, "unmapped"),
    ]  # fmt: skip
    assert [[best.target.code for best in one.suggestions[:1]] for one in found] == [["E11.900"], ["I63.900"], []]


@pytest.mark.parametrize("type_", ["DiagnosticReport", "ServiceRequest", "Observation"])
async def test_the_specimens_of_a_report_do_not_stop_the_count(coder, opened, platform, type_):
    """As HL7 v2 brings them: a result has one specimen, a report and an order have a list of them."""
    system = "urn:kangyun:code-system:local:h1:report-item"
    specimen = {"reference": "Specimen/h1-s", "display": "血清"}
    made = {
        "resourceType": type_, "id": "h1-r", "status": "final" if type_ != "ServiceRequest" else "active",
        "code": {"coding": [{"system": system, "code": "XCG", "display": "血常规"}]},
        "subject": {"reference": "Patient/h1-p"},
        "specimen": specimen if type_ == "Observation" else [specimen],
    } | ({"intent": "order"} if type_ == "ServiceRequest" else {})  # fmt: skip
    record = await opened(replace(ADMINISTRATOR, institution="Organization/h1"))
    await record.commit([record.operation("update", type_, id="h1-r", resource=made)], "feed")
    await count(platform.gate.store)
    async with platform.pool.connection() as connection:
        row = await connection.fetchrow("SELECT name, specimen FROM code_name WHERE system = $1", system)
    assert tuple(row) == ("血常规", "血清")


async def test_a_house_sees_its_own_codes_only(coder, opened):
    assert {one.system for one in await entries(coder, replace(DIAGNOSES, institution="h2"))} == {LOCAL}
    assert len(await entries(await opened(person("t")), DIAGNOSES)) == 6
    with pytest.raises(Forbidden):
        await entries(await opened(person("d", "doctor", "Organization/h1")), DIAGNOSES)


async def test_out_filled_in_and_back(coder, opened):
    sheet = filled(await exported(coder), target={"D1": "E11.900", "D3": "不需对照"})
    tried = await take_in(coder, sheet, dry_run=True)
    assert (tried.counts["proposed"], tried.refused) == (2, [])
    assert await totals(coder, DIAGNOSES) == {"unmapped": (3, 6)}
    assert (await take_in(coder, sheet, dry_run=False)).counts["proposed"] == 2
    assert (await take_in(coder, sheet, dry_run=False)).counts["same"] == 2
    other = await opened(person("t"))
    back = filled(await exported(other), decision={"D1": "批准", "D3": "批准"})
    rows = [row for row in back.rows if row.cells[COLUMNS["row"]]]
    done = await take_in(other, replace(back, rows=tuple(rows)), dry_run=False)
    assert (done.counts["approve"], done.refused) == (2, [])
    assert await totals(coder, DIAGNOSES) == {"approved": (1, 3), "unmapped": (1, 2), "unneeded": (1, 1)}


WRONG = {
    "not-in-list": {"target": {"D1": "XYZ"}},
    "no-target": {"target": {"D1": "E11.900"}, "list": {"D1": "urn:x"}},
    "elsewhere": {"target": {"D1": "E11.900"}, "system": {"D1": LOCAL.replace("h1", "h2")}},
    "no-source": {"target": {"D1": "E11.900"}, "system": {"D1": "urn:other"}},
    "not-in-use": {"target": {"D1": "E11.900"}, "code": {"D1": "D9"}},
    "relation": {"target": {"D1": "E11.900"}, "relation": {"D1": "差不多"}},
}


@pytest.mark.parametrize("what", WRONG)
async def test_rows_that_are_wrong_come_back_and_the_others_are_taken(coder, what):
    given = WRONG[what] | {"target": WRONG[what]["target"] | {"D2": "I63.900"}}
    outcome = await take_in(coder, filled(await exported(coder), **given), dry_run=False)
    assert outcome.counts["proposed"] == 1
    ((row, issues),) = outcome.refused
    assert (row.number, [issue.text for issue in issues]) == (2, [f"exchange.codes.{what}"])


async def test_nobody_decides_by_workbook_what_is_his_own(opened, coder):
    both = await opened(person("t"))
    asked = replace(DIAGNOSES, institution="h1")
    await take_in(both, filled(await exported(both, asked), target={"D1": "E11.900"}), dry_run=False)
    outcome = await take_in(both, filled(await exported(both, asked), decision={"D1": "批准"}), dry_run=False)
    assert [issue.text for _, issues in outcome.refused for issue in issues] == ["exchange.codes.own"]
    decided = filled(await exported(coder), decision={"D1": "批准"})
    with pytest.raises(Forbidden):
        await take_in(coder, decided, dry_run=False)


async def test_two_withdraw_by_workbook(opened, coder):
    one, another = await opened(person("t")), await opened(person("u"))
    asked = replace(DIAGNOSES, institution="h1", state="approved")

    async def decided(record, word):
        back = filled(await exported(record, asked), decision={"D1": word})
        return await take_in(record, back, dry_run=False)

    await take_in(coder, filled(await exported(coder), target={"D1": "E11.900"}), dry_run=False)
    approved = filled(await exported(one, replace(asked, state="proposed")), decision={"D1": "批准"})
    await take_in(one, approved, dry_run=False)
    first = await decided(one, "撤回")
    assert (first.counts["withdraw"], first.counts["asked"], first.refused) == (0, 1, [])
    assert [state_of(found) for found in await entries(coder, asked)] == ["待撤回"]
    again = await decided(one, "撤回")
    assert [issue.text for _, issues in again.refused for issue in issues] == ["exchange.codes.own"]
    assert (await decided(another, "驳回")).counts["refuse"] == 1
    assert [state_of(found) for found in await entries(coder, asked)] == ["已对照"]
    assert (await decided(another, "撤回")).counts["asked"] == 1
    assert (await decided(one, "撤回")).counts["withdraw"] == 1
    assert await entries(coder, asked) == []


CHANGED = {"target": {"D1": "I63.900"}, "relation": {"D1": "更宽"}, "code": {"D1": "D2"}, "list": {"D1": "urn:x"}}


@pytest.mark.parametrize("column", CHANGED)
async def test_who_decides_by_workbook_decides_what_its_row_says(coder, opened, column):
    await take_in(coder, filled(await exported(coder), target={"D1": "E11.900"}), dry_run=False)
    other = await opened(person("t"))
    given = {"decision": {"D1": "批准"}, column: CHANGED[column]}
    outcome = await take_in(
        other, filled(await exported(other, replace(DIAGNOSES, institution="h1")), **given), dry_run=False
    )
    assert outcome.counts["approve"] == 0
    assert [issue.text for _, issues in outcome.refused for issue in issues] == ["exchange.codes.another"]


async def test_the_clear_ones_are_proposed_at_once(coder, opened):
    assert await propose_best(coder, replace(DIAGNOSES, state="unmapped"), 95) == 2
    other = await opened(person("t"))
    assert len(await open_proposals(other, DIAGNOSES)) == 2
    assert await open_proposals(coder, DIAGNOSES) == []


async def test_the_national_map_is_proposed_as_a_whole(coder, opened):
    other = await opened(person("t"))
    assert await propose_national(other, DIAGNOSES) > 35_000
    assert await propose_national(other, DIAGNOSES) == 0
    with pytest.raises(Forbidden):
        await propose_national(coder, DIAGNOSES)


async def test_a_regional_list_is_loaded_before_anything_is_mapped_to_it(coder, opened):
    asked = Asked("laboratory")
    with pytest.raises(Invalid):
        await index_of(coder, asked)
    csv = "编码,名称,单位,标本,LOINC\nR1,葡萄糖,mmol/L,血清,2345-7\nR2,葡萄糖,mmol/L,尿,\n".encode()
    sheet = read_sheet(csv, ["编码", "名称"])
    with pytest.raises(Forbidden):
        await load(coder, asked.target_system, "2026", sheet)
    assert (await load(await opened(person("t")), asked.target_system, "2026", sheet))[0] == 2
    assert await index_of(coder, asked) is not None


@pytest.mark.parametrize(
    ("code", "right"), [("2345-7", True), ("718-7", True), ("2345-8", False), ("x-1", False), ("", False)]
)
def test_loinc_has_a_check_digit(code, right):
    assert is_loinc(code) is right


@pytest.mark.parametrize("given", [{"kind": "x"}, {"kind": "drug", "target": "urn:x"}, {"kind": "drug", "most": 0}])
def test_what_there_is_not_is_not_asked_for(given):
    with pytest.raises(Invalid):
        Asked(**given)
