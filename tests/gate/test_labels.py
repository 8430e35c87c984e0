"""Labels: by type, by code, by text, by hand; kept by what has older versions; and made anew when the rules change."""

import asyncio
import contextlib
from functools import reduce

import pytest

from kangyun.access.labels import labels_of, read_labels, shipped
from kangyun.access.labels.following import Following, begun, keep_labelled
from kangyun.base.errors import Invalid, NotFound
from kangyun.fhir.definitions import definitions
from kangyun.store.relabel import Relabeller

ICD = "http://hl7.org/fhir/sid/icd-10"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


@pytest.fixture
def labelled(platform):
    async def names(stored):
        async with platform.pool.connection() as connection:
            found = await connection.fetchval("SELECT labels FROM resource WHERE res = $1", stored.res)
        return set(shipped().names(found))

    return names


@pytest.fixture
async def somebody(written):
    return await written({"resourceType": "Patient", "id": "zhang"})


def condition(code=None, text=None, display=None, security=None):
    coding = [{"system": ICD, "code": code} | ({"display": display} if display else {})] if code else []
    made = {"resourceType": "Condition", "subject": {"reference": "Patient/zhang"}, "code": {"coding": coding}}
    made["code"] = {name: value for name, value in (("coding", coding), ("text", text)) if value}
    return made | ({"meta": {"security": security}} if security else {})


def coded(system, code):
    made = condition()
    return made | {"code": {"coding": [{"system": system, "code": code}]}}


LOCAL = "system,code,label,source\nurn:hospital:lab,1-07,hiv,检验科\nurn:hospital:lab,1-07,infectious,检验科\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_region_says_what_codes_of_its_own_mean(tmp_path, encoding):
    (tmp_path / "labels-local.csv").write_bytes(LOCAL.encode(encoding))
    labels = labels_of(tmp_path)
    for system in ("urn:hospital:lab", "urn:hospital:lab|2", None):
        assert set(labels.names(labels.of_code(system, "1-07"))) >= {"hiv", "infectious", "level-5"}
    assert labels.of_code("urn:other:lab", "1-07") == labels.of_code("urn:hospital:lab", "1-08") == 0
    assert labels.of_code(ICD, "F20") == shipped().of_code(ICD, "F20")
    assert labels.digest != shipped().digest  # So what is there already is labelled anew.


@pytest.mark.parametrize(
    "text",
    ["", "system,code\n", "system,code,label,source\na,b,hiv\n", "system,code,label,source\na,b,medical,x\n",
     "system,code,label,source\na,,hiv,x\n", "system,code,label,source\na,b,nothing,x\n"],
)  # fmt: skip
def test_a_file_of_codes_that_cannot_be_is_refused(tmp_path, text):
    (tmp_path / "labels-local.csv").write_text(text)
    with pytest.raises(Invalid, match=r"labels\.local"):
        labels_of(tmp_path)


