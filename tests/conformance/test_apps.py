"""Apps over HTTP: found without being registered, told by every document, bounded by what they declare.

The last tests put an app into a copy of the package (links to everything else) and run the platform on that: one folder
more, and no edit elsewhere.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kangyun
from kangyun.catalog import catalog, catalog_of
from kangyun.catalog.publishing import publish

HOME = Path(kangyun.__file__).parent


async def test_every_document_tells_of_an_app_s_operations(client):
    (rest,) = (await client.get("metadata")).json()["rest"]
    definition = "urn:kangyun:operation:verify-code"
    assert {"name": "verify-code", "definition": definition} in rest["operation"]
    (patient,) = [one for one in rest["resource"] if one["type"] == "Patient"]
    assert "issue-card" in {one["name"] for one in patient["operation"]}
    paths = (await client.get("openapi.json")).json()["paths"]
    assert set(paths["/$verify-code"]) == {"post"}
    assert set(paths["/Patient/{id}/$cards"]) == {"get", "post"}
    told = (await client.get("apps")).json()["apps"]
    (card,) = [one for one in told if one["name"] == "health-card"]
    assert card["title"]["zh"].startswith("居民健康卡")
    assert card["reads"] == ["Patient"]
    addresses = {one["address"]: one["methods"] for one in card["operations"]}
    assert addresses["$verify-code"] == ["POST"]
    assert addresses["Patient/[patient]/$cards"] == ["GET", "POST"]


async def test_the_console_reads_them_at_the_root_when_somebody_is_signed_in(client):
    assert (await client.get("http://127.0.0.1:8080/apps")).json() == (await client.get("apps")).json()
    assert (await client.get("apps", headers={"authorization": ""})).status_code == 401
    assert (await client.post("apps")).status_code == 405


async def test_definitions_stand_in_the_record_and_are_retired_with_their_app(client, platform):
    await publish(platform, catalog())
    found = (await client.get("OperationDefinition?url=urn:kangyun:operation:verify-code")).json()
    (entry,) = found["entry"]
    definition = entry["resource"]
    assert definition["id"] == "health-card-verify-code"
    assert {one["name"] for one in definition["parameter"] if one["use"] == "in"} == {
        "code", "kind", "reader", "challenge", "word",
    }  # fmt: skip
    validated = await client.post("OperationDefinition/$validate", json=definition)
    assert validated.json()["issue"][0]["severity"] != "error"
    await publish(platform, catalog())
    assert (await client.get("OperationDefinition/health-card-verify-code")).headers["etag"] == 'W/"1"'
    await publish(platform, catalog_of([]))
    retired = (await client.get("OperationDefinition/health-card-verify-code")).json()
    assert (retired["status"], retired["meta"]["versionId"]) == ("retired", "2")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "$verify-code?code=x", None, 405),
        ("POST", "Patient/$verify-code", {"resourceType": "Parameters"}, 404),
        ("POST", "$verify-code", {"resourceType": "Patient"}, 400), ("POST", "$verify-code", [], 400),
        ("POST", "$verify-code", {"resourceType": "Parameters", "parameter": {}}, 400),
        ("POST", "$verify-code", {"resourceType": "Parameters", "parameter": [{"name": "other"}]}, 400),
        ("GET", "Patient/nobody/$cards?more=1", None, 400), ("GET", "Patient/nobody/$cards", None, 404),
        ("GET", "Patient/nobody/_history/1/$cards", None, 404),
    ],
)  # fmt: skip
async def test_they_come_by_the_same_door(client, method, path, body, status):
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await client.request(method, path, json=body, headers={"authorization": ""})).status_code == 401


async def test_a_body_that_is_too_large_is_refused(open_client):
    client = await open_client(body_limit=1000)
    body = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueString": "x" * 2000}]}
    assert (await client.post("$verify-code", json=body)).status_code == 413


# --- an app that is one folder more

APP = '''
"""Says hello, and writes what it is told to."""

from dataclasses import dataclass

from kangyun.access.apps import App, Query, Record, Reference


@dataclass(frozen=True)
class Hello:
    """What is said."""

    hello: str


async def greet(record: Record, *, name: str, times: int = 1) -> Hello:
    """Says hello."""
    return Hello(" ".join([f"hello {name}"] * times))


@dataclass(frozen=True)
class Done:
    """What was written."""

    task: tuple[Reference, ...]


def task(code, **more):
    coding = {"system": "urn:kangyun:task", "code": code}
    return {"resourceType": "Task", "status": "requested", "intent": "order", "code": {"coding": [coding]}} | more


async def write(record: Record, *, code: str) -> Done:
    """Writes two Tasks, one of which is a part of the other."""
    first = task(code)
    second = task(code, partOf=[{"reference": record.urn(first)}])
    written = await record.commit(first, second)
    await record.commit(written[0] | {"status": "accepted"})
    return Done(tuple("Task/" + one["id"] for one in written))


async def steal(record: Record, *, task: str) -> Done:
    """Changes a Task that it may read, and that is no part of it."""
    found = await record.read("Task", task)
    coding = {"system": "urn:kangyun:task", "code": "greeting"}
    await record.commit(found | {"code": {"coding": [coding]}})
    return Done(())


async def peek(record: Record, *, patient: str) -> Done:
    """Reads what is not declared."""
    await record.read("Patient", patient)
    return Done(())


APP = App(
    purpose="TREAT",
    reads=frozenset({"Task"}),
    writes=frozenset({"Task:greeting"}),
    operations={
        "$greet": Query(greet), "$write-greeting": write, "Task/[task]/$steal": steal, "Patient/[patient]/$peek": peek,
    },
)
'''
TONES = {
    "resourceType": "CodeSystem", "url": "urn:kangyun:tone", "status": "active", "content": "complete",
    "concept": [{"code": "warm"}],
}  # fmt: skip
ASKED = """
import asyncio, httpx, json, sys
from pathlib import Path
from kangyun.access.actor import Actor
from kangyun.access.signin import SignIn
from kangyun.base.settings import Settings
from kangyun.catalog import catalog
from kangyun.catalog.publishing import publish
from kangyun.web.app import Application

