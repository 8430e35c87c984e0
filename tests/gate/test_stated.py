"""Reasons that somebody states: the resident's code, a trusted reader, a word by SMS; each opens, and each ends."""

import asyncio
import json

import pytest

from kangyun.access.identities.model import Proxy
from kangyun.access.policy import FILE, shipped_text
from kangyun.access.relations import whom
from kangyun.access.relations.whom import by_identifier
from kangyun.access.residents.bindings import Handle, bindings_of
from kangyun.access.residents.entry import ONESELF
from kangyun.base.errors import NotFound
from kangyun.testing.linking import link
from kangyun.testing.provider import PASSWORD, SITE

NO_FACTORS = """
role = {}
other = { any = [] }
limits = { challenge_minutes = 5, permit_hours = 24, tries = 5, lock_minutes = 15 }
"""
ICD = "http://hl7.org/fhir/sid/icd-10"
PHONE = "13800000001"


def patient(id_, phone=""):
    telecom = {"telecom": [{"system": "phone", "value": phone}]} if phone else {}
    identifier = [{"system": "urn:test", "value": id_}]
    return {"resourceType": "Patient", "id": id_, "name": [{"text": "张三"}], "identifier": identifier} | telecom


def condition(id_, subject, code="J18.9"):
    coded = {"coding": [{"system": ICD, "code": code}]}
    return {"resourceType": "Condition", "id": id_, "code": coded, "subject": {"reference": f"Patient/{subject}"}}