@pytest.mark.parametrize(
    ("system", "code"),
    [("http://loinc.org", "731-0"), ("http://snomed.info/sct", "38341003"), ("urn:hospital:lab", "ALT"),
     ("http://id.who.int/icd/release/11/mms", "BA00"), ("http://unitsofmeasure.org", "mmol/L"),
     ("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
)  # fmt: skip
def test_what_is_not_sensitive_has_no_label(system, code):
    assert shipped().of_code(system, code) == 0


async def test_each_resource_has_a_category_and_a_level(somebody, written, labelled):
    assert await labelled(somebody) == {"personal", "level-4"}
    assert await labelled(await written({"resourceType": "Organization", "name": "x"})) == {"resources", "level-2"}
    assert await labelled(await written(condition("J18.9"))) == {"health", "level-4"}


@pytest.mark.parametrize(
    ("made", "label"),
    [
        (condition("F20.0"), "psychiatry"),
        (condition("f200"), "psychiatry"),
        (condition("B20.1"), "hiv"),
        (condition("A54"), "sexual"),
        (condition(text="梅毒（二期）"), "sexual"),
        (condition(text="获得性免疫缺陷综合征"), "hiv"),
        (condition(text="多替拉韦钠片"), "hiv"),
        (condition(text="海洛因依赖"), "substance"),
        (condition(text="奥氮平口崩片 5mg"), "psychiatry"),
        (condition("Z99.9", display="HIV-1 抗体阳性"), "hiv"),
        (coded("http://snomed.info/sct", "58214004"), "psychiatry"),
        (coded("http://id.who.int/icd/release/11/mms", "6A20.0"), "psychiatry"),
        (coded("http://id.who.int/icd/release/11/mms", "1C62.0"), "hiv"),
        (coded("http://id.who.int/icd/release/11/mms", "1A60"), "sexual"),
        (coded("http://loinc.org", "24467-3"), "hiv"),
        (coded("http://loinc.org", "24312-1"), "sexual"),
        (coded("urn:hospital:lab", "TPPA"), "sexual"),
        (coded("urn:hospital:lab", "CD4+"), "hiv"),
        (condition(text="CD4+T淋巴细胞计数"), "hiv"),
        (condition(text="梅毒螺旋体抗体（TPPA）"), "sexual"),
        (condition("J18.9", security=[{"system": "urn:kangyun:label", "code": "genetics"}]), "genetics"),
        (
            condition("J18.9", security=[{"system": CONFIDENTIALITY, "code": "R"}]),
            "restricted",
        ),
    ],
)  # fmt: skip
async def test_rules_and_people_label(somebody, written, labelled, made, label):
    assert await labelled(await written(made)) >= {label, "level-5"}


def claim(code):
    coded = {"coding": [{"system": ICD, "code": code}]}
    diagnosis = [{"sequence": 1, "diagnosisCodeableConcept": coded}]
    money = {"status": "active", "use": "claim", "created": "2026-01-01", "insurer": {"display": "x"}}
    about = {"patient": {"reference": "Patient/zhang"}, "provider": {"display": "x"}, "priority": {"text": "x"}}
    insured = {"insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "x"}}], "type": {"text": "x"}}
    return {"resourceType": "Claim", "diagnosis": diagnosis} | money | about | insured


async def test_what_no_search_reads_is_labelled_too(somebody, written, labelled):
    assert await labelled(await written(claim("B20"))) == {"payment", "level-4", "level-5", "hiv"}
    assert await labelled(await written(claim("J18"))) == {"payment", "level-4"}
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "精神分裂 用药"}}
    request = {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "contained": [medication],
        "subject": {"reference": "Patient/zhang"}, "medicationReference": {"reference": "#m"},
    }  # fmt: skip
    assert "psychiatry" in await labelled(await written(request))


def paper(**said):
    attachment = {"attachment": {"url": "http://elsewhere.example/x"} | said.pop("attachment", {})}
    return {"resourceType": "DocumentReference", "status": "current", "content": [attachment]} | said


@pytest.mark.parametrize(
    ("made", "label"),
    [
        (paper(description="心理咨询记录"), "psychiatry"),
        (paper(attachment={"title": "HIV 初筛报告.pdf"}), "hiv"),
        ({"resourceType": "List", "status": "current", "mode": "working", "title": "戒毒随访"}, "substance"),
        (
            {"resourceType": "CarePlan", "status": "active", "intent": "plan", "description": "胚胎移植后"},
            "reproduction",
        ),
        (
            {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
             "reasonCode": [{"text": "梅毒复查"}]},
            "sexual",
        ),
        ({"resourceType": "CareTeam", "contained": [{"resourceType": "List", "id": "l", "status": "current",
          "mode": "working", "title": "亲子鉴定"}]}, "genetics"),
    ],
)  # fmt: skip
async def test_titles_are_read(somebody, written, labelled, made, label):
    assert label in await labelled(await written(made | {"subject": {"reference": "Patient/zhang"}}))


@pytest.mark.parametrize("title", ["慢性病随访", "hearing aids", "乙肝疫苗接种告知", "心理健康", "x"])
async def test_titles_that_say_nothing_sensitive(somebody, written, labelled, title):
    stored = await written(paper(description=title) | {"subject": {"reference": "Patient/zhang"}})
    assert await labelled(stored) == {"medical", "level-4"}


def test_words_for_titles_are_not_looked_for_elsewhere():
    assert shipped().of_text("心理咨询") == 0
    assert "psychiatry" in shipped().names(shipped().of_title("心理咨询"))


@pytest.mark.parametrize(("type_", "path"), [(one, path) for one, paths in shipped().titles.items() for path in paths])
def test_titles_are_elements_of_text(type_, path):
    types = definitions().types
    assert reduce(lambda here, name: types[here].elements[name].type, path, type_) in {"string", "markdown"}


def test_a_title_of_a_type_that_there_is_not_is_refused():
    with pytest.raises(Invalid, match=r"labels\.type"):
        read_labels(_shipped_text().replace('"List.title"', '"Lists.title"', 1))


PSYCHOSIS = {"coding": [{"system": ICD, "code": "F20.0"}]}
ABOUT = {"subject": {"reference": "Patient/zhang"}}


@pytest.mark.parametrize(
    "made",
    [
        {"resourceType": "Flag", "status": "active", "code": PSYCHOSIS},
        {"resourceType": "Goal", "lifecycleStatus": "active", "description": PSYCHOSIS},
        {"resourceType": "DeviceRequest", "intent": "order", "codeCodeableConcept": {"text": "x"},
         "reasonCode": [PSYCHOSIS]},
        {"resourceType": "Procedure", "status": "completed", "complication": [PSYCHOSIS]},
        {"resourceType": "Procedure", "status": "completed", "extension": [
            {"url": "urn:x", "valueCodeableConcept": PSYCHOSIS}]},
        {"resourceType": "Condition", "code": {"coding": [{"code": "F20.0"}]}},
        {"resourceType": "Condition", "code": {"coding": [{"system": f"{ICD}|2019", "code": "F20.0"}]}},
        {"resourceType": "Condition", "code": {"coding": [{"system": f"{ICD}/", "code": "Ｆ２０.0"}]}},
    ],
)  # fmt: skip
async def test_wherever_a_code_stands_and_however_it_is_written(somebody, written, labelled, made):
    assert "psychiatry" in await labelled(await written(made | ABOUT))


@pytest.mark.parametrize(
    "made",
    [
        {"resourceType": "Condition", "code": {"coding": [{"system": "urn:oid:1.2.3", "code": "F20.0"}]}},
        {"resourceType": "Condition", "code": {"coding": [{"code": "XF20"}]}},
        {"resourceType": "Condition", "code": {"text": "x"}, "note": [{"text": "梅毒", "time": "2026-01-01"}]},
    ],
)  # fmt: skip
async def test_what_no_rule_names_is_not_sensitive(somebody, written, labelled, made):
    assert await labelled(await written(made | ABOUT)) == {"health", "level-4"}


ANTIRETROVIRAL = {"resourceType": "Medication", "id": "a-drug", "code": {"text": "抗逆转录病毒药"}}
PARACETAMOL = {"resourceType": "Medication", "id": "a-drug", "code": {"text": "对乙酰氨基酚"}}
GIVEN = {"medicationReference": {"reference": "Medication/a-drug"}, "subject": {"reference": "Patient/zhang"}}
REFERRING = [
    {"resourceType": "MedicationRequest", "status": "active", "intent": "order"},
    {"resourceType": "MedicationStatement", "status": "active"},
    {"resourceType": "MedicationDispense", "status": "completed"},
    {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2026-01-01"},
]


@pytest.mark.parametrize("made", REFERRING, ids=lambda made: made["resourceType"])
async def test_what_refers_to_a_medication_has_its_labels(somebody, written, labelled, made):
    await written(ANTIRETROVIRAL)
    stored = await written(made | GIVEN)
    assert await labelled(stored) == {"medical", "level-4", "level-5", "hiv"}
    await written(PARACETAMOL | {"id": "a-other"})
    other = {"medicationReference": {"reference": "Medication/a-other"}}
    assert await labelled(await written(made | GIVEN | other)) == {"medical", "level-4"}


async def test_a_kept_bundle_has_the_labels_of_the_medications_to_which_its_entries_refer(somebody, written, labelled):
    await written(ANTIRETROVIRAL)
    await written(PARACETAMOL | {"id": "a-other"})
    other = {"medicationReference": {"reference": "Medication/a-other"}}
    bundle = {"resourceType": "Bundle", "type": "collection"}
    entries = [{"resource": made | GIVEN | other} for made in REFERRING]
    assert "hiv" not in await labelled(await written(bundle | {"entry": entries}))
    for made in REFERRING:
        stored = await written(bundle | {"entry": [*entries, {"resource": made | GIVEN}]})
        assert "hiv" in await labelled(stored)


@pytest.mark.parametrize("before", [None, PARACETAMOL])
@pytest.mark.parametrize("made", REFERRING, ids=lambda made: made["resourceType"])
async def test_it_gets_them_when_the_medication_comes_or_is_changed_later(somebody, written, labelled, made, before):
    if before is not None:
        await written(before)
    stored = await written(made | GIVEN | {"id": "a-given"})
    assert await labelled(stored) == {"medical", "level-4"}
    await written(ANTIRETROVIRAL)
    assert "hiv" in await labelled(stored)
    await written(PARACETAMOL)
    assert "hiv" in await labelled(await written(made | GIVEN | {"id": "a-given", "note": [{"text": "x"}]}))


async def test_it_gets_them_in_one_transaction_whatever_comes_first(somebody, administrator, labelled):
    record = await administrator("Organization/a")
    for first, second in ((0, 1), (1, 0)):
        of_both = [ANTIRETROVIRAL | {"id": f"a-{first}"}, REFERRING[0] | GIVEN | {"id": f"a-request-{first}"}]
        of_both[1]["medicationReference"] = {"reference": f"Medication/a-{first}"}
        operations = [
            record.operation("update", one["resourceType"], id=one["id"], resource=one)
            for one in (of_both[first], of_both[second])
        ]
        done = await record.commit(operations, "transaction")
        (request,) = [one.stored for one in done if one.stored.type == "MedicationRequest"]
        assert "hiv" in await labelled(request)


async def test_what_refers_to_a_medication_is_labelled_anew_with_it(somebody, written, labelled, platform, stricter):
    platform.gate.store.indexer.labelling = shipped()
    pneumonia = {"resourceType": "Medication", "id": "a-drug", "code": {"coding": [{"system": ICD, "code": "J18"}]}}
    await written(pneumonia)
    stored = await written(REFERRING[0] | GIVEN)
    platform.gate.store.indexer.labelling = stricter
    relabeller = Relabeller(platform.pool, platform.gate.store.indexer)
    assert await begun(platform.pool, relabeller, stricter)
    await relabeller.run()
    assert await labelled(stored) == {"medical", "level-4", "level-5", "restricted"}


async def test_what_an_older_version_said_stays_labelled(somebody, written, labelled):
    await written(condition("F20.0") | {"id": "c"})
    assert "psychiatry" in await labelled(await written(condition("J18.9") | {"id": "c"}))
    await written(condition("J18.9") | {"id": "d"})
    assert "psychiatry" not in await labelled(await written(condition("J18.9") | {"id": "d"}))


RESTRICTED_PNEUMONIA = """
[[rules]]
label = "restricted"
system = "icd-10"
codes = ["J18"]
source = "test"
"""


@pytest.fixture
def stricter(platform):
    """Rules by which pneumonia is restricted, in force from now on."""
    rules = read_labels(_shipped_text().replace("[[rules]]", RESTRICTED_PNEUMONIA + "[[rules]]", 1))
    platform.gate.store.indexer.labelling = rules
    return rules


async def test_after_a_change_of_the_rules_all_is_labelled_anew_and_none_less(
    somebody, written, labelled, platform, stricter
):
    platform.gate.store.indexer.labelling = shipped()
    pneumonia = await written(condition("J18.9"))
    psychosis = await written(condition("F20.0"))
    doctor = await written({"resourceType": "Practitioner", "name": [{"text": "Li"}]})
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE resource SET labels = 0 WHERE res <> $1", psychosis.res)
    platform.gate.store.indexer.labelling = stricter
    relabeller = Relabeller(platform.pool, platform.gate.store.indexer)
    assert await begun(platform.pool, relabeller, stricter)
    assert await relabeller.run() == 3
    assert await labelled(pneumonia) == {"health", "level-4", "level-5", "restricted"}
    assert await labelled(psychosis) == {"health", "level-4", "level-5", "psychiatry"}
    assert await labelled(doctor) == {"resources", "level-2"}


def visit(id_, code):
    reason = [{"coding": [{"system": ICD, "code": code}]}]
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    about = {"subject": {"reference": "Patient/zhang"}, "reasonCode": reason, "class": act}
    return {"resourceType": "Encounter", "id": id_, "status": "finished"} | about


async def test_until_all_is_labelled_anew_the_stricter_of_both_rules_holds(
    somebody, written, opened, labelled, platform, request
):
    pneumonia = await written(visit("pneumonia", "J18.9"))
    for id_, code in (("bronchitis", "J20.9"), ("psychosis", "F20.0")):
        await written(visit(id_, code))

    async def seen():
        record = await opened("registrar", purpose="PATADMIN")
        found = {one.id for one in (await record.search(await record.read_query("Encounter", []))).matches}
        for id_ in ("pneumonia", "bronchitis", "psychosis"):
            with contextlib.nullcontext() if id_ in found else pytest.raises(NotFound):
                await record.read("Encounter", id_)
        return found

    assert await seen() == {"pneumonia", "bronchitis"}
    rules = request.getfixturevalue("stricter")
    following = Following(platform.pool, platform.gate.store.indexer, rules, platform.gate.sights.by_rule)
    await following.start()
    assert await labelled(pneumonia) == {"medical", "level-4"}
    assert await seen() == {"bronchitis"}
    await keep_labelled(platform.pool, platform.gate.store.indexer, rules, asyncio.Event())
    assert await labelled(pneumonia) == {"medical", "level-4", "level-5", "restricted"}
    async with asyncio.timeout(10):
        while (await opened("doctor")).sight.by_rule is not None:
            await asyncio.sleep(0.05)
    assert await seen() == {"bronchitis"}
    await following.close()


async def test_rules_that_stand_already_begin_nothing(platform):
    relabeller = Relabeller(platform.pool, platform.gate.store.indexer)
    assert not await begun(platform.pool, relabeller, shipped())


async def test_what_has_no_label_is_seen_by_nobody_until_it_has_one(
    somebody, written, opened, platform, start_background
):
    await written(condition("J18.9") | {"id": "c"})
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE resource SET labels = 0")
        await connection.execute("UPDATE label_edition SET digest = 'an older one'")

    async def seen():
        record = await opened("doctor")
        return [one.id for one in (await record.search(await record.read_query("Condition", []))).matches]

    async with platform.pool.connection() as connection:
        await connection.execute(
            "UPDATE resource SET institution = (SELECT id FROM institution WHERE reference = $1)", "Organization/a"
        )
    await opened("doctor")
    assert await seen() == []
    start_background()
    async with asyncio.timeout(10):
        while await seen() != ["c"]:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('bit = 16', 'bit = 17', "access.labels.bits"),
        ('label = "hiv"', 'label = "unknown"', "access.labels.unknown"),
        ('"Observation"', '"Observations"', "access.labels.type"),
        ("[categories]", "[categorie", "access.labels.file"),
        ("source =", "sauce =", "access.labels.file"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_and_says_where(old, new, reason):
    with pytest.raises(Invalid) as caught:
        read_labels(_shipped_text().replace(old, new, 1))
    assert caught.value.issues[0].text == reason


def _shipped_text():
    from importlib.resources import files

    return files("kangyun.access.labels").joinpath("data", "labels.toml").read_text("utf-8")
