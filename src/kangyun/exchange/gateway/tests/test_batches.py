"""Batch files for a data diode: what was written is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.gateway import batches
from kangyun.exchange.gateway.keys import client_key


@pytest.fixture
def written(hospital, gateway, tmp_path):
    """A batch file of three rows, and the keys that it may be signed by."""
    hospital.reports(range(3))
    gateway.read()
    key = client_key(hospital.folder)
    path = batches.write(tmp_path, "lis", gateway.queue.first("lis"), key)
    return path, {key.id: key.jwk}


def test_what_was_written_is_read(written):
    path, keys = written
    batch = batches.read(path.read_bytes(), keys)
    assert path.name == "lis-0000000001.kyb"
    assert (batch.head.feed, batch.head.number) == ("lis", 1)
    assert [row[1] for row in batch.delivery.rows] == ["R00000", "R00001", "R00002"]


def test_nothing_of_it_may_be_changed(written):
    path, keys = written
    content = path.read_bytes()

    @given(st.integers(0, len(content) - 1), st.integers(1, 255))
    def change(place, by):
        changed = content[:place] + bytes([content[place] ^ by]) + content[place + 1 :]
        with pytest.raises(ValueError):
            batches.read(changed, keys)

    change()


def test_the_signature_of_another_is_refused(written, tmp_path):
    path, keys = written
    (other,) = ({key: client_key(tmp_path).jwk} for key in keys)
    with pytest.raises(ValueError, match="wrong signature"):
        batches.read(path.read_bytes(), other)
    with pytest.raises(ValueError, match="unknown key"):
        batches.read(path.read_bytes(), {})


@pytest.mark.parametrize("content", [b"", b"{}", b"{}\n\n", b"\n\n\n"])
def test_what_is_none_is_refused(content):
    with pytest.raises(ValueError):
        batches.read(content, {})
