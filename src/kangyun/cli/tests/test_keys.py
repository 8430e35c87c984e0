"""`kangyun keys` as a person meets it: renewing, changing, sharing out, recovering, a copy, a check."""

import asyncio
import json
import sys

import asyncpg
import pytest

from kangyun.access.ledger import Ledger
from kangyun.base.errors import Unavailable
from kangyun.cli.main import main
from kangyun.store.root import root_key

PATIENT = {"resourceType": "Patient", "name": [{"family": "张"}]}


@pytest.fixture
async def served(open_client, fresh_database, tmp_path, monkeypatch):
    """An installation whose data folder is `tmp_path`; gives a client of a process that serves it."""
    monkeypatch.setenv("KANGYUN_DATABASE", fresh_database)
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path))
    monkeypatch.setenv("KANGYUN_LANG", "en")
    client = await open_client()
    client.patient = (await client.post("Patient", json=PATIENT)).json()["id"]
    return client


@pytest.fixture
async def connection(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `kangyun keys …`; returns its exit status and all that it said."""

    async def run_(*words):
        monkeypatch.setattr(sys, "argv", ["kangyun", "keys", *map(str, words)])

        def call():
            with pytest.raises(SystemExit) as ended:
                main()
            return ended.value.code or 0

        status = await asyncio.to_thread(call)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out + said.err

    return run_


async def test_status_and_check_of_a_new_installation(served, run):
    status, said = await run("status")
    assert status == 0 and "generation 0" in said and "Data keys: 1" in said and "not kept in shares" in said
    status, said = await run("check")
    assert status == 0 and "Nothing is wrong" in said


async def test_renewing_now(served, run, tmp_path, open_client, connection):
    status, said = await run("rotate")
    assert status == 0 and "1 data keys moved to epoch 2" in said
    assert root_key(tmp_path / "root.key", may_make=False).generation == 1
    assert (await served.get(f"Patient/{served.patient}")).status_code == 200
    assert (await (await open_client()).get(f"Patient/{served.patient}")).status_code == 200
    assert (await run("check"))[0] == 0
    row = await connection.fetchrow("SELECT actor, action, shape FROM audit ORDER BY id DESC LIMIT 1 OFFSET 2")
    assert (row["actor"].startswith("Device/terminal-"), row["action"], row["shape"]) == (True, "keys", "keys renew")


async def test_changing_the_root_key(served, run, tmp_path, open_client):
    await run("rotate")
    before = root_key(tmp_path / "root.key", may_make=False)
    status, said = await run("rotate", "--root")
    after = root_key(tmp_path / "root.key", may_make=False)
    assert status == 0 and after.check_value in said and after.generation == 0
    assert after.at(1).key != before.key
    aside = tmp_path / f"root.key.before-{before.check_value}"
    assert root_key(aside, may_make=False).key == before.key and aside.stat().st_mode & 0o777 == 0o600
    # The process that served meanwhile goes on, through the next renewal as well.
    assert (await run("rotate"))[0] == 0
    assert (await served.post("Patient", json=PATIENT)).status_code == 201
    assert (await (await open_client()).get(f"Patient/{served.patient}")).status_code == 200
    assert (await run("check"))[0] == 0
    aside.replace(tmp_path / "root.key")
    with pytest.raises(Unavailable):
        await open_client()


@pytest.mark.parametrize("committed", [False, True])
async def test_a_change_of_the_root_key_that_stopped(served, run, tmp_path, open_client, monkeypatch, committed):
    """Killed before or after the database was wrapped by the new one: one of them opens, and the next start ends it."""
    stop = "kangyun.cli.keys.change_root_file" if committed else "kangyun.store.rotation.change_root"
    with monkeypatch.context() as patch:

        def killed(*arguments):
            raise Unavailable("base.failed")

        patch.setattr(stop, killed)
        assert (await run("rotate", "--root"))[0] == 1
    assert (tmp_path / "root.key.next").exists()
    assert (await (await open_client()).get(f"Patient/{served.patient}")).status_code == 200
    assert (tmp_path / "root.key.next").exists() != committed
    assert (await run("rotate", "--root"))[0] == 0
    assert (await run("check"))[0] == 0


async def test_shares_bring_the_root_key_back_and_it_opens_the_data(served, run, tmp_path, open_client):
    """The drill: the root key is lost; three of five bring it back, of a generation before that of the data."""
    status, said = await run("escrow", tmp_path / "shares", "--shares", 5, "--needed", 3)
    assert status == 0 and "5 shares were written" in said
    shares = sorted((tmp_path / "shares").iterdir())
    assert len(shares) == 5 and {path.stat().st_mode & 0o777 for path in shares} == {0o600}
    assert "5, of which 3 are needed" in (await run("status"))[1]
    await run("rotate")
    (tmp_path / "root.key").unlink()
    with pytest.raises(Unavailable):
        await open_client()
    assert (await run("recover", *shares[:2], "--to", tmp_path / "root.key"))[0] == 1
    assert not (tmp_path / "root.key").exists()
    status, said = await run("recover", shares[4], shares[0], shares[2], "--to", tmp_path / "root.key")
    assert status == 0 and "generation 0" in said
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
    assert (await (await open_client()).get(f"Patient/{served.patient}")).status_code == 200
    assert root_key(tmp_path / "root.key", may_make=False).generation == 1
    assert (await run("recover", *shares, "--to", tmp_path / "root.key"))[0] == 1  # Never over another.


async def test_shares_that_are_damaged_or_do_not_belong_together_are_told(served, run, tmp_path):
    await run("escrow", tmp_path / "a", "--shares", 3, "--needed", 2)
    await run("escrow", tmp_path / "b", "--shares", 3, "--needed", 2)
    first, second, third = sorted((tmp_path / "a").iterdir())
    other = next(iter(sorted((tmp_path / "b").iterdir())))
    status, said = await run("recover", first, other, "--to", tmp_path / "k")
    assert status == 1 and "not made together" in said
    damaged = json.loads(second.read_text())
    damaged["share"] = "00" + damaged["share"][2:]
    second.write_text(json.dumps(damaged))
    status, said = await run("recover", first, second, "--to", tmp_path / "k")
    assert status == 1 and second.name in said.replace("\n", "")
    assert (await run("recover", first, tmp_path / "none", "--to", tmp_path / "k"))[0] == 1
    assert (await run("recover", first, first, "--to", tmp_path / "k"))[0] == 1
    assert (await run("recover", first, third, "--to", tmp_path / "k"))[0] == 0
    assert (await run("escrow", tmp_path / "c", "--shares", 2, "--needed", 3))[0] == 1


async def test_a_copy_of_the_keys_opens_an_older_backup(served, run, tmp_path, connection, open_client, fresh_database):
    """The key tables as a backup had them, the root key gone forward, and the copy that was kept apart."""
    other = (await served.post("Patient", json=PATIENT)).json()["id"]
    epochs = await connection.fetch("SELECT id, wrapped, generation FROM key_epoch")
    data_keys = await connection.fetch("SELECT id, patient, institution, epoch, wrapped FROM data_key")
    old_copy, copy = tmp_path / "old.keys", tmp_path / "copy" / "new.keys"
    assert (await run("save", old_copy))[0] == 0
    await run("rotate")
    status, said = await run("save", copy)
    assert status == 0 and "2 data keys" in said and copy.stat().st_mode & 0o777 == 0o600
    # Not into a database whose keys are as new.
    assert (await run("load", copy))[0] == 1
    async with connection.transaction():
        await connection.execute("DELETE FROM data_key; DELETE FROM key_epoch; UPDATE root_key SET generation = 0")
        insert = "INSERT INTO key_epoch (id, wrapped, generation) VALUES ($1, $2, $3)"
        await connection.executemany(insert, [tuple(row) for row in epochs])
        await connection.executemany(
            "INSERT INTO data_key VALUES ($1, $2, $3, $4, $5)", [tuple(row) for row in data_keys]
        )
    with pytest.raises(Unavailable, match="root-key-ahead"):
        await open_client()
    assert (await run("load", old_copy))[0] == 1
    copy.write_bytes(copy.read_bytes().replace(b'"keys":2', b'"keys":3'))
    assert (await run("load", copy))[0] == 1
    copy.write_bytes(copy.read_bytes().replace(b'"keys":3', b'"keys":2'))
    status, said = await run("load", copy)
    assert status == 0, said
    client = await open_client()
    assert [(await client.get(f"Patient/{id_}")).status_code for id_ in (served.patient, other)] == [200, 200]
    assert (await client.post("Patient", json=PATIENT)).status_code == 201


async def test_what_is_wrong_is_said(served, run, tmp_path, connection):
    await connection.execute("UPDATE data_key SET wrapped = wrapped || '\\x00'")
    await connection.execute(
        "INSERT INTO erasure (request, ledger, patients, keys, resources, versions) "
        "VALUES ('r', 1, '{4096}', '{}', 1, 1)"
    )
    (tmp_path / "root.key").chmod(0o644)
    await connection.execute("UPDATE key_epoch SET began = began - interval '40 days'")
    status, said = await run("check")
    assert status == 1
    for told in ("does not open", "is not in the ledger", "make its mode 0600", "long due", "Wrong: 4"):
        assert told in said, told
    ledger = Ledger(tmp_path / "ledger" / "ledger.ndjson")
    ledger.append("erasure", "request 1", {"patients": [4096]})
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"4096", b"8192"))
    assert "not as it was written" in (await run("check"))[1]


async def test_a_root_key_file_that_cannot_be_written_is_told(served, run, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr("kangyun.store.root._draft", refuse)
        status, said = await run("rotate")
        assert status == 0 and "cannot be written anew" in said
        assert (await run("check"))[0] == 1
    assert root_key(tmp_path / "root.key", may_make=False).generation in (0, 1)
    assert (await served.get(f"Patient/{served.patient}")).status_code == 200
