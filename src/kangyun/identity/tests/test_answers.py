"""What a steward has answered: listed with its reason, asked again where it is taken back, and carried along where
residents become one. Over HTTP, on a database."""

import pytest

ONE = "11010519491231002X"


@pytest.fixture
def questions(client):
    """Returns what is asked, each as what its parts say; `answered=true`: what was answered."""

    async def questions_(**given):
        said = (await client.get("$link-questions", params=given)).json().get("parameter", [])
        return [
            {part["name"]: next(value for key, value in part.items() if key != "name") for part in one["part"]}
            for one in said
        ]

    return questions_


@pytest.mark.parametrize(("same", "answer"), [(False, "not-same"), (True, "same")])
async def test_an_answer_is_told_with_its_reason_and_taken_back_asks_again(
    register, ask, questions, newest_decision, same, answer
):
    await register(number=ONE)
    other = await register("李四", number=ONE)
    (asked,) = await questions()
    await ask("$answer-link", id=asked["id"], same=same, reason="证件借与他人")
    (told,) = await questions(answered="true")
    assert (told["id"], told["answer"], told["reason"]) == (asked["id"], answer, "证件借与他人")
    assert told["actor"]
    await ask("$undo-link", id=await newest_decision(other))
    assert await questions() == [asked]
    assert await questions(answered="true") == []


@pytest.mark.parametrize("same", [False, True])
async def test_an_answer_that_holds_again_is_asked_no_more_however_often_it_is_taken_back(
    register, ask, questions, newest_decision, same
):
    await register(number=ONE)
    other = await register("李四", number=ONE)
    (asked,) = await questions()
    await ask("$answer-link", id=asked["id"], same=same, reason="证件借与他人")
    (told,) = await questions(answered="true")
    for _ in range(2):
        await ask("$undo-link", id=await newest_decision(other))
        assert (await questions(), await questions(answered="true")) == ([asked], [])
        await ask("$undo-link", id=await newest_decision(other))
        assert await questions() == []
        (again,) = await questions(answered="true")
        assert again | {"answered": told["answered"]} == told


async def test_nothing_is_asked_again_of_a_registration_that_is_gone(register, ask, client, questions, newest_decision):
    await register(number=ONE)
    other = await register("李四", number=ONE)
    (asked,) = await questions()
    await ask("$answer-link", id=asked["id"], same=False)
    decision = await newest_decision(other)
    assert (await client.delete(f"Patient/{other}")).status_code in (200, 204)
    await ask("$undo-link", id=decision)
    assert await questions() == []


async def test_answers_come_the_newest_first_and_by_pages(register, ask, questions):
    for name in ("李四", "张三"):
        await register(name, "1955-01-01", number=ONE)
    asked = [one["id"] for one in await questions(kind="number-birth")]
    for one in asked:
        await ask("$answer-link", id=one, reason="已请机构更正")
    (newest,) = await questions(answered="true", _count=1)
    (oldest,) = await questions(answered="true", _count=1, _after=newest["id"])
    assert [oldest["id"], newest["id"]] == asked
    assert (newest["answer"], newest["reason"]) == ("corrected", "已请机构更正")


async def test_what_was_asked_of_a_resident_who_is_merged_is_asked_of_the_other(register, resident, ask, questions):
    first, _, third = await register(number=ONE), await register("李四", number=ONE), await register("赵六")
    before = await questions()
    (own, _), (gone, _) = await resident(third), await resident(first)
    await ask(f"Patient/{gone}/$link", to=f"Patient/{own}")
    (asked,) = await questions()
    assert [one["resident"]["reference"] for one in (*before, asked)] == [f"Patient/{gone}", f"Patient/{own}"]
    await ask("$answer-link", id=asked["id"], same=True)
    assert len((await resident(third))[1]) == 3


async def test_what_was_asked_of_the_other_is_withdrawn_with_the_merge(
    register, resident, ask, questions, newest_decision
):
    first, _, third = await register(number=ONE), await register("李四", number=ONE), await register("赵六")
    before = await questions()
    (own, _), (gone, _) = await resident(third), await resident(first)
    await ask(f"Patient/{gone}/$link", to=f"Patient/{own}")
    merged = await questions()
    for standing in (before, merged, before):
        await ask("$undo-link", id=await newest_decision(first))
        assert await questions() == standing


async def test_what_is_asked_of_two_is_answered_whichever_is_merged_into_the_other(register, resident, ask, questions):
    first, second = await register(number=ONE), await register("李四", number=ONE)
    await ask(f"Patient/{first}/$link", to=f"Patient/{second}")
    assert await questions() == []
    assert [one["answer"] for one in await questions(answered="true")] == ["same"]


async def test_the_ledger_says_what_can_be_taken_back(register, ask, client):
    first, second = await register(number=ONE), await register("王某", "1950-01-01")
    for act in (f"Patient/{second}/$link", f"Patient/{second}/$part"):
        await ask(act, **({"to": f"Patient/{first}"} if "$link" in act else {}))
    said = (await client.get(f"Patient/{second}/$links")).json()["parameter"]
    decided = [one["part"] for one in said if one["name"] == "decision"]
    assert [next(part["valueBoolean"] for part in one if part["name"] == "undoable") for one in decided] == [
        True, False, False,
    ]  # fmt: skip
