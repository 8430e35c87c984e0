"""Signing over HTTP: who signs what, what is kept, and what is said of it when something was changed."""

import base64
import json
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from kangyun.access import replaying
from kangyun.access.identities import revoked_again
from kangyun.access.identities.register import KIND
from kangyun.access.platform import open_platform
from kangyun.access.signing.register import Register
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey
from kangyun.base.crypto.authority import Authority, named
from kangyun.fhir.json import canonical, decode

DOCTOR = "Practitioner/demo-doctor"
ENDED = "SELECT ended, mark FROM person_certificate WHERE fingerprint = decode($1, 'hex')"
DAY = timedelta(days=1)
PRESCRIPTION = {
    "resourceType": "MedicationRequest", "status": "active", "intent": "order",
    "medicationCodeableConcept": {"text": "阿莫西林"},
    "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 0.50, "unit": "g"}}]}],
}  # fmt: skip


@pytest.fixture
async def doctor(open_client, tmp_path):
    """The demonstration's doctor, signed in."""
    client = await open_client(token=None, demo=True)
    accounts = msgspec.json.decode((tmp_path / "demo-sign-ins.json").read_bytes())
    password = next(one["password"] for one in accounts if one["user"] == "doctor")
    answer = await client.post("http://127.0.0.1:8080/sign-in", json={"user": "doctor", "password": password})
    client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


@pytest.fixture
async def register(fresh_database, make_settings, doctor):
    platform = await open_platform(make_settings(), fresh_database)
    yield Register(platform.gate.store)
    await platform.close()


@pytest.fixture
def scheme():
    return "sm2"


@pytest.fixture
async def authority(register, scheme):
    """A trusted authority that the doctor's hospital uses."""
    made = Authority.new("康云区域 CA", PrivateKey.new(scheme), clock.now() - 3 * DAY, 3650)
    await register.believe(made.certificate)
    return made


@pytest.fixture
async def usb_key(register, authority, scheme):
    """The doctor's own key, outside of the platform, with its certificate."""
    key = PrivateKey.new(scheme)
    certificate = authority.issue(named("李医生", "康云医院", "D001"), key.public, clock.now() - DAY, 365)
    await register.bind(DOCTOR, certificate)
    return key, certificate


