"""Nothing that a patient said leaves by an error, a log or a metric.

Marked values go in wherever a client can put one: bodies right and wrong, ids, parameters, headers, methods, addresses.
All kinds of errors are provoked, defects and errors of the database among them. Then everything that was answered to a
refused request, every log of every process, and the figures are looked through.

What a refusal does say is the name of a parameter, an element, a type or an operation that there is not, as far as it
looks like a name, and the address of a terminology: who wrote it wrong must find it.

What a client may have logged is the id that it gives its request, and so that is short and of few characters
(`web.trace`). What a search shows again of its own question (the self link) is no error.
"""

import asyncio
import io
import json
import logging.config
import sys
import threading
from urllib.parse import quote, unquote

import asyncpg
import pytest

from kangyun.access.record import Record
from kangyun.base import logging as own_logging
from kangyun.store.search.searcher import Searcher
from kangyun.web.rest import Rest

MARKS = ("zqxsecretzqx", "丙秘密丁")
MARK = "".join(MARKS)
ASCII = MARKS[0]
PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": f"urn:{ASCII}", "value": MARK}],
    "name": [{"text": MARK, "family": MARK}],
    "birthDate": "1970-01-01",
}
# Bodies that are refused, each for another reason; @ and ~ stand for the marks.
WRONG_BODIES = [body.replace("@", MARK).replace("~", ASCII) for body in (
    '{"resourceType":"Patient","name":[{"text":"@"',
    '{"resourceType":"Patient","@":"@"}',
    '{"resourceType":"@"}',
    '{"resourceType":"Patient","id":"@","id":"@"}',
    '{"resourceType":"Patient","id":"@"}',
    '{"resourceType":"Patient","birthDate":"@"}',
    '{"resourceType":"Patient","gender":"@"}',
    '{"resourceType":"Patient","active":"@"}',
    '{"resourceType":"Patient","name":"@"}',
    '{"resourceType":"Patient","name":[{"text":"@\\u0000"}]}',
    '{"resourceType":"Patient","multipleBirthInteger":@}',
    '{"resourceType":"Patient","text":{"status":"generated","div":"<div>@&~;<~></div>"}}',
    '{"resourceType":"Patient","managingOrganization":{"reference":"Patient/@"}}',
    '{"resourceType":"Patient","managingOrganization":{"reference":"Organization?identifier=@"}}',
    '{"resourceType":"Patient","identifier":[{"use":"@","system":"@"}]}',
    '{"resourceType":"Patient","contained":[{"resourceType":"@","id":"@"}]}',
    '{"resourceType":"Patient","extension":[{"url":"@","valueOdd":"@"}]}',
    '{"resourceType":"Patient","meta":{"profile":["@"],"versionId":"@"},"_@":[{}]}',
    '{"resourceType":"Observation","status":"final","code":{"text":"a"},"valueQuantity":{"value":"@"}}',
    '<Patient xmlns="http://hl7.org/fhir"><name><text value="@"></name></Patient>',
    '<!DOCTYPE ~ [<!ENTITY ~ "@">]><Patient xmlns="http://hl7.org/fhir"/>',
    '<Odd xmlns="http://hl7.org/fhir" a="@"/>',
    '<Patient xmlns="http://hl7.org/fhir"><odd value="@"/><birthDate value="@"/></Patient>',
)]  # fmt: skip
WRONG_QUERIES = [
    *(f"{name}=%20{MARK}" for name in ("birthdate", "_lastUpdated", "_count", "_sort", "_include", "_summary")),
    *(f"{name}={MARK}" for name in ("_format", "_cursor", "_elements:x", "gender:of-type", "_has:a:b:c")),
    # Badly escaped: what should be a value stands in the name.
    *(f"{name}%3D{MARK}=1" for name in ("birthdate", "name:exact", "organization:Organization.name", "_has:a:b:c")),
    *(f"{MARKS[1]}{name}{MARK}=1" for name in ("", ":", "_has:")), f"identifier:of-type={MARK}", f"name:in={MARK}",
    *(f"name={MARK}%00", f"name={MARK}%ff", f"_filter=name eq {MARK} and (", f"_list={MARK}|{MARK}"),
]  # fmt: skip
HEADERS = (
    *("accept", "accept-language", "content-type", "content-encoding", "if-match", "if-none-match", "if-none-exist"),
    *("if-modified-since", "prefer", "traceparent", "x-forwarded-for", "cookie", "user-agent", "referer", "origin"),
)
PATHS = (
    *(
        f"Patient%20{MARK}",
        f"Patient/{MARK}",
        f"Patient/{ASCII}",
        f"Patient/{ASCII}/_history/{ASCII}",
        f"{MARKS[1]}{MARK}",
    ),
    *(f"$odd={MARK}", f"Patient/$validate/{MARK}", f"$bulk-status/{MARK}", f"$bulk-file/{MARK}/{MARK}", f"../{MARK}"),
    *(
        f"Patient/{ASCII}/$everything",
        f"ValueSet/$expand?url=a&filter={MARK}",
        f"CodeSystem/$lookup?system=a&code={MARK}",
    ),
    *(f"Patient/{ASCII}/$meta", f"Group/{ASCII}/$export", f"$export?_type=%20{MARK}", f"Patient/$match?a={MARK}"),
)


