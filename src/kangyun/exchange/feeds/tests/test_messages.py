"""Messages of HL7 v2 over a real connection into a real record: stored before they are answered, and known again."""

import asyncio
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.erasing import UNSAID, Erasing
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base import clock
from kangyun.base.errors import NotFound
from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.feeds import messages as module
from kangyun.exchange.feeds.messages import Messages
from kangyun.exchange.hl7v2.acknowledging import Answer
from kangyun.exchange.hl7v2.framing import framed
from kangyun.exchange.hl7v2.listening import Listener, received
from kangyun.exchange.hl7v2.mapping import Feed, mapped

HOUSE = "Organization/house-1"


def message(event, control, *segments, type_="ADT"):
    header = f"MSH|^~\\&|HIS|H1|KY|KY|20260105080000||{type_}^{event}|{control}|P|2.5.1|||||CHN|UNICODE UTF-8"
    return "\r".join([header, f"EVN|{event}|20260105080000", *segments, ""]).encode()


def person(number, name="测试甲", birth="19700101", phone="19900000001"):
    return f"PID|1||{number}^^^H1^MR||{name}||{birth}|M|||测试路1号||{phone}"


def visit(number, status="I"):
    return f"PV1|1|{status}|W1^^1||||D1^张^医生||||||||||||{number}^^^H1^VN"


@pytest.fixture
def messages(platform):
    return Messages(platform, replace(ADMINISTRATOR, institution=HOUSE), Feed("house-1", HOUSE))


@pytest.fixture
async def sent(messages):
    """Sends messages on one connection and returns what is answered, MSA-1 and MSA-2 of each."""
    listener = Listener(messages.store)
    port = await listener.start("127.0.0.1", 0)

    async def sent_(*said):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        for one in said:
            writer.write(framed(one))
            answer = (await reader.readuntil(b"\x1c\r")).decode()
            msa = next(line for line in answer.split("\r") if line.startswith("MSA"))
            answers.append(tuple(msa.split("|")[1:3]))
        writer.close()
        return answers

    yield sent_
    await listener.stop()


async def found(client, path):
    return [one["resource"] for one in (await client.get(path)).json().get("entry", ())]


async def test_what_is_answered_is_stored(sent, client):
    assert await sent(message("A01", "1", person("P1"), visit("V1"))) == [("AA", "1")]
    (patient,) = await found(client, "Patient")
    assert patient["name"][0]["text"] == "测试甲"
    assert patient["id"].startswith("house-1-")
    (encounter,) = await found(client, "Encounter")
    assert encounter["subject"]["reference"] == f"Patient/{patient['id']}"


async def test_what_is_not_said_stays_and_what_is_sent_again_is_known(sent, client):
    first = message("A01", "1", person("P1"), visit("V1"))
    later = message("A08", "2", "PID|1||P1^^^H1^MR||测试乙", visit("V1"))
    assert [code for code, _ in await sent(first, later, first)] == ["AA"] * 3
    (patient,) = await found(client, "Patient")
    assert (patient["name"][0]["text"], patient["birthDate"]) == ("测试乙", "1970-01-01")
    assert (await client.get(f"Patient/{patient['id']}/_history")).json()["total"] == 2


async def test_one_number_with_other_content_is_another_message(sent, client):
    answers = await sent(
        message("A01", "1", person("P1"), visit("V1")), message("A01", "1", person("P2", "测试丙"), visit("V2"))
    )
    assert [code for code, _ in answers] == ["AA", "AA"]
    assert len(await found(client, "Patient")) == 2


async def test_what_is_wrong_is_refused_and_the_next_is_taken(sent, client):
    answers = await sent(
        message("A01", "1", visit("V1")), message("Z99", "2", person("P1")),
        message("A01", "3", person("P1"), visit("V1")),
    )  # fmt: skip
    assert [code for code, _ in answers] == ["AE", "AR", "AA"]
    assert len(await found(client, "Patient")) == 1


async def test_a_merge_makes_two_registrations_one_residents(sent, client):
    answers = await sent(
        message("A28", "1", person("P1")), message("A28", "2", person("P2", phone="19900000002")),
        message("A40", "3", person("P1"), "MRG|P2^^^H1^MR"),
    )  # fmt: skip
    assert [code for code, _ in answers] == ["AA"] * 3
    one, *_ = await found(client, "Patient")
    links = (await client.get(f"Patient/{one['id']}/$links")).json()["parameter"]
    assert sum(link["name"] == "registration" for link in links) == 2