@pytest.fixture
async def prescription(doctor):
    text = json.dumps(await subject(doctor) | PRESCRIPTION).replace("0.5", "0.50")
    answer = await doctor.post("MedicationRequest", content=text, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def subject(client):
    patient = (await client.post("Patient", json={"resourceType": "Patient"})).json()
    return {"subject": {"reference": f"Patient/{patient['id']}"}}


def encoded(data):
    return base64.b64encode(data).decode()


def with_parameters(**given):
    parameter = [
        {"name": name, ("valueString" if name == "protected" else "valueBase64Binary"): value}
        for name, value in given.items()
    ]
    return {"resourceType": "Parameters", "parameter": parameter}


def named_parts(parts):
    return {
        part["name"]: next(value for name, value in part.items() if name.startswith("value") or name == "part")
        for part in parts
    }


def path(resource):
    return f"{resource['resourceType']}/{resource['id']}"


async def prepared(client, resource, certificate):
    answer = await client.post(f"{path(resource)}/$sign", json=with_parameters(certificate=encoded(certificate.der)))
    assert answer.status_code == 200, answer.text
    return named_parts(answer.json()["parameter"])


async def signed(client, resource, usb_key):
    key, certificate = usb_key
    asked = await prepared(client, resource, certificate)
    signature = encoded(key.sign(base64.b64decode(asked["toBeSigned"])))
    return await client.post(
        f"{path(resource)}/$sign", json=with_parameters(protected=asked["protected"], signature=signature)
    )


async def verified(client, resource):
    answer = await client.get(f"{path(resource)}/$verify-signature")
    assert answer.status_code == 200, answer.text
    found = answer.json()["parameter"]
    return found[0]["valueBoolean"], [named_parts(one["part"]) for one in found[1:]]


@pytest.mark.parametrize("scheme", ["sm2", "ecdsa"])
async def test_a_prescription_is_signed_by_a_key_outside(doctor, prescription, usb_key, scheme):
    answer = await signed(doctor, prescription, usb_key)
    assert answer.status_code == 200, answer.text
    provenance = answer.json()
    assert provenance["target"] == [{"reference": f"{path(prescription)}/_history/1"}, prescription["subject"]]
    assert provenance["signature"][0]["who"] == {"reference": DOCTOR}
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["valid"] and one["changed"] is False
    assert one["who"] == {"reference": DOCTOR}
    assert one["subject"] == "2.5.4.5=D001,CN=李医生,O=康云医院,C=CN"
    assert one["algorithm"] == {"sm2": "SM2-SM3", "ecdsa": "ES256"}[scheme]
    assert one["clock"] == "record"


async def test_a_signature_is_about_whom_the_document_is_about(doctor, prescription, usb_key, fresh_database):
    """So whoever sees the document by a reason sees who signed it; whom the patient denies it does not learn of it."""
    await signed(doctor, prescription, usb_key)
    connection = await asyncpg.connect(fresh_database)
    about = "SELECT r.patient FROM resource AS r JOIN resource_type AS t ON t.id = r.type WHERE t.name = $1"
    kept, of = [await connection.fetchval(about, type_) for type_ in ("Provenance", "MedicationRequest")]
    await connection.close()
    assert kept == of is not None
    # The Patient, whom it names as well, is not signed by it.
    patient = (await doctor.get(prescription["subject"]["reference"])).json()
    assert await verified(doctor, patient) == (False, [])


async def test_what_is_handed_out_is_what_is_signed(doctor, prescription, usb_key):
    asked = await prepared(doctor, prescription, usb_key[1])
    shown = decode((await doctor.get(path(prescription))).content)
    assert base64.b64decode(asked["canonical"]) == canonical({k: v for k, v in shown.items() if k != "meta"})
    assert b'{"unit":"g","value":0.50}' in base64.b64decode(asked["canonical"])


async def test_a_change_is_seen_and_a_label_is_none(doctor, prescription, usb_key):
    await signed(doctor, prescription, usb_key)
    tag = {"name": "meta", "valueMeta": {"tag": [{"system": "urn:test", "code": "seen"}]}}
    await doctor.post(f"{path(prescription)}/$meta-add", json={"resourceType": "Parameters", "parameter": [tag]})
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["changed"] is False
    changed = (await doctor.get(path(prescription))).json()
    changed["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 5
    await doctor.put(path(prescription), json=changed)
    whole, (one,) = await verified(doctor, prescription)
    assert not whole
    assert one["valid"] and one["changed"] is True
    assert one["of"] == {"reference": f"{path(prescription)}/_history/1"}
    again = await signed(doctor, prescription, usb_key)
    assert again.json()["target"][0] == {"reference": f"{path(prescription)}/_history/3"}
    _, (first, second) = await verified(doctor, prescription)
    assert (first["changed"], second["changed"]) == (True, False)


async def test_a_signature_of_another_is_refused(doctor, prescription, usb_key, authority, register, scheme):
    key = PrivateKey.new(scheme)
    foreign = authority.issue(named("王医生"), key.public, clock.now(), 30)
    answer = await doctor.post(f"{path(prescription)}/$sign", json=with_parameters(certificate=encoded(foreign.der)))
    assert answer.status_code == 403
    asked = await prepared(doctor, prescription, usb_key[1])
    wrong = encoded(key.sign(base64.b64decode(asked["toBeSigned"])))
    answer = await doctor.post(
        f"{path(prescription)}/$sign", json=with_parameters(protected=asked["protected"], signature=wrong)
    )
    assert answer.status_code == 422
    assert await verified(doctor, prescription) == (False, [])


async def test_a_forged_provenance_convinces_nobody(doctor, prescription, usb_key, scheme):
    """Somebody with another key writes a Provenance in the doctor's name."""
    await signed(doctor, prescription, usb_key)
    (kept,) = (await doctor.get(f"Provenance?target={path(prescription)}")).json()["entry"]
    resource = kept["resource"]
    jws = msgspec.json.decode(base64.b64decode(resource["signature"][0]["data"]))
    jws["signature"] = encoded(PrivateKey.new(scheme).sign(b"any")).replace("+", "-").replace("/", "_").rstrip("=")
    resource["signature"][0]["data"] = encoded(msgspec.json.encode(jws))
    del resource["id"]
    assert (await doctor.post("Provenance", json=resource)).status_code == 201
    whole, found = await verified(doctor, prescription)
    assert not whole
    assert [one.get("fault") for one in found] == [None, "forged"]


async def test_a_signature_is_of_one_document_only(doctor, prescription, usb_key):
    """The doctor's true signature, hung on another prescription."""
    await signed(doctor, prescription, usb_key)
    other = (await doctor.post("MedicationRequest", json=await subject(doctor) | PRESCRIPTION)).json()
    (kept,) = (await doctor.get(f"Provenance?target={path(prescription)}")).json()["entry"]
    moved = {name: value for name, value in kept["resource"].items() if name not in ("id", "meta")}
    moved["target"] = [{"reference": path(other)}]
    assert (await doctor.post("Provenance", json=moved)).status_code == 201
    whole, (one,) = await verified(doctor, other)
    assert not whole and one["valid"] is False
    assert one["fault"] == "other-document"


async def test_an_expired_certificate_signs_nothing_and_what_it_signed_stays(
    doctor, prescription, usb_key, authority, register, scheme, monkeypatch
):
    await signed(doctor, prescription, usb_key)
    now = clock.now()
    later = now + 366 * DAY
    monkeypatch.setattr(clock, "now", lambda: later)
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["valid"]  # Judged as of when the record took it in.
    answer = await doctor.post(f"{path(prescription)}/$sign", json=with_parameters(certificate=encoded(usb_key[1].der)))
    assert answer.status_code == 422
    assert "expired" in answer.json()["issue"][0]["details"]["text"]


async def test_a_revoked_certificate(doctor, prescription, usb_key, authority, register, monkeypatch):
    """What the record took in before stays; what came later, whatever time it claims, does not count."""
    await signed(doctor, prescription, usb_key)
    asked = await prepared(doctor, prescription, usb_key[1])
    soon = clock.now() + timedelta(seconds=1)  # Lists have whole seconds.
    await register.take_list(authority.revocation_list({usb_key[1].serial: soon}, soon, 30))
    monkeypatch.setattr(clock, "now", lambda: soon + timedelta(seconds=1))
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["valid"]
    late = encoded(usb_key[0].sign(base64.b64decode(asked["toBeSigned"])))
    answer = await doctor.post(
        f"{path(prescription)}/$sign", json=with_parameters(protected=asked["protected"], signature=late)
    )
    assert answer.status_code == 422 and "revoked" in answer.text
    an_hour_ago = soon - timedelta(hours=1)
    newer = authority.revocation_list({usb_key[1].serial: an_hour_ago}, soon + timedelta(seconds=1), 30)
    await register.take_list(newer)
    await register.take_list(authority.revocation_list({}, an_hour_ago, 30))  # An older one changes nothing.
    whole, (one,) = await verified(doctor, prescription)
    assert not whole
    assert one["fault"] == "revoked"


async def test_a_certificate_that_was_ended(doctor, prescription, usb_key, register, platform):
    await signed(doctor, prescription, usb_key)
    await register.end(DOCTOR, usb_key[1].fingerprint, platform.gate.ledger)
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["valid"]
    answer = await doctor.post(f"{path(prescription)}/$sign", json=with_parameters(certificate=encoded(usb_key[1].der)))
    assert answer.status_code == 403


async def test_a_certificate_that_was_ended_is_ended_after_a_restore(doctor, prescription, usb_key, register, platform):
    """What was signed before still holds: the row is as whoever has the key left it."""
    await signed(doctor, prescription, usb_key)
    await register.end(DOCTOR, usb_key[1].fingerprint, platform.gate.ledger)
    async with platform.pool.connection() as connection:
        row = await connection.fetchrow(ENDED, usb_key[1].fingerprint)
        await connection.execute("UPDATE person_certificate SET ended = NULL, mark = '' WHERE ended IS NOT NULL")
        replaying.register(KIND, revoked_again.replay)
        assert await replaying.replay(connection, platform.gate.ledger) == {"revocation": 1}
        assert await connection.fetchrow(ENDED, usb_key[1].fingerprint) == row
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["valid"]
    assert not (await register.holder(usb_key[1])).held(clock.now())


async def test_an_old_version_and_an_old_preparation_are_refused(doctor, prescription, usb_key, monkeypatch):
    asked = await prepared(doctor, prescription, usb_key[1])
    signature = encoded(usb_key[0].sign(base64.b64decode(asked["toBeSigned"])))
    sent = with_parameters(protected=asked["protected"], signature=signature)
    now = clock.now()
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: now + timedelta(minutes=11))
        assert (await doctor.post(f"{path(prescription)}/$sign", json=sent)).status_code == 422
    await doctor.put(path(prescription), json=prescription | {"status": "stopped"})
    answer = await doctor.post(f"{path(prescription)}/$sign", json=sent)
    assert answer.status_code in (409, 412)


async def test_a_mark_that_the_database_made_up_is_not_believed(
    doctor, prescription, usb_key, fresh_database, register, scheme
):
    """Who can write to the database, and has no key, gives a certificate to somebody else and adds an authority."""
    await signed(doctor, prescription, usb_key)
    stranger = Authority.new("陌生人", PrivateKey.new(scheme), clock.now(), 30)
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("UPDATE person_certificate SET since = now()")
    await connection.execute(
        "INSERT INTO trusted_certificate SELECT $1, root, demo, $2, now(), mark FROM trusted_certificate LIMIT 1",
        bytes.fromhex(stranger.certificate.fingerprint), stranger.certificate.der,
    )  # fmt: skip
    await connection.close()
    whole, (one,) = await verified(doctor, prescription)
    assert not whole and one["fault"] == "not-theirs"
    assert stranger.certificate.der not in [root.der for root in (await register.trust()).roots]


async def test_the_demonstration_signs_in_one_step(doctor, prescription):
    answer = await doctor.post(f"{path(prescription)}/$sign", json={"resourceType": "Parameters"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "Provenance"
    whole, (one,) = await verified(doctor, prescription)
    assert whole and "演示" in one["issuer"]


async def test_without_a_demonstration_nobody_signs_for_others(doctor, prescription, open_client):
    await doctor.post(f"{path(prescription)}/$sign", json={"resourceType": "Parameters"})
    administrator = await open_client()  # A process that serves the same as no demonstration.
    whole, (one,) = await verified(administrator, prescription)
    assert not whole
    assert one["fault"] in ("untrusted", "not-theirs")
    answer = await doctor.post(f"{path(prescription)}/$sign", json={"resourceType": "Parameters"})
    assert answer.status_code == 422


async def test_an_author_signs_as_one_and_another_as_a_verifier(doctor, prescription, usb_key, open_client):
    administrator = await open_client(demo=True)
    other = (await administrator.post("Practitioner", json={"resourceType": "Practitioner"})).json()
    named_author = prescription | {"requester": {"reference": path(other)}}
    assert (await doctor.put(path(prescription), json=named_author)).status_code == 200
    purpose = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}
    asked = with_parameters(certificate=encoded(usb_key[1].der))
    asked["parameter"].append({"name": "purpose", "valueCoding": purpose})
    assert (await doctor.post(f"{path(prescription)}/$sign", json=asked)).status_code == 422
    assert (await signed(doctor, prescription, usb_key)).status_code == 200
    whole, (one,) = await verified(doctor, prescription)
    assert whole and one["author"] is False
    assert one["purpose"]["code"] == "1.2.840.10065.1.12.1.5"


async def test_what_is_masked_within_a_document_is_not_signed(doctor, usb_key):
    """Who may be a patient is masked to who has not opened him: what is signed is what was seen."""
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "出院小结"}, "date": "2026-05-01",
        "title": "出院小结", "author": [{"display": "张小明"}], **await subject(doctor),
    }  # fmt: skip
    bundle = {
        "resourceType": "Bundle", "type": "document", "timestamp": "2026-05-01T08:00:00Z",
        "identifier": {"system": "urn:test", "value": "1"},
        "entry": [{"fullUrl": "urn:uuid:6f6b2b5e-9b6e-4a57-9a52-0d5b3c1f3a01", "resource": composition}],
    }  # fmt: skip
    stored = (await doctor.post("Bundle", json=bundle)).json()
    asked = await doctor.post(f"{path(stored)}/$sign", json=with_parameters(certificate=encoded(usb_key[1].der)))
    assert asked.status_code == 422, asked.text


