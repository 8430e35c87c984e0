"""The health card over HTTP: who is told which resident a code names, and what does not work."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.apps.record import Record
from kangyun.base import clock
from kangyun.care.health_card import own
from kangyun.testing.provider import SITE

NUMBER, VISIT = "990101198001010014", "V-1001"
ECARD, STATIC_ECARD = "E" * 80, "S" * 80
INSURANCE = "9" * 28
CARD = "c" * 64
ID = "urn:oid:2.16.156.10011.1.3"


@pytest.fixture
def codes(issuer):
    """What the issuer knows: Zhang's electronic card, dynamic and printed, and his insurance code."""
    numbers = [{"system": ID, "value": NUMBER}]
    ends = int((datetime.now(UTC) + timedelta(minutes=1)).timestamp())
    issuer.codes |= {
        ECARD: {"status": "good", "plain": f"{CARD}:0:{ends}", "identifiers": numbers},
        STATIC_ECARD: {"status": "good", "plain": f"{CARD}:1", "identifiers": numbers},
        INSURANCE: {"status": "good", "dynamic": True, "identifiers": numbers},
    }
    return issuer


BOTH = ["Patient/a-zhang", "Patient/b-zhang"]


@pytest.mark.parametrize(("code", "kind"), [(ECARD, "ehealth-card"), (INSURANCE, "insurance-code")])
async def test_what_its_issuer_finds_shown_opens_the_record_once(region, codes, code, kind):
    assert await region.reads("wang", "Patient/a-zhang") == 404
    told = await region.told("wang", "$verify-code", code=code, kind=kind)
    assert told["patient"] == BOTH
    assert (told["kind"], told["known"], told["proof"], told["ground"]) == (kind, True, "presented", "card")
    assert await region.reads("wang", "Patient/a-zhang") == 200
    again = await region.call("wang", "$verify-code", code=code, kind=kind)
    assert again.status_code == 403
    assert codes.asked[0] == {"kind": kind, "code": code, "institution": "Organization/b"}


async def test_a_registrar_is_told_at_the_desk(region, codes):
    told = await region.told("zhao", "$verify-code", code=INSURANCE)
    assert (told["patient"], told["ground"]) == (["Patient/b-zhang"], "card")  # A desk sees its own house's.


@pytest.mark.parametrize("user", ["bao", "zhang"])
async def test_who_treats_nobody_may_not_ask(region, codes, user):
    answers = [await region.call(user, "$verify-code", code=code) for code in (ECARD, NUMBER, "nonsense")]
    assert {answer.status_code for answer in answers} == {403}
    assert codes.asked == []


async def test_a_number_that_is_typed_opens_nothing_and_names_only_who_is_seen(region):
    visit = await region.told("wang", "$verify-code", code=VISIT, kind="visit-card")
    assert (visit["patient"], visit["proof"], visit["known"]) == (["Patient/b-zhang"], "none", True)
    assert "ground" not in visit
    unseen = await region.told("wang", "$verify-code", code=NUMBER)
    absent = await region.told("wang", "$verify-code", code="990101198001010030", kind="id-card")
    assert unseen == absent == {"kind": "id-card", "known": False, "proof": "none", "patient": []}
    assert await region.reads("wang", "Patient/a-zhang") == 404


async def test_a_house_s_own_numbers_are_good_there_only(region):
    """V-2002 is Li's at hospital A: at B nobody's, although a reader of B has read it."""
    typed = await region.told("wang", "$verify-code", code="V-2002", kind="visit-card")
    read = await region.told("wang", "$verify-code", code="V-2002", kind="visit-card", reader="desk-1")
    assert (typed["patient"], read["patient"]) == ([], [])
    assert (await region.told("qian", "$verify-code", code="V-2002", kind="visit-card"))["patient"] == ["Patient/a-li"]


