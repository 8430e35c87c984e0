"""Reading inputs: pieces, gzip, lines; and the packed files that exports are written to."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.bulk.folder import Folder, PackedFile
from kangyun.access.bulk.model import Line
from kangyun.access.bulk.sources import PIECE, lines_of, name_of, unpacked
from kangyun.base.errors import Malformed

PIECES = st.lists(st.binary(max_size=40), max_size=12)


async def given_out(pieces):
    for piece in pieces:
        yield piece


async def joined(pieces):
    return b"".join([piece async for piece in pieces])


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


def split(lines):
    """What a line is, in one sentence: what stands between line feeds, blanks around it taken away."""
    return [Line(n, text.strip(b" \t\r")) for n, text in enumerate(lines.split(b"\n"), 1) if text.strip(b" \t\r")]


@given(PIECES)
async def test_lines_do_not_depend_on_how_the_pieces_fall(pieces):
    found = [line async for line in lines_of(given_out(pieces), 1000)]
    assert found == split(b"".join(pieces).removeprefix(b"\xef\xbb\xbf"))


@given(st.lists(st.sampled_from([b"{}", b"x" * 11, b"y" * 300, b"", b"\r"]), max_size=20), st.integers(1, 50))
async def test_a_line_that_is_too_long_is_one_number_and_the_next_is_read(lines, size):
    found = [line async for line in lines_of(given_out(cut(b"\n".join(lines), size)), 10)]
    expected = [n if len(text) > 10 else Line(n, text) for n, text in enumerate(lines, 1) if text.strip(b"\r")]
    assert found == expected


async def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert [line async for line in lines_of(given_out([b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}"]), 100)] == [
        Line(1, b"{}"),
        Line(2, b"\xef\xbb\xbf{}"),
    ]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 70))
async def test_gzip_of_any_number_of_members_in_any_pieces_is_unpacked(members, size):
    packed = b"".join(gzip.compress(member) for member in members)
    assert await joined(unpacked(given_out(cut(packed, size)))) == b"".join(members)


@given(PIECES)
async def test_what_is_no_gzip_passes(pieces):
    plain = b"{" + b"".join(pieces)
    assert await joined(unpacked(given_out(cut(plain, 7)))) == plain


@given(st.integers(2, 200))
async def test_gzip_that_breaks_off_is_malformed(kept):
    packed = gzip.compress(bytes(range(256)) * 4)
    with pytest.raises(Malformed):
        await joined(unpacked(given_out([packed[: min(kept, len(packed) - 1)]])))


async def test_a_bomb_comes_in_small_pieces():
    bomb = gzip.compress(bytes(50_000_000))
    sizes = [len(piece) async for piece in unpacked(given_out([bomb]))]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= PIECE


@given(st.binary(max_size=100))
def test_the_name_of_anything_is_a_name_or_none(text):
    found = name_of(text)
    assert found is None or len(found) == 2


def test_the_name_is_that_of_the_resource_and_not_of_what_it_contains():
    text = b'{"contained":[{"resourceType":"Organization","id":"o"}],"id":"p\\u002d1","resourceType":"Patient"}'
    assert name_of(text) == ("Patient", "p-1")


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(0, 6))
def test_a_packed_file_is_one_member_also_when_it_was_cut_off_and_went_on(tmp_path_factory, pieces, stop):
    path = tmp_path_factory.mktemp("packed") / "x.gz"
    file = PackedFile(path)
    for number, piece in enumerate(pieces):
        file.add(piece)
        if number == stop:
            kept = (file.length, file.checksum, file.plain)
            file.add(b"written, but not saved")
            file.close()
            file = PackedFile(path, *kept)
    file.finish()
    machine = zlib.decompressobj(31)
    assert machine.decompress(path.read_bytes()) == b"".join(pieces)
    assert machine.eof
    assert machine.unused_data == b""


def test_a_folder_knows_its_jobs_and_nothing_beside(tmp_path):
    from uuid import uuid4

    folder, job = Folder(tmp_path), uuid4()
    assert folder.jobs() == []
    path = folder.of(job)
    (path.parent / "stray").touch()
    (path / "Patient.1.ndjson.gz").touch()
    assert folder.jobs() == [job]
    assert path.stat().st_mode & 0o777 == 0o700
    assert folder.file(job, "Patient.1.ndjson") == path / "Patient.1.ndjson.gz"
    assert folder.file(job, "../Patient.1.ndjson") is None
    folder.remove(job)
    assert folder.jobs() == []