@pytest.mark.parametrize(("number", "code"), [("990000199001010017", "AA"), ("990000199001010033", "AE")])
async def test_an_enclosed_document_of_somebody_else_is_not_taken(sent, client, number, code):
    document = f"""<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole>
    <id root="2.16.156.10011.1.12" extension="ZY1"/><patient><id root="2.16.156.10011.1.3" extension="{number}"/>
    <name>测试丁</name></patient></patientRole></recordTarget></ClinicalDocument>"""
    content = b64encode(document.encode()).decode()
    known = "PID|1||P1^^^H1^MR~990000199001010017^^^^NI||测试甲||19900101|M"
    said = message(
        "T02", "2", "PID|1||P1^^^H1^MR", "TXA|1|DS|TX|||20260105||||||D1", f"OBX|1|ED|D||^XML^CDA^Base64^{content}",
        type_="MDM",
    )  # fmt: skip
    assert await sent(message("A28", "1", known), said) == [("AA", "1"), (code, "2")]
    assert len(await found(client, "DocumentReference")) == (code == "AA")


async def test_a_document_is_corrected_under_the_registration_that_a_merge_leaves(sent, client):
    def document(number, text):
        segments = (person(number), "TXA|1|DS|TX|||20260105||||||D1", f"OBX|1|TX|D||{text}")
        return message("T08", text, *segments, type_="MDM")

    answers = await sent(document("P1", "a"), message("A40", "2", person("P2"), "MRG|P1^^^H1^MR"), document("P2", "b"))
    assert [code for code, _ in answers] == ["AA"] * 3
    (found_,) = await found(client, "DocumentReference")
    content = (await client.get(found_["content"][0]["attachment"]["url"])).json()
    assert b64decode(content["data"]) == b"b"


async def test_a_number_without_end_is_refused_and_holds_up_nobody(sent, messages):
    """By it a message is known again: it is kept beside it, and no index takes one of thousands of characters."""
    long = "".join(str(number * number) for number in range(2000))
    answers = await sent(
        message("A28", long, person("P1")), message("Z99", long, person("P1")), message("A28", "3", person("P1"))
    )
    assert [code for code, _ in answers] == ["AE", "AE", "AA"]
    assert {one.reasons[0].place.part for one in await messages.aside.list()} == {"MSH-10"}


async def test_a_defect_with_one_message_holds_up_no_other(messages, client, monkeypatch, caplog):
    def broken(said, feed):
        if said.control_id == "2":
            raise KeyError("测试甲")
        return mapped(said, feed)

    monkeypatch.setattr(module, "mapped", broken)
    group = [
        received(message("A01", str(n), person(f"P{n}", f"测试{n}"), visit(f"V{n}")), "s", clock.now())
        for n in (1, 2, 3)
    ]
    answers = await messages.store(group)
    assert [one.code for one in answers] == ["AA", "AE", "AA"]
    assert [one.text for one in answers[1].refusals] == ["exchange.hl7v2.defect"]
    (waiting,) = await messages.aside.list(HOUSE)
    assert len(await found(client, "Patient")) == 2
    assert "测试甲" not in "".join(caplog.messages)
    monkeypatch.undo()
    assert (await messages.again(waiting.id)).code == "AA"


async def test_a_merge_may_name_a_registration_that_was_never_sent(sent, client):
    """The hospital joined last month; the number that is given up is older. What comes late under it finds its way."""
    answers = await sent(
        message("A40", "1", person("P1"), "MRG|P2^^^H1^MR||||||测试甲"),
        message("A01", "2", person("P2", phone="19900000002"), visit("V2")),
    )
    assert [code for code, _ in answers] == ["AA", "AA"]
    assert await registrations(client) == [2, 2]


async def registrations(client):
    """Returns how many registrations are the resident's of each Patient."""
    counts = []
    for one in await found(client, "Patient?_tag:not=golden"):
        links = (await client.get(f"Patient/{one['id']}/$links")).json()["parameter"]
        counts.append(sum(link["name"] == "registration" for link in links))
    return counts


def result(number, filler="F1", stay="V1"):
    segments = [number if "|" in number else person(number), visit(stay)]
    return [
        *segments,
        f"OBR|1||{filler}|XCG^血常规|||20260105080000||||||||||||||||||F",
        "OBX|1|NM|WBC^白细胞||5|||||||F",
    ]