async def test_a_document_is_sent_with_its_signature(doctor, usb_key):
    """A Bundle that carries its signature, as one system hands it to another."""
    about = await subject(doctor)
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "出院小结"}, "date": "2026-05-01",
        "title": "出院小结", "author": [{"reference": DOCTOR, "display": "李医生"}], **about,
    }  # fmt: skip
    bundle = {
        "resourceType": "Bundle", "type": "document", "timestamp": "2026-05-01T08:00:00Z",
        "identifier": {"system": "urn:test", "value": "1"},
        "entry": [{"fullUrl": "urn:uuid:6f6b2b5e-9b6e-4a57-9a52-0d5b3c1f3a01", "resource": composition}],
    }  # fmt: skip
    stored = (await doctor.post("Bundle", json=bundle)).json()
    provenance = (await signed(doctor, stored, usb_key)).json()
    document = stored | {"signature": provenance["signature"][0]}
    answer = await doctor.post("Bundle/$verify-signature", json=document)
    assert answer.status_code == 200, answer.text
    assert answer.json()["parameter"][0]["valueBoolean"] is True
    document["entry"][0]["resource"]["title"] = "入院记录"
    answer = await doctor.post("Bundle/$verify-signature", json=document)
    assert answer.json()["parameter"][0]["valueBoolean"] is False
    assert named_parts(answer.json()["parameter"][1]["part"])["changed"] is True


