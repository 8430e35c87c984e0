"""Open mHealth's own documents: which pass and which must not, of the schemas that are read."""

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kangyun.devices.formats import Context, openmhealth, read
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.model import Mark, Message, Refusal

ARCHIVE = Path(__file__).parents[6] / "shared/data/devices/openmhealth.tar.xz"
CONTEXT = Context(received=1_795_000_000_000_000)
NOTHING_MEASURED = {"physical-activity/1.0/shouldPass/activity-name-only.json"}

needs_documents = pytest.mark.skipif(not ARCHIVE.is_file(), reason="the documents are not on this machine")


@cache
def documents(kind: str) -> dict[str, Any]:
    """Those of the schemas that are read, by name."""
    names, found = set(openmhealth.schema_names()), {}
    with tarfile.open(ARCHIVE) as archive:
        for one in archive:
            parts = one.name.split("/")
            if parts[:2] == ["test-data", "omh"] and parts[-2] == kind and "-".join(parts[2:4]) in names:
                found["/".join(parts[2:])] = json.load(archive.extractfile(one) or archive.fileobj)
    return found


def said(path: str, body: Any) -> tuple[Message, tuple[Refusal, ...]]:
    name, version = path.split("/")[:2]
    return point(name, version, body)


def point(name: str, version: str, body: Any, **header: Any) -> tuple[Message, tuple[Refusal, ...]]:
    schema = {"namespace": "omh", "name": name, "version": version}
    head = {"id": "1", "creation_date_time": "2026-11-01T00:00:00Z", "schema_id": schema, **header}
    return read("openmhealth", json.dumps({"header": head, "body": body}).encode(), CONTEXT)


@needs_documents
def test_all_that_should_pass_are_read() -> None:
    found = {path: said(path, body) for path, body in documents("shouldPass").items()}
    assert len(found) == 138
    assert {path for path, (message, refusals) in found.items() if refusals or not message.readings} == NOTHING_MEASURED


@needs_documents
def test_all_that_should_fail_are_refused_with_a_reason() -> None:
    found = {path: said(path, body) for path, body in documents("shouldFail").items()}
    assert len(found) == 134
    assert [path for path, (message, refusals) in found.items() if message.readings or not refusals] == []
    assert {one.text for _, refusals in found.values() for one in refusals} == {"devices.formats.schema"}


def test_a_stretch_of_time_is_at_its_end() -> None:
    frame = {"time_interval": {"start_date_time": "2026-11-01T06:00:00+08:00", "duration": {"value": 2, "unit": "h"}}}
    message, _ = point("step-count", "3.0", {
        "step_count": {"value": 900, "unit": "steps"}, "effective_time_frame": frame,
    })  # fmt: skip
    assert [(one.value, one.at) for one in message.readings] == [(900, 1_793_491_200_000_000)]


def test_a_statistic_is_doubted_and_what_somebody_said_is_typed() -> None:
    body = {
        "body_weight": {"value": 130, "unit": "lb"}, "descriptive_statistic": "maximum",
        "effective_time_frame": {"date_time": "2026-11-01T06:00:00+08:00"},
    }  # fmt: skip
    source = {"source_name": "app", "modality": "self-reported"}
    message, _ = point("body-weight", "3.0", body, acquisition_provenance=source)
    assert [(metrics_by_number()[one.metric].name, one.value, one.mark) for one in message.readings] == [
        ("weight", 58.95, Mark.DOUBTED | Mark.TYPED)
    ]


@pytest.mark.parametrize("version", ["9.9", "3.x", "../body"])
def test_an_unknown_schema_is_refused(version: str) -> None:
    assert [one.text for one in point("body-weight", version, {})[1]] != []
