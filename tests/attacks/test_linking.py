"""Linking tells nobody who is known elsewhere, and moves nothing that its steward does not see."""

import pytest

from .conftest import A, B, patient

C = "Organization/c"
RESTRICTED = {"security": [{"system": "urn:kangyun:label", "code": "restricted"}]}


def person(id_, number, **more):
    return patient(id_) | {
        "name": [{"text": "王建国"}], "birthDate": "1949-12-31", "gender": "male",
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": number}], **more,
    }  # fmt: skip


def parameters(**given):
    return {
        "resourceType": "Parameters", "parameter": [{"name": name, "valueString": text} for name, text in given.items()]
    }  # fmt: skip


async def test_a_doctor_learns_by_no_probe_who_is_registered_elsewhere(put, sign_in):
    await put(person("a-wang", "110105194912310011"), A)
    await put(person("b-known", "110105194912310011"), B)
    await put(person("b-unknown", "110105195001010016"), B)
    doctor = await sign_in("doctor")
    known, unknown = [(await doctor("GET", f"Patient/{id_}/$links")).json() for id_ in ("b-known", "b-unknown")]
    assert [one["name"] for one in known["parameter"]] == ["resident", "registration"]
    assert [one["name"] for one in unknown["parameter"]] == ["resident", "registration"]


ACTS = {
    "Patient/a-li/$link": {"to": "Patient/a-wang", "reason": "核对过病案"},
    "Patient/a-wang/$part": {"reason": "核对过病案"},
    "Patient/$merge": {"source-patient": "Patient/a-li", "target-patient": "Patient/a-wang", "reason": "核对过病案"},
}


@pytest.mark.parametrize("path", ACTS)
async def test_a_steward_moves_nothing_about_whom_he_does_not_see(put, sign_in, path):
    await put(person("a-wang", "110105194912310011"), A)
    await put(person("c-wang", "110105194912310011", meta=RESTRICTED), C)
    await put(person("a-li", "110105195001010016", name=[{"text": "李四"}]), A)
    steward = await sign_in("steward")
    assert (await steward("GET", "Patient/c-wang")).status_code == 404
    assert (await steward("POST", path, json=parameters(**ACTS[path]))).status_code == 404


async def test_nor_by_an_answer(put, sign_in):
    await put(person("a-wang", "110105194912310011"), A)
    await put(person("a-zhao", "110105194912310011", name=[{"text": "赵刚"}]), A)
    await put(person("c-zhao", "110105194912310011", name=[{"text": "赵刚"}], meta=RESTRICTED), C)
    steward = await sign_in("steward")
    (question,) = (await steward("GET", "$link-questions")).json()["parameter"]
    given = [{"name": "id", "valueInteger": question["part"][0]["valueInteger"]},
             {"name": "same", "valueBoolean": True}, {"name": "reason", "valueString": "核对过病案"}]  # fmt: skip
    answer = await steward("POST", "$answer-link", json={"resourceType": "Parameters", "parameter": given})
    assert answer.status_code == 404


DENIAL = {
    "resourceType": "Consent", "id": "a-denial", "status": "active", "scope": {"text": "x"},
    "category": [{"text": "x"}], "policyRule": {"text": "x"}, "patient": {"reference": "Patient/a-wang"},
    "provision": {"type": "deny"},
}  # fmt: skip


async def test_what_a_resident_said_follows_him_into_a_link_and_leaves_with_it(put, sign_in):
    await put(person("a-wang", "110105194912310011"), A)
    await put(person("b-wang", "110105194912310011"), B)
    await put(person("b-li", "110105195001010016", name=[{"text": "李四"}]), B)
    await put(DENIAL, A)
    doctor, steward = await sign_in("doctor"), await sign_in("steward")

    async def seen():
        return [(await doctor("GET", f"Patient/{id_}")).status_code for id_ in ("b-wang", "b-li")]

    assert await seen() == [404, 200]
    for path, given, then in (
        ("Patient/b-wang/$part", {}, [200, 200]),
        ("Patient/b-li/$link", {"to": "Patient/a-wang"}, [200, 404]),
        ("Patient/b-li/$part", {}, [200, 200]),
    ):
        answer = await steward("POST", path, json=parameters(reason="核对过病案", **given))
        assert (path, answer.status_code, await seen()) == (path, 200, then)
