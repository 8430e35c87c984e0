"""`kangyun export`, on a real database."""

import gzip
import json

import pytest

from kangyun.access.bulk import exporting
from kangyun.base.errors import Invalid
from kangyun.cli.export import STATE, Wish, export
from kangyun.cli.load import Wish as Load
from kangyun.cli.load import load
from kangyun.fhir.json import decode

PATIENT = {"resourceType": "Patient", "name": [{"text": "张三"}]}


@pytest.fixture
def filled(installation, tmp_path):
    """An installation with 30 patients and an observation each."""
    lines = []
    for number in range(30):
        lines.append(PATIENT | {"id": f"p-{number}"})
        about = {"subject": {"reference": f"Patient/p-{number}"}}
        lines.append(
            {"resourceType": "Observation", "id": f"o-{number}", "status": "final", "code": {"text": "x"}} | about
        )
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert load(Load([tmp_path / "in.ndjson"])) == 0
    return installation


def lines_of(folder):
    texts = {file.name: file.read_bytes() for file in folder.iterdir()}
    plain = [gzip.decompress(text) if name.endswith(".gz") else text for name, text in texts.items()]
    return [decode(line) for text in plain for line in text.splitlines()]


@pytest.mark.parametrize(("packed", "name"), [(False, "Patient.1.ndjson"), (True, "Patient.1.ndjson.gz")])
def test_everything_is_written_as_it_is_read_a_file_a_type(filled, resources, tmp_path, packed, name):
    assert export(Wish(tmp_path / "out", packed=packed)) == 0
    assert (tmp_path / "out" / name).exists()
    written = lines_of(tmp_path / "out")
    assert {f"{one['resourceType']}/{one['id']}": one for one in written} == resources()
    assert len(written) == 60


def test_what_was_exported_changes_nothing_when_it_is_loaded_again(filled, rows, tmp_path):
    assert export(Wish(tmp_path / "out")) == 0
    assert load(Load([tmp_path / "out"])) == 0
    assert rows("SELECT count(*), max(version) FROM resource") == [(60, 1)]


def test_types_narrow_and_unknown_ones_are_refused(filled, tmp_path):
    assert export(Wish(tmp_path / "out", types=("Patient",))) == 0
    assert {one["resourceType"] for one in lines_of(tmp_path / "out")} == {"Patient"}
    with pytest.raises(Invalid):
        export(Wish(tmp_path / "other", types=("Nonsense",)))


def test_a_folder_that_holds_other_things_is_left_alone(filled, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(Invalid):
        export(Wish(tmp_path / "out"))
    assert export(Wish(tmp_path / "out", overwrite=True)) == 0
    assert (tmp_path / "out" / "mine.txt").read_text() == "x"


def test_after_a_stop_the_same_command_goes_on_as_of_the_same_instant(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "STEP", 10 << 12)
    save, calls = exporting.Export._save, []

    async def stopping(self):
        await save(self)
        calls.append(self._kept.upto)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(exporting.Export, "_save", stopping)
    assert export(Wish(tmp_path / "out")) == 130
    assert (tmp_path / "out" / STATE).exists()
    assert export(Wish(tmp_path / "out")) == 0
    assert len(lines_of(tmp_path / "out")) == 60
    assert len(set(calls)) == 1
    assert not (tmp_path / "out" / STATE).exists()
