"""Three rights of a family, asked and answered: each given or refused alone, and ended at once by either."""

import pytest

from kangyun.access.identities.hearing import hearers
from kangyun.access.messages.senders import Channels
from kangyun.base.errors import Unavailable

WRITTEN = {
    "resourceType": "Observation", "status": "final", "code": {"text": "体重"}, "valueString": "70",
    "subject": {"reference": "Patient/father"},
}  # fmt: skip


async def reached(family, daughter):
    """What she can do now: see the person, see the record, write, be told."""
    headers = await family.as_family(daughter)
    names = await hearers(family.database, ["father"])
    return (
        (await family.nobody.get("Patient/father", headers=headers)).status_code,
        (await family.nobody.get("Observation/bp", headers=headers)).status_code,
        (await family.nobody.post("Observation", json=WRITTEN, headers=headers)).status_code,
        [one.reference for one in names],
    )


@pytest.mark.parametrize(
    ("given", "can"),
    [
        (["see"], (200, 200, 403, [])),
        (["act"], (200, 404, 201, [])),
        (["hear"], (401, 401, 401, ["Patient/daughter"])),
        (["see", "act", "hear"], (200, 200, 201, ["Patient/daughter"])),
        ([], (401, 401, 401, [])),
    ],
)
async def test_each_right_is_given_alone_by_sms(family, given, can):
    father, daughter = await family.headers(family.father), await family.headers(family.daughter)
    ask = await family.ask(daughter, "see", "act", "hear")
    said = family.sent()[-1]
    assert said["phone"] == family.father[0]
    assert said["variables"]["link"].endswith(f"/family/{ask}")
    page = f"{family.root}/family/{ask}"
    assert "王芳（您的子女）" in (await family.nobody.get(page, headers={"accept-language": "zh"})).text
    form = {"code": family.code(), "right": given, "answer": "yes"}
    assert (await family.nobody.post(page, data=form)).status_code == 200
    assert (await family.nobody.post(page, data=form)).status_code == 404
    assert await reached(family, daughter) == can
    assert [name for name, _ in await family.look(father)] == ["mine"] * bool(given)


async def test_each_answer_needs_the_code(family):
    await family.headers(family.father)
    daughter = await family.headers(family.daughter)
    page = f"{family.root}/family/{await family.ask(daughter, 'see')}"
    wrong = await family.nobody.post(page, data={"code": "000000x", "right": "see", "answer": "yes"})
    assert wrong.status_code == 401
    assert 'role="alert"' in wrong.text
    assert (await family.nobody.post(page, data={"answer": "no"})).status_code == 401
    assert (await family.nobody.post(page, data={"answer": "no", "code": family.code()})).status_code == 200
    assert await family.look(daughter) == []


async def test_of_whom_there_is_not_an_answer_says_the_same(family):
    daughter = await family.headers(family.daughter)
    page = f"{family.root}/family/{await family.ask(daughter, 'see')}"  # The father never came: nobody has his number.
    assert (await family.nobody.get(page)).status_code == 200
    assert (await family.nobody.post(page, data={"answer": "no"})).status_code == 401


async def test_the_resident_answers_changes_and_ends_in_the_portal(family):
    father, daughter = await family.headers(family.father), await family.headers(family.daughter)
    ask = await family.ask(daughter, "see", "hear")
    ((name, parts),) = await family.look(father)
    assert (name, parts[0], parts[-1]) == ("asked", ask, "王芳")
    assert (await family.call("family-answer", daughter, ask=ask, right="see")).status_code == 404
    assert (await family.call("family-answer", father, ask=ask, right="see")).status_code == 200
    ((name, parts),) = await family.look(daughter)
    assert (name, parts[1]) == ("theirs", "王建国")
    assert (await family.call("family-change", daughter, tie=parts[0], right="act")).status_code == 404
    assert (await family.call("family-change", father, tie=parts[0], right=["act", "see"])).status_code == 200
    assert await reached(family, daughter) == (200, 200, 201, [])
    token = await family.as_family(daughter)
    assert (await family.call("family-end", father, tie=parts[0])).status_code == 200
    await family.sign_in._look()
    assert (await family.nobody.get("Patient/father", headers=token)).status_code == 401
    told = await family.database.fetch("SELECT reader, template FROM outbox_message ORDER BY id")
    assert [tuple(row) for row in told if row["template"] == "family-ended"] == [
        ("Patient/daughter", "family-ended"), ("Patient/father", "family-ended"),
    ]  # fmt: skip
    actions = await family.database.fetch("SELECT action FROM audit WHERE action LIKE 'family-%' ORDER BY instant")
    assert [row["action"] for row in actions] == [
        "family-ask", "family-give", "family-give", "family-end",
    ]  # fmt: skip