TOKEN = "test-administrator-0123456789abcdef"
DOCTOR = Actor("Practitioner/li", "", "Organization/a", "TREAT", role="doctor")
OFFICER = Actor("Practitioner/bao", "", "Organization/a", "HPAYMT", role="insurance")
PAID = Actor("Practitioner/li", "", "Organization/a", "HPAYMT", role="doctor", client="payer", scopes=("user/*.cruds",))
real = SignIn.actor


async def actor(self, token):
    return {"doctor": DOCTOR, "officer": OFFICER, "paid": PAID}.get(token) or await real(self, token)


SignIn.actor = actor


async def main():
    settings = Settings(data=Path(sys.argv[2]), admin_token=TOKEN, connections=4)
    application = Application(settings, sys.argv[1])
    await application.open()
    transport, told = httpx.ASGITransport(application), {}
    async with httpx.AsyncClient(transport=transport, base_url="http://x/fhir/", timeout=60) as client:
        async def ask(label, method, path, who=TOKEN, /, **parameters):
            entries = [{"name": one, "valueString": value} for one, value in parameters.items()]
            body = {"resourceType": "Parameters"} | ({"parameter": entries} if entries else {})
            headers = {"authorization": f"Bearer {who}", "accept-language": "en", "x-request-id": label}
            answer = await client.request(method, path, json=body if method == "POST" else None, headers=headers)
            told[label] = [answer.status_code, answer.json()]
            return answer.json()

        await publish(application._platform, catalog())
        await ask("lookup", "GET", "CodeSystem/$lookup?system=urn:kangyun:tone&code=warm", "doctor")
        await ask("metadata", "GET", "metadata")
        await ask("apps", "GET", "apps")
        await ask("get", "GET", "$greet?name=li&times=2", "doctor")
        await ask("post", "POST", "$greet", "doctor", name="li")
        await ask("missing", "GET", "$greet", "doctor")
        await ask("many", "GET", "$greet?name=li&times=x", "doctor")
        await ask("officer", "GET", "$greet?name=li", "officer")
        await ask("paid", "GET", "$greet?name=li", "paid")
        await ask("written", "POST", "$write-greeting", "doctor", code="greeting")
        await ask("other", "POST", "$write-greeting", "doctor", code="referral")
        coding = {"system": "urn:kangyun:task", "code": "referral"}
        other = {"resourceType": "Task", "status": "requested", "intent": "order", "code": {"coding": [coding]}}
        made = await client.post("Task", json=other, headers={"authorization": "Bearer doctor"})
        told["made"] = [made.status_code, made.json()]
        await ask("stolen", "POST", f"Task/{made.json()['id']}/$steal", "doctor")
        await ask("peeked", "POST", "Patient/x/$peek", "doctor")
        tasks = await client.get("Task?_sort=_id", headers={"authorization": "Bearer doctor"})
        told["tasks"] = [tasks.status_code, [one["resource"] for one in tasks.json().get("entry", ())]]
        async with application._platform.pool.connection() as connection:
            found = await connection.fetch("SELECT request, action, outcome, actor, purpose FROM audit ORDER BY id")
            told["rows"] = [200, [list(row) for row in found]]
    await application.close()
    print(json.dumps(told))


