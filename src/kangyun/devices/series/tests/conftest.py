"""What the tests of series share: batches in short, and a person who has a key."""

from datetime import UTC, datetime

import numpy as np
import pytest
import pytest_asyncio

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.kept import Kept
from kangyun.access.record import Operation
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.compacting import Compaction
from kangyun.devices.series.reading import Readings
from kangyun.devices.series.samples import Samples

HEART, SYSTOLIC = 10, 1
LATER = datetime(2030, 1, 1, tzinfo=UTC)
"""When all that tests measure is long closed."""
PLATFORM = Actor("Device/administrator", "", "Organization/platform", "SYSADMIN", administrator=True)


@pytest.fixture
def kept(platform):
    return Kept(platform.gate.store)


@pytest.fixture
def samples(kept):
    return Samples(kept)


@pytest.fixture
def compaction(kept):
    return Compaction(kept)


@pytest.fixture
def readings(kept):
    return Readings(kept)


@pytest_asyncio.fixture
async def holder(platform):
    """The number of a registration."""
    record = await platform.gate.open(PLATFORM, Circumstances("POST Patient", "test", "r1"))
    (done,) = await record.commit([Operation("create", "Patient", resource={"resourceType": "Patient"})], "create")
    return done.stored.res


@pytest.fixture
def batch():
    """Makes a batch of (series, metric, at, value) or (series, metric, at, value, mark)."""

    def make(*rows):
        columns = list(zip(*((*row, 0)[:5] for row in rows), strict=True))
        kinds = (np.int64, np.int16, np.int64, float, np.int16)
        return Batch(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))

    return make