async def test_a_card_that_a_reader_of_trust_has_read_opens_the_record(region):
    told = await region.told("wang", "$verify-code", code=NUMBER, reader="desk-1")
    assert (told["patient"], told["ground"]) == (BOTH, "card")
    refused = await region.call("qian", "$verify-code", code=NUMBER, reader="desk-1")
    assert refused.status_code == 403  # Hospital A's readers are not believed.


@pytest.mark.parametrize(
    ("user", "reads_codes", "reader_opens"), [("wang", True, True), ("qian", True, False), ("bao", False, False)]
)
async def test_a_page_is_told_beforehand_what_would_be_refused(region, user, reads_codes, reader_opens):
    told = (await region.client.get(f"{SITE}/oauth/self", headers=await region.signed_in(user))).json()
    assert (told["reads_codes"], told["reader_opens"]) == (reads_codes, reader_opens)


async def test_a_donor_card_is_known(region):
    told = await region.told("wang", "$verify-code", code="D00077", kind="donor-card", reader="desk-1")
    assert told["patient"] == ["Patient/a-li"]


async def test_a_resident_who_denies_is_nobody_and_the_row_names_him(region, put, codes):
    await put(
        {
            "resourceType": "Consent", "id": "a-no", "status": "active", "scope": {"text": "x"},
            "category": [{"text": "x"}], "patient": {"reference": "Patient/a-li"}, "policyRule": {"text": "x"},
            "provision": {"type": "deny"},
        },
        "Organization/a",
    )  # fmt: skip
    number = {"system": "urn:kangyun:identifier:donor-card", "value": "D00077"}
    codes.codes["1" * 28] = {"status": "good", "dynamic": True, "identifiers": [number]}
    nobody = {"system": "urn:kangyun:identifier:donor-card", "value": "D99999"}
    codes.codes["2" * 28] = {"status": "good", "dynamic": True, "identifiers": [nobody]}
    denied = await region.told("wang", "$verify-code", code="1" * 28)
    absent = await region.told("wang", "$verify-code", code="2" * 28)
    assert denied == absent == {"kind": "insurance-code", "known": False, "proof": "presented", "patient": []}
    assert ("Practitioner/wang", "open-record", 200, 1) in await region.rows()


async def test_a_static_code_needs_a_word(region, codes):
    refused = await region.call("wang", "$verify-code", code=STATIC_ECARD, kind="ehealth-card")
    assert refused.status_code == 422
    challenge, word = await region.asked(code=STATIC_ECARD, kind="ehealth-card")
    wrong = await region.call(
        "wang", "$verify-code", code=STATIC_ECARD, kind="ehealth-card", challenge=challenge, word="000000"
    )
    assert wrong.status_code == 403
    told = await region.told(
        "wang", "$verify-code", code=STATIC_ECARD, kind="ehealth-card", challenge=challenge, word=word
    )
    assert (told["patient"], told["proof"], told["ground"]) == (BOTH, "word", "word")


async def test_the_word_of_somebody_else_is_wrong(region, codes):
    numbers = [{"system": "urn:kangyun:identifier:donor-card", "value": "D00077"}]
    codes.codes["T" * 80] = {"status": "good", "plain": f"{'d' * 64}:1", "identifiers": numbers}
    challenge, word = await region.asked(code=STATIC_ECARD, kind="ehealth-card")
    answer = await region.call(
        "wang", "$verify-code", code="T" * 80, kind="ehealth-card", challenge=challenge, word=word
    )
    assert answer.status_code == 403
    assert await region.reads("wang", "Patient/a-li") == 404


