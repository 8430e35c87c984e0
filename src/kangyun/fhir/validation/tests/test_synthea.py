"""Real records pass: the Synthea bundles, resource by resource."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator

ARCHIVE = Path(__file__).parents[6] / "shared/data/fhir/synthea-r4.tar.xz"

pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason="needs ../shared/data/fhir/synthea-r4.tar.xz")


def bundles(every: int) -> Iterator[dict[str, Any]]:
    with tarfile.open(ARCHIVE) as tar:
        files = (member for member in tar if member.isfile())
        for i, member in enumerate(files):
            content = tar.extractfile(member)
            if content is not None and i % every == 0:
                yield decode(content.read())


def test_every_resource_of_a_tenth_of_the_bundles_is_accepted():
    refused = [i for b in bundles(10) for entry in b["entry"] for i in validator().validate(entry["resource"])]
    assert refused == []


def test_a_whole_bundle_is_accepted_with_all_that_is_in_it():
    assert validator().validate(next(bundles(1))) == []


@pytest.mark.soak
def test_every_resource_of_all_bundles_is_accepted():
    refused = [i for b in bundles(1) for entry in b["entry"] for i in validator().validate(entry["resource"])]
    assert refused == []
