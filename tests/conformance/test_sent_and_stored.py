"""What the city's hospitals send, taken in day by day into a real record: the store holds what the truth says.

Rows and messages come late, twice, corrected, revoked and broken, in the order of the days on which they go out.
"""

import io
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec
import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.signin import ADMINISTRATOR
from kangyun.exchange.entries import Entry
from kangyun.exchange.feeds.messages import Messages
from kangyun.exchange.feeds.taking import Taking
from kangyun.exchange.hl7v2.listening import Received
from kangyun.exchange.hl7v2.mapping import Feed as MessageFeed
from kangyun.exchange.hl7v2.mapping import mapped, standard
from kangyun.exchange.hl7v2.splitting import split
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.recognition import recognise
from kangyun.simulate import City, error_model
from kangyun.simulate.sending import faults, folded, sending
from kangyun.simulate.sending.faults import habits

MESSAGES = ("ADT", "ORU")
OVER = ("entered-in-error", "cancelled")


@pytest.fixture(scope="module")
def sent():
    """What is sent of some residents, where more goes wrong than usually."""
    with pytest.MonkeyPatch.context() as patch:
        often = msgspec.structs.replace(habits(), rates=dict.fromkeys(habits().rates, 0.12))
        patch.setattr(faults, "habits", lambda: often)
        return list(sending(City(3, 30, date(2026, 11, 1), 1.0), error_model("judging")))


def of_file(name, content, house):
    """Returns what a file of rows comes to."""
    table = read(io.BytesIO(content), name)
    match = recognise(table.header, name)[0]
    return list(convert(table, shipped_for(match.table), Feed(house, f"Organization/{house}", house, "chengdu-2011")))


def names_of(dispatch):
    """Returns the names of the resources that a row or message comes to."""
    house = dispatch.institution
    if dispatch.message:
        feed = MessageFeed(house, f"Organization/{house}", standard(), frozenset({"P", ""}))
        made = mapped(split(dispatch.message), feed).entries
    else:
        ((name, content),) = folded([dispatch])
        made = [one for one in of_file(name, content, house) if isinstance(one, Entry)]
    return [f"{one.resource['resourceType']}/{one.id}" for one in made]


@pytest.fixture
async def taken(platform, client, sent):
    """Takes all in, day by day; returns the refusals of rows, and the codes of answers to messages."""
    dispatches = sorted((one for some, _ in sent for one in some), key=lambda one: one.day)
    days = defaultdict(list)
    for one in dispatches:
        days[one.day, one.institution].append(one)
    refusals, answers = [], Counter()
    for (_, house), some in days.items():
        actor = replace(ADMINISTRATOR, institution=f"Organization/{house}")
        messages = [one.message for one in some if one.message]
        store = Messages(platform, actor, MessageFeed(house, f"Organization/{house}"))
        for message in messages:
            (answer,) = await store.store([Received("his", datetime.now(UTC), message, split(message))])
            answers[answer.code] += 1
        for name, content in folded(one for one in some if not one.message):
            record = await platform.gate.open(actor, Circumstances("feed", "", "", historic=True))
            await Taking(record, refusals.append).take(of_file(name, content, house))
    return refusals, answers


def whole_place(place):
    """Returns where something is wrong, as it is counted."""
    return place.source, place.row, place.part


async def standing(client, names):
    """Returns how each resource stands: its status, `active` of a Patient, None where there is none."""
    found = {}
    for name in names:
        answer = await client.get(name)
        one = answer.json()
        verified = [coding["code"] for coding in one.get("verificationStatus", {}).get("coding", ())]
        over = one.get("status") in OVER or "entered-in-error" in verified or one.get("active") is False
        found[name] = None if answer.status_code != 200 else (over, int(one["meta"]["versionId"]), answer.text)
    return found


async def test_the_store_holds_what_the_truth_says(taken, client, sent):
    wrong, judged = Counter(), Counter()
    of_last = [(set(names_of(dispatches[-1])), truth) for dispatches, truth in sent]
    shared = Counter(name for names, _ in of_last for name in names)
    for names, truth in of_last:
        found = await standing(client, (name for name in names if shared[name] == 1))
        if truth.fault == "corrected" and found:
            wrong[truth.table, "is not corrected"] += not any("（更正）" in one[2] for one in found.values() if one)
        for name, one in found.items():
            kind = (truth.table, truth.fault, truth.fate, name.partition("/")[0])
            judged[truth.table in MESSAGES, truth.fault, truth.fate] += 1
            if one is None:
                wrong[*kind, "is not there"] += 1
            else:
                wrong[*kind, "is over" if one[0] else "stands"] += one[0] is not (truth.fate == "revoked")
                wrong[*kind, "is another version"] += truth.fault == "repeated" and one[1] != 1
    assert not +wrong
    assert {(False, fault, "stored") for fault in ("late", "repeated", "corrected")} <= judged.keys()
    # Of a message taken back the visit is the one before's as well.
    assert {(False, "revoked", "revoked"), (True, "late", "stored")} <= judged.keys()
    await nothing_else_is_stored(client, sent)
    what_is_aside_is_told(sent, *taken)


async def nothing_else_is_stored(client, sent):
    names = {name for dispatches, _ in sent for one in dispatches for name in names_of(one)}
    of_type = Counter(name.partition("/")[0] for name, one in (await standing(client, names)).items() if one)
    for type_, count in of_type.items():
        assert (await client.get(f"{type_}?_summary=count")).json()["total"] == count, type_


def what_is_aside_is_told(sent, refusals, answers):
    aside = Counter(truth.column for _, truth in sent if truth.fate == "aside" and truth.table not in MESSAGES)
    # A row may be told twice by one column: as its key, and as what it has to say.
    told = Counter(part for *_, part in {whole_place(one.place) for one in refusals if one.whole})
    assert aside
    assert {column: told[column] for column in aside} == aside
    of_messages = [truth.fate for _, truth in sent if truth.table in MESSAGES]
    assert answers.total() - answers["AA"] == of_messages.count("aside")
