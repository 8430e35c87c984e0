"""`kangyun load`, on a real database and on real input."""

import gzip
import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from decimal import Decimal

import pytest

from kangyun.access.bulk.flow import write_chunks
from kangyun.cli import load as loading
from kangyun.cli.load import Wish, load
from kangyun.cli.loading.state import State, read_state
from kangyun.fhir.json import canonical, decode, decode_bundle

PATIENT = {"resourceType": "Patient", "name": [{"text": "张三"}]}


def bare(resource):
    """A resource without what the server sets, as canonical JSON."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("id", "meta")}
    return canonical(rest | ({"meta": meta} if meta else {}))


def transaction(*entries):
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}).encode()


def created(resource, full_url=None, **request):
    entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]} | request}
    return entry | ({"fullUrl": full_url} if full_url else {})


def ndjson(*resources_):
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources_)


def packed(members, mode="w:xz"):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def test_files_of_every_kind_come_in(installation, resources, tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "Patient.ndjson.gz").write_bytes(gzip.compress(ndjson(PATIENT | {"id": "p-1"}, PATIENT | {"id": "p-2"})))
    (folder / "deep" / "one.json").write_bytes(json.dumps(PATIENT | {"id": "p-3"}).encode())
    (folder / "deep" / "x.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><id value="p-4"/></Patient>')
    (folder / "readme.txt").write_text("not for us")
    (folder / "set.tar.xz").write_bytes(packed({"a/b.json": transaction(created(PATIENT)), "c.txt": b"x"}))
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("Patient.ndjson", ndjson(PATIENT | {"id": "p-5"}))
    assert load(Wish([folder])) == 0
    found = resources()
    assert {"Patient/p-1", "Patient/p-2", "Patient/p-3", "Patient/p-4", "Patient/p-5"} < set(found)
    assert len(found) == 6
    assert list((tmp_path / "data").glob("kangyun-load-*")) == []


def test_what_others_refer_to_by_a_condition_comes_first_whatever_its_name(installation, resources, tmp_path):
    organization = {"resourceType": "Organization", "identifier": [{"system": "urn:o", "value": "1"}], "name": "x"}
    patient = PATIENT | {"managingOrganization": {"reference": "Organization?identifier=urn:o|1"}}
    (tmp_path / "in").mkdir()
    for number in range(5):
        (tmp_path / "in" / f"a{number}.json").write_bytes(transaction(created(patient, f"urn:uuid:{number}")))
    (tmp_path / "in" / "hospitalInformation1.json").write_bytes(transaction(created(organization)))
    assert load(Wish([tmp_path / "in"])) == 0
    found = resources()
    (name,) = [name for name in found if name.startswith("Organization/")]
    targets = [one["managingOrganization"]["reference"] for one in found.values() if one["resourceType"] == "Patient"]
    assert targets == [name] * 5


def test_what_is_refused_is_told_with_file_line_and_reason(installation, tmp_path, capsys):
    lines = ndjson(PATIENT | {"id": "p-1"}, PATIENT | {"id": "p-2", "gender": "geheim"}) + b"{broken\n"
    (tmp_path / "x.ndjson").write_bytes(lines)
    (tmp_path / "y.json").write_bytes(transaction(created(PATIENT), created(PATIENT | {"gender": "geheim"})))
    (tmp_path / "z.json").write_bytes(b"nonsense")
    (tmp_path / "t.tar.gz").write_bytes(packed({"a.json": b"{}"}, "w:gz")[:-40])
    paths = [tmp_path / name for name in ("x.ndjson", "y.json", "z.json", "t.tar.gz")]
    assert load(Wish(paths, report=tmp_path / "refused.txt")) == 1
    told = (tmp_path / "refused.txt").read_text()
    assert f"{tmp_path}/x.ndjson line 2\t" in told
    assert "(Patient.gender)" in told
    assert f"{tmp_path}/x.ndjson line 3\t" in told
    assert f"{tmp_path}/y.json entry 1 (from 0)\t" in told
    assert f"{tmp_path}/z.json\t" in told
    assert f"{tmp_path}/t.tar.gz:?\t" in told
    shown = capsys.readouterr().out
    assert "geheim" not in told + shown
    assert "1 created" in shown


def test_a_path_without_anything_to_load_is_said(installation, tmp_path):
    from kangyun.base.errors import Invalid

    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "none.json", tmp_path / "data"):
        with pytest.raises(Invalid):
            load(Wish([path]))


def test_after_a_stop_the_same_command_goes_on_and_no_transaction_is_done_twice(
    installation, rows, tmp_path, monkeypatch
):
    """Stopped when bundles were written and not yet noted: the worst moment."""
    (tmp_path / "in").mkdir()
    for number in range(12):
        (tmp_path / "in" / f"b{number:02}.json").write_bytes(transaction(created(PATIENT), created(PATIENT)))
    (tmp_path / "in" / "Patient.ndjson").write_bytes(ndjson(*(PATIENT | {"id": f"p-{i}"} for i in range(3000))))

    async def stopping(crew, chunks, done):
        count = 0

        def counted(chunk, written):
            nonlocal count
            count += written.good
            if count > 3010:
                raise KeyboardInterrupt
            done(chunk, written)

        await write_chunks(crew, chunks, counted)

    monkeypatch.setattr(loading, "write_chunks", stopping)
    assert load(Wish([tmp_path / "in"])) == 130
    (file,) = (tmp_path / "data").glob("kangyun-load-*")
    assert read_state(file).good == 3010
    monkeypatch.setattr(loading, "write_chunks", write_chunks)
    assert load(Wish([tmp_path / "in"])) == 0
    assert rows("SELECT count(*), max(version) FROM resource") == [(3024, 1)]
    assert list((tmp_path / "data").glob("kangyun-load-*")) == []


def test_a_state_that_is_no_state_is_refused(installation, tmp_path):
    from kangyun.base.errors import Invalid

    (tmp_path / "x.json").write_bytes(json.dumps(PATIENT).encode())
    (tmp_path / "state.json").write_text("[]")
    with pytest.raises(Invalid):
        load(Wish([tmp_path / "x.json"], state=tmp_path / "state.json"))
    assert load(Wish([tmp_path / "x.json"], state=tmp_path / "state.json", again=True)) == 0


def test_a_load_is_historic_and_leaves_an_audit_row_a_transaction(installation, rows, tmp_path):
    (tmp_path / "x.json").write_bytes(transaction(created(PATIENT), created(PATIENT)))
    assert load(Wish([tmp_path / "x.json"])) == 0
    assert rows("SELECT historic, actor, cardinality(res) FROM commit") == [(True, "Device/administrator", 2)]
    assert rows("SELECT action, shape, cardinality(patients) FROM audit WHERE commit IS NOT NULL") == [
        ("load", "load", 2)
    ]


# --- real input


def synthea(shared, count):
    with tarfile.open(shared / "data" / "fhir" / "synthea-r4.tar.xz") as tar:
        members = sorted((member for member in tar if member.isfile()), key=lambda member: member.name)
        return {member.name: tar.extractfile(member).read() for member in members[:count]}


def as_stored(entry, names):
    """An entry's resource as it must be read back: references to other entries lead to their resources."""
    text = re.sub(rb'"urn:uuid:[0-9a-f-]+"', lambda match: encode_text(names.get(match[0].decode()[1:-1])), entry.text)
    return decode(text)


