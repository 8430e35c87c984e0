"""Corpora made of two made-up patients, and of real ones where they are there."""

import json
import re
import tarfile
from itertools import islice

import pytest

from benchmarks.corpus.base import SYNTHEA, published
from benchmarks.corpus.resource_json import decode, encode
from benchmarks.corpus.stages import contents, manifest
from benchmarks.corpus.template import ERA_SYSTEM
from benchmarks.corpus.writer import FORMS, Corpus, parse_size, size_name

UUID = "{:08x}-0000-4000-a000-000000000000"
UUID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def entry(number, kind, **elements):
    identity = UUID.format(number)
    return {
        "fullUrl": f"urn:uuid:{identity}",
        "resource": {"resourceType": kind, "id": identity} | elements,
        "request": {"method": "POST", "url": kind},
    }


def to(number):
    return {"reference": f"urn:uuid:{UUID.format(number)}"}


def base_patient(number, family, gender):
    """A bundle as Synthea writes it: patient, hospital, doctor, encounter, two observations."""
    first = number * 100
    patient = entry(
        first,
        "Patient",
        identifier=[{"system": "urn:x", "value": UUID.format(first + 50)}, {"system": "urn:mr", "value": "S123-45"}],
        name=[{"family": family, "given": ["Kim"]}],
        telecom=[{"system": "phone", "value": "555-1234"}],
        gender=gender,
        birthDate="1970-02-28",
    )
    hospital = entry(1, "Organization", name="HOSPITAL", identifier=[{"system": "urn:h", "value": "h1"}])
    place = entry(2, "Location", name="HOSPITAL", managingOrganization=to(1))
    doctor = entry(3, "Practitioner", identifier=[{"system": "urn:npi", "value": "7"}])
    role = entry(first + 9, "PractitionerRole", practitioner=to(3), organization=to(1))
    encounter = entry(
        first + 1,
        "Encounter",
        subject=to(first) | {"display": f"Kim {family}"},
        serviceProvider=to(1),
        participant=[{"individual": to(3)}],
        location=[{"location": to(2)}],
        period={"start": "2019-12-31T23:30:00+00:00"},
    )
    observations = [
        entry(
            first + 2 + i,
            "Observation",
            meta={"tag": [{"system": "urn:t", "code": "x"}]},
            code={"coding": [{"system": "http://loinc.org", "code": "8302-2"}]},
            subject=to(first),
            encounter=to(first + 1),
            valueQuantity={"value": 1.10},
        )
        for i in range(2)
    ]
    entries = [patient, hospital, place, doctor, role, encounter, *observations]
    text = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    return decode(text.replace('"value": 1.1}', '"value": 1.10}').encode())


@pytest.fixture
def corpus():
    return Corpus([base_patient(1, "Rice", "male"), base_patient(2, "Bode", "female")])


@pytest.fixture
def written(corpus, tmp_path):
    """Stages of 20 and 100 resources."""
    corpus.write(tmp_path, [20, 100], FORMS, lambda count: None)
    return tmp_path


def bundles(stage):
    lines = sorted(stage.glob("bundles-*.ndjson"))
    return [decode(line) for path in lines for line in path.read_bytes().splitlines()]


def ndjson(stage, kind):
    return [decode(line) for p in sorted(stage.glob(f"ndjson/{kind}-*")) for line in p.read_bytes().splitlines()]


def resources(stage):
    return [e["resource"] for bundle in bundles(stage) for e in bundle["entry"]]


def references(node):
    if isinstance(node, dict):
        here = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return here + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def both(written):
    return resources(written / "stage-20") + resources(written / "stage-100")


def test_stages_have_the_sizes_asked_for(written):
    assert manifest(written / "stage-20")["resources_so_far"] == 20
    # Five institutions; patients of four resources each until 100 are reached.
    assert manifest(written / "stage-100")["resources_so_far"] == 100
    assert len(both(written)) + 4 == 100


def test_institutions_are_written_once_and_found_by_condition(written):
    hospital = decode((written / "stage-20" / "hospitalInformation.json").read_bytes())
    staff = decode((written / "stage-20" / "practitionerInformation.json").read_bytes())
    kinds = [e["resource"]["resourceType"] for e in hospital["entry"] + staff["entry"]]
    assert kinds == ["Organization", "Location", "Practitioner", "PractitionerRole"]
    assert hospital["entry"][0]["request"]["ifNoneExist"] == "identifier=urn:h|h1"
    assert staff["entry"][1]["resource"]["organization"]["reference"] == "Organization?identifier=urn:h|h1"
    assert not (written / "stage-100" / "hospitalInformation.json").exists()
    encounter = next(r for r in both(written) if r["resourceType"] == "Encounter")
    assert encounter["serviceProvider"]["reference"] == "Organization?identifier=urn:h|h1"
    assert encounter["participant"][0]["individual"]["reference"] == "Practitioner?identifier=urn:npi|7"


def test_references_of_a_bundle_lead_into_it_or_to_an_institution(written):
    for bundle in bundles(written / "stage-20") + bundles(written / "stage-100"):
        inside = {e["fullUrl"] for e in bundle["entry"]}
        conditional = {reference for reference in references(bundle) if "?identifier=" in reference}
        assert set(references(bundle)) <= inside | conditional