def leaks(text):
    """Which marks a text holds, in any of the ways to write them."""
    ways = {text, unquote(text), text.encode("utf-8", "replace").decode("unicode_escape", "replace")}
    forms = [form for mark in MARKS for form in (mark, mark.encode().hex(), quote(mark), json.dumps(mark)[1:-1])]
    return [form for form in forms if any(form.lower() in way.lower() for way in ways)]


async def refused_requests(client):
    """Sends what is refused; returns what was answered, headers and all."""
    told = []

    async def send(method, path, **options):
        answer = await client.request(method, path, **options)
        if answer.status_code >= 400:
            told.append(f"{method} {answer.status_code} {dict(answer.headers)} {answer.text}")

    for body in WRONG_BODIES:
        kind = {"content-type": "application/fhir+xml" if body.startswith("<") else "application/fhir+json"}
        sent = {"content": body.encode(), "headers": kind}
        for path in ("Patient", "Observation", "", "Patient/$validate", "Subscription", "$import", "ValueSet/$expand"):
            await send("POST", path, **sent)
        for path in (f"Patient/{ASCII}", f"Patient?identifier={MARK}"):
            await send("PUT", path, **sent)
            await send("PATCH", path, **sent)
        await send(
            "PATCH", f"Patient/{ASCII}", content=body.encode(), headers={"content-type": "application/json-patch+json"}
        )
    for query in WRONG_QUERIES:
        for headers in ({"prefer": "handling=strict"}, {}):
            await send("GET", f"Patient?{query}", headers=headers)
            await send("DELETE", f"Patient?{query}", headers=headers)
            await send("POST", "Patient", json=PATIENT, headers=headers | {"if-none-exist": quote(query)})
    for path in PATHS:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "ODD"):
            await send(method, path)
    for name in HEADERS:
        for method, path in (("GET", f"Patient/{ASCII}"), ("POST", "Patient"), ("PUT", f"Patient/{ASCII}")):
            options = {} if method == "GET" else {"content": b'{"resourceType":"Patient","id":"x"}'}
            await send(method, path, headers={name: f'"{ASCII} {ASCII}'}, **options)
    await send("GET", "Patient", headers={"authorization": f"Bearer {ASCII}"})
    await send("GET", "Patient", headers={"x-request-id": f"{ASCII} {ASCII}"})
    await send("POST", "../sign-in", json={"user": MARK, "password": MARK})
    await send("POST", "../sign-in", content=MARK.encode())
    await send("GET", f"../{MARK}")
    return told