async def test_a_visit_or_a_report_does_not_become_another_patient_s(sent, client, messages):
    """A wrong visit number would run two persons' records into each other."""
    answers = await sent(
        message("A01", "1", person("P1"), visit("V1")), message("A28", "2", person("P2", "测试乙", phone="1")),
        message("A08", "3", person("P2", "测试乙", phone="1"), visit("V1")),
        message("R01", "4", *result("P2"), type_="ORU"), message("R01", "5", *result("P1"), type_="ORU"),
        message("R01", "6", *result("P2", stay="V2"), type_="ORU"),
    )  # fmt: skip
    assert [code for code, _ in answers] == ["AA", "AA", "AE", "AE", "AA", "AE"]
    first, *_ = await found(client, "Patient?identifier=P1&_tag:not=golden")
    about = {
        one["subject"]["reference"] for type_ in ("Encounter", "Observation") for one in await found(client, type_)
    }
    assert about == {f"Patient/{first['id']}"}
    reasons = [[(r.text.rpartition(".")[2], r.place.part) for r in one.reasons] for one in await messages.aside.list()]
    assert reasons == [[("of-another", "PV1")], [("of-another", "PV1")], [("of-another", "OBX")]]


async def test_a_visit_goes_over_to_the_registration_that_a_merge_leaves(sent, client):
    old, new = person("P1"), person("P2", phone="19900000002")
    answers = await sent(
        message("A01", "1", old, visit("V1")), message("R01", "2", *result("P1"), type_="ORU"),
        message("A40", "3", new, "MRG|P1^^^H1^MR"),
        message("A03", "4", new, visit("V1")), message("R01", "5", *result("P2"), type_="ORU"),
    )  # fmt: skip
    assert [code for code, _ in answers] == ["AA"] * 5
    second, *_ = await found(client, "Patient?identifier=P2&_tag:not=golden")
    about = {
        one["subject"]["reference"] for type_ in ("Encounter", "Observation") for one in await found(client, type_)
    }
    assert about == {f"Patient/{second['id']}"}


async def test_a_result_under_a_number_that_is_somebody_else_s_is_refused(sent, client):
    def known(number, name):
        return f"PID|1||P1^^^H1^MR~{number}^^^^NI||{name}||19900101|M"

    one, other = "990000199001010017", "990000199001010025"
    answers = await sent(
        message("A01", "1", known(one, "测试甲"), visit("V1")),
        message("R01", "2", *result(known(other, "测试乙")), type_="ORU"),
        message("R01", "3", *result(known(other, "测试甲")), type_="ORU"),
    )
    assert [code for code, _ in answers] == ["AA", "AE", "AA"]


@pytest.mark.parametrize("event", ["A24", "A40"])
async def test_what_was_said_to_be_one_and_is_not_is_parted_again(sent, client, event):
    """A24 links, A40 merges, A37 parts: all three end in the resident index, and nothing clinical is moved."""
    said = [person("P2", phone="19900000002")] if event == "A24" else ["MRG|P2^^^H1^MR"]
    before = [message("A28", "1", person("P1")), message("A28", "2", person("P2", phone="19900000002"))]
    assert [code for code, _ in await sent(*before, message(event, "3", person("P1"), *said))] == ["AA"] * 3
    assert await registrations(client) == [2, 2]
    parting = message("A37", "4", person("P1"), person("P2", phone="19900000002"))
    assert await sent(parting) == [("AA", "4")]
    assert await registrations(client) == [1, 1]


async def test_a_pair_of_one_is_refused(sent, client):
    assert await sent(message("A24", "1", person("P1"), person("P1"))) == [("AE", "1")]


async def test_many_connections_at_once_lose_nothing(sent, client):
    said = [
        [message("A28", f"{n}-{m}", person(f"P{n}-{m}", phone=f"1990000{n:02}{m:02}")) for m in range(5)]
        for n in range(8)
    ]
    answers = await asyncio.gather(*(sent(*some) for some in said))
    assert {code for some in answers for code, _ in some} == {"AA"}
    assert (await client.get("Patient?_summary=count")).json()["total"] == 40


async def told(messages, **options):
    """Returns what is kept aside: number of the message, where and why, state."""
    found = await messages.aside.list(HOUSE, **options)
    return [
        (one.control, one.reasons[0].place.part, one.reasons[0].text.rpartition(".")[2], one.state) for one in found
    ]


