"""`kangyun init`, `apps` and `people`, on an installation of which nothing runs."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from typer.testing import CliRunner

from kangyun.access.actor import Circumstances
from kangyun.access.ledger import Ledger
from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid, NotFound, RuleBroken
from kangyun.cli.main import app

BY = ["--by", "security-administrator"]
ADD = [
    *("apps", "add", "随访助手", "--owner", "Organization/maker", "--purpose", "TREAT", "--scope", "patient/*.read"),
    *("--evidence", "contract 7", "--client", "follow-up", *BY),
]

GUARDIAN = ["people", "guardian", "ma", "--relation", "GUARD", "--until", "2090-01-01", "--evidence", "户口簿"]
PROXIES = "SELECT patient, relation, mask, taken IS NULL FROM identity_proxy ORDER BY id"
NOTED = "SELECT action FROM audit WHERE action LIKE 'identity-%' AND actor = 'Practitioner/security-administrator'"


@pytest.fixture
def kangyun(installation):
    def run(*words, status=0):
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == status, (done.output, done.exception)
        return done.output

    return run


@pytest.fixture
def registered(kangyun):
    """An installation with its officers and an application. Runs commands, and raises what they raise."""
    kangyun("init")
    kangyun(*(word for word in ADD if word not in ("--scope", "patient/*.read")))
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_init_makes_the_officers_once(kangyun, rows):
    assert "first-sign-ins.json" in kangyun("init")
    accounts = json.loads(Path("data/first-sign-ins.json").read_text())
    assert [one["role"] for one in accounts] == [
        "system-administrator", "security-administrator", "audit-administrator",
    ]  # fmt: skip
    assert "already" in kangyun("init")
    assert rows("SELECT count(*) FROM identity") == [(3,)]


def test_an_application_is_registered_reviewed_and_suspended(kangyun, rows, tmp_path):
    kangyun("init")
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [RSAKey.generate_key(2048).as_dict(private=False) | {"kid": "1"}]}))
    assert "follow-up" in kangyun(*ADD, "--jwks", str(keys))
    kangyun("apps", "review", "follow-up", "--pass", *BY)
    kangyun("apps", "suspend", "follow-up", "--why", "test", *BY)
    (line,) = kangyun("apps", "list").splitlines()
    told = json.loads(line)
    assert (told["name"], told["review"], told["status"]) == ("随访助手", "passed", "suspended")
    assert told["scopes"] == ["patient/*.rs"]
    kangyun("apps", "resume", "follow-up", "--why", "test", *BY)
    actions = [
        row[0]
        for row in rows(
            "SELECT action FROM audit WHERE actor = 'Practitioner/security-administrator' ORDER BY id OFFSET 1"
        )
    ]
    # His own first password came before.
    assert actions == ["identity-admit", "identity-review-passed", "identity-suspend", "identity-resume"]


@pytest.mark.parametrize(
    "words", [["apps", "review", "follow-up", *BY], ["apps", "suspend", "none", "--why", "x", *BY], ADD]
)
def test_what_cannot_be_done_is_said(kangyun, words):
    kangyun("init")
    kangyun(*words, status=1)  # ADD has neither keys nor an address to return to.


def test_an_application_for_tickets_alone_needs_no_address_and_is_given_nothing_else(kangyun):
    kangyun("init")
    add = [word for word in ADD if word not in ("--scope", "patient/*.read")]
    assert "can only draw tickets" in kangyun(*add)
    (line,) = kangyun("apps", "list").splitlines()
    assert (json.loads(line)["scopes"], json.loads(line)["redirect_uris"]) == ([], [])
    kangyun("apps", "review", "follow-up", "--pass", *BY)
    assert "The key, shown this once" in kangyun("apps", "key", "follow-up", *BY)
    kangyun(*add, "--client", "other", "--redirect", "https://app.example/back", status=1)  # To be given what?


@pytest.mark.parametrize("by", ["", "  ", "x", "Practitioner/nobody", "follow-up", "Device/follow-up", "Patient/p"])
@pytest.mark.parametrize(
    "words",
    [
        ["apps", "add", "二", "--owner", "Organization/m", "--purpose", "TREAT", "--evidence", "e"],
        ["apps", "review", "follow-up", "--pass"], ["apps", "key", "follow-up"],
        ["apps", "suspend", "follow-up", "--why", "x"], ["apps", "resume", "follow-up", "--why", "x"],
        ["people", "reset", "audit-administrator"], ["people", "suspend", "audit-administrator", "--why", "x"],
        ["people", "leave", "audit-administrator", "--why", "x"],
        ["people", "resume", "audit-administrator", "--why", "x"],
        ["people", "officer", "audit-administrator", "sun", "--called", "孙", "--evidence", "x"],
        [*GUARDIAN, "--of", "Patient/child", "--called", "马"],
        ["people", "guardian-end", "audit-administrator", "--of", "Patient/child", "--why", "x"],
        ["people", "reset-factors", "audit-administrator"],
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, list) else None,
)  # fmt: skip
def test_who_acts_is_somebody_of_the_register(registered, rows, words, by):
    before = rows("SELECT count(*) FROM audit"), rows("SELECT * FROM identity ORDER BY id")
    with pytest.raises(Invalid, match="by-nobody"):
        registered(*words, "--by", by)
    assert (rows("SELECT count(*) FROM audit"), rows("SELECT * FROM identity ORDER BY id")) == before


def test_who_is_suspended_acts_no_more(kangyun):
    kangyun("init")
    kangyun("people", "suspend", "security-administrator", "--why", "x", "--by", "Practitioner/system-administrator")
    kangyun("people", "reset", "audit-administrator", *BY, status=1)


def test_who_was_suspended_is_let_in_again(kangyun, rows):
    kangyun("init")
    kangyun("people", "resume", "audit-administrator", "--why", "never suspended", *BY, status=1)
    kangyun("people", "suspend", "audit-administrator", "--why", "looked into", *BY)
    kangyun("people", "resume", "audit-administrator", "--why", "cleared", *BY)
    assert rows("SELECT status FROM identity WHERE status <> 'admitted'") == []
    noted = [row[0] for row in rows(NOTED + " ORDER BY id DESC LIMIT 2")]
    assert noted == ["identity-resume", "identity-suspend"]


def test_an_officer_leaves_once_there_is_a_successor(registered, kangyun, rows):
    away = ["people", "leave", "audit-administrator", "--why", "retired", *BY]
    with pytest.raises(RuleBroken, match="last-officer"):
        registered(*away)
    add = ["people", "officer", "audit-administrator", "sun", "--evidence", "任命 7 号", *BY]
    with pytest.raises(Invalid, match="people-called"):
        registered(*add)
    assert "Initial password: " in kangyun(*add, "--called", "孙某")
    kangyun("people", "suspend", "sun", "--why", "test", *BY)
    with pytest.raises(RuleBroken, match="last-officer"):  # Who is suspended reads no trail.
        registered(*away)
    kangyun("people", "resume", "sun", "--why", "test", *BY)
    kangyun(*away)
    holders = (
        "SELECT i.status FROM identity_role JOIN identity AS i ON i.id = identity WHERE role = 'audit-administrator'"
    )
    assert sorted(rows(holders)) == [("admitted",), ("left",)]
    with pytest.raises(RuleBroken, match="last-officer"):
        registered("people", "leave", "sun", "--why", "retired", *BY)


@pytest.mark.parametrize(
    ("role", "name", "raised"),
    [
        ("audit-administrator", "system-administrator", RuleBroken),
        ("audit-administrator", "audit-administrator", Conflict), ("doctor", "system-administrator", Invalid),
        ("audit-administrator", "Device/follow-up", Conflict), ("audit-administrator", "Practitioner/x", NotFound),
    ],
)  # fmt: skip
def test_nobody_holds_two_offices_by_succession(registered, rows, role, name, raised):
    held = rows("SELECT * FROM identity_role")
    with pytest.raises(raised):
        registered("people", "officer", role, name, "--called", "某", "--evidence", "x", *BY)
    assert rows("SELECT * FROM identity_role") == held


def test_people_are_reset_suspended_and_end(kangyun, rows):
    kangyun("init")
    told = kangyun("people", "reset", "audit-administrator", *BY)
    assert "Initial password: " in told
    kangyun("people", "officer", "audit-administrator", "sun", "--called", "孙", "--evidence", "x", *BY)
    kangyun("people", "suspend", "audit-administrator", "--why", "test", *BY)
    kangyun("people", "leave", "Practitioner/audit-administrator", "--why", "test", *BY)
    assert rows("SELECT status FROM identity ORDER BY id") == [("admitted",), ("admitted",), ("left",), ("admitted",)]


@pytest.fixture
def children(installation, kangyun, make_settings):
    """An installation with its officers and the Patients `child` and `twin`."""
    kangyun("init")

    async def write():
        platform = await open_platform(make_settings(data=Path("data").resolve()), installation)
        try:
            record = await platform.gate.open(ADMINISTRATOR, Circumstances("test", "", ""))
            for id_ in ("child", "twin"):
                resource = {"resourceType": "Patient", "id": id_}
                await record.commit([record.operation("update", "Patient", id=id_, resource=resource)], "update")
        finally:
            await platform.close()

    asyncio.run(write())


@pytest.fixture
def patients_of(installation, make_settings):
    """Signs somebody in, who changes the initial password, and returns for which Patients he acts."""

    def patients(name):
        async def acting():
            platform = await open_platform(make_settings(data=Path("data").resolve()), installation)
            try:
                known = await platform.sign_in.identities.find(name)
                await platform.sign_in.identities.set_password(known.id, "Correct-horse-7")
                actor = await platform.sign_in.actor(await platform.sign_in.sign_in(name, "Correct-horse-7"))
                return actor.role, actor.patients
            finally:
                await platform.close()

        return asyncio.run(acting())

    return patients


def test_a_guardian_is_admitted_and_acts_for_wards_until_it_ends(kangyun, children, rows, patients_of):
    words = ["--of", "Patient/child", "--called", "马某", "--mask", "psychiatry"]
    assert "Initial password: " in kangyun(*GUARDIAN, *words, *BY)
    assert "password" not in kangyun(*GUARDIAN, "--of", "Patient/twin", *BY)
    (child, twin) = rows(PROXIES)
    assert (child[:2], child[2] < -1, twin) == (("child", "GUARD"), True, ("twin", "GUARD", -1, True))
    assert patients_of("ma") == ("guardian", ("child", "twin"))
    kangyun("people", "guardian-end", "ma", "--of", "Patient/child", "--why", "grown up", *BY)
    assert [row[3] for row in rows(PROXIES)] == [False, True]
    kangyun("people", "guardian-end", "ma", "--of", "Patient/child", "--why", "again", *BY, status=1)
    assert [row[0] for row in rows(NOTED + " ORDER BY id OFFSET 1")] == [
        "identity-admit", "identity-set-password", "identity-give-proxy", "identity-give-proxy", "identity-take-proxy",
    ]  # fmt: skip
    entries = [entry.detail["what"] for entry in Ledger(Path("data/ledger/ledger.ndjson")).entries()]
    assert entries == ["set-password", "take-proxy"]


@pytest.mark.parametrize(
    "changed",
    [
        {"--of": "Patient/nobody"}, {"--of": "child"}, {"--relation": "ONESELF"}, {"--until": "yesterday"},
        {"--until": (clock.now() - timedelta(days=2)).date().isoformat()}, {"--evidence": " "}, {"--called": ""},
        {"--mask": "none-such"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_guardianship_is_refused(kangyun, children, rows, changed):
    given = {"--of": "Patient/child", "--relation": "PRN", "--until": "2090-01-01", "--evidence": "x", "--called": "马"}
    options = [word for option in (given | changed).items() for word in option]
    kangyun("people", "guardian", "ma", *options, *BY, status=1)
    assert rows("SELECT count(*) FROM identity WHERE kind = 'guardian'") == [(0,)]


def test_nobody_else_becomes_a_guardian_by_his_name(kangyun, children, rows):
    words = ["people", "guardian", "audit-administrator", *GUARDIAN[3:], "--of", "Patient/child", "--called", "马"]
    kangyun(*words, *BY, status=1)
    assert rows(PROXIES) == []
