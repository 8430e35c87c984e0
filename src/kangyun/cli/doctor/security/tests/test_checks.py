"""Each check turned on and off: what it says follows from what is there, and from nothing else."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.labels import shipped
from kangyun.access.policy import shipped_text

IDENTITY = """
CREATE TABLE identity (id int8, kind text, status text, admitted timestamptz, demonstration bool);
CREATE TABLE identity_role (identity int8, role text, taken timestamptz, ends timestamptz);
CREATE TABLE identity_password (identity int8, initial bool);
CREATE TABLE session (identity int8, seen timestamptz, ended timestamptz, expires timestamptz);
CREATE TABLE factor (identity int8, active bool, kind text);
CREATE TABLE sign_in_failure (locked_until timestamptz);
CREATE TABLE approval (id int8);
"""
PEOPLE = """
INSERT INTO identity SELECT n, 'staff', 'admitted', now() - interval '1 year', false FROM generate_series(1, 3) AS n;
INSERT INTO identity_role VALUES
    (1, 'system-administrator', NULL, NULL), (2, 'security-administrator', NULL, NULL),
    (3, 'audit-administrator', NULL, NULL);
INSERT INTO session SELECT n, now(), NULL, now() + interval '1 hour' FROM generate_series(1, 3) AS n;
"""
FACTORS = "INSERT INTO factor SELECT n, true, 'totp' FROM generate_series(1, 3) AS n;"
FULL = IDENTITY + PEOPLE + FACTORS
AUDIT = """
CREATE TABLE audit (id int8, xid int8, instant timestamptz, commit int8, institution int4, outcome int2, action text,
    actor text, purpose text, shape text, source text, request text, patients int8[]);