def test_copies_share_no_id_and_no_identifier(written):
    found = both(written)
    assert len({r["id"] for r in found}) == len(found)
    assert all(UUID_FORM.fullmatch(r["id"]) for r in found)
    patients = [r for r in found if r["resourceType"] == "Patient"]
    assert len({p["identifier"][0]["value"] for p in patients}) == len(patients)
    assert all(re.fullmatch(r"S\d{3}-\d\d", p["identifier"][1]["value"]) for p in patients)


def test_ndjson_holds_the_same_resources_as_the_bundles(written):
    stage = written / "stage-100"
    lines = [r for kind in ("Patient", "Encounter", "Observation") for r in ndjson(stage, kind)]
    assert {r["id"] for r in lines} == {r["id"] for r in resources(stage)}
    known = {f"{r['resourceType']}/{r['id']}" for r in lines}
    known |= {
        f"{r['resourceType']}/{r['id']}"
        for k in ("Organization", "Location", "Practitioner")
        for r in ndjson(written / "stage-20", k)
    }
    assert set(references(lines)) <= known


def test_dates_of_one_copy_move_together(written):
    patients = [r for r in both(written) if r["resourceType"] == "Patient"]
    encounters = {r["subject"]["reference"][9:]: r for r in both(written) if r["resourceType"] == "Encounter"}
    ages = [(int(encounters[p["id"]]["period"]["start"][:4]) - int(p["birthDate"][:4])) for p in patients]
    assert set(ages) <= {49, 50}
    assert len({p["birthDate"] for p in patients}) > 5
    assert all(e["period"]["start"].endswith("T23:30:00+00:00") for e in encounters.values())


def test_names_change_everywhere(written):
    patients = {r["id"]: r for r in both(written) if r["resourceType"] == "Patient"}
    for encounter in (r for r in both(written) if r["resourceType"] == "Encounter"):
        name = patients[encounter["subject"]["reference"][9:]]["name"][0]
        assert encounter["subject"]["display"] == f"{name['given'][0]} {name['family']}"


def test_digits_are_kept(written):
    lines = (written / "stage-20" / "ndjson" / "Observation-000.ndjson").read_bytes()
    assert lines.count(b'"value":1.10}') == lines.count(b"\n")


def test_the_old_fifth_of_a_size_is_tagged(written):
    tags = [t["code"] for r in both(written) for t in r.get("meta", {}).get("tag", []) if t["system"] == ERA_SYSTEM]
    assert set(tags) == {"oldest-fifth-of-20"}
    assert len(tags) == 2


def test_the_same_corpus_is_written_again(corpus, written, tmp_path):
    again = tmp_path / "again"
    corpus.write(again, [20, 100], FORMS, lambda count: None)
    assert (again / "stage-100" / "bundles-000.ndjson").read_bytes() == (
        written / "stage-100" / "bundles-000.ndjson"
    ).read_bytes()


def test_the_manifest_finds_each_bundle(written):
    stage = written / "stage-100"
    data = (stage / "bundles-000.ndjson").read_bytes()
    for _, offset, length, entries in manifest(stage)["bundles"]:
        assert len(decode(data[offset : offset + length])["entry"]) == entries


def test_contents_add_up_the_stages(written):
    assert contents(written, "20").resources == 20
    whole = contents(written, "100")
    assert whole.resources == sum(whole.counts.values()) == 100
    assert whole.codes["8302-2"] == whole.counts["Observation"]


@pytest.mark.parametrize(("text", "size"), [("100k", 100_000), ("5m", 5_000_000), ("2M", 2_000_000), ("20", 20)])
def test_sizes_are_read_and_named(text, size):
    assert parse_size(text) == size
    assert parse_size(size_name(size)) == size


@pytest.mark.skipif(not SYNTHEA.exists(), reason=f"the Synthea bundles are not at {SYNTHEA}")
def test_the_first_round_of_real_patients_is_the_originals_but_for_identity(tmp_path):
    archive = tmp_path / "few.tar.xz"
    with tarfile.open(SYNTHEA, "r:xz") as source, tarfile.open(archive, "w:xz", preset=0) as few:
        for member in islice((m for m in source if m.isfile()), 3):
            few.addfile(member, source.extractfile(member))
    originals = list(published(archive))
    kept = [
        len([e for e in b["entry"] if e["resource"]["resourceType"] not in ("Organization", "Practitioner")])
        for b in originals
    ]
    by_size = dict(zip(kept, originals, strict=True))
    corpus = Corpus([decode(encode(bundle)) for bundle in originals])
    for template, copy, rng in islice(corpus.copies([100_000]), 3):
        values = template.values(copy, rng)
        made = decode(template.bundle(values))
        assert neutral(made) == neutral(by_size[template.count])


def neutral(bundle):
    """A bundle without institutions, its UUIDs, references, patient numbers and era tags made the same."""
    entries = [e for e in bundle["entry"] if e["resource"]["resourceType"] not in ("Organization", "Practitioner")]
    text = encode([e["resource"] | {"meta": None} for e in entries]).decode()
    text = re.sub(r'"reference":"[^"#]*"', '"reference":""', text)
    text = UUID_FORM.sub("", text)
    text = re.sub(r"(urn:oid:)?[012](\.\d+){5,}", "", text)
    patient = next(e["resource"] for e in entries if e["resource"]["resourceType"] == "Patient")
    for element in (*patient["identifier"], *patient.get("telecom", [])):
        text = text.replace(json.dumps(element["value"]), '""')
    return text
