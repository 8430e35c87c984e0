"""`kangyun simulate`: the files of a city, and that an installation takes them in."""

import json
from datetime import date

import pytest

from kangyun.base.errors import Invalid
from kangyun.cli.load import Wish as Load
from kangyun.cli.load import load
from kangyun.cli.simulate import Wish, simulate

UNTIL = date(2025, 11, 1)


def lines_of(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "city"


def files_of(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_city_is_bundles_registrations_and_the_truth(folder):
    assert simulate(Wish(folder, residents=20, years=1, until=UNTIL)) == 0
    registrations, truth = lines_of(folder / "registrations.ndjson"), lines_of(folder / "truth.ndjson")
    residents = lines_of(folder / "residents.ndjson")
    assert len(list((folder / "bundles").iterdir())) == 21
    assert {one["registration"] for one in truth} == {patient["id"] for patient in registrations}
    assert {one["resident"] for one in truth} == {one["id"] for one in residents}
    assert "演示数据" in (folder / "00-demonstration.txt").read_text("utf-8")


def test_what_the_hospitals_send_is_beside_with_its_truth(folder):
    simulate(Wish(folder, residents=40, years=1, until=UNTIL, sending=True))
    written = list((folder / "sending").rglob("*.*"))
    days = {(one["institution"], day, one["table"]) for one in lines_of(folder / "sent.ndjson") for day in one["sent"]}
    assert {(file.parts[-3], file.parts[-2], file.stem) for file in written} == days
    assert {file.suffix for file in written} == {".csv", ".hl7"}


def test_registrations_alone_are_as_many_as_asked_for(folder):
    simulate(Wish(folder, residents=30, until=UNTIL, registrations_only=True, each=3, errors="learning"))
    assert len(lines_of(folder / "registrations.ndjson")) == len(lines_of(folder / "truth.ndjson")) == 90
    assert [file.name for file in (folder / "bundles").iterdir()] == ["hospitalInformation.json"]


@pytest.mark.parametrize("alone", [False, True])
def test_the_same_seed_gives_the_same_files(folder, tmp_path, alone):
    for there in (folder, tmp_path / "again"):
        simulate(Wish(there, residents=15, years=1, until=UNTIL, registrations_only=alone))
    assert files_of(folder) == files_of(tmp_path / "again")


def test_without_errors_each_resident_has_one_patient(folder):
    simulate(Wish(folder, residents=5, years=1, until=UNTIL, errors="none"))
    bundles = [json.loads(file.read_bytes()) for file in sorted((folder / "bundles").glob("R*.json"))]
    kinds = [[entry["resource"]["resourceType"] for entry in bundle["entry"]] for bundle in bundles]
    assert [one.count("Patient") for one in kinds] == [1] * 5
    assert lines_of(folder / "truth.ndjson") == []


@pytest.mark.parametrize("wish", [{"errors": "other"}, {"errors": "none", "registrations_only": True}])
def test_what_cannot_be_is_refused(folder, wish):
    with pytest.raises(Invalid):
        simulate(Wish(folder, residents=1, **wish))


def test_a_folder_with_other_things_is_left_alone(folder):
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(Invalid):
        simulate(Wish(folder, residents=1))
    simulate(Wish(folder, residents=1, until=UNTIL, overwrite=True))
    assert (folder / "mine.txt").read_text() == "mine"


def test_an_installation_takes_it_in(installation, folder, rows):
    simulate(Wish(folder, residents=6, years=1, until=UNTIL))
    assert load(Load([folder / "bundles"])) == 0
    written = sum(len(json.loads(file.read_bytes())["entry"]) for file in (folder / "bundles").iterdir())
    assert rows("SELECT count(*) FROM resource") == [(written,)]