"""
AUDITED = AUDIT + "INSERT INTO audit (id, xid, instant) VALUES (1, 1, now());"
GLASS = "CREATE TABLE broken_glass (told timestamptz, reviewed timestamptz, began timestamptz);"
KEYS = "CREATE TABLE root_key (escrow text, escrowed timestamptz);"
ERASURE = "CREATE TABLE erasure (swept bool, instant timestamptz);"
SIGNING = """
CREATE TABLE trusted_certificate (root bool, demo bool);
CREATE TABLE person_certificate (demo bool, ended timestamptz);
"""
LABELS = "CREATE TABLE label_edition (digest text, done bool);"
STALE = "UPDATE session SET seen = now() - interval '200 days' WHERE identity = 1;"
JSON = """INSERT INTO version VALUES ('{"resourceType": "Patient", "id": "1"}');"""
ZSTD = "INSERT INTO version VALUES (decode('28b52ffd' || repeat('00', 60), 'hex'));"
ALERTS = "CREATE TABLE audit_alert (state text, made timestamptz);"
EPOCHS = "CREATE TABLE key_epoch (id int4, began timestamptz);"
BODIES = "CREATE TABLE version (body bytea); CREATE TABLE string_value (value text);"
NOW = datetime.now(UTC)

CASES = [
    # check, what is there, settings, verdict
    ("identities", "", {}, "unmet"),
    ("identities", IDENTITY, {}, "partly"),
    ("identities", FULL, {}, "met"),
    ("no-shared-accounts", FULL, {}, "met"),
    ("no-shared-accounts", FULL, {"demo": True}, "unmet"),
    ("no-shared-accounts", FULL, {"admin_token": "x" * 32}, "unmet"),
    ("no-shared-accounts", FULL + "UPDATE identity SET demonstration = true;", {}, "partly"),
    ("initial-passwords", "", {}, "unmet"),
    ("initial-passwords", FULL + "INSERT INTO identity_password VALUES (1, true);", {}, "unmet"),
    ("initial-passwords", FULL + "INSERT INTO identity_password VALUES (1, false);", {}, "met"),
    ("password-rules", "", {}, "unmet"),
    ("password-rules", FULL, {}, "met"),
    ("password-rules", FULL, {"password_length": 6}, "unmet"),
    ("password-rules", FULL, {"password_days": 0}, "partly"),
    ("lockout", "", {}, "unmet"),
    ("lockout", FULL, {}, "met"),
    ("sessions", "", {}, "unmet"),
    ("sessions", FULL, {}, "met"),
    ("sessions", FULL, {"idle_minutes": 240.0}, "partly"),
    ("sessions", FULL, {"session_hours": 0.0}, "partly"),
    ("officers", "", {}, "unmet"),
    ("officers", FULL, {}, "met"),
    ("officers", FULL + "DELETE FROM identity_role WHERE identity = 3;", {}, "unmet"),
    ("officers", FULL + "UPDATE identity SET status = 'left' WHERE id = 2;", {}, "unmet"),
    ("officers", FULL + "INSERT INTO identity_role VALUES (1, 'audit-administrator', NULL, NULL);", {}, "unmet"),
    ("second-factors", "", {}, "unmet"),
    ("second-factors", IDENTITY, {}, "unknown"),
    ("second-factors", IDENTITY + PEOPLE, {}, "unmet"),
    ("second-factors", FULL + "DELETE FROM factor WHERE identity = 1;", {}, "partly"),
    ("second-factors", FULL + "UPDATE factor SET kind = 'sms';", {}, "unmet"),
    ("second-factors", FULL, {}, "met"),
    ("stale-accounts", FULL, {}, "met"),
    ("stale-accounts", FULL + STALE, {}, "partly"),
    ("leavers", FULL, {}, "met"),
    ("leavers", FULL + "UPDATE identity SET status = 'left' WHERE id = 1;", {}, "unmet"),
    ("approvals", "", {}, "unmet"),
    ("approvals", FULL, {}, "met"),
    ("emergencies", "", {}, "unmet"),
    ("emergencies", GLASS, {}, "met"),
    ("emergencies", GLASS + "INSERT INTO broken_glass VALUES (now(), NULL, now() - interval '4 days');", {}, "partly"),
    ("emergencies", GLASS + "INSERT INTO broken_glass VALUES (NULL, now(), now() - interval '4 hours');", {}, "partly"),
    ("enforced", "", {}, "unmet"),
    ("labels", "", {}, "unmet"),
    ("labels", LABELS, {}, "unknown"),
    ("labels", LABELS + f"INSERT INTO label_edition VALUES ('{shipped().digest}', true);", {}, "met"),
    ("labels", LABELS + "INSERT INTO label_edition VALUES ('a', true);", {}, "partly"),
    ("labels", LABELS + "INSERT INTO label_edition VALUES ('a', false);", {}, "partly"),
    ("audit-rows", "", {}, "unmet"),
    ("audit-rows", AUDIT, {}, "unknown"),
    ("audit-rows", AUDITED, {}, "met"),
    ("audit-rows", AUDITED + "ALTER TABLE audit DROP COLUMN purpose;", {}, "unmet"),
    ("audit-kept", AUDITED, {}, "met"),
    ("audit-kept", AUDITED, {"audit_months": 3}, "unmet"),
    ("audit-sealed", "", {}, "unmet"),
    ("audit-whole", "", {}, "unmet"),
    ("audit-protected", "", {}, "unmet"),
    ("audit-protected", AUDITED, {}, "partly"),
    ("audit-alerts", "", {}, "unmet"),
    ("audit-alerts", ALERTS, {}, "met"),
    ("audit-alerts", ALERTS + "INSERT INTO audit_alert VALUES ('open', now() - interval '8 days');", {}, "partly"),
    ("audit-alerts", ALERTS + "INSERT INTO audit_alert VALUES ('closed', now() - interval '8 days');", {}, "met"),
    ("back-end", "", {}, "unmet"),
    ("back-end", "", {"crypto": "sdf"}, "environment"),
    ("cipher", "", {}, "met"),
    ("cipher", "", {"cipher": "aes"}, "unmet"),
    ("bodies-sealed", BODIES, {}, "unknown"),
    ("bodies-sealed", BODIES + "INSERT INTO version VALUES (decode(repeat('9d31e2f0', 16), 'hex'));", {}, "met"),
    ("bodies-sealed", BODIES + JSON, {}, "unmet"),
    ("bodies-sealed", BODIES + ZSTD, {}, "unmet"),
    ("clear-columns", BODIES, {}, "partly"),
    ("key-epochs", EPOCHS, {}, "unknown"),
    ("key-epochs", EPOCHS + "INSERT INTO key_epoch VALUES (1, now());", {}, "met"),
    ("key-epochs", EPOCHS + "INSERT INTO key_epoch VALUES (1, now() - interval '60 days');", {}, "unmet"),
    ("escrow", "", {}, "unmet"),
    ("escrow", KEYS + "INSERT INTO root_key VALUES (NULL, NULL);", {}, "unmet"),
    ("escrow", KEYS + "INSERT INTO root_key VALUES ('3/5', now());", {}, "met"),
    ("escrow", "", {"crypto": "sdf"}, "environment"),
    ("erasure", "", {}, "partly"),
    ("erasure", ERASURE, {}, "met"),
    ("erasure", ERASURE + "INSERT INTO erasure VALUES (false, now() - interval '2 days');", {}, "partly"),
    ("signatures", "", {}, "unmet"),
    ("signatures", SIGNING, {}, "unmet"),
    ("signatures", SIGNING + "INSERT INTO trusted_certificate VALUES (true, true);", {}, "unmet"),
    ("signatures", SIGNING + "INSERT INTO trusted_certificate VALUES (true, false);", {}, "partly"),
    ("signatures", SIGNING + "INSERT INTO trusted_certificate VALUES (true, false);"
     "INSERT INTO person_certificate VALUES (false, NULL);", {}, "met"),
    ("standby", "", {}, "unmet"),
    ("clocks-agree", "", {}, "met"),
    ("database-closed", "", {}, "met"),
    ("supported", "", {}, "met"),
    ("dependencies", "", {}, "met"),
    ("listening", "", {}, "met"),
    ("listening", "", {"host": "0.0.0.0"}, "partly"),
    ("crossing", "", {}, "met"),
    ("crossing", "", {"cors_origins": "https://a.example"}, "met"),
    ("crossing", "", {"cors_origins": "*"}, "unmet"),
    ("outbound", "", {}, "met"),
    ("outbound", "", {"import_hosts": "10.0.0.1"}, "met"),
    ("outbound", "", {"subscription_hosts": "*"}, "unmet"),
    ("watched", "", {}, "partly"),
    ("watched", "", {"metrics_token": "x" * 32}, "met"),
    ("transport", "", {}, "partly"),
    ("transport", "", {"host": "0.0.0.0"}, "unmet"),
    ("transport", "", {"public_url": "https://127.0.0.1:9/fhir"}, "unknown"),
    ("national-transport", "", {}, "unmet"),
    ("national-transport", "", {"public_url": "https://a.example/fhir"}, "unmet"),
    ("national-transport", "", {"public_url": "https://a.example/fhir", "trusted_proxies": "10.0.0.2"}, "environment"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "sql", "settings", "verdict"), CASES)
async def test_a_check_follows_what_is_there(look, check, sql, settings, verdict):
    assert await look(check, sql or "SELECT 1", alone=True, **settings) == verdict


async def test_what_the_platform_itself_has_is_found(look):
    assert await look("enforced") == "met"


# --- files


@pytest.mark.parametrize(
    ("mode", "verdict"), [(0o600, "partly"), (0o400, "partly"), (0o644, "unmet"), (0o660, "unmet")]
)
async def test_the_root_key_is_its_owners_alone(look, tmp_path, mode, verdict):
    assert await look("root-key") == "unmet"
    (tmp_path / "root.key").write_bytes(b"\0" * 16)
    (tmp_path / "root.key").chmod(mode)
    assert await look("root-key") == verdict


async def test_a_root_key_apart_from_the_data_and_the_backups_is_better(look, tmp_path):
    for name in ("data", "elsewhere", "backups"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "root.key").touch(0o600)
    place = {"folder": tmp_path / "data", "backup_folder": str(tmp_path / "backups")}
    assert await look("root-key", **place) == "partly"
    assert await look("root-key", **place, root_key=str(tmp_path / "elsewhere" / "root.key")) == "met"
    assert await look("root-key", **place, root_key=str(tmp_path / "backups" / "root.key")) == "unmet"
    assert await look("root-key", crypto="pkcs11") == "met"


async def test_a_data_folder_that_others_may_read_is_told(look, tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "root.key").touch(0o600)
    assert await look("files-private") == "met"
    tmp_path.chmod(0o755)
    assert await look("files-private") == "unmet"


async def test_rules_are_looked_at_as_they_are(look, tmp_path):
    assert (await look("least-privilege"), await look("rule-files")) == ("met", "partly")
    own = tmp_path / "policy.toml"
    own.write_text(shipped_text())
    own.chmod(0o666)
    assert (await look("least-privilege"), await look("rule-files")) == ("met", "unmet")
    own.write_text("this is no policy")
    assert await look("least-privilege") == "unmet"
    head, place, rest = shipped_text().partition("[roles.system-administrator]")
    own.write_text(head + place + rest.replace("reads = [", 'reads = ["Patient", ', 1))
    assert await look("least-privilege") == "unmet"


async def test_an_initial_password_on_disk_is_told(look, tmp_path):
    (tmp_path / "first-sign-ins.json").touch()
    assert await look("initial-passwords", FULL, alone=True) == "partly"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("".join(f'[role.{one}-administrator]\nany = ["totp"]\n' for one in ("system", "security", "audit")), "met"),
        ('[role.system-administrator]\nany = ["totp"]\n', "unmet"),
        ("no toml at all", "unmet"),
    ],
)
async def test_the_regions_policy_on_factors_counts(look, tmp_path, text, verdict):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(text)
    assert await look("factor-policy") == verdict


async def test_exports_that_are_left_behind_are_told(look, tmp_path):
    assert await look("leftovers") == "met"
    old = tmp_path / "bulk" / "old"
    old.mkdir(parents=True)
    assert await look("leftovers") == "met"
    os.utime(old, (0, 0))
    assert await look("leftovers") == "partly"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (None, "unmet"),
        ({"copied": 0, "archived": 0}, "met"),
        ({"copied": 0, "archived": 1}, "partly"),
        ({"copied": 0, "archived": 0, "changed": "base/1"}, "partly"),
        ({"copied": 9 * 24, "archived": 0}, "unmet"),
        ({"copied": None, "archived": None}, "unmet"),
    ],
)
async def test_backups_are_as_old_as_they_are(look, tmp_path, told, verdict):
    if told is not None:
        # Hours ago; a long run of tests is no age of a backup.
        now = datetime.now(UTC)
        ages = {key: (now - timedelta(hours=age)).isoformat() for key, age in told.items() if isinstance(age, int)}
        (tmp_path / "backup.json").write_text(json.dumps(told | ages))
    assert await look("backup", backup_folder=str(tmp_path)) == verdict
    assert await look("backup") == "unmet"


async def test_a_backup_beside_the_data_is_none(look, tmp_path):
    assert await look("backup-elsewhere", backup_folder=str(tmp_path)) == "unmet"
    assert await look("backup-elsewhere", backup_folder="/proc") == "met"
    assert await look("backup-elsewhere", backup_folder=str(tmp_path / "none")) == "unmet"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ("", "unmet"),
        ("no json", "unmet"),
        ({"instant": NOW.isoformat(), "passed": True}, "met"),
        ({"instant": NOW.isoformat(), "passed": False}, "unmet"),
        ({"instant": (NOW - timedelta(days=200)).isoformat(), "passed": True}, "partly"),
    ],
)
async def test_a_drill_counts_when_it_passed_and_is_not_long_ago(look, tmp_path, told, verdict):
    if told:
        (tmp_path / "drill.json").write_text(told if isinstance(told, str) else json.dumps(told))
    assert await look("drill") == verdict


# --- the trail, by the platform's own tables


async def test_a_trail_is_whole_until_a_row_is_changed(look, open_client, open_site, start_background, tmp_path):
    client = await open_client(data=tmp_path)
    assert await look("audit-whole") == "unknown"
    for _ in range(3):
        await client.get("Patient?name=a")
    start_background(data=tmp_path)
    site = await open_site()
    while not await site.value("SELECT count(*) FROM audit_seal") or not (tmp_path / "trail" / "roots.ndjson").exists():
        await client.get("Patient?name=b")
    assert await look("audit-whole") == "met"
    assert await look("audit-sealed") == "met"
    assert await look("audit-roots") in ("partly", "met")  # by whether roots are signed
    (tmp_path / "trail" / "roots.ndjson").chmod(0o666)
    assert await look("audit-sealed") == "unmet"
    await site.database.execute("UPDATE audit SET actor = 'Practitioner/nobody' WHERE id = (SELECT min(id) FROM audit)")
    assert await look("audit-whole") == "unmet"
    shutil.rmtree(tmp_path / "trail")
    assert await look("audit-roots") == "unmet"


# --- what answers

GUARDED = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize(
    ("check", "answer", "verdict"),
    [
        ("closed", {"status": 401}, "met"),
        ("closed", {"status": 401, "paths": {"/metrics": 200}}, "unmet"),
        ("closed", {"status": 200}, "unmet"),
        ("headers", {"headers": GUARDED}, "met"),
        ("headers", {"headers": GUARDED | {"Cache-Control": "public"}}, "partly"),
        ("headers", {}, "unmet"),
        ("refuses", {"status": 400, "body": "no"}, "met"),
        ("refuses", {"status": 400, "body": "<script>"}, "unmet"),
        ("refuses", {"status": 200}, "unmet"),
        ("ready", {"status": 200}, "met"),
        ("ready", {"status": 503}, "unmet"),
    ],
)
async def test_what_answers_is_asked(look, answering, check, answer, verdict):
    assert await look(check, web=answering(**answer)) == verdict


@pytest.mark.parametrize("check", ["closed", "headers", "refuses", "ready", "ordinary-user"])
async def test_what_does_not_run_is_not_judged(look, check):
    assert await look(check) == "unknown"


@pytest.mark.parametrize("check", ["officers", "audit-whole", "standby", "supported", "key-epochs"])
async def test_without_a_database_its_checks_say_so(look, check):
    assert await look(check, database="postgresql://nobody@127.0.0.1:9/none") == "unknown"