async def accepted_requests(client):
    """Sends what is right: it must not be logged either."""
    made = await client.post("Patient", json=PATIENT)
    assert made.status_code == 201, made.text
    await client.put(f"Patient/{ASCII}", json=PATIENT | {"id": ASCII})
    create = {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={quote(MARK)}|"}
    bundle = {"type": "batch", "resourceType": "Bundle", "entry": [
        {"resource": PATIENT, "request": create},
        {"request": {"method": "GET", "url": f"Patient/{ASCII}"}},
        {"request": {"method": "GET", "url": f"Patient?name={quote(MARK)}&{ASCII}={ASCII}"}},
    ]}  # fmt: skip
    assert (await client.post("", json=bundle)).status_code == 200
    assert (await client.get("Patient", params={"name": MARK, "identifier": f"urn:{ASCII}|{MARK}"})).status_code == 200
    assert (await client.get(f"Patient/{ASCII}/_history")).status_code == 200
    subscription = {
        "resourceType": "Subscription", "status": "requested", "reason": MARK,
        "criteria": f"Patient?name={quote(MARK)}",
        "channel": {"type": "rest-hook", "endpoint": f"http://127.0.0.1:9/{ASCII}", "header": [f"X-A: {ASCII}"]},
    }  # fmt: skip
    await client.post("Subscription", json=subscription)
    await client.get("$export", params={"_typeFilter": f"Patient?name={MARK}"})


async def test_no_process_logs_tells_or_counts_what_was_sent(new_installation):
    installation = new_installation(workers=2, log_level="debug", subscription_hosts="127.0.0.1")
    await asyncio.to_thread(installation.start)
    async with installation.client() as client:
        await accepted_requests(client)
        told = await refused_requests(client)
        # Errors of the database itself: a table that is not there, one that holds what it must not.
        outsider = await asyncpg.connect(installation.database)
        for table, change, back in (
            ("string_value", "RENAME COLUMN value TO gone", "RENAME COLUMN gone TO value"),
            ("version", "ADD CONSTRAINT never CHECK (false) NOT VALID", "DROP CONSTRAINT never"),
            ("audit", "ADD CONSTRAINT never CHECK (false) NOT VALID", "DROP CONSTRAINT never"),
        ):
            await outsider.execute(f"ALTER TABLE {table} {change}")
            for answer in (
                await client.post("Patient", json=PATIENT),
                await client.get("Patient", params={"name": MARK}),
                await client.get(f"Patient/{ASCII}"),
            ):
                told += [f"{answer.status_code} {answer.text}"] * (answer.status_code >= 400)
            await outsider.execute(f"ALTER TABLE {table} {back}")
        await outsider.close()
        # And a server that falls in the middle of it.
        await asyncio.to_thread(installation.kill, "postmaster")
        await asyncio.gather(*(client.post("Patient", json=PATIENT) for _ in range(5)), return_exceptions=True)
        await asyncio.to_thread(installation.until, lambda: installation.is_ready)
        async with asyncio.timeout(60):  # The other process may learn of it a moment later.
            while (await client.get("Patient", params={"name": MARK})).status_code != 200:
                await asyncio.sleep(0.2)
    told.append(installation.metrics)
    await asyncio.to_thread(installation.stop)
    logs = {path.name: path.read_text("utf-8", "replace") for path in installation.data.rglob("*.log")}
    logs["output"] = installation.output.read_text("utf-8", "replace")
    assert {"web.log", "work.log"} <= set(logs) and "unexpected error" in logs["web.log"]
    assert len(told) > 300
    assert [(leaks(text), text[:2000]) for text in told if leaks(text)] == []
    assert {name: leaks(line) for name, log in logs.items() for line in log.splitlines() if leaks(line)} == {}


@pytest.fixture
def log():
    """What this process logs, as a process of ours does."""
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(own_logging.Formatter())
    root = logging.getLogger()
    before, _ = root.level, root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield sink
    root.removeHandler(handler)
    root.setLevel(before)


class Quoting(Exception):
    """An exception that says what it should not, in every way."""

    def __init__(self):
        super().__init__(MARK)
        self.add_note(MARK)


def failing(*_, **__):
    raise Quoting from ValueError(MARK)


async def failing_later(*_, **__):
    await asyncio.sleep(0)
    failing()


DEFECTS = [(Rest, "answer"), (Record, "read"), (Record, "commit"), (Searcher, "search"), (Record, "_audit")]


@pytest.mark.parametrize(("where", "name"), DEFECTS)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_defect_is_told_by_its_number_only(client, log, monkeypatch, where, name, language):
    made = (await client.post("Patient", json=PATIENT)).json()
    monkeypatch.setattr(where, name, failing_later)
    headers = {"accept-language": language, "x-request-id": "asked-by-7"}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": f"Patient/{made['id']}"}},
        {"request": {"method": "GET", "url": f"Patient?name={quote(MARK)}"}},
        {"request": {"method": "POST", "url": "Patient"}, "resource": PATIENT},
    ]}  # fmt: skip
    answers = [
        await client.get(f"Patient/{made['id']}", headers=headers),
        await client.get("Patient", params={"name": MARK}, headers=headers),
        await client.post("Patient", json=PATIENT, headers=headers),
        await client.post("", json=bundle, headers=headers),
    ]
    # A batch tells of each entry, and shows those that went well.
    entries = [entry["response"].get("outcome") for entry in answers[-1].json().get("entry", ())]
    outcomes = [*entries, *(answer.json() for answer in answers if answer.status_code >= 400)]
    told = [json.dumps(outcome, ensure_ascii=False) for outcome in outcomes if "base.internal" in json.dumps(outcome)]
    assert told and [text for text in told if leaks(text)] == []
    assert all(("内部错误" if language == "zh" else "Internal error") in text for text in told)
    assert {answer.headers["x-request-id"] for answer in answers} == {"asked-by-7"}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    found = [line for line in lines if line["event"] == "unexpected error"]
    assert found and all(line["request"] == "asked-by-7" and line["error"].endswith("Quoting") for line in found)
    assert all(line["incident"] in "".join(told) for line in found)
    assert leaks(log.getvalue()) == []


async def test_others_log_lines_and_uncaught_errors_are_cut_to_their_place(log, monkeypatch, capsys):
    logging.getLogger("asyncio").error("task failed: %s", MARK, exc_info=Quoting())
    logging.getLogger("httpx").info("GET %s", MARK)
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)  # The sink is the test's.
    for hooks, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(hooks, name, None)
    own_logging.configure("info")
    logging.captureWarnings(False)
    sys.excepthook(Quoting, Quoting(), None)
    text = log.getvalue()
    assert leaks(text) == []
    assert text.count("Quoting") == 2 and '"logger":"httpx"' in text
    group = BaseExceptionGroup("tasks", [Quoting(), ExceptionGroup("more", [ValueError(MARK)])])
    sys.excepthook(BaseExceptionGroup, group, None)
    assert leaks(log.getvalue()) == []
    assert log.getvalue().count("Quoting") == 3 and "ValueError" in log.getvalue()
    assert leaks("".join(capsys.readouterr())) == []


def test_a_mark_would_be_found():
    """The control: however it is written."""
    for way in (MARK, MARK.upper(), quote(MARK), json.dumps(MARK), f'{{"a": "{MARK}"}}', MARKS[1].encode().hex()):
        assert leaks(f"at {way}."), way
    assert leaks("nothing of it") == []
