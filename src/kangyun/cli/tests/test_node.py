"""`kangyun node`: a node above and one below, from a terminal."""

import json

import pytest
from typer.testing import CliRunner

from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.cli.main import app

BY = ("--by", "system-administrator")


@pytest.fixture
def run(installation, monkeypatch):
    """Runs the command line and returns status and output; what it raises is raised."""
    monkeypatch.setenv("KANGYUN_DEMO", "true")
    monkeypatch.setenv("COLUMNS", "400")
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "en", *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    assert run_("init")[0] == 0
    return run_


@pytest.fixture
def keys(run, tmp_path):
    """A file with a public key."""
    file = tmp_path / "keys.json"
    file.write_text(run("node", "key")[1])
    return file


def test_the_public_key_stays_the_same_and_says_nothing_secret(run, keys):
    (key,) = json.loads(keys.read_text())["keys"]
    assert "d" not in key
    assert json.loads(run("node", "key")[1])["keys"] == [key]


def test_nodes_are_added_listed_paused_and_compared(run, keys):
    assert "No node" in run("node", "list")[1]
    run("node", "add", "city-1", "--parent", "--url", "https://city.example/fhir/", "--as", "county-1", *BY)
    said = run("node", "add", "village-1", "--child", "--jwks", keys, "--evidence", "agreement", *BY)[1]
    assert "kangyun apps review village-1 --pass" in said
    listed = run("node", "list")[1]
    assert "city-1  above  kangyun  active  https://city.example/fhir\n" in listed
    assert "village-1  below" in listed
    run("node", "pause", "city-1")
    assert "city-1  above  kangyun  paused" in run("node", "list")[1]
    run("node", "resume", "city-1")
    run("node", "compare", "city-1")
    status, said = run("node", "status")
    assert status == 1  # The one below was never heard of.
    assert "city-1: 0 registrations told" in said
    assert "village-1: does not ask" in said


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("city-1", "--parent", "--url", "http://city.example/fhir", "--as", "county-1"), Invalid),
        (("city-1", "--parent", "--url", "https://city.example/fhir", "--as", "C"), Invalid),
        (("city-1", "--parent", "--url", "https://u@city.example/fhir", "--as", "county-1"), Invalid),
        (("City_1", "--parent", "--url", "https://city.example/fhir", "--as", "county-1"), Invalid),
        (("city-1", "--parent", "--child"), Invalid),
        (("city-1",), Invalid),
        (("city-1", "--child"), Invalid),
        (("city-1", "--child", "--jwks", "/nowhere"), Invalid),
        (("city-1", "--parent", "--kind", "soap", "--url", "https://city.example", "--as", "county-1"), Invalid),
    ],
)
def test_what_does_not_fit_is_refused(run, words, error):
    with pytest.raises(error):
        run("node", "add", *words, *BY)
    assert "No node" in run("node", "list")[1]


def test_a_node_that_is_there_is_not_added_again_and_one_that_is_not_is_not_found(run):
    words = ("node", "add", "city-1", "--parent", "--url", "https://city.example/fhir", "--as", "county-1", *BY)
    run(*words)
    with pytest.raises(Conflict):
        run(*words)
    with pytest.raises(NotFound):
        run("node", "pause", "city-2")