async def test_what_is_refused_is_kept_aside_with_why(sent, messages):
    broken = message("A01", "1", visit("V1"))
    await sent(broken, broken, b"no message", message("A01", "2", person("P1"), visit("V1")))
    assert await told(messages) == [("1", "MSH", "segment-missing", "waiting"), ("", "MSH", "no-header", "waiting")]
    first, _ = await messages.aside.list(HOUSE)
    assert (first.times, first.size) == (2, len(broken))
    assert await messages.aside.content(await messages.record(), first.id) == broken


async def test_what_was_refused_lies_sealed(sent, messages, platform):
    await sent(message("A01", "1", person("P1", "测试甲")))
    async with platform.pool.connection() as connection:
        (row,) = await connection.fetch("SELECT content, reasons FROM feed_message_aside")
    assert "测试甲".encode() not in row["content"]
    assert "测试甲" not in row["reasons"]


async def test_what_is_sent_again_put_right_settles_what_was_refused(sent, messages, client):
    await sent(message("A01", "1", person("P1")), message("A01", "1", person("P1"), visit("V1")))
    assert await told(messages) == []
    assert [state for *_, state in await told(messages, settled=True)] == ["taken"]
    assert len(await found(client, "Encounter")) == 1


async def test_what_is_kept_aside_is_tried_again_as_it_came_or_put_right(sent, messages, client):
    await sent(message("A01", "1", person("P1")))
    (one,) = await messages.aside.list(HOUSE)
    assert (await messages.again(one.id)).code == "AE"
    assert (await messages.again(one.id, message("A01", "1", person("P1"), visit("V1")))).code == "AA"
    assert await told(messages) == []
    assert len(await found(client, "Encounter")) == 1


async def test_what_another_house_sent_is_not_this_one_s(sent, messages):
    await sent(message("A01", "1", person("P1")))
    (one,) = await messages.aside.list()
    other = replace(messages, feed=Feed("house-2", "Organization/house-2"))
    with pytest.raises(NotFound):
        await other.again(one.id)


async def test_the_content_is_kept_for_a_time(sent, messages, platform):
    await sent(message("A01", "1", person("P1")))
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE feed_message_aside SET received = now() - interval '91 days'")
    await messages.forget()
    (one,) = await messages.aside.list(HOUSE)
    with pytest.raises(NotFound):
        await messages.aside.content(await messages.record(), one.id)


async def test_of_somebody_who_was_erased_no_message_is_kept(sent, messages, client, platform):
    said = [message("A01", str(nth), person(f"P{nth}"), visit(f"V{nth}")) for nth in (1, 2)]
    await sent(*said)
    refused = (Refusal(Place("3"), "exchange.hl7v2.internal"),)
    record = await messages.record()
    for nth, raw in enumerate(said):
        await messages.aside.keep(record, HOUSE, [(received(raw, str(nth), clock.now()), Answer("AE", refused))])
    (settled, *_) = await messages.aside.list(HOUSE)
    await messages.aside.keep(record, HOUSE, [(received(message("A01", "9"), "9", clock.now()), Answer("AE", refused))])
    await erase(messages.platform, (await found(client, "Patient?identifier=P1"))[0]["id"])
    await messages.forget()
    assert [one.sender for one in await messages.aside.list(HOUSE)] == ["1", "9"]
    with pytest.raises(NotFound):
        await messages.aside.content(record, settled.id)
    # What comes of him later is refused, and not kept.
    assert await sent(message("A08", "5", person("P1"), visit("V1"))) == [("AE", "5")]
    assert [one.sender for one in await messages.aside.list(HOUSE)] == ["1", "9"]


async def erase(platform, patient):
    gate = platform.gate
    async with platform.pool.connection() as connection:
        located = await gate.store.reader.locate(connection, [("Patient", patient)])
    erasing = Erasing(gate.store, gate.ledger, UNSAID)
    request = await erasing.ask(
        {located["Patient", patient].res: f"Patient/{patient}"}, "Practitioner/a", "本人书面申请"
    )
    record = await gate.open(ADMINISTRATOR, Circumstances("erase", "", "request-of-the-erasure"))
    await erasing.confirm(request.id, "Practitioner/b", record.audit_columns("erase", 200))