@pytest.mark.parametrize("data", ["", "e30=", "!!", encoded(b'{"protected":"e30","signature":"AA"}'), 7, None])
async def test_what_is_no_signature_is_said_to_be_none(doctor, prescription, data):
    signature = {"type": [{"code": "x"}], "when": "2026-05-01T08:00:00Z", "who": {"display": "?"}, "data": data}
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "resource", "resource": prescription},
            {"name": "signature", "valueSignature": signature | {"sigFormat": "application/jose"}},
        ],
    }
    answer = await doctor.post("MedicationRequest/$verify-signature", json=sent)
    assert answer.status_code == 200
    assert answer.json()["parameter"][0]["valueBoolean"] is False
    assert named_parts(answer.json()["parameter"][1]["part"])["fault"] == "not-a-signature"


async def test_only_an_administrator_binds_certificates(doctor, open_client, authority, register, scheme):
    administrator = await open_client(demo=True)
    person = (await administrator.post("Practitioner", json={"resourceType": "Practitioner"})).json()
    certificate = authority.issue(named("张医生"), PrivateKey.new(scheme).public, clock.now(), 30)
    sent = with_parameters(certificate=encoded(certificate.der))
    assert (await doctor.post(f"{path(person)}/$bind-certificate", json=sent)).status_code == 403
    answer = await administrator.post(f"{path(person)}/$bind-certificate", json=sent)
    assert answer.status_code == 200, answer.text
    assert (await register.holder(certificate)).reference == path(person)
    other = (await administrator.post("Practitioner", json={"resourceType": "Practitioner"})).json()
    assert (await administrator.post(f"{path(other)}/$bind-certificate", json=sent)).status_code == 409
    assert (await administrator.post(f"{path(other)}/$end-certificate", json=sent)).status_code == 404
    assert (await administrator.post(f"{path(person)}/$end-certificate", json=sent)).status_code == 200
    assert not (await register.holder(certificate)).held(clock.now())
    stranger = Authority.new("陌生人", PrivateKey.new(scheme), clock.now(), 30)
    foreign = stranger.issue(named("某人"), PrivateKey.new(scheme).public, clock.now(), 30)
    sent = with_parameters(certificate=encoded(foreign.der))
    assert (await administrator.post(f"{path(person)}/$bind-certificate", json=sent)).status_code == 400
    for wrong in ({"certificate": "AAAA"}, {"certificate": "!"}, {}):
        answer = await administrator.post(f"{path(person)}/$bind-certificate", json=with_parameters(**wrong))
        assert answer.status_code == 400
