"""Codes that residents carry tell nobody who exists: whatever is read, by whomever, of who is hidden and of nobody."""

import pytest

from .conftest import A, patient

ROLES = (
    "doctor", "nurse", "pharmacist", "family-doctor", "public-health", "insurance", "registrar", "steward",
    "researcher", "resident", "guardian", "device", "system-administrator", "security-administrator",
    "audit-administrator",
)  # fmt: skip
MAY = {"doctor", "nurse", "pharmacist", "family-doctor", "registrar"}
HIDDEN, ABSENT = "990101198001010014", "990101198001010030"
ID, DONOR = "urn:oid:2.16.156.10011.1.3", "urn:kangyun:identifier:donor-card"


@pytest.fixture
async def somebody(put):
    """A resident of hospital A, whom nobody at B sees."""
    numbers = [{"system": ID, "value": HIDDEN}, {"system": DONOR, "value": "D-HIDDEN"}]
    await put(patient("a-hidden") | {"identifier": numbers}, A)


def asked(**given):
    entries = [{"name": name, "valueString": value} for name, value in given.items()]
    return {"resourceType": "Parameters", "parameter": entries}


QUESTIONS = [
    ("$verify-code", {"kind": "id-card"}), ("$verify-code", {}), ("$verify-code", {"reader": "desk"}),
    ("$verify-code", {"challenge": "c", "word": "123456"}), ("$ask-code-word", {"kind": "id-card"}),
    ("$ask-code-word", {"channel": "voice"}),
]  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
async def test_who_is_hidden_is_as_who_is_not_there(somebody, sign_in, audited, role):
    person = await sign_in(role)
    for operation, given in QUESTIONS:
        answers = [await person("POST", operation, json=asked(code=code, **given)) for code in (HIDDEN, ABSENT)]
        said = [(one.status_code, one.json().get("issue"), one.json().get("parameter")) for one in answers]
        assert said[0] == said[1], (operation, given)
    typed = await person("POST", "$verify-code", json=asked(code=HIDDEN))
    assert (typed.status_code == 200) is (role in MAY)
    await audited(person, HIDDEN, ABSENT)


@pytest.mark.parametrize(
    ("scope", "status"),
    [("user/Observation.rs", 403), ("user/Patient.rs?gender=male", 403), ("user/Patient.rs", 200), ("user/*.rs", 200)],
)
async def test_an_application_asks_where_it_sees_all_that_its_user_sees(somebody, by_application, scope, status):
    application = await by_application("doctor", scope)
    answer = await application("POST", "$verify-code", json=asked(code=HIDDEN))
    assert answer.status_code == status, answer.text


async def test_an_application_for_another_purpose_is_refused(somebody, by_application):
    payer = await by_application("doctor", "user/*.rs", purpose="HPAYMT")
    assert (await payer("POST", "$verify-code", json=asked(code=HIDDEN))).status_code == 403