asyncio.run(main())
"""


def linked(folder):
    """Makes a package `kangyun` of links to the real one, with an app in `care` that is a folder of its own."""
    copy = folder / "kangyun"
    (copy / "care").mkdir(parents=True)
    for entry in HOME.iterdir():
        if entry.name not in ("care", "__pycache__"):
            (copy / entry.name).symlink_to(entry)
    for entry in (HOME / "care").iterdir():
        if entry.name != "__pycache__":
            (copy / "care" / entry.name).symlink_to(entry)
    app = copy / "care" / "greeting"
    (app / "texts").mkdir(parents=True)
    (app / "__init__.py").write_text('"""An app of a test."""\n')
    (app / "README.md").write_text("# Greeting\n")
    (app / "app.py").write_text(APP)
    (app / "definitions").mkdir()
    (app / "definitions" / "tone.json").write_text(json.dumps(TONES))
    texts = "title = 'Greeting'\nabout = 'x'\ngreet = 'x'\nwrite-greeting = 'x'\nsteal = 'x'\npeek = 'x'\n"
    for language in ("zh", "en"):
        (app / "texts" / f"{language}.toml").write_text(texts)
    return copy


def ran(package, database, data):
    done = subprocess.run(
        [sys.executable, "-c", ASKED, database, data], env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The data folder of these installations."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def with_app(shared_database, data, tmp_path_factory):
    """What an installation with the app was asked and answered."""
    return ran(linked(tmp_path_factory.mktemp("with")), shared_database, data)


def test_a_folder_more_is_an_app_more(with_app):
    names = {one["name"] for one in with_app["metadata"][1]["rest"][0]["operation"]}
    assert {"greet", "verify-code"} <= names
    assert {one["name"] for one in with_app["apps"][1]["apps"]} == {"greeting", *(one.id for one in catalog().apps)}
    said = [{"name": "hello", "valueString": "hello li hello li"}]
    assert with_app["get"] == [200, {"resourceType": "Parameters", "parameter": said}]
    assert with_app["post"][0] == 200


def test_its_definitions_are_there_for_whom_they_concern(with_app):
    assert with_app["lookup"][0] == 200, with_app["lookup"]


@pytest.mark.parametrize(
    ("asked", "status", "text"),
    [
        ("missing", 400, "name"), ("many", 400, "times"), ("officer", 403, "purpose"), ("paid", 403, "purpose"),
        ("other", 403, "does not declare that it writes"), ("stolen", 403, "only such a Task"),
        ("peeked", 403, "does not declare that it reads Patient"),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_refused_in_plain_words(with_app, asked, status, text):
    answered, outcome = with_app[asked]
    assert (answered, outcome["resourceType"]) == (status, "OperationOutcome")
    assert text in outcome["issue"][0]["details"]["text"]


def test_a_commit_is_one_transaction_and_leaves_one_row(with_app):
    status, outcome = with_app["written"]
    assert status == 200, outcome
    tasks = with_app["tasks"][1]
    greetings = [one for one in tasks if one["code"]["coding"][0]["code"] == "greeting"]
    assert sorted(one["status"] for one in greetings) == ["accepted", "requested"]
    (part,) = [one for one in greetings if "partOf" in one]
    assert part["partOf"][0]["reference"].startswith("Task/")
    rows = [row for row in with_app["rows"][1] if row[0] == "written"]
    # Two commits, and no other row: in the name of the actor, for the purpose of the app.
    assert rows == [["written", "write-greeting", 200, "Practitioner/li", "TREAT"]] * 2


def test_each_request_leaves_a_row_that_says_what_was_answered(with_app):
    outcomes = {row[0]: row[2] for row in with_app["rows"][1]}
    for asked in ("get", "post", "missing", "officer", "paid", "other", "stolen", "peeked", "apps"):
        assert outcomes[asked] == with_app[asked][0], asked


def test_without_the_folder_it_is_gone(with_app, shared_database, data, tmp_path_factory):
    package = linked(tmp_path_factory.mktemp("without"))
    shutil.rmtree(package / "care" / "greeting")
    told = ran(package, shared_database, data)
    assert told["get"][0] == told["post"][0] == 404
    assert "greet" not in {one["name"] for one in told["metadata"][1]["rest"][0]["operation"]}


@pytest.mark.parametrize(
    ("file", "right", "wrong", "text"),
    [
        ("app.py", 'reads=frozenset({"Task"})', 'reads=frozenset({"Tusk"})', "catalog.type"),
        ("app.py", "APP = App", "OTHER = App", "catalog.no-app"),
        ("definitions/tone.json", '"active"', '"lively"', "catalog.definition"),
        ("definitions/tone.json", '"url"', '"id"', "catalog.definition-file"),
        ("definitions/tone.json", "{", "[", "catalog.unreadable"),
    ],
)
def test_what_is_wrong_keeps_the_process_from_starting(
    shared_database, data, tmp_path_factory, file, right, wrong, text
):  # fmt: skip
    package = linked(tmp_path_factory.mktemp("wrong"))
    changed = package / "care" / "greeting" / file
    changed.write_text(changed.read_text().replace(right, wrong))
    done = subprocess.run(
        [sys.executable, "-c", ASKED, shared_database, data],
        env=os.environ | {"PYTHONPATH": str(package.parent)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert text in done.stderr