async def test_who_is_not_there_has_no_telephone_alike(region, codes):
    answers = [
        await region.call("wang", "$ask-code-word", code=code, kind="donor-card") for code in ("D00077", "D99999")
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json()["issue"] == answers[1].json()["issue"]


@pytest.mark.parametrize(
    ("answered", "status"),
    [
        ({"status": "expired"}, 403), ({"status": "revoked"}, 403), ({"status": "used"}, 403),
        ({"status": "good", "plain": f"{CARD}:0:20200101000000"}, 403), ({"status": "good", "plain": "nonsense"}, 400),
        ({"status": "good", "plain": f"{CARD}:1:20300101000000"}, 400), ({"status": "good", "plain": f"{CARD}:0"}, 400),
        ({"status": "good", "plain": f"{CARD}:0:99999999999999"}, 400), ({"status": "better"}, 503), ([1], 503),
        ({"status": "good", "plain": "x" * 20_000}, 503),
    ],
)  # fmt: skip
async def test_what_its_issuer_does_not_vouch_for_is_refused(region, codes, answered, status):
    codes.codes[ECARD] = answered if isinstance(answered, dict) else {}
    codes.raw = None if isinstance(answered, dict) else b"[1]"
    answer = await region.call("wang", "$verify-code", code=ECARD, kind="ehealth-card")
    assert answer.status_code == status, answer.text


async def test_an_issuer_that_fails_is_told_as_such(region, codes):
    codes.status = 500
    assert (await region.call("wang", "$verify-code", code=INSURANCE)).status_code == 503


async def test_without_an_issuer_its_codes_are_refused_in_plain_words(region, settings):
    text = (settings / "policy" / "health_card.toml").read_text("utf-8").partition("\n[issuers.ehealth-card]")[0]
    (settings / "policy" / "health_card.toml").write_text(text, "utf-8")
    answer = await region.call("wang", "$verify-code", code=INSURANCE)
    assert answer.status_code == 400
    assert "No issuer of insurance-code" in answer.text


@pytest.mark.parametrize(
    "given",
    [
        {"code": "!"}, {"code": "990101198001010013", "kind": "id-card"}, {"code": "D00077"}, {"code": " "},
        {"code": "x" * 9000}, {"code": NUMBER, "kind": "no-kind"}, {"code": NUMBER, "word": "123456"}, {},
        {"code": NUMBER, "reader": "a", "challenge": "b", "word": "c"}, {"code": NUMBER, "other": "x"},
        {"code": "\u0000"}, {"code": NUMBER, "reader": "' OR 1=1"}, {"code": "KY1.YQ.YQ", "kind": "visit-card"},
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(region, given):
    answer = await region.call("wang", "$verify-code", **given)
    assert answer.status_code in (400, 422), answer.text


# --- cards of our own


async def test_a_dynamic_code_is_good_once(region):
    shown = await region.told("zhang", "Patient/a-zhang/$show-card")
    assert "not the national" in shown["notice"]
    told = await region.told("wang", "$verify-code", code=shown["code"])
    assert (told["patient"], told["proof"], told["kind"]) == (BOTH, "presented", "health-card")
    assert "not the national" in told["notice"]
    assert (await region.call("wang", "$verify-code", code=shown["code"])).status_code == 403
    assert ("Practitioner/wang", "open-record", 200, 1) in await region.rows()


async def test_of_two_who_read_it_at_once_one_is_told(region):
    shown = await region.told("zhang", "Patient/a-zhang/$show-card")
    asked = [region.call(user, "$verify-code", code=shown["code"]) for user in ("wang", "zhao")]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    assert statuses == [200, 403]


async def test_a_new_code_ends_the_former_one(region):
    first = await region.told("zhang", "Patient/a-zhang/$show-card")
    await region.told("zhang", "Patient/a-zhang/$show-card")
    assert (await region.call("wang", "$verify-code", code=first["code"])).status_code == 403


async def test_nobody_shows_another_one_s_code(region):
    for user, patient in (("zhang", "a-li"), ("zhang", "a-nobody"), ("wang", "b-zhang")):
        assert (await region.call(user, f"Patient/{patient}/$show-card")).status_code == 403


async def test_a_guardian_shows_a_ward_s_code(region, monkeypatch):
    from kangyun.access.actor import Actor
    from kangyun.testing.people import know

    mother = Actor("Patient/a-zhang", "", "Organization/platform", "FAMRQT", role="guardian", patients=("b-child",))
    know(monkeypatch, {"mother": mother})
    headers = {"authorization": "Bearer mother"}
    body = {"resourceType": "Parameters"}
    shown = await region.client.post("Patient/b-child/$show-card", json=body, headers=headers)
    assert shown.status_code == 200, shown.text
    (code,) = [one["valueString"] for one in shown.json()["parameter"] if one["name"] == "code"]
    assert (await region.told("qian", "$verify-code", code=code))["patient"] == ["Patient/b-child"]


def tampered(code):
    """Codes that differ from a good one in each of their parts."""
    prefix, message, signature = code.split(".")
    raw = base64.urlsafe_b64decode(message + "==")
    other = b"%d]" % ((raw[-2] - ord("0") + 1) % 10)  # The last digit of its end.
    later = base64.urlsafe_b64encode(raw[:-2] + other).rstrip(b"=").decode()
    turned = ("B" if signature[0] == "A" else "A") + signature[1:]
    return [
        f"{prefix}.{later}.{signature}", f"{prefix}.{message}.{turned}", f"{prefix}.{message}.{signature[:-4]}",
        f"{prefix}.{signature}.{message}", f"{prefix}.{message}.{signature}A", f"{prefix}.{message}.A",
    ]  # fmt: skip


async def test_a_code_that_was_tampered_with_is_refused_and_stays_good(region):
    shown = await region.told("zhang", "Patient/a-zhang/$show-card")
    for code in tampered(shown["code"]):
        assert (await region.call("wang", "$verify-code", code=code)).status_code == 403, code
    assert (await region.told("wang", "$verify-code", code=shown["code"]))["known"] is True


@pytest.mark.parametrize(("minutes", "status"), [(-2, 403), (0.5, 200), (5.5, 200), (7, 403)])
async def test_clocks_may_differ_by_a_minute(region, monkeypatch, minutes, status):
    """The reading process's clock is so many minutes ahead; whether the code was used the database says."""
    shown = await region.told("zhang", "Patient/a-zhang/$show-card")
    headers = await region.signed_in("wang")
    moment = clock.now() + timedelta(minutes=minutes)
    monkeypatch.setattr(own, "read", lambda message, now, skew: REAL_READ(message, moment, skew))
    body = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueString": shown["code"]}]}
    answer = await region.client.post("$verify-code", json=body, headers=headers)
    assert answer.status_code == status, answer.text


REAL_READ = own.read


async def test_a_printed_card_opens_by_a_word(region):
    await region.admit("sun", "registrar", "Organization/a")
    card = await region.told("sun", "Patient/a-zhang/$issue-card")
    assert own.is_number(card["number"])
    refused = await region.call("wang", "$verify-code", code=card["code"])
    assert refused.status_code == 422
    challenge, word = await region.asked(code=card["code"])
    told = await region.told("wang", "$verify-code", code=card["code"], challenge=challenge, word=word)
    assert (told["patient"], told["proof"]) == (BOTH, "word")


async def test_a_resident_prints_his_card_again(region):
    await region.admit("sun", "registrar", "Organization/a")
    assert (await region.call("zhang", "Patient/a-zhang/$print-card")).status_code == 422
    card = await region.told("sun", "Patient/a-zhang/$issue-card")
    again = await region.told("zhang", "Patient/a-zhang/$print-card")
    assert (again["number"], again["until"]) == (card["number"], card["until"])
    assert (await region.call("wang", "$verify-code", code=again["code"])).status_code == 422  # it needs a word
    for user, patient in (("sun", "a-zhang"), ("zhang", "b-child")):
        assert (await region.call(user, f"Patient/{patient}/$print-card")).status_code in (403, 404)


async def test_a_printed_card_that_was_revoked_opens_nothing(region):
    await region.admit("sun", "registrar", "Organization/a")
    card = await region.told("sun", "Patient/a-zhang/$issue-card")
    challenge, word = await region.asked(code=card["code"])
    assert (await region.call("sun", "Patient/a-zhang/$revoke-card", number=card["number"])).status_code == 200
    ended = await region.call("wang", "$verify-code", code=card["code"], challenge=challenge, word=word)
    assert ended.status_code == 403
    assert await region.reads("wang", "Patient/a-zhang") == 404
    assert (await region.call("sun", "Patient/a-zhang/$revoke-card", number=card["number"])).status_code == 422
    listed = await region.call("zhang", "Patient/a-zhang/$cards")
    (shown,) = listed.json()["parameter"]
    parts = {one["name"]: one for one in shown["part"]}
    assert parts["number"]["valueString"] == card["number"]
    assert parts["revoked"]["valueBoolean"] is True


@pytest.mark.parametrize("kind", ["temporary", "newborn"])
async def test_a_temporary_or_newborn_card_is_good_in_its_house_and_opens_nothing(region, kind):
    card = await region.told("zhao", "Patient/b-child/$issue-card", kind=kind)
    told = await region.told("wang", "$verify-code", code=card["code"])
    assert (told["patient"], told["proof"]) == (["Patient/b-child"], "none")
    elsewhere = await region.told("qian", "$verify-code", code=card["code"])
    assert elsewhere["known"] is False
    await region.told("zhao", "Patient/b-child/$revoke-card", number=card["number"])
    assert (await region.told("wang", "$verify-code", code=card["code"]))["known"] is False


async def test_who_may_not_change_a_registration_issues_nothing_for_it(region):
    """Nor learns anything of it: the words are the same for a newborn and for anybody."""
    answers = {
        (user, patient, kind): (await region.call(user, f"Patient/{patient}/$issue-card", kind=kind)).status_code
        for user, patient in [
            ("zhao", "a-zhang"),
            ("zhao", "a-nobody"),
            ("zhang", "a-zhang"),
            ("bao", "b-child"),
            ("yao", "b-child"),
            ("yao", "b-zhang"),
        ]
        for kind in ("static", "newborn")
    }
    assert set(answers.values()) <= {403, 404}
    assert answers["zhao", "a-zhang", "static"] == answers["zhao", "a-nobody", "static"] == 404
    assert (await region.call("zhao", "Patient/b-zhang/$issue-card", kind="newborn")).status_code == 422
    assert (await region.call("zhao", "Patient/b-zhang/$issue-card", kind="gold")).status_code == 400


async def test_a_platform_that_is_no_demonstration_issues_and_takes_none(region, open_client):
    shown = await region.told("zhang", "Patient/a-zhang/$show-card")
    region.client = await open_client(demo=False)
    assert (await region.call("zhang", "Patient/a-zhang/$show-card")).status_code == 400
    assert (await region.call("zhao", "Patient/b-child/$issue-card")).status_code == 400
    assert (await region.call("wang", "$verify-code", code=shown["code"])).status_code == 400


async def test_codes_are_looked_at_so_often_a_day(region, settings):
    text = (settings / "policy" / "health_card.toml").read_text("utf-8").replace("calls = 3000", "calls = 2")
    (settings / "policy" / "health_card.toml").write_text(text, "utf-8")
    answers = [await region.call("wang", "$verify-code", code=VISIT, kind="visit-card") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (await region.call("zhao", "$verify-code", code=VISIT, kind="visit-card")).status_code == 200


async def test_each_request_leaves_a_row_that_names_whom(region):
    await region.told("wang", "$verify-code", code=VISIT, kind="visit-card")
    await region.call("bao", "$verify-code", code=VISIT, kind="visit-card")
    rows = await region.rows()
    assert ("Practitioner/wang", "search", 200, 1) in rows
    assert ("Practitioner/bao", "operation", 403, 0) in rows


def test_the_app_is_given_a_bounded_record():
    assert not {name for name in vars(Record) if name in ("store", "gate", "sight")}