def encode_text(name):
    return json.dumps(name).encode()


def hold(bundles, found):
    """Holds each entry against what is read back, digits and all.

    Bundles of several patients bring the same staff, 92 times in another form: one of these is read back.
    """
    expected = {}
    for text in bundles.values():
        entries = decode_bundle(text).entries
        names = {
            entry.head["fullUrl"]: f"{one['resourceType']}/{one['id']}"
            for entry, one in ((entry, entry.resource()) for entry in entries)
        }
        for entry in entries:
            resource = as_stored(entry, names)
            expected.setdefault(f"{resource['resourceType']}/{resource['id']}", set()).add(bare(resource))
    assert set(found) == set(expected)
    for name, resource in found.items():
        assert bare(resource) in expected[name]


def count_of(bundles):
    kinds = Counter()
    for text in bundles.values():
        kinds.update(entry.resource()["resourceType"] for entry in decode_bundle(text).entries)
    return kinds


@pytest.mark.parametrize("count", [5, pytest.param(1000, marks=pytest.mark.soak)])
def test_synthea_comes_in_whole_and_is_read_back_equal(installation, resources, tmp_path, shared, count):
    bundles = synthea(shared, count)
    (tmp_path / "synthea.tar.gz").write_bytes(packed(bundles, "w:gz"))
    assert load(Wish([tmp_path / "synthea.tar.gz"], keep_ids=True)) == 0
    hold(bundles, resources())


@pytest.mark.parametrize("count", [3, pytest.param(1000, marks=pytest.mark.soak)])
def test_what_a_transaction_creates_is_created_each_time(installation, rows, tmp_path, shared, count):
    bundles = synthea(shared, count)
    (tmp_path / "synthea.tar.gz").write_bytes(packed(bundles, "w:gz"))
    assert load(Wish([tmp_path / "synthea.tar.gz"])) == 0
    stored = dict(
        rows("SELECT t.name, count(*) FROM resource AS r JOIN resource_type AS t ON t.id = r.type GROUP BY 1")
    )
    assert stored == count_of(bundles)


def test_decimals_keep_their_digits(installation, resources, tmp_path):
    observation = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    )
    (tmp_path / "o.ndjson").write_bytes(observation)
    assert load(Wish([tmp_path / "o.ndjson"])) == 0
    assert resources()["Observation/o"]["valueQuantity"]["value"].as_tuple() == Decimal("1.10").as_tuple()


def test_a_state_is_written_whole_or_not_at_all(tmp_path):
    from kangyun.cli.loading.state import write_state

    state = State("load-1", {"x": 5}, created=3)
    write_state(tmp_path / "deep" / "s.json", state)
    assert read_state(tmp_path / "deep" / "s.json") == state
    assert read_state(tmp_path / "none") is None
