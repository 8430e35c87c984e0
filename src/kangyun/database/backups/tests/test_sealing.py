"""A sealed file says when anything in it was changed, moved, exchanged or cut off."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.crypto import Sealer, new_key
from kangyun.database.backups.sealing import CHUNK, HEADER, DamagedFile, Growing, Keys, check, read, write

CHUNKS = [b"a" * 100, os.urandom(5000), b"c" * CHUNK]


@pytest.fixture(params=["sm4", "aes"])
def keys(request):
    return Keys({b"12345678": Sealer(new_key(), request.param)})


@pytest.fixture
def sealed(keys, tmp_path):
    """A whole file of three chunks."""
    path = tmp_path / "file"
    with path.open("wb") as sink:
        written = write(sink, "name", keys, CHUNKS)
    return path, written


def opened(path, keys, name="name", **options):
    return b"".join(read(path, name, keys, **options))


def test_what_was_written_is_read(sealed, keys):
    path, written = sealed
    assert opened(path, keys) == b"".join(CHUNKS)
    assert written == check(path) and written.plain == sum(map(len, CHUNKS))
    assert b"a" * 20 not in path.read_bytes()


def test_an_empty_file_is_whole(keys, tmp_path):
    with (tmp_path / "file").open("wb") as sink:
        write(sink, "name", keys, [])
    assert opened(tmp_path / "file", keys) == b""


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_no_bit_can_be_changed(place, bit):
    keys = Keys({b"12345678": Sealer(new_key(), "aes")})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with path.open("wb") as sink:
            write(sink, "name", keys, CHUNKS[:2])
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= 1 << bit
        path.write_bytes(content)
        with pytest.raises(DamagedFile):
            opened(path, keys)


@pytest.mark.parametrize("cut", [1, HEADER, HEADER + 3, -1, -40])
def test_a_cut_is_told(sealed, keys, cut):
    path, _ = sealed
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedFile):
        opened(path, keys)


def test_a_file_under_another_name_or_key_is_refused(sealed, keys):
    path, _ = sealed
    with pytest.raises(DamagedFile):
        opened(path, keys, "other")
    with pytest.raises(DamagedFile):
        opened(path, Keys({b"12345678": Sealer(new_key(), "sm4")}))
    with pytest.raises(DamagedFile):
        opened(path, Keys({b"another8": Sealer(new_key(), "sm4")}))


def test_a_growing_file_goes_on_after_a_loss_of_power(keys, tmp_path):
    path = tmp_path / "grown"
    grown = Growing(path, "grown", keys)
    grown.append(b"one")
    grown.append(b"two")
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])  # Half of the last chunk had come to the disk.
    assert opened(path, keys, "grown", whole=False) == b"one"
    again = Growing(path, "grown", keys)
    assert (again.plain, again.last_chunk(), again.is_finished) == (3, b"one", False)
    again.append(b"more")
    again.append(b"", last=True)
    assert opened(path, keys, "grown") == b"onemore"
    assert Growing(path, "grown", keys).is_finished


@pytest.mark.parametrize("left", [0, 3, HEADER])
def test_a_growing_file_that_had_hardly_begun(keys, tmp_path, left):
    path = tmp_path / "grown"
    Growing(path, "grown", keys)
    path.write_bytes(path.read_bytes()[:left])
    Growing(path, "grown", keys).append(b"one", last=True)
    assert opened(path, keys, "grown") == b"one"