@pytest.fixture
def settings(tmp_path):
    """No second factors; messages are written to a file."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)
    return tmp_path


@pytest.fixture
async def at(settings, open_client, platform, written):
    """Zhang, registered at two hospitals, with a pneumonia and a psychosis known at the first; people of the second."""
    one, other = await written(patient("a-zhang", PHONE)), await written(patient("b-zhang"), "Organization/b")
    await written(condition("a-pneumonia", "a-zhang"))
    await written(condition("a-psychosis", "a-zhang", "F20.0"))
    async with platform.pool.connection() as connection:
        await link(connection, one.res, one.res)
        await link(connection, other.res, one.res)
    register = platform.sign_in.identities
    for handle, kind, role, institution in (
        ("wang", "staff", "doctor", "Organization/b"), ("zhao", "staff", "doctor", "Organization/b"),
        ("bao", "staff", "insurance", "Organization/b"), ("zhang", "resident", "resident", "Organization/platform"),
        ("li", "resident", "resident", "Organization/platform"),
    ):  # fmt: skip
        reference = {"zhang": "Patient/a-zhang", "li": "Patient/a-li"}.get(handle, f"Practitioner/{handle}")
        id_ = await register.admit(
            kind, reference, institution, handle, roles=[role], vouched_by="Organization/b", evidence="x",
            handle=handle, proxies=[Proxy("b-zhang", ONESELF)] if handle == "zhang" else [],
        )  # fmt: skip
        await register.set_password(id_, PASSWORD)
    await bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger).bind(
        Handle("phone", PHONE), ("a-zhang", "b-zhang"), "test"
    )
    return At(await open_client(demo=True), platform, settings)


class At:
    """The installation as its people use it."""

    def __init__(self, client, platform, folder):
        self.client, self.platform, self.folder = client, platform, folder

    async def signed_in(self, user):
        body = {"user": user, "password": PASSWORD}
        token = (await self.client.post(f"{SITE}/sign-in", json=body)).json()["access_token"]
        return {"authorization": f"Bearer {token}"}

    async def call(self, user, path, **given):
        parameter = [{"name": name, "valueString": value} for name, value in given.items()]
        body = {"resourceType": "Parameters", "parameter": parameter}
        return await self.client.post(path, json=body, headers=await self.signed_in(user))

    async def code(self):
        told = (await self.call("zhang", "Patient/a-zhang/$show-code")).json()
        return {one["name"]: one.get("valueString") for one in told["parameter"]}

    async def asked(self, user="wang", **given):
        given = given or {"identifier": "urn:test|b-zhang"}
        answer = await self.call(user, "Patient/$ask-word", **given)
        assert answer.status_code == 200, answer.text
        return answer.json()["parameter"][0]["valueString"]

    def word(self):
        return json.loads((self.folder / "messages.ndjson").read_text().splitlines()[-1])

    async def seen(self, user):
        answer = await self.client.get("Condition", headers=await self.signed_in(user))
        return sorted(one["resource"]["id"] for one in answer.json().get("entry", []))

    async def ran(self, sql):
        async with self.platform.pool.connection() as connection:
            return await connection.fetch(sql)


async def test_the_code_that_a_resident_shows_opens_the_record_to_one_person_once(at):
    code = (await at.code())["code"]
    assert await at.seen("wang") == []
    answer = await at.call("wang", "Patient/$open-record", code=code)
    assert answer.status_code == 200, answer.text
    assert {one.get("valueCode") for one in answer.json()["parameter"]} >= {"card"}
    assert await at.seen("wang") == ["a-pneumonia"]
    assert await at.seen("zhao") == []
    assert (await at.call("zhao", "Patient/$open-record", code=code)).status_code == 403
    hours = await at.ran("SELECT extract(epoch FROM high - low) / 3600 AS h FROM disclosure")
    assert {float(row["h"]) for row in hours} == {2.0}
    await at.ran("UPDATE disclosure SET high = now()")
    assert await at.seen("wang") == []


async def institution_of(platform, reference):
    async with platform.pool.connection() as connection:
        return await connection.fetchval("SELECT id FROM institution WHERE reference = $1", reference)


async def numbered(written, institution, count, system="urn:many"):
    """Registers so many persons with one number."""
    for nth in range(count):
        about = patient(f"{institution}-many-{nth}") | {"identifier": [{"system": system, "value": "1"}]}
        yield await written(about, f"Organization/{institution}")


async def test_all_registrations_that_have_a_number_are_looked_at(at, written, platform, monkeypatch):
    own = [one async for one in numbered(written, "b", 1)]
    others = [one async for one in numbered(written, "a", 60)]
    store, house = platform.gate.store, await institution_of(platform, "Organization/b")
    assert (await by_identifier(store, "urn:many|1", house)).numbers == [own[0].res]
    async with platform.pool.connection() as connection:
        for one in [*own, *others]:
            await link(connection, one.res, own[0].res)
    assert len((await by_identifier(store, "urn:many|1", house)).numbers) == 61
    monkeypatch.setattr(whom, "MOST", 60)
    with pytest.raises(NotFound):
        await by_identifier(store, "urn:many|1", house)


async def test_digits_open_beside_an_identifier_and_are_guessed_five_times_at_most(at):
    digits = (await at.code())["digits"]
    wrong = f"{(int(digits) + 1) % 10**8:08}"
    named = {"identifier": "urn:test|a-zhang"}
    assert (await at.call("wang", "Patient/$open-record", code=digits)).status_code == 400
    assert (await at.call("wang", "Patient/$open-record", code=wrong, **named)).status_code == 403
    assert (await at.call("wang", "Patient/$open-record", code=digits, **named)).status_code == 200
    digits = (await at.code())["digits"]
    for _ in range(5):
        assert (await at.call("zhao", "Patient/$open-record", code="00000000", **named)).status_code == 403
    assert (await at.call("zhao", "Patient/$open-record", code=digits, **named)).status_code == 403


async def test_of_two_doctors_at_once_one_wins(at):
    code = (await at.code())["code"]
    calls = [at.call(user, "Patient/$open-record", code=code) for user in ("wang", "zhao")]
    assert sorted(one.status_code for one in await asyncio.gather(*calls)) == [200, 403]


async def test_a_code_is_over_after_five_minutes_and_when_another_is_shown(at):
    first = (await at.code())["code"]
    code = (await at.code())["code"]
    assert (await at.call("wang", "Patient/$open-record", code=first)).status_code == 403
    await at.ran("UPDATE one_time_code SET expires = now()")
    assert (await at.call("wang", "Patient/$open-record", code=code)).status_code == 403


async def test_only_the_resident_shows_the_code_and_only_who_may_have_the_ground_uses_it(at):
    for user in ("li", "wang"):
        assert (await at.call(user, "Patient/a-zhang/$show-code")).status_code == 403
    code = (await at.code())["code"]
    assert (await at.call("bao", "Patient/$open-record", code=code)).status_code == 403
    assert (await at.call("bao", "Patient/$ask-word", identifier="urn:test|a-zhang")).status_code == 403
    assert (await at.call("wang", "Patient/$open-record", code=code)).status_code == 200  # It was not used up.
    refused = await at.ran("SELECT actor FROM audit WHERE outcome = 403")
    assert {row["actor"] for row in refused} >= {"Patient/a-li", "Practitioner/wang", "Practitioner/bao"}


async def test_a_word_by_sms_opens_what_is_sensitive_too_to_who_asked(at):
    challenge = await at.asked()
    told = at.word()
    assert told["phone"] == PHONE
    assert told["template"] == "KY-WORD"
    assert told["variables"]["institution"] == "Organization/b"
    word = told["variables"]["code"]
    given = {"challenge": challenge, "word": word}
    assert (await at.call("zhao", "Patient/$open-record", **given)).status_code == 403
    challenge = await _again(at)
    given = {"challenge": challenge, "word": at.word()["variables"]["code"]}
    answer = await at.call("wang", "Patient/$open-record", **given)
    assert answer.status_code == 200, answer.text
    assert await at.seen("wang") == ["a-pneumonia", "a-psychosis"]
    assert (await at.call("wang", "Patient/$open-record", **given)).status_code == 403
    await at.ran("UPDATE disclosure SET high = now()")
    assert await at.seen("wang") == []


async def _again(at):
    await at.ran("UPDATE one_time_code SET made = made - interval '2 minutes'")
    return await at.asked(phone=PHONE, identifier="urn:test|a-zhang")


async def test_no_word_goes_to_a_telephone_that_is_not_bound_to_the_resident(at):
    answer = await at.call("wang", "Patient/$ask-word", identifier="urn:test|a-zhang", phone="13900000009")
    assert answer.status_code == 422
    await at.ran("UPDATE resident_binding SET ended = now()")
    assert (await at.call("wang", "Patient/$ask-word", identifier="urn:test|a-zhang")).status_code == 422
    assert not (at.folder / "messages.ndjson").exists()


async def test_words_are_not_sent_without_end(at):
    await at.asked()
    assert (await at.call("wang", "Patient/$ask-word", identifier="urn:test|a-zhang")).status_code == 429


@pytest.mark.parametrize(
    ("identifier", "status"),
    [("urn:test|nobody", 422), ("urn:test|", 400), ("a-zhang", 400), ("urn:test|a-zhang,urn:test|b-zhang", 400)],
)
async def test_whom_it_is_about_is_said_exactly(at, identifier, status):
    assert (await at.call("wang", "Patient/$ask-word", identifier=identifier)).status_code == status


async def test_a_reader_counts_where_the_policy_trusts_it(at, open_client):
    given = {"identifier": "urn:test|a-zhang", "reader": "R-1"}
    assert (await at.call("wang", "Patient/$open-record", **given)).status_code == 403
    own = shipped_text().replace("readers = []", 'readers = ["Organization/b"]')
    (at.folder / FILE).write_text(own)
    at.client = await open_client(demo=True)
    assert (await at.call("wang", "Patient/$open-record", **given)).status_code == 200
    assert await at.seen("wang") == ["a-pneumonia"]


async def test_each_row_says_by_which_ground(at):
    await at.call("wang", "Patient/$open-record", code=(await at.code())["code"])
    headers = await at.signed_in("wang")
    assert (await at.client.get("Condition/a-pneumonia", headers=headers)).status_code == 200
    challenge = await at.asked()
    await at.call("wang", "Patient/$open-record", challenge=challenge, word=at.word()["variables"]["code"])
    assert (await at.client.get("Condition/a-psychosis", headers=headers)).status_code == 200
    sql = "SELECT action, way FROM audit WHERE actor = 'Practitioner/wang' AND way IS NOT NULL ORDER BY id"
    ways = [(row["action"], row["way"]) for row in await at.ran(sql)]
    assert ways[:2] == [("open-record", "card"), ("read", "card")]
    assert ways[-2:] == [("open-record", "word"), ("read", "word")]
    told = await at.client.get("Patient/a-zhang/$who-looked", headers=await at.signed_in("zhang"))
    text = told.text
    assert "health code or card" in text
    assert "sent to your phone" in text