async def test_who_asks_is_told_the_same_of_whom_there_is_not(family):
    daughter, before = await family.headers(family.daughter), len(family.sent())
    for name, phone in (("王建国", "13811111111"), ("李四", family.father[0])):
        given = {"name": name, "phone": phone, "relation": "CHILD", "right": "see"}
        answer = await family.call("family-ask", daughter, **given)
        assert [one["name"] for one in answer.json()["parameter"]] == ["ask"]
    assert len(family.sent()) == before


async def test_who_asks_again_at_once_is_refused_alike_of_whom_there_is_not(family):
    daughter = await family.headers(family.daughter)
    await family.headers(family.father)
    for name, phone in (("王建国", family.father[0]), ("王建国", "13811111111")):
        await family.pass_minutes()
        given = {"name": name, "phone": phone, "relation": "CHILD", "right": "see"}
        answers = [await family.call("family-ask", daughter, **given) for _ in range(2)]
        assert [one.status_code for one in answers] == [200, 429]


async def test_whose_asks_wait_asks_nobody_else_and_nothing_is_sent(family):
    await family.headers(family.father)
    daughter = await family.headers(family.daughter)
    for _ in range(5):
        assert (await family.call("family-ask", daughter, relation="CHILD", right="see")).status_code == 200
    await family.pass_minutes()
    before, given = len(family.sent()), {"name": family.father[1], "phone": family.father[0]}
    assert (await family.call("family-ask", daughter, **given, relation="CHILD", right="see")).status_code == 403
    assert len(family.sent()) == before


async def test_where_no_message_leaves_nobody_is_told_apart(family, monkeypatch):
    async def gone(*given):
        raise Unavailable

    father, daughter = await family.headers(family.father), await family.headers(family.daughter)
    await family.pass_minutes()
    monkeypatch.setattr(Channels, "send", gone)
    for phone in (family.father[0], "13811111111"):
        given = {"name": family.father[1], "phone": phone, "relation": "CHILD", "right": "see"}
        assert (await family.call("family-ask", daughter, **given)).status_code == 200
    assert [name for name, _ in await family.look(father)] == ["asked"]


async def test_a_desk_answers_for_who_has_no_telephone(family):
    daughter = await family.headers(family.daughter)
    child = ("13000000000", "王小", "110105201906010015")
    born = family.registration("h-child", child, birthDate="2019-06-01")
    (await family.registrar.put("Patient/h-child", json=born)).raise_for_status()
    asked = await family.call("family-ask", daughter, relation="PRN", right=["see", "act", "hear"])
    digits = asked.json()["parameter"][1]["valueString"]
    given = {"digits": digits, "name": "王小", "number": child[2], "right": ["see", "act"], "evidence": "户口簿"}
    assert (await family.call("family-desk", daughter, **given)).status_code == 403
    answer = await family.call("family-desk", None, by=family.registrar, **given)
    assert answer.status_code == 200, answer.text
    assert answer.json()["parameter"][0]["valueString"] == "王芳"
    ((_, parts),) = await family.look(daughter)
    assert parts[1:3] == ["王小", "PRN"]
    ends = await family.database.fetchval("SELECT ends FROM identity_proxy WHERE patient = 'h-child'")
    assert (ends.year, ends.month) == (2037, 5)  # the last day of May in UTC, the first of June here
    again = await family.call("family-desk", None, by=family.registrar, **given)
    assert again.status_code == 403  # 401 would sign the registrar out.
