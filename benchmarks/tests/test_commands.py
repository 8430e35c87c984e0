"""The commands from end to end against the tiny server: what they print, and what they write."""

import json

import pytest
from typer import Typer
from typer.testing import CliRunner

from benchmarks import __main__ as lot
from benchmarks import growth, hard, ndjson_import, reads
from benchmarks.corpus.stages import contents
from benchmarks.hard import LIST, Values
from benchmarks.public import __main__ as public
from benchmarks.recorder import Summary
from benchmarks.tests.test_corpus import FORMS, Corpus, base_patient

TYPES = ("Patient", "Location", "Organization", "Practitioner", "Encounter", "Observation", "MedicationRequest")


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(hard, "LEAST_SECONDS", 0.0)


@pytest.fixture
def corpus(tmp_path):
    """Stages of 20 and 100 made-up resources."""
    made = Corpus([base_patient(1, "Rice", "male"), base_patient(2, "Bode", "female")])
    made.write(tmp_path / "corpus", [20, 100], FORMS, lambda count: None)
    return tmp_path / "corpus"


@pytest.fixture
def invoke(tiny, tmp_path):
    """Runs a command against the tiny server; returns exit code, output and the JSON it wrote."""

    def run(main, *arguments):
        app = Typer()
        app.command()(main)
        file = tmp_path / "out" / "figures.json"
        result = CliRunner().invoke(app, ["--server", tiny.url, "--json", str(file), *map(str, arguments)])
        return result.exit_code, result.output, json.loads(file.read_text()) if file.exists() else None

    return run


@pytest.fixture
def stocked(tiny):
    for kind in TYPES:
        for _ in range(30):
            tiny.store(kind, {"resourceType": kind})
    return tiny


def rows(figures, step):
    (found,) = [s for s in figures["steps"] if s["step"] == step]
    return {row["name"]: row for row in found["rows"]}


def test_public_runs_all_steps_together(stocked, invoke, corpus):
    code, output, figures = invoke(
        public.main, "--users", 2, "--seconds", 0.3, "--alone", 0.1, "--bundles", corpus / "stage-20"
    )
    assert code == 0, output
    assert [step["step"] for step in figures["steps"]] == [
        "prewarm", "crud", "import", "search", "search, each family alone",
    ]  # fmt: skip
    assert rows(figures, "import")["import"]["operations"] == 16
    assert rows(figures, "crud")["crud"]["errors"] == 0
    assert set(rows(figures, "search")) == {
        "search", "string", "date", "token", "quantity", "composite", "reference",
    }  # fmt: skip
    assert figures["machine"]["cores"] >= 1
    assert stocked.resources["PractitionerRole"]


def test_public_refuses_a_step_that_it_does_not_have(invoke):
    code, output, _ = invoke(public.main, "--steps", "crud,fly")
    assert code == 2
    assert "fly" in output


def test_public_stops_at_a_dropped_parameter(stocked, invoke, capsys):
    stocked.drops = {"birthdate"}
    code, _, figures = invoke(public.main, "--steps", "search", "--users", 1, "--seconds", 0.1)
    assert code == 1
    assert figures is None


def test_reads_measures_three_verbs_and_cleans_up(tiny, invoke):
    code, output, figures = invoke(reads.main, "--users", 2, "--seconds", 0.2)
    assert code == 0, output
    found = rows(figures, "reads")
    assert list(found) == ["create", "read", "update"]
    assert all(row["requests"] > 5 and row["errors"] == 0 for row in found.values())
    assert not any(tiny.resources.values())


def test_ndjson_import_serves_the_files_and_waits_for_the_end(tiny, invoke, corpus):
    code, output, figures = invoke(ndjson_import.main, "--corpus", corpus, "--stages", "20,100")
    assert code == 0, output
    assert sum(tiny.imported.values()) == 100
    assert rows(figures, "$import 20")["20"]["operations"] == 20
    assert "of the rate of 20" in output


def test_ndjson_import_says_what_is_missing(invoke, corpus):
    code, _, figures = invoke(ndjson_import.main, "--corpus", corpus, "--stages", "5m")
    assert (code, figures) == (1, None)


def test_hard_notices_a_search_that_finds_nothing(stocked, invoke, corpus):
    stocked.resources["MedicationRequest"].clear()
    code, output, figures = invoke(hard.main, "--corpus", corpus, "--size", "100", "--times", 3)
    assert code == 0, output
    (step,) = figures["steps"]
    assert len(step["rows"]) == 26
    assert list(step["errors"]) == ["chain, rare encounters: 0 entries, where some were expected"]
    assert rows(figures, "hard searches")["token, dense"]["requests"] == 3


def test_growth_loads_measures_and_compares(stocked, invoke, corpus):
    code, output, figures = invoke(
        growth.main, "--corpus", corpus, "--sizes", "20,100", "--load", "bundles", "--seconds", 0.2, "--times", 2
    )
    assert code == 0, output
    names = [row["name"] for row in figures["facts"]["p50 in ms"]]
    assert "token, old" in names
    assert "composite" in names
    assert all(set(row["by_size"]) == {"20", "100"} for row in figures["facts"]["p50 in ms"])


def test_every_place_of_the_hard_list_is_filled(corpus):
    values = Values(contents(corpus, "100"), [f"Patient/{n}" for n in range(60)], ["Encounter/1"])
    filled = values.fill(LIST.read_text("utf-8").split("[[searches]]", 1)[1])
    assert "{" not in filled
    assert "oldest-fifth-of-100" in filled
    assert "Patient/49" in filled


def test_the_lot_runs_commands_and_holds_them_against_the_bars(tiny, tmp_path):
    app = Typer()
    app.command()(lot.main)
    file = tmp_path / "bench.json"
    result = CliRunner().invoke(
        app, ["--server", tiny.url, "--only", "reads,crud", "--seconds", "0.3", "--json", str(file)]
    )
    assert result.exit_code == 0, result.output
    written = json.loads(file.read_text())
    assert [bar["what"] for bar in written["bars"]] == ["read, audited", "create, audited", "update, audited"]
    assert set(written["figures"]) == {"reads", "crud"}
    assert "read, audited" in result.output


def test_the_lot_names_what_failed(tiny, tmp_path):
    app = Typer()
    app.command()(lot.main)
    tiny.refuses = {"Patient"}
    file = tmp_path / "bench.json"
    result = CliRunner().invoke(app, ["--server", tiny.url, "--only", "reads", "--json", str(file)])
    assert (result.exit_code, json.loads(file.read_text())["bars"]) == (1, [])
    assert "failed: reads" in result.output


def test_a_ratio_needs_a_figure_at_every_size():
    def row(name, p50, requests=1):
        return Summary(name, 1, requests, 0, 1.0, 1.0, p50, p50, p50, p50, p50)

    by_size = {"100k": [row("a", 2.0), row("b", 1.0)], "5m": [row("a", 3.0), row("b", 1.0, requests=0)]}
    assert growth.ratios(by_size, growth.latency) == [("a", [2.0, 3.0], 1.5)]
