"""The doors of devices over HTTP: batches, a vendor's push, and what is on disk when they are answered."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import time

import pytest

from kangyun.access.actor import Actor
from kangyun.base.crypto import hmac_sm3
from kangyun.devices.doors.opened import doors_of
from kangyun.devices.doors.pushes import Pushes
from kangyun.devices.intake.opening import ingest
from kangyun.devices.log import open_reader
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Lane, Mark
from kangyun.devices.register.credentials import digester, draw_secret
from kangyun.testing.people import know

KEY = "a-key-of-the-vendor-0001"
VENDOR = f"""
title = "示例厂商"
institution = "Organization/county"
format = "mapped/example-cuff"
[signed]
key = "{KEY}"
"""


@pytest.fixture
async def door(fresh_database, make_settings, platform, open_client):
    """An HTTP client to an installation with a vendor, below its root."""
    folder = make_settings().data / "vendors"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cuffs.toml").write_text(VENDOR, "utf-8")
    (folder / "sm3.toml").write_text(f'{VENDOR}algorithm = "hmac-sm3"\nencoding = "base64"\n', "utf-8")
    return await open_client()


@pytest.fixture
async def given(platform):
    """Makes a device with a secret; answers its secret."""

    async def give(name, serial="", format_="plain"):
        secret = draw_secret()
        digest = digester(platform.gate.store.keys.index_key).of("secret", name, secret)
        async with platform.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO institution (reference) VALUES ('Organization/county') ON CONFLICT DO NOTHING"
            )
            device = await connection.fetchval(
                "INSERT INTO device (name, serial, institution, format, state) SELECT $1, $2, id, $3, 'claimed'"
                " FROM institution WHERE reference = 'Organization/county' RETURNING id", name, serial, format_,
            )  # fmt: skip
            await connection.execute(
                "INSERT INTO device_credential (device, kind, digest, by) VALUES ($1, 'secret', $2, 'test')",
                device,
                digest,
            )
        return secret

    return give


@pytest.fixture
async def logged(platform):
    """Says what a lane of the log holds: device, format and payload."""

    async def read(lane):
        reader = open_reader(platform)
        batches = await reader.read(lane, {}, most=1000, most_bytes=1 << 20)
        await reader.close()
        return [(one.format, json.loads(one.payload)) for batch in batches for one in batch.records]

    return read


async def send(door, device, body, secret, *, path="", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {"authorization": f"Bearer {secret}", "accept-language": "en"} | headers
    answer = await door.post(f"http://kangyun/devices/{device}/readings{path}", content=content, headers=shown)
    return answer.status_code, answer.json()


async def push(door, body, *, vendor="cuffs", key=KEY, nonce="nonce-0001", at=None, sign=None):
    content, at = json.dumps(body).encode(), str(int(at or time.time()))
    sign = sign or (lambda text: hmac.new(key.encode(), text, hashlib.sha256).hexdigest())
    headers = {
        "x-timestamp": at, "x-nonce": nonce, "x-signature": sign(f"{at}\n{nonce}\n".encode() + content),
        "accept-language": "en",
    }  # fmt: skip
    answer = await door.post(f"http://kangyun/devices/vendors/{vendor}", content=content, headers=headers)
    return answer.status_code, answer.json()


def cuff(serial, number=1):
    return {"imei": serial, "msgId": str(number), "records": [
        {"measureTime": "2026-11-18 08:12:00", "user": 1, "sbp": 152, "dbp": 94, "pulse": 78},
    ]}  # fmt: skip


async def test_a_batch_is_on_disk_when_it_is_answered(door, given, logged):
    secret = await given("bp-0001")
    now = int(time.time() * 1000)
    batch = {"s": 1, "r": [{"m": "hr", "v": 71, "t": now}, {"m": "moon", "v": 1, "t": now}]}
    status, told = await send(door, "bp-0001", batch, secret)
    assert (status, told["taken"], told["sequence"]) == (200, 1, 1)
    assert told["refused"] == [
        {"text": "devices.formats.unknown-metric", "at": "$.r[1]", "said": "There is no such metric."}
    ]
    assert await logged(Lane.LIVE) == [("plain", batch)]


async def test_history_and_a_cry_for_help_have_their_lanes(door, given, logged):
    secret = await given("bp-0001")
    await send(door, "bp-0001", {"h": True, "m": "hr", "v": 71}, secret)
    await send(door, "bp-0001", gzip.compress(b'{"e":"sos"}'), secret, **{"content-encoding": "gzip"})
    assert [len(await logged(lane)) for lane in Lane] == [1, 0, 1]
    assert await logged(Lane.EVENT) == [("plain", {"e": "sos"})]


async def test_what_cannot_be_taken_at_all_is_refused_and_its_owner_sees_it(door, given, platform, logged):
    secret = await given("bp-0001")
    status, told = await send(door, "bp-0001", {"m": "moon", "v": 1}, secret)
    assert (status, told["taken"], [one["at"] for one in told["refused"]]) == (422, 0, ["$"])
    assert await logged(Lane.LIVE) == []
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT reason FROM device_refusal") == "devices.formats.unknown-metric"


@pytest.mark.parametrize("device", ["bp-0001", "bp-0002", "nobody-0001"])
async def test_nobody_else_is_let_in(door, given, device):
    await given("bp-0001")
    other = await given("bp-0002")
    secret = {"bp-0002": "wrong"}.get(device, other)
    status, told = await send(door, device, {"m": "hr", "v": 71}, secret)
    assert (status, told["issue"][0]["code"]) == (401, "login")


async def test_another_devices_mapping_is_not_for_all(door, given):
    secret = await given("bp-0001")
    assert (await send(door, "bp-0001", {}, secret, path="?format=mapped/example-cuff"))[0] == 403
    assert (await send(door, "bp-0001", {}, secret, path="?format=morse"))[0] == 400
    assert (await send(door, "bp-0001", {}, secret, path="?format=typed"))[0] == 400


async def test_who_sends_too_often_is_told_to_wait(door, given):
    secret = await given("bp-0001")
    statuses = [(await send(door, "bp-0001", {"m": "moon", "v": 1}, secret))[0] for _ in range(62)]
    assert (statuses[0], statuses[-1]) == (422, 429)


async def test_a_push_is_taken_once_and_its_receipt_is_the_same_again(door, given, logged):
    await given("cuff-0001", "86001", "mapped/example-cuff")
    body = {"data": [cuff("86001"), cuff("86999", 2)]}
    status, first = await push(door, body)
    assert (status, first["messages"], first["taken"], first["refused"], first["again"]) == (200, 2, 3, 1, False)
    assert first["refusals"] == [
        {"message": "1", "text": "devices.doors.unknown-device", "at": "$", "said": "No such device is registered."}
    ]
    status, again = await push(door, body, nonce="nonce-0002")
    assert (status, again["number"], again["again"]) == (200, first["number"], True)
    assert await logged(Lane.BACKFILL) == [("mapped/example-cuff", cuff("86001"))]


async def test_a_push_that_cannot_be_taken_apart_is_kept_all_the_same(door, given, platform):
    await given("cuff-0001", "86001")
    status, told = await push(door, {"data": [{"msgId": "1"}]})
    assert (status, told["taken"], [one["text"] for one in told["refusals"]]) == (200, 0, ["devices.formats.no-device"])
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT done IS NULL FROM device_push")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"key": "another-key-0000-0000"}, "wrong"), ({"at": 1_700_000_000}, "too old"),
        ({"nonce": "short"}, "not signed"), ({"sign": lambda text: "zz"}, "wrong"),
    ],
)  # fmt: skip
async def test_a_push_that_is_not_the_vendors_is_refused(door, change, text, platform):
    status, told = await push(door, {"data": [cuff("86001")]}, **change)
    assert status == 401
    assert text in told["issue"][0]["details"]["text"]
    async with platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM device_push") == 0


async def test_a_nonce_is_good_for_one_body(door, given):
    await given("cuff-0001", "86001")
    await push(door, {"data": [cuff("86001")]})
    assert (await push(door, {"data": [cuff("86001", 2)]}))[0] == 409


async def test_a_push_may_be_signed_by_sm3(door, given):
    await given("cuff-0001", "86001")

    def sign(text):
        return base64.b64encode(hmac_sm3(KEY.encode(), text)).decode()

    assert (await push(door, {"data": [cuff("86001")]}, vendor="sm3", sign=sign))[0] == 200


async def test_what_was_kept_is_taken_in_again(door, given, platform, logged):
    await given("cuff-0009", "86009")
    await push(door, {"data": [cuff("86001")]})
    assert await logged(Lane.BACKFILL) == []
    await given("cuff-0001", "86001", "mapped/example-cuff")
    doors = doors_of(platform.gate)
    (row,) = await _pushes(platform)
    again = await Pushes.of(doors).replay(doors.vendors.get("cuffs"), row["received"], row["until"])
    assert (again.pushes, again.taken, again.wrong) == (1, 3, [])
    assert await logged(Lane.BACKFILL) == [("mapped/example-cuff", cuff("86001"))]


async def test_what_names_no_device_harms_neither_what_stands_beside_it_nor_a_replay(door, given, platform, logged):
    await given("cuff-0001", "86001", "mapped/example-cuff")
    status, told = await push(door, {"data": [cuff("86001"), 5, None]})
    assert (status, told["messages"], told["taken"], told["refused"]) == (200, 3, 3, 2)
    assert {one["text"] for one in told["refusals"]} == {"devices.formats.no-device"}
    assert await logged(Lane.BACKFILL) == [("mapped/example-cuff", cuff("86001"))]
    await push(door, {"data": [5]}, nonce="nonce-0002")
    await push(door, {"data": [cuff("86001", 2)]}, nonce="nonce-0003")
    doors = doors_of(platform.gate)
    rows = await _pushes(platform)
    begins, ends = min(row["received"] for row in rows), max(row["until"] for row in rows)
    again = await Pushes.of(doors).replay(doors.vendors.get("cuffs"), begins, ends)
    assert (again.pushes, len(again.wrong)) == (2, 1)


async def test_two_of_the_same_at_once_are_one(door, given):
    await given("cuff-0001", "86001")
    body = {"data": [cuff("86001")]}
    answers = await asyncio.gather(*(push(door, body, nonce=f"nonce-{number:04}") for number in range(4)))
    assert {status for status, _ in answers} == {200}
    assert len({told["number"] for _, told in answers}) == 1


async def test_what_came_by_each_door_becomes_samples(door, given, platform, monkeypatch):
    secret = await given("bp-0001")
    await given("cuff-0001", "86001", "mapped/example-cuff")
    patient = {"resourceType": "Patient", "gender": "male", "name": [{"text": "测试甲"}]}
    wang = (await door.post("Patient", json=patient)).json()["id"]
    resident = Actor(f"Patient/{wang}", "w", "Organization/platform", "PATRQT", role="resident", patients=(wang,))
    know(monkeypatch, {"wang": resident})
    ahead = int(time.time() * 1000) + 3_600_000
    await send(door, "bp-0001", {"m": "spo2", "v": 97, "t": ahead, "n": ahead}, secret)
    await push(door, {"data": [cuff("86001")]})
    line = {"resourceType": "Parameters", "parameter": [{"name": "line", "valueString": "体重 65kg"}]}
    await door.post(f"Patient/{wang}/$add-reading", json=line, headers={"authorization": "Bearer wang"})

    stop = asyncio.Event()
    taking = asyncio.create_task(ingest(platform, stop))
    async with platform.pool.connection() as connection, asyncio.timeout(20):
        while len(rows := await connection.fetch(SAMPLES)) < 5:
            await asyncio.sleep(0.05)
        assert await connection.fetchval("SELECT round(max(offset_s) / 60) FROM device_health") == 60
    stop.set()
    await taking
    found = {(metrics_by_number()[row["metric"]].name, bool(row["mark"] & Mark.TYPED), row["held"]) for row in rows}
    assert found == {
        ("spo2", False, False), ("systolic-home", False, False), ("diastolic-home", False, False),
        ("heart-rate", False, False), ("weight", True, True),
    }  # fmt: skip


SAMPLES = """
SELECT s.metric, s.holder IS NOT NULL AS held, v.mark FROM device_sample AS v JOIN device_series AS s ON s.id = v.series
"""


async def _pushes(platform):
    async with platform.pool.connection() as connection:
        return await connection.fetch("SELECT received, received + interval '1 second' AS until FROM device_push")
